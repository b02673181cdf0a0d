package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/client/link"
)

// peer opens a link whose other end the test plays.
func peer(t *testing.T, play func(conn net.Conn)) *link.Link {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = far.Close() }()
		up := ws.Upgrader{Protocol: func([]byte) bool { return true }}
		if _, err := up.Upgrade(far); err != nil {
			return
		}
		play(far)
	}()
	l, err := link.Dial(t.Context(), link.Config{
		URL: "ws://throng.test", MaxFrame: 100_000,
		NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close(1000, "")
		<-done
	})
	return l
}

func put(conn net.Conn, op ws.OpCode, fin bool, b []byte) {
	_ = ws.WriteFrame(conn, ws.NewFrame(op, fin, b))
}

// take reads a frame of the link, unmasked.
func take(conn net.Conn) (ws.Frame, error) {
	h, err := ws.ReadHeader(conn)
	if err != nil {
		return ws.Frame{}, err
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(conn, f.Payload); err != nil {
		return ws.Frame{}, err
	}
	return ws.UnmaskFrame(f), nil
}

func TestLinkReads(t *testing.T) {
	t.Parallel()
	sizes := []int{0, 1, 125, 126, 4090, 4096, 4097, 65_535, 65_536, 99_999, 3}
	pong := make(chan ws.Frame, 1)
	l := peer(t, func(conn net.Conn) {
		for _, n := range sizes {
			put(conn, ws.OpBinary, true, bytes.Repeat([]byte{byte(n)}, n))
		}
		put(conn, ws.OpBinary, false, []byte("he"))
		put(conn, ws.OpPing, true, []byte("are you there"))
		f, _ := take(conn)
		pong <- f
		put(conn, ws.OpContinuation, false, []byte("l"))
		put(conn, ws.OpContinuation, true, []byte("lo"))
		put(conn, ws.OpClose, true, ws.NewCloseFrameBody(4100, "drain"))
		_, _ = take(conn)
	})
	for _, n := range sizes {
		b, err := l.Read()
		if err != nil || !bytes.Equal(b, bytes.Repeat([]byte{byte(n)}, n)) {
			t.Fatalf("message of %d bytes: got %d, %v", n, len(b), err)
		}
	}
	if b, err := l.Read(); err != nil || string(b) != "hello" {
		t.Fatalf("fragmented: %q, %v", b, err)
	}
	if f := <-pong; f.Header.OpCode != ws.OpPong || string(f.Payload) != "are you there" {
		t.Errorf("pong %+v", f)
	}
	_, err := l.Read()
	var ce *link.CloseError
	if !errors.As(err, &ce) || ce.Code != 4100 || ce.Reason != "drain" {
		t.Errorf("close: %v", err)
	}
}

func TestLinkRefuses(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		raw  []byte
		code int
	}{
		{"masked", []byte{0x82, 0x81, 0, 0, 0, 0, 'x'}, 1002},
		{"reserved bit", []byte{0xc2, 0x01, 'x'}, 1002},
		{"continuation of nothing", []byte{0x80, 0x01, 'x'}, 1002},
		{"long control frame", []byte{0x89, 0x7e, 0x01, 0x00}, 1002},
		{"unfinished control frame", []byte{0x09, 0x01, 'x'}, 1002},
		{"too large", []byte{0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 0}, 1009},
		{"absurdly large", []byte{0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1009},
		{"length with the top bit", []byte{0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1002},
		{"unknown opcode", []byte{0x83, 0x01, 'x'}, 1002},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			l := peer(t, func(conn net.Conn) {
				_, _ = conn.Write(r.raw)
				_, _ = take(conn)
			})
			_, err := l.Read()
			var ce *link.CloseError
			if !errors.As(err, &ce) || ce.Code != r.code {
				t.Errorf("got %v, want close %d", err, r.code)
			}
		})
	}
}

func TestLinkWrites(t *testing.T) {
	t.Parallel()
	got := make(chan string, 8)
	l := peer(t, func(conn net.Conn) {
		for {
			f, err := take(conn)
			if err != nil {
				return
			}
			got <- fmt.Sprintf("%d %d %x", f.Header.OpCode, len(f.Payload), f.Payload[:min(len(f.Payload), 2)])
		}
	})
	for _, n := range []int{1, 125, 126, 65_535, 65_536} {
		if err := l.Write(bytes.Repeat([]byte{0xab}, n)); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("2 %d %x", n, bytes.Repeat([]byte{0xab}, min(n, 2)))
		if g := <-got; g != want {
			t.Errorf("peer got %s, want %s", g, want)
		}
	}
}
