package gateway

import (
	"math"
	"net/http"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
)

// echo is what stands in place of sessions in a gateway that sends back what it gets.
type echo struct {
	// immutable after construction
	rules    websocket.Rules
	deflater *websocket.Deflater
}

// NewEcho makes a gateway whose connections send every message back, in place of sessions: handshake, framing, flow and the end are
// the code that sessions have, so that suites for the protocol have something to talk to. Messages of both kinds are taken, of at most
// so many bytes, whatever subprotocol was offered. Of deps only the door, the logger and the metrics are used.
func NewEcho(cfg Config, deps Deps, largest int) (*Server, error) {
	cfg.AuthTimeout = math.MaxInt64 // nobody has a token
	s, err := New(cfg, Deps{Door: deps.Door, Logger: deps.Logger, Metrics: deps.Metrics})
	if err != nil {
		return nil, err
	}
	s.readings = newReadings(largest, largest, true)
	s.echo = &echo{rules: websocket.Rules{Compression: cfg.Compression}, deflater: websocket.NewDeflater(1)}
	return s, nil
}

// check holds a request against the RFC alone.
func (e *echo) check(r *http.Request) (h Hello, agreed websocket.Agreement, err error) {
	agreed, err = e.rules.Check(r)
	return Hello{Address: peer(r), WindowBits: agreed.WindowBits}, agreed, err
}

// echo sends a message back, compressed where that was agreed on and pays.
func (l *loop) echo(c *conn, ev websocket.Event) {
	frame := l.env.Get()[:websocket.Headroom]
	frame = append(frame, ev.Payload...)
	seal := websocket.Seal
	if a := (websocket.Agreement{WindowBits: c.window}); a.Takes(len(ev.Payload)) {
		if b, ok := l.srv.echo.deflater.Append(frame[:websocket.Headroom], ev.Payload); ok {
			frame, seal = b, websocket.SealCompressed
		}
	}
	w := l.workOf(c)
	w.control = append(w.control, seal(frame, ev.Op)...)
	l.env.Put(frame)
	l.mark(c)
}

// pong answers a ping. Where too many wait to be answered, the latest alone is.
func (l *loop) pong(c *conn, payload []byte) {
	w := l.workOf(c)
	if len(w.control) > maxPongs && l.srv.echo == nil {
		w.control = w.control[:0]
	}
	w.control = websocket.AppendControl(w.control, ws.OpPong, payload)
	l.mark(c)
}

const (
	// maxPongs is how many bytes of answers to pings wait for a receiver.
	maxPongs = 4 << 10
	// maxEchoes is how many bytes of echoes wait for a receiver before it is not read from.
	maxEchoes = 1 << 20
)

// congested reports that nothing more is to be taken from a connection for now.
func (l *loop) congested(c *conn) bool {
	if l.srv.echo != nil {
		return c.work != nil && len(c.work.control) > maxEchoes
	}
	return c.session.Congested()
}
