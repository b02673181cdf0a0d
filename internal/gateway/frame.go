package gateway

import (
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// readings are what readers go by: one for all connections that agreed on the same subprotocol and compression.
type readings struct {
	plain, compressed [2]websocket.Settings // binary, text
}

// newReadings takes the kind of message that the subprotocol has, or both.
func newReadings(most int, both bool) *readings {
	r, inflate := &readings{}, websocket.NewInflater()
	for i, text := range []bool{false, true} {
		r.plain[i] = websocket.Settings{Max: most, Text: text || both, Binary: !text || both}
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
