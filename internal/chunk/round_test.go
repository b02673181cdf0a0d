package chunk_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// busy returns a round of what came while another one was under way.
func busy(t *testing.T, entries ...*chat.Entry) (*shell, *chunk.Round) {
	t.Helper()
	s := newShell(t)
	s.add(text(1, "first"))
	for _, e := range entries {
		s.add(e)
	}
	return s, one(t, s.at(s.now+time.Second))
}

// One encoding per subprotocol, however many receivers ask for it and however.
func TestARoundIsEncodedOnce(t *testing.T) { // not parallel: it counts allocations
	s, r := busy(t, text(2, strings.Repeat("so many words ", 40)), text(3, strings.Repeat("so many words ", 40)))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
				r.Piece(sub)
				r.Frame(sub, true)
				r.Frame(sub, false)
			}
		})
	}
	group.Wait()
	assert.Equal(t, "encodings", s.enc.Encoded(), int64(2))
	assert.Equal(t, "compressions", s.enc.Compressed(), int64(2))
	first, second := r.Frame(wire.Proto, true), r.Frame(wire.Proto, true)
	assert.True(t, "the frame is shared", &first[0] == &second[0])
	if n := testing.AllocsPerRun(100, func() { r.Frame(wire.Proto, true) }); n != 0 {
		t.Errorf("%v allocations to get what was encoded", n)
	}
}

// DLV-21, DLV-14, DLV-13, SEND-14: what a round holds.
func TestWhatARoundHolds(t *testing.T) {
	t.Parallel()
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		_, r := busy(t, text(2, "two"), joined(3), text(4, "four"), text(5, strings.Repeat("x", 20_000)), text(6, "six"))
		assert.Equal(t, "senders", r.Senders(), []chat.UserID{3, 1, 2})
		r.Introduce([]*throngv1.Profile{{User: 2, Name: "Bo"}, {User: 3, Name: "Cy"}})
		envs := decode(t, sub, wire.JoinFrames(sub, nil, r.Piece(sub)))
		assert.Equal(t, "envelopes", len(envs), 4)
		chunk, hint := envs[0].GetEntries(), envs[2].GetHint()
		assert.Equal(t, "the conversation", chunk.GetConversation(), uint64(group))
		assert.Equal(t, "profiles", profiles(chunk), "Cy")
		assert.Equal(t, "profiles of the second", profiles(envs[1].GetEntries()), "Bo")
		assert.Equal(t, "what is too large is told as a hint (DLV-7)", hint.GetSeq(), 5)
		assert.Equal(t, "the hint's tier", hint.GetTier(), throngv1.Tier_TIER_LARGE)
		assert.Equal(t, "what follows it", envs[3].GetEntry().GetSeq(), 6)
		for _, e := range append(chunk.GetEntries(), envs[3].GetEntry()) {
			assert.Equal(t, "client ids", len(e.GetClientId()), 0)
		}
	}
}

func profiles(e *throngv1.Entries) string {
	var names []string
	for _, p := range e.GetProfiles() {
		names = append(names, p.GetName())
	}
	return strings.Join(names, " ")
}
