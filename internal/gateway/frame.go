package gateway

import (
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// readings are what readers go by: one for all connections that agreed on the same subprotocol and compression, and have shown a
// token or not.
type readings [2][2][2]websocket.Settings // known, compressed, text

// newReadings takes the kind of message that the subprotocol has, or both; first bounds a message of a peer that has shown no token.
func newReadings(first, most int, both bool) *readings {
	r, inflate := &readings{}, websocket.NewInflater()
	for known, bound := range []int{first, most} {
		for i, text := range []bool{false, true} {
			s := websocket.Settings{Max: bound, Text: text || both, Binary: !text || both}
			r[known][0][i] = s
			s.Inflate = inflate
			r[known][1][i] = s
		}
	}
	return r
}

func (r *readings) of(known bool, sub wire.Subprotocol, compressed bool) *websocket.Settings {
	return &r[index(known)][index(compressed)][index(sub.Text())]
}

func index(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
