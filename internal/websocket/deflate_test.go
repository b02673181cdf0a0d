package websocket_test

import (
	"bytes"
	"compress/flate"
	"runtime"
	"testing"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
)

// compressedFrame is a client's frame with RSV1.
func compressedFrame(op ws.OpCode, fin bool, payload []byte) []byte {
	f := ws.NewFrame(op, fin, payload)
	f.Header.Rsv = 4
	return ws.MustCompileFrame(ws.MaskFrame(f))
}

// TestInflate: the examples of RFC 7692 section 7.2.3, and what breaks it.
func TestInflate(t *testing.T) {
	t.Parallel()
	hello := []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}
	s := &websocket.Settings{Max: 1 << 20, Text: true, Inflate: websocket.NewInflater()}
	for _, tc := range []struct {
		name string
		send []byte
		want string
		code ws.StatusCode
	}{
		{"one block (7.2.3.1)", compressedFrame(ws.OpText, true, hello), "Hello", 0},
		{"fragments (7.2.3.1)", join(compressedFrame(ws.OpText, false, hello[:3]), masked(ws.OpContinuation, true, hello[3:])), "Hello", 0},
		{"not compressed (7.2.3)", masked(ws.OpText, true, []byte("Hello")), "Hello", 0},
		{"no compression in the block (7.2.3.3)", compressedFrame(ws.OpText, true, append([]byte{0, 5, 0, 0xfa, 0xff}, "Hello\x00"...)), "Hello", 0},
		{"final block (7.2.3.4)", compressedFrame(ws.OpText, true, []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}), "Hello", 0},
		{"two blocks (7.2.3.5)", compressedFrame(ws.OpText, true, append([]byte{0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff}, 0xca, 0xc9, 0xc9, 0x07, 0x00)), "Hello", 0},
		{"empty (7.2.3.6)", compressedFrame(ws.OpText, true, []byte{0}), "", 0},
		{"context takeover (7.2.3.2)", join(compressedFrame(ws.OpText, true, hello), compressedFrame(ws.OpText, true, []byte{0xf2, 0x00, 0x11, 0, 0})), "Hello", 1007},
		{"no block", compressedFrame(ws.OpText, true, []byte{0xff, 0xff, 0xff}), "", 1007},
		{"half a block", compressedFrame(ws.OpText, true, hello[:4]), "", 1007},
		{"more behind a final block", compressedFrame(ws.OpText, true, append([]byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, hello...)), "", 1007},
		{"not UTF-8", compressedFrame(ws.OpText, true, deflated(t, []byte{0xC3, 0x28})), "", 1007},
		{"binary", compressedFrame(ws.OpBinary, true, hello), "", 1003},
		{"RSV1 on a continuation", join(compressedFrame(ws.OpText, false, hello[:3]), compressedFrame(ws.OpContinuation, true, hello[3:])), "", 1002},
		{"RSV1 on a ping", compressedFrame(ws.OpPing, true, nil), "", 1002},
		{"RSV2", head(0xA1, 0), "", 1002},
		{"RSV1 and RSV2", head(0xE1, 0), "", 1002},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, cut := range []int{1, 1 << 20} {
				g := read(t, s, bytewise(tc.send, cut)...)
				if g.code != tc.code {
					t.Errorf("by %d: code %d, want %d", cut, g.code, tc.code)
				}
				if tc.code == 0 && (len(g.events) != 1 || string(g.events[0].Payload) != tc.want) {
					t.Errorf("by %d: %q", cut, g.events)
				}
			}
		})
	}
}

// A bomb is answered with 1009 before it has cost more than the limit (security no. 14).
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 256 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	const limit = 512 << 10
	s := &websocket.Settings{Max: limit, Binary: true, Inflate: websocket.NewInflater()}
	frame := compressedFrame(ws.OpBinary, true, b.Bytes())
	if b.Len() > limit {
		t.Fatalf("the bomb is %d bytes itself", b.Len())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g := read(t, s, frame)
	runtime.ReadMemStats(&after)
	if g.code != ws.StatusMessageTooBig {
		t.Errorf("code %d", g.code)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated for a message of at most %d", grown, limit)
	}
	exact := bytes.Repeat([]byte{1}, limit)
	if g := read(t, s, compressedFrame(ws.OpBinary, true, deflated(t, exact))); g.code != 0 || !bytes.Equal(g.events[0].Payload, exact) {
		t.Errorf("a message of the limit: code %d", g.code)
	}
	if g := read(t, s, compressedFrame(ws.OpBinary, true, deflated(t, append(exact, 1)))); g.code != 1009 {
		t.Errorf("one byte more: code %d", g.code)
	}
}

// What is deflated comes out again; what is small or does not get smaller is left alone.
func TestDeflate(t *testing.T) {
	t.Parallel()
	d, z := websocket.NewDeflater(100), websocket.NewInflater()
	words := bytes.Repeat([]byte("many people say much the same "), 40)
	small, ok := d.Append([]byte("before"), words)
	if !ok || len(small) > 100 || !bytes.HasPrefix(small, []byte("before")) {
		t.Fatalf("%d bytes, %v", len(small), ok)
	}
	if out, err := z.Inflated(small[6:], 1<<20); err != nil || !bytes.Equal(out, words) {
		t.Errorf("%q, %v", out, err)
	}
	for _, p := range [][]byte{nil, words[:99], noise(1_000)} {
		if out, ok := d.Append([]byte("x"), p); ok || string(out) != "x" {
			t.Errorf("%d bytes became %d", len(p), len(out))
		}
	}
}

// noise does not compress.
func noise(n int) []byte {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
