package gateway

import (
	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// opcode is the kind of message that a subprotocol travels in.
func opcode(sub wire.Subprotocol) ws.OpCode {
	if sub.Text() {
		return ws.OpText
	}
	return ws.OpBinary
}

// readings are what readers go by: one for all connections that agreed on the same subprotocol and compression.
type readings struct {
	plain, compressed [2]websocket.Settings // binary, text
}

func newReadings() *readings {
	r, inflate := &readings{}, websocket.NewInflater()
	for i, text := range []bool{false, true} {
		r.plain[i] = websocket.Settings{Max: chat.MaxFrameBytes, Text: text, Binary: !text}
		r.compressed[i] = r.plain[i]
		r.compressed[i].Inflate = inflate
	}
	return r
}

func (r *readings) of(sub wire.Subprotocol, compressed bool) *websocket.Settings {
	list := &r.plain
	if compressed {
		list = &r.compressed
	}
	if sub.Text() {
		return &list[1]
	}
	return &list[0]
}
