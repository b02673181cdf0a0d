package gateway_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/gateway"
)

// An echo says what it hears, of both kinds, in the order in which it came, and answers every ping.
func TestEcho(t *testing.T) {
	echoes := func(cfg gateway.Config, deps gateway.Deps) (*gateway.Server, error) {
		return gateway.NewEcho(cfg, deps, 1<<20)
	}
	for _, loops := range []bool{true, false} {
		t.Run(fmt.Sprintf("loops %v", loops), func(t *testing.T) {
			t.Parallel()
			w := newWorldOf(t, echoes, loops, nil)
			p := w.connect("whatever")
			large := bytes.Repeat([]byte("x"), 1<<20)
			go func() {
				p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("text")))))
				p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(large))))
				for i := range byte(10) {
					p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte{i}))))
				}
				p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(append(large, 'y')))))
			}()
			want := []ws.Frame{ws.NewTextFrame([]byte("text")), ws.NewBinaryFrame(large)}
			for i := range byte(10) {
				want = append(want, ws.NewPongFrame([]byte{i}))
			}
			for i, wanted := range want {
				f, err := readFrame(p.r)
				if err != nil || f.Header.OpCode != wanted.Header.OpCode || !bytes.Equal(f.Payload, wanted.Payload) {
					t.Fatalf("frame %d: %v of %d bytes, %v", i, f.Header.OpCode, len(f.Payload), err)
				}
			}
			if f, err := readFrame(p.r); err != nil || f.Header.OpCode != ws.OpClose || ws.StatusCode(f.Payload[0])<<8|ws.StatusCode(f.Payload[1]) != 1009 {
				t.Errorf("too large a message: %v %v %v", f.Header.OpCode, f.Payload, err)
			}
		})
	}
}
