package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

var clientID = chat.ClientID{0x01, 0x8f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func ptr[T any](v T) *T { return &v }

// bodies is one of each.
func bodies() map[string]chat.Body {
	return map[string]chat.Body{
		"text":            chat.Text{Text: "hello"},
		"empty text":      chat.Text{},
		"media":           chat.Media{Type: chat.MediaVideo, Ref: "b/1", MIME: "video/mp4", Size: 9, Width: 1, Height: 2, DurationMS: 3, Name: "n", Caption: "c", Preview: []byte{1}},
		"custom":          chat.Custom{Type: "t", Data: []byte{0, 1}, Fallback: "f"},
		"system":          chat.System{Event: "e", Args: map[string]string{"a": "1", "b": "2"}},
		"created":         chat.Created{Kind: chat.KindGroup, Name: "g", Members: []chat.UserID{1, 2}},
		"members changed": chat.MembersChanged{Action: chat.MemberMuted, Users: []chat.UserID{3}, Role: chat.RoleAdmin, UntilMS: 8},
		"changed":         chat.Changed{Name: ptr("x"), Avatar: ptr(""), Description: ptr("d"), Open: ptr(false)},
		"dissolved":       chat.Dissolved{},
		"tombstone":       chat.Tombstone{Reason: chat.TombstoneErased},
	}
}

func decodeServer(t *testing.T, sub wire.Subprotocol, frame []byte) *throngv1.ServerFrame {
	t.Helper()
	out := new(throngv1.ServerFrame)
	var err error
	if sub == wire.JSON {
		err = protojson.Unmarshal(frame, out)
	} else {
		err = proto.Unmarshal(frame, out)
	}
	if err != nil {
		t.Fatalf("%v: frame cannot be read: %v\n%q", sub, err, frame)
	}
	return out
}

// The hand-written encoding of texts is the library's, byte for byte.
func TestEncodeEntryEqualsLibrary(t *testing.T) {
	t.Parallel()
	numbers := []uint64{0, 1, 127, 128, 16383, 16384, 1 << 21, chat.MaxID, 1<<64 - 1}
	texts := []string{"", "a", "grüß dich, 世界", strings.Repeat("x", 127), strings.Repeat("x", 128), strings.Repeat("é", 9000)}
	for _, n := range numbers {
		for _, text := range texts {
			for _, own := range []bool{false, true} {
				for _, id := range []chat.ClientID{{}, clientID} {
					e := &chat.Entry{
						Conversation: chat.ConversationID(n), Seq: chat.Seq(n), Ordinal: chat.Ordinal(n / 2), Sender: chat.UserID(n), TimeMS: n,
						ClientID: id, Body: chat.Text{Text: text},
					}
					frame := &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{{
						Content: &throngv1.ServerEnvelope_Entry{Entry: wire.Entry(e, wire.Whole(own))},
					}}}
					want, err := proto.MarshalOptions{Deterministic: true}.Marshal(frame)
					if err != nil {
						t.Fatal(err)
					}
					if got := wire.EncodeEntry(wire.Proto, e, own); !bytes.Equal(got, want) {
						t.Fatalf("n=%d len=%d own=%v:\ngot  %x\nwant %x", n, len(text), own, got, want)
					}
				}
			}
		}
	}
}

// DLV-6, at every length that changes how a number is written.
func TestDeliveryOverhead(t *testing.T) {
	t.Parallel()
	header := func(n int) int { // of an unmasked message, RFC 6455 section 5.2
		if n < 126 {
			return 2
		}
		return 4
	}
	for _, c := range []struct {
		name          string
		number        uint64 // conversation, sender, seq and ordinal
		alone, merged int
	}{
		{"up to 16,383", 16_383, 32, 28},
		{"seven digits", 9_999_999, 40, 36},
	} {
		worst := [2]int{}
		for _, length := range []int{1, 40, 80, 90, 127, 128, 200, 2_000, 16_000} {
			e := &chat.Entry{
				Conversation: chat.ConversationID(c.number), Seq: chat.Seq(c.number), Ordinal: chat.Ordinal(c.number), Sender: chat.UserID(c.number),
				TimeMS: 4_000_000_000_000, ClientID: clientID, Body: chat.Text{Text: strings.Repeat("x", length)},
			}
			n := len(wire.EncodeEntry(wire.Proto, e, false))
			worst = [2]int{max(worst[0], n+header(n)-length), max(worst[1], n-length)}
		}
		// Equal, not at most: the page says what is true.
		assert.Equal(t, c.name+": alone and merged", worst, [2]int{c.alone, c.merged})
	}
}

