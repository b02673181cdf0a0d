package wsconform_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/test/wsconform"
)

const largest = 512 << 10

// TestEcho asks an echo on internal/websocket alone: what the texts want of framing, handshake and compression, whatever carries
// the bytes.
func TestEcho(t *testing.T) {
	e := &echo{rules: websocket.Rules{Compression: true}, small: websocket.NewDeflater(100)}
	e.plain = websocket.Settings{Max: largest, Text: true, Binary: true}
	e.compressed = e.plain
	e.compressed.Inflate = websocket.NewInflater()
	judge(t, &wsconform.Target{
		Address: serve(t, e.serve), Path: "/", Echo: true, Limit: largest, Head: websocket.MaxHead, Headers: websocket.MaxHeaders,
	}, 460, early, earlier)
}

// echo sends back what comes, on a goroutine per connection.
type echo struct {
	rules             websocket.Rules
	plain, compressed websocket.Settings
	small             *websocket.Deflater
}

func (e *echo) serve(c net.Conn) {
	buf := make([]byte, 4<<10)
	agreed, rest, err := e.shake(c, buf)
	var refused *websocket.Refusal
	if errors.As(err, &refused) {
		end(c, websocket.AppendResponse(nil, refused.Status, refused.Header(), nil))
		return
	}
	if err != nil {
		_ = c.Close()
		return
	}
	_, _ = c.Write(websocket.AppendAnswer(nil, &agreed))
	settings := &e.plain
	if agreed.Compressed() {
		settings = &e.compressed
	}
	var r websocket.Reader
	for b := rest; ; {
		ev, rest, ok, err := r.Next(settings, b)
		var last []byte
		if ok {
			last, err = e.answer(c, &agreed, ev)
		}
		var breach *websocket.Breach
		if errors.As(err, &breach) {
			last = websocket.AppendClose(nil, breach.Code, breach.Reason)
		}
		if last != nil {
			end(c, last)
			return
		}
		if b = rest; ok {
			continue
		}
		n, err := c.Read(buf)
		if err != nil {
			_ = c.Close()
			return
		}
		b = buf[:n]
	}
}

// shake reads the handshake and what comes behind it.
func (e *echo) shake(c net.Conn, buf []byte) (a websocket.Agreement, rest []byte, err error) {
	var head []byte
	for {
		r, n, err := websocket.ParseRequest(head)
		if err != nil {
			return a, nil, err
		}
		if n > 0 {
			a, err = e.rules.Check(r)
			return a, head[n:], err
		}
		m, err := c.Read(buf)
		if err != nil {
			return a, nil, err
		}
		head = append(head, buf[:m]...)
	}
}

// answer answers an event; last is the close frame.
func (e *echo) answer(c net.Conn, a *websocket.Agreement, ev websocket.Event) (last []byte, err error) {
	switch ev.Op {
	case ws.OpPing:
		_, _ = c.Write(websocket.AppendControl(nil, ws.OpPong, ev.Payload))
	case ws.OpPong:
	case ws.OpClose:
		code, err := websocket.CloseCode(ev.Payload)
		return websocket.AppendClose(nil, code, ""), err
	default:
		room := make([]byte, websocket.Headroom)
		if a.Takes(len(ev.Payload)) {
			if small, ok := e.small.Append(room, ev.Payload); ok {
				_, _ = c.Write(websocket.SealCompressed(small, ev.Op))
				return nil, nil
			}
		}
		_, _ = c.Write(websocket.Seal(append(room, ev.Payload...), ev.Op))
	}
	return nil, nil
}

// end writes the last bytes and waits for the peer's end: a close with unread bytes would take them back.
func end(c net.Conn, last []byte) {
	_, _ = c.Write(last)
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	for buf := make([]byte, 4<<10); ; {
		if _, err := c.Read(buf); err != nil {
			break
		}
	}
	_ = c.Close()
}
