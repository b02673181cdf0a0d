package wire_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// What pages are bounded by is no less than what an entry takes, in either encoding, whatever is written in it.
func TestWireBytesAreEnough(t *testing.T) {
	t.Parallel()
	const entry = 128 // seq, sender, time and the like
	for name, body := range map[string]chat.Body{
		"words":    chat.Text{Text: strings.Repeat("word ", 1_000)},
		"controls": chat.Text{Text: strings.Repeat("\x01\x1b\x00", 1_000)},
		"lines":    chat.Text{Text: strings.Repeat("\n\r\t\b\f\"\\", 1_000)},
		"wide":     chat.Text{Text: strings.Repeat("日本\u2028\u007f\u0085😀<&>", 1_000)},
		"fallback": chat.Custom{Type: "a", Data: make([]byte, 1_000), Fallback: strings.Repeat("\x02", 1_000)},
		"media": chat.Media{
			Type: chat.MediaFile, Ref: "a", Name: strings.Repeat("\x03", 500), Caption: strings.Repeat("\"", 500), Preview: make([]byte, 3_000),
		},
		"system":  chat.System{Event: "a", Args: map[string]string{strings.Repeat("\x04", 300): "\n"}},
		"created": chat.Created{Kind: chat.KindGroup, Name: "\"\"", Description: strings.Repeat("\n", 1_000), Members: make([]chat.UserID, 1_000)},
	} {
		e := &chat.Entry{Conversation: 1, Seq: chat.MaxID, Ordinal: chat.MaxID, Sender: chat.MaxID, TimeMS: chat.MaxID, Body: body}
		for _, sub := range []wire.Subprotocol{wire.JSON, wire.Proto} {
			n := len(wire.EncodeEntry(sub, e, false))
			assert.True(t, name+" in "+sub.String(), n <= entry+chat.WireBytes(body))
		}
	}
}
