package gateway_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
)

// T21, first part: who takes a byte a second for a request, or says nothing at all, is cut off, and holds up nobody meanwhile.
func TestSlowHandshakesAreCutOff(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		const callers = 300
		addr := strings.TrimPrefix(w.url, "http://")
		list := make([]net.Conn, callers)
		for i := range list {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			list[i] = c
			if _, err := io.WriteString(c, "GET /v1/session HTTP/1.1\r\nHost: x\r\n"[:i%30]); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		w.login("1:10")
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("an honest one was let in after %v", took)
		}
		dribble := time.NewTicker(time.Second)
		defer dribble.Stop()
		for cut := 0; cut < callers; {
			<-dribble.C
			if time.Since(begin) > 8*time.Second {
				t.Fatalf("%d of %d are still there", callers-cut, callers)
			}
			for i, c := range list {
				if c == nil {
					continue
				}
				_, err := io.WriteString(c, "x")
				_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
				if _, rerr := c.Read(make([]byte, 1)); err != nil || !isTimeout(rerr) {
					list[i] = nil
					cut++
				}
			}
		}
	})
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // of a socket
	return ok && e.Timeout()
}

// Beginnings of large frames of those who have shown no token are bounded all together.
func TestBeginningsOfFramesWithoutAToken(t *testing.T) {
	for _, loops := range []bool{true, false} { // one after the other: the memory is the process's
		w := newWorld(t, loops, nil)
		before := heapLive()
		begin := append(head(0x82, 127, long(chat.MaxFrameBytes)...), make([]byte, chat.MaxFrameBytes-1)...)
		for range 200 { // 100 MB
			p := w.connect("throng.v1.proto")
			_ = p.SetWriteDeadline(time.Now().Add(2 * time.Second))
			_, _ = p.Write(begin) // it may be cut off
		}
		if grown := heapLive() - before; grown > 40<<20 {
			t.Errorf("loops %v: %d bytes are held for nobody knows whom", loops, grown)
		}
		w.login("1:10")
	}
}

// T21, second part: floods of frames that mean nothing take no memory, and others are served all the while.
func TestFloods(t *testing.T) {
	for _, loops := range []bool{true, false} { // one after the other: the memory is the process's
		w := newWorld(t, loops, nil)
		auth := mustMarshal(frameWith(authenticate("7:70")))
		for _, tc := range []struct {
			name  string
			flood []byte
			times int
		}{
			{"continuations of nothing", append(head(0x02, 1, 0)[:7:7], bytes.Repeat(head(0x00, 0), 1_000)...), 100},
			{"fragments of one byte", append(head(0x02, 1, 0)[:7:7], bytes.Repeat(append(head(0x00, 1), 0), 1_000)...), 100},
			{"pings, of who never reads", bytes.Repeat(append(head(0x89, 125), make([]byte, 125)...), 100), 1_000},
		} {
			t.Run(tc.name, func(t *testing.T) {
				p := w.connect("throng.v1.proto")
				p.raw(maskedFrame(auth))
				before := heapLive()
				_ = p.SetWriteDeadline(time.Now().Add(3 * time.Second))
				first := tc.flood
				for range tc.times {
					if _, err := p.Write(first); err != nil {
						break // it is not read any more: the peer's own trouble
					}
					if first[0] != 0x89 {
						first = tc.flood[7:] // the message has begun
					}
				}
				if tc.flood[0] != 0x89 { // the answer to a ping comes when all was read
					p.raw(head(0x89, 0))
					for f := (ws.Frame{}); f.Header.OpCode != ws.OpPong; {
						var err error
						if f, err = readFrame(p.r); err != nil {
							t.Fatal(err)
						}
					}
				}
				if grown := heapLive() - before; grown > 16<<20 {
					t.Errorf("the server's memory grew by %d bytes", grown)
				}
				other := w.login("8:80")
				other.send(text(2, 5, "still here"))
				if other.next().GetResponse().GetSend() == nil {
					t.Error("others are not served")
				}
				_ = other.Close()
				_ = p.Close()
			})
		}
	}
}

func heapLive() int64 {
	runtime.GC()
	runtime.GC() // what pools hold outlives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// T21, last part: who is told to go and never reads has gone after the linger.
func TestAGoodbyeThatIsNeverRead(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.login("1:10")
		w.gateway.CloseUser(1)
		begin := time.Now()
		for {
			// The write fails once the server has closed; nothing is read.
			if _, err := p.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame(nil)))); err != nil {
				break
			}
			if time.Since(begin) > 10*time.Second {
				t.Fatal("it is still there")
			}
			runtime.Gosched()
		}
		if took := time.Since(begin); took < time.Second {
			t.Errorf("closed after %v, without a moment for the goodbye", took)
		}
	})
}

// T17, small: a thousand receivers that take nothing hold what they may, and not more; then they are told what they missed.
func TestAThousandStalledReceivers(t *testing.T) {
	const people, bound, size = 1_000, 64 << 10, 4_000
	h, list := newHall(t, people, func(c *gateway.Config) { c.Outbound, c.OutboundHard = bound, 2*bound })
	h.stalled.Store(true)
	before := heapLive()
	users := everybody(people)
	words := strings.Repeat("x", size)
	const entries = 200 // 800 MB, if it were kept
	for seq := chat.Seq(1); seq <= entries; seq++ {
		if err := h.gateway.Receive(t.Context(), entry(5, seq, people+1, words, users...)); err != nil {
			t.Fatal(err)
		}
	}
	h.until("the loops have handled it", func() bool { return h.gateway.Handled() })
	// A loop that has taken the last delivery may be at it still.
	h.until("what waits is bounded", func() bool { return heapLive()-before <= people*bound+50<<20 })
	h.stalled.Store(false)
	took := h.bytes.Load()
	for _, m := range list {
		m.Ready()
	}
	h.until("all have what was kept, and a hint", func() bool { return h.bytes.Load()-took > people*(size+10) })
}
