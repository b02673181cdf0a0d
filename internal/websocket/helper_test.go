package websocket_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
)

// head is the header of a masked frame with a mask of zeros, written byte by byte: what no library would write.
func head(first, length byte, extended ...byte) []byte {
	return append(append([]byte{first, 0x80 | length}, extended...), 0, 0, 0, 0)
}

func long(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// masked is a client's frame.
func masked(op ws.OpCode, fin bool, payload []byte) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, fin, payload)))
}

// join is one stream of bytes.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// got is what a reader made of a stream.
type got struct {
	events []websocket.Event // copies
	code   ws.StatusCode     // of the breach; 0: none
	held   int               // the most that the reader held
}

// read gives a reader the stream in pieces, in a buffer that is overwritten behind every piece, as a shared one is.
func read(t testing.TB, s *websocket.Settings, pieces ...[]byte) (g got) {
	t.Helper()
	var r websocket.Reader
	largest := 0
	for _, p := range pieces {
		largest = max(largest, len(p))
	}
	shared := make([]byte, largest)
	for _, p := range pieces {
		b := shared[:copy(shared, p)]
		for {
			ev, rest, ok, err := r.Next(s, b)
			g.held = max(g.held, r.Held())
			var breach *websocket.Breach
			if errors.As(err, &breach) {
				g.code = breach.Code
				return g
			}
			if err != nil {
				t.Fatalf("%T %v", err, err)
			}
			if !ok {
				break
			}
			g.events = append(g.events, websocket.Event{Op: ev.Op, Payload: bytes.Clone(ev.Payload)})
			b = rest
		}
		clear(shared[:len(p)])
	}
	return g
}

// bytewise cuts a stream into pieces of n bytes.
func bytewise(stream []byte, n int) (pieces [][]byte) {
	for len(stream) > 0 {
		k := min(n, len(stream))
		pieces = append(pieces, stream[:k])
		stream = stream[k:]
	}
	return pieces
}

// deflated compresses as a client does.
func deflated(t testing.TB, payload []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}
