package gateway

import (
	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// PutBack gives back what Take returned.
func (o *Outbox) PutBack(b []byte) { o.pool.put(b) }

// Queued is what waits for the receivers of all loops. The loops must be at rest.
func (s *Server) Queued() (n int) {
	for _, l := range s.loops {
		n += l.buffers.queued
	}
	return n
}

// AppendAck is the acknowledgement written by hand.
func AppendAck(sub wire.Subprotocol, id uint64, r *chat.Result) []byte {
	return appendAck(sub, nil, id, r)
}

// Framing reads a stream in pieces and returns its messages, the close code of its breach (0: none), and the largest buffer.
func Framing(text bool, limit int, pieces [][]byte) (messages [][]byte, breached ws.StatusCode, largest int) {
	f := framing{max: limit, text: text}
	for _, p := range pieces {
		for len(p) > 0 {
			n := copy(f.space(), p)
			f.fill(n)
			p = p[n:]
			largest = max(largest, len(f.buf)+cap(f.message))
			for {
				ev, ok, err := f.next()
				if err != nil {
					b, _ := err.(*breach) //nolint:errorlint // the framing returns nothing else
					return messages, b.code, largest
				}
				if !ok {
					break
				}
				if ev.op == ws.OpBinary {
					messages = append(messages, append([]byte(nil), ev.payload...))
				}
			}
		}
	}
	return messages, 0, largest
}
