package gateway

import (
	"github.com/gobwas/ws"
)

// Queued is what waits for the receivers of all loops. The loops must be at rest.
func (s *Server) Queued() (n int) {
	for _, l := range s.loops {
		n += l.env.Queued()
	}
	return n
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
