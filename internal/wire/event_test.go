package wire_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// The hint written by hand is the library's, byte for byte.
func TestHintsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	for _, h := range []chat.Head{
		{Conversation: 1, Seq: 1, Ordinal: 1, Tier: chat.TierLarge},
		{Conversation: chat.MaxID, Seq: math.MaxUint64, Ordinal: math.MaxUint64, Tier: chat.TierMedium},
		{Conversation: 300, Seq: 200},
		{},
	} {
		for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
			want, err := wire.AppendEnvelope(sub, nil, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{
				Conversation: uint64(h.Conversation), Seq: uint64(h.Seq), Ordinal: uint64(h.Ordinal), Tier: throngv1.Tier(h.Tier),
			}}})
			assert.NoError(t, "encoding", err)
			if got := wire.Hint(sub, h); !bytes.Equal(got, want) {
				t.Errorf("%+v:\n got %x\nwant %x", h, got, want)
			}
		}
	}
}

// DLV-22, DLV-12
func TestWhatIsToldOfTheServerItself(t *testing.T) {
	t.Parallel()
	for want, piece := range map[string][]byte{
		`{"envelopes":[{"batching":{"conversation":"7","intervalMs":500,"sendWaitMs":2000}}]}`: wire.Batching(wire.JSON, 7, 500, 2_000),
		`{"envelopes":[{"batching":{"conversation":"7"}}]}`:                                    wire.Batching(wire.JSON, 7, 0, 0),
		`{"envelopes":[{"syncHint":{}}]}`:                                                      wire.SyncHint(wire.JSON),
	} {
		assert.Equal(t, "the frame", string(wire.JoinFrames(wire.JSON, nil, piece)), want)
	}
}

// DLV-6, DLV-14: an entry of a chunk costs no more than one by itself.
func TestChunkOverhead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id   uint64
		most int
	}{{16_383, 32}, {9_999_999, 40}} {
		for _, words := range []int{0, 1, 100, 127, 128, 200, 4_000} {
			var each int
			for n := 1; n <= chat.MaxChunkEntries; n++ {
				var entries []*chat.Entry
				for range n {
					entries = append(entries, &chat.Entry{
						Conversation: chat.ConversationID(c.id), Seq: chat.Seq(c.id), Ordinal: chat.Ordinal(c.id), Sender: chat.UserID(c.id),
						TimeMS: 1_790_000_000_000, ClientID: chat.ClientID{1}, Body: chat.Text{Text: strings.Repeat("x", words)},
					})
				}
				frame := wire.JoinFrames(wire.Proto, nil, wire.EncodeChunk(wire.Proto, entries, nil))
				header := 2
				if len(frame) > 125 {
					header = 4
				}
				each = (header + len(frame) - n*words + n - 1) / n
				if each > c.most {
					t.Errorf("chunks of %d texts of %d bytes cost %d bytes a text beyond it, want at most %d", n, words, each, c.most)
				}
			}
		}
	}
}