func TestEncodeEntryRoundTrip(t *testing.T) {
	t.Parallel()
	for name, body := range bodies() {
		for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
			t.Run(name+" "+sub.String(), func(t *testing.T) {
				t.Parallel()
				e := &chat.Entry{Conversation: 7, Seq: 8, Ordinal: 6, Sender: 5, TimeMS: 4, ClientID: clientID, Body: body}
				for _, own := range []bool{false, true} {
					frame := decodeServer(t, sub, wire.JoinFrames(sub, nil, wire.EncodeEntry(sub, e, own)))
					got := frame.GetEnvelopes()[0].GetEntry()
					if want := wire.Entry(e, wire.Whole(own)); !proto.Equal(got, want) {
						t.Fatalf("got %v, want %v", got, want)
					}
					if hidden := len(got.GetClientId()) == 0; hidden == own {
						t.Fatalf("own=%v: client id %x", own, got.GetClientId())
					}
				}
			})
		}
	}
}

// An entry whose text is not UTF-8 cannot hold up its conversation: its place is delivered.
func TestEncodeEntryNotUTF8(t *testing.T) {
	t.Parallel()
	e := &chat.Entry{Conversation: 7, Seq: 8, Body: chat.Custom{Type: "\xff"}}
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		got := decodeServer(t, sub, wire.JoinFrames(sub, nil, wire.EncodeEntry(sub, e, false))).GetEnvelopes()[0].GetEntry()
		if got.GetSeq() != 8 || got.GetBody() != nil {
			t.Errorf("%v: got %v", sub, got)
		}
	}
}

func TestJoinFrames(t *testing.T) {
	t.Parallel()
	envelopes := []*throngv1.ServerEnvelope{
		{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}},
		{Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{Conversation: 1, Seq: 2, Ordinal: 3}}},
		{},
		{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{Id: 9, Result: &throngv1.Response_Error{
			Error: wire.Error(chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "}{\"")),
		}}}},
	}
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		for n := range len(envelopes) + 1 {
			var pieces [][]byte
			size := 0
			for _, env := range envelopes[:n] {
				p, err := wire.AppendEnvelope(sub, nil, env)
				if err != nil {
					t.Fatal(err)
				}
				pieces = append(pieces, p)
				size += len(p)
			}
			prefix := []byte("}") // what stood in the buffer before changes nothing
			frame := wire.JoinFrames(sub, prefix, pieces...)[1:]
			if len(frame) > size+wire.FrameOverhead(sub, n) {
				t.Errorf("%v: %d bytes, promised at most %d", sub, len(frame), size+wire.FrameOverhead(sub, n))
			}
			if got, want := decodeServer(t, sub, frame), (&throngv1.ServerFrame{Envelopes: envelopes[:n]}); !proto.Equal(got, want) {
				t.Errorf("%v: got %v, want %v", sub, got, want)
			}
		}
	}
}

func TestAppendEnvelopeFailsClean(t *testing.T) {
	t.Parallel()
	env := &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Closing{Closing: &throngv1.Closing{Reason: "\xff"}}}
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		got, err := wire.AppendEnvelope(sub, []byte("before"), env)
		if err == nil || string(got) != "before" {
			t.Errorf("%v: got %q, %v", sub, got, err)
		}
	}
}

func BenchmarkEncodeEntry(b *testing.B) {
	e := &chat.Entry{Conversation: 1_000_000, Seq: 10_000, Ordinal: 9_999, Sender: 1_000_000, TimeMS: 1_800_000_000_000, Body: chat.Text{Text: strings.Repeat("x", 200)}}
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		b.Run(sub.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				wire.EncodeEntry(sub, e, false)
			}
		})
	}
}

func TestEncodeEntryAllocatesOnce(t *testing.T) {
	e := &chat.Entry{Conversation: 1, Seq: 1, Body: chat.Text{Text: "x"}}
	if n := testing.AllocsPerRun(100, func() { wire.EncodeEntry(wire.Proto, e, true) }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
