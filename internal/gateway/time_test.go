package gateway_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// bubble runs a gateway in virtual time, over pipes.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	shape(t, func(*gateway.Config) {}, test)
}

// shape is bubble with other settings.
func shape(t *testing.T, change func(*gateway.Config), test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := gateway.Default()
		cfg.Loops, cfg.Workers = 1, 2
		change(&cfg)
		w := &world{t: t, back: newBackend(), routes: local.NewRoutes("n1")}
		var err error
		if w.gateway, err = gateway.New(cfg, w.back.deps(w.routes)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = w.gateway.Run(ctx)
		}()
		test(t, w)
		cancel()
		<-done
	})
}

// pipe connects a client by a pipe, without a handshake.
func (w *world) pipe() *peer {
	w.t.Helper()
	client, server := net.Pipe()
	if err := w.gateway.Open(gateway.NewTransport(server), gateway.Hello{Subprotocol: wire.Proto}); err != nil {
		w.t.Fatal(err)
	}
	return &peer{t: w.t, Conn: client, r: client}
}

// endsAfter checks what a connection is closed with and when, to the tick.
func endsAfter(t *testing.T, p *peer, code int, after time.Duration) {
	t.Helper()
	start := time.Now()
	got, notice := p.closed()
	if int(got) != code || int(notice.GetCloseCode()) != code {
		t.Errorf("closed with %d, notice %v, want %d", got, notice, code)
	}
	if took := time.Since(start); took < after || took > after+time.Second {
		t.Errorf("closed after %v, want %v", took, after)
	}
	_ = p.Close()
}

func TestSilenceBeforeTheToken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) { endsAfter(t, w.pipe(), 4201, 10*time.Second) })
}

// A peer that has gone without a word is found within 45 s (S-26, guarantee I17).
func TestSilence(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.pipe()
		p.send(authenticate("1:10"))
		p.next()
		endsAfter(t, p, 4001, 44*time.Second)
	})
}

// One that answers pings, and says nothing else, is there; until it does not.
func TestAPeerThatAnswersPings(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.pipe()
		p.send(authenticate("1:10"))
		p.next()
		start := time.Now()
		for range 6 {
			f, err := readFrame(p.r)
			if err != nil || f.Header.OpCode != ws.OpPing {
				t.Fatalf("after %v: %v %v", time.Since(start), f.Header.OpCode, err)
			}
			p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewPongFrame(f.Payload))))
		}
		if took := time.Since(start); took < 6*34*time.Second {
			t.Errorf("6 pings in %v", took)
		}
		endsAfter(t, p, 4001, 44*time.Second)
	})
}

func TestATokenThatEnds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.pipe()
		until := time.Now().Add(20 * time.Second).UnixMilli()
		p.send(authenticate("1:10:" + itoa(until)))
		p.next()
		endsAfter(t, p, 4200, 20*time.Second)
	})
}

// A receiver that takes nothing is closed after 30 s (DLV-9); it cannot even be told, so the transport goes after the linger.
func TestAReceiverThatTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.pipe()
		p.send(authenticate("1:10"))
		p.next()
		start := time.Now()
		for seq := chat.Seq(1); seq <= 400; seq++ {
			w.deliver(entry(5, seq, 2, strings.Repeat("x", 2_000), 1))
		}
		<-time.After(29 * time.Second)
		synctest.Wait()
		if nodes, _ := w.routes.Users(t.Context(), []chat.UserID{1}, nil); len(nodes) != 1 {
			t.Error("the session ended too early")
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		if nodes, _ := w.routes.Users(t.Context(), []chat.UserID{1}, nil); len(nodes) != 0 {
			t.Error("the session still has its route")
		}
		if _, err := p.Write([]byte{0x82, 0x80, 0, 0, 0, 0}); err == nil {
			t.Errorf("the transport is still open after %v", time.Since(start))
		}
		_ = p.Close()
	})
}

// A peer that does not answer the close frame is dropped after the linger, and one that says nothing after the server's
// goodbye holds no goroutine.
func TestAPeerThatDoesNotSayGoodbye(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.pipe()
		p.send(authenticate("1:10"))
		p.next()
		w.gateway.CloseUser(1)
		if code, _ := p.closed(); code != 4302 {
			t.Errorf("closed with %d", code)
		}
		start := time.Now()
		buf := make([]byte, 1)
		if _, err := p.Read(buf); err == nil {
			t.Error("there was something behind the close frame")
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("the transport was closed after %v", took)
		}
		_ = p.Close()
	})
}
