package chunk_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const group = chat.ConversationID(7)

func text(seq chat.Seq, words string) *chat.Entry {
	return &chat.Entry{
		Conversation: group, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: chat.UserID(seq%3 + 1), TimeMS: 1_790_000_000_000,
		ClientID: chat.ClientID{9, 9, 9}, Body: chat.Text{Text: words},
	}
}

func joined(seq chat.Seq) *chat.Entry {
	e := text(seq, "")
	e.Body = chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{9}}
	return e
}

func headOf(e *chat.Entry) chat.Head {
	return chat.Head{Conversation: e.Conversation, Seq: e.Seq, Ordinal: e.Ordinal, Tier: chat.TierLarge}
}

// shell drives a collector as the gateway does.
type shell struct {
	t   *testing.T
	enc *chunk.Encoder
	*chunk.Collector

	now  time.Duration
	pace chunk.Pace
}

func newShell(t *testing.T) *shell {
	t.Helper()
	enc := chunk.NewEncoder()
	return &shell{t: t, enc: enc, Collector: chunk.NewCollector(enc), now: time.Minute}
}

func (s *shell) add(e *chat.Entry) []*chunk.Round {
	s.Add(s.now, e, headOf(e), s.pace)
	return s.Take()
}

// at lets time pass, with a tick whenever one is due.
func (s *shell) at(now time.Duration) (out []*chunk.Round) {
	for {
		due, ok := s.Due()
		if !ok || due > now {
			break
		}
		s.now = max(s.now, due)
		s.Tick(s.now)
		out = append(out, s.Take()...)
	}
	s.now = now
	return out
}

func (s *shell) done(r *chunk.Round) []*chunk.Round {
	s.Done(s.now, r)
	return s.Take()
}

// one is the only round of a list.
func one(t *testing.T, rounds []*chunk.Round) *chunk.Round {
	t.Helper()
	if len(rounds) != 1 {
		t.Fatalf("%d rounds, want 1", len(rounds))
	}
	return rounds[0]
}

// seqs are those of a round's chunks.
func seqs(r *chunk.Round) (out [][]chat.Seq) {
	for _, c := range r.Chunks {
		var list []chat.Seq
		for _, e := range c.Entries {
			list = append(list, e.Seq)
		}
		out = append(out, list)
	}
	return out
}

// decode reads a frame's payload.
func decode(t *testing.T, sub wire.Subprotocol, payload []byte) []*throngv1.ServerEnvelope {
	t.Helper()
	var f throngv1.ServerFrame
	read := proto.Unmarshal
	if sub == wire.JSON {
		read = protojson.Unmarshal
	}
	if err := read(payload, &f); err != nil {
		t.Fatalf("a frame that cannot be read: %v", err)
	}
	return f.GetEnvelopes()
}
