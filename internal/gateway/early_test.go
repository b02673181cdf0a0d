package gateway_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// counted counts what the gateway reads.
type counted struct {
	gateway.Transport

	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Transport.Read(p)
	c.read.Add(int64(n))
	return n, err //nolint:wrapcheck // a transport passes errors on
}

// What comes before it is known who asks is left with the peer: nobody fills the server's memory without a token.
func TestRequestsBeforeTheAnswerToTheToken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		looked := make(chan struct{})
		w.back.onQuery = func() { <-looked }
		client, server := net.Pipe()
		var read atomic.Int64
		if err := w.gateway.Open(counted{gateway.NewTransport(server), &read}, gateway.Hello{Subprotocol: wire.Proto}); err != nil {
			t.Fatal(err)
		}
		p := &peer{t: t, Conn: client, r: client}
		const frames, size = 40, 100_000
		written := make(chan struct{})
		go func() {
			defer close(written)
			p.send(authenticate("1:10"))
			for i := range uint64(frames) {
				p.send(&throngv1.ClientEnvelope{Id: i + 2, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
					Conversation: 5, ClientId: append(make([]byte, 15), byte(i+1)), Body: &throngv1.SendRequest_Text{Text: string(make([]byte, size))},
				}}})
			}
		}()
		synctest.Wait()
		if n := read.Load(); n > 6*size {
			t.Errorf("%d bytes were read of who may be anybody", n)
		}
		close(looked)
		for _, env := range p.collect(frames + 1) {
			if err := env.GetResponse().GetError(); err != nil {
				t.Errorf("refused: %v", err)
			}
		}
		<-written
		_ = p.Close()
	})
}
