package websocket_test

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
)

const limit = 512 << 10

var (
	binaryOnly = &websocket.Settings{Max: limit, Binary: true}
	textOnly   = &websocket.Settings{Max: limit, Text: true}
	anyKind    = &websocket.Settings{Max: limit, Text: true, Binary: true}
)

// TestBreaches are found with RFC 6455's codes (S-23, security nos. 15 to 22), at once and byte by byte.
func TestBreaches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		text bool
		send []byte
		code ws.StatusCode
	}{
		{name: "unmasked (no. 15)", send: []byte{0x82, 0x01}, code: 1002},
		{name: "RSV1 (no. 16)", send: head(0xC2, 1), code: 1002},
		{name: "RSV2", send: head(0xA2, 1), code: 1002},
		{name: "RSV3", send: head(0x92, 1), code: 1002},
		{name: "reserved opcode 3", send: head(0x83, 0), code: 1002},
		{name: "reserved opcode 11", send: head(0x8B, 0), code: 1002},
		{name: "ping of 126 bytes (no. 18)", send: head(0x89, 126, 0, 126), code: 1002},
		{name: "fragmented ping (no. 18)", send: head(0x09, 0), code: 1002},
		{name: "fragmented close (no. 18)", send: head(0x08, 0), code: 1002},
		{name: "length with the top bit (no. 19)", send: head(0x82, 127, long(1<<63)...), code: 1002},
		{name: "length 2^62 (no. 19)", send: head(0x82, 127, long(1<<62)...), code: 1009},
		{name: "one byte too long", send: head(0x82, 127, long(limit+1)...), code: 1009},
		{name: "fragments too long together", send: join(masked(ws.OpBinary, false, make([]byte, limit)), head(0x80, 1)), code: 1009},
		{name: "16-bit length of 125", send: head(0x82, 126, 0, 125), code: 1002},
		{name: "64-bit length of 65535", send: head(0x82, 127, long(65535)...), code: 1002},
		{name: "continuation of nothing", send: head(0x80, 0), code: 1002},
		{name: "continuation after a message", send: join(masked(ws.OpBinary, true, nil), head(0x80, 0)), code: 1002},
		{name: "new message within a fragmented one", send: join(head(0x02, 0), head(0x82, 0)), code: 1002},
		{name: "text where binary belongs", send: head(0x81, 1), code: 1003},
		{name: "binary where text belongs", text: true, send: head(0x82, 1), code: 1003},
		{name: "bad UTF-8 (no. 20)", text: true, send: join(head(0x81, 2), []byte{0xC3, 0x28}), code: 1007},
		{name: "bad UTF-8 in the first of two fragments", text: true, send: join(head(0x01, 2), []byte{0xC3, 0x28}), code: 1007},
		{name: "a surrogate, cut", text: true, send: join(head(0x01, 2), []byte{0xED, 0xA0}), code: 1007},
		{name: "half a rune at the end", text: true, send: join(head(0x01, 1), []byte{0xC3}, head(0x80, 0)), code: 1007},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := map[bool]*websocket.Settings{false: binaryOnly, true: textOnly}[tc.text]
			if g := read(t, s, bytes.Clone(tc.send)); g.code != tc.code {
				t.Errorf("code %d, want %d", g.code, tc.code)
			}
			if g := read(t, s, bytewise(tc.send, 1)...); g.code != tc.code {
				t.Errorf("byte by byte: code %d, want %d", g.code, tc.code)
			}
		})
	}
}

// Messages of all sizes around the length encodings, whole and in fragments with a ping between, arrive as they were sent, in
// whatever pieces.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000, limit} {
		for _, cut := range []int{1, 7, 1_400, 64 << 10, 1 << 20} {
			if size > 1_000 && cut < 1_000 {
				continue
			}
			t.Run(fmt.Sprintf("%d by %d", size, cut), func(t *testing.T) {
				t.Parallel()
				payload := bytes.Repeat([]byte("é"), size)[:size]
				half := size / 2
				stream := join(
					masked(ws.OpBinary, true, payload),
					masked(ws.OpBinary, false, payload[:half]), masked(ws.OpPing, true, []byte("ping")),
					masked(ws.OpContinuation, false, nil), masked(ws.OpContinuation, true, payload[half:]),
					masked(ws.OpPong, true, nil),
				)
				g := read(t, anyKind, bytewise(stream, cut)...)
				want := []websocket.Event{{ws.OpBinary, payload}, {ws.OpPing, []byte("ping")}, {ws.OpBinary, payload}, {ws.OpPong, nil}}
				if g.code != 0 || len(g.events) != len(want) {
					t.Fatalf("%d events, code %d", len(g.events), g.code)
				}
				for i, ev := range g.events {
					if ev.Op != want[i].Op || !bytes.Equal(ev.Payload, want[i].Payload) {
						t.Errorf("event %d is %v of %d bytes", i, ev.Op, len(ev.Payload))
					}
				}
			})
		}
	}
}

// Between messages a connection holds nothing, and the reader itself is two words.
func TestNothingIsHeldBetweenMessages(t *testing.T) {
	t.Parallel()
	var r websocket.Reader
	if n := unsafe.Sizeof(r); n > 16 {
		t.Errorf("a reader takes %d bytes", n)
	}
	stream := join(masked(ws.OpBinary, false, make([]byte, 1_000)), masked(ws.OpContinuation, true, make([]byte, 1_000)))
	for i := range stream {
		_, _, ok, err := r.Next(anyKind, bytes.Clone(stream[i:i+1]))
		if err != nil || ok != (i == len(stream)-1) {
			t.Fatal(i, ok, err)
		}
		if n := r.Held(); n > 2*i+64 {
			t.Fatalf("%d bytes held after %d", n, i+1)
		}
	}
	if n := r.Held(); n != 0 {
		t.Errorf("%d bytes held", n)
	}
	if _, _, ok, err := r.Next(anyKind, nil); ok || err != nil {
		t.Error("something came of nothing")
	}
}

// A whole message in the reader's buffer is read where it lies.
func TestReadingInPlaceAllocatesNothing(t *testing.T) {
	stream := join(masked(ws.OpBinary, true, make([]byte, 200)), masked(ws.OpText, true, []byte("hello")), masked(ws.OpPing, true, nil))
	buf := make([]byte, len(stream))
	var r websocket.Reader
	if n := testing.AllocsPerRun(100, func() {
		copy(buf, stream)
		for rest := buf; ; {
			_, left, ok, err := r.Next(anyKind, rest)
			if err != nil {
				t.Fatal(err)
			}
			if rest = left; !ok {
				break
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Bytes that were kept are handled later, before those that came after them.
func TestKeep(t *testing.T) {
	t.Parallel()
	var r websocket.Reader
	stream := join(masked(ws.OpBinary, true, []byte{1}), masked(ws.OpBinary, true, []byte{2}), masked(ws.OpBinary, true, []byte{3}))
	_, rest, ok, err := r.Next(anyKind, stream[:10])
	if !ok || err != nil || r.Kept() {
		t.Fatal(ok, err)
	}
	r.Keep(rest)
	if !r.Kept() {
		t.Error("nothing was kept")
	}
	for want, more := byte(2), stream[10:]; want <= 3; want++ {
		ev, rest, ok, err := r.Next(anyKind, more)
		if !ok || err != nil || !bytes.Equal(ev.Payload, []byte{want}) {
			t.Fatal(want, ok, err, ev)
		}
		if more = rest; want == 2 {
			r.Keep(more)
			more = nil
		}
	}
	if r.Kept() || r.Held() != 0 {
		t.Error("something is left")
	}
}

// Missing tells how much to read for the frame at hand.
func TestMissing(t *testing.T) {
	t.Parallel()
	var r websocket.Reader
	stream := masked(ws.OpBinary, true, make([]byte, 100_000))
	if n := r.Missing(anyKind); n != 0 {
		t.Error(n)
	}
	if _, _, ok, err := r.Next(anyKind, bytes.Clone(stream[:1_000])); ok || err != nil {
		t.Fatal(ok, err)
	}
	if n := r.Missing(anyKind); n != len(stream)-1_000 {
		t.Error(n)
	}
	// What comes behind the frame is not copied to it.
	ev, rest, ok, err := r.Next(anyKind, join(stream[1_000:], stream[:50_000]))
	if !ok || err != nil || len(ev.Payload) != 100_000 || len(rest) != 50_000 || r.Held() != 0 {
		t.Error(ok, err, len(rest), r.Held())
	}
}

// TestCloseCodes are those of RFC 6455 section 7.4 (security nos. 20 and 22).
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		payload []byte
		want    ws.StatusCode // 0: a breach
		code    ws.StatusCode
	}{
		{payload: nil, want: 1000},
		{payload: []byte{3}, code: 1002},
		{payload: []byte{0x03, 0xE8, 0xC3, 0x28}, code: 1007},
		{payload: append([]byte{0x03, 0xE8}, "good bye é"...), want: 1000},
	} {
		expectClose(t, tc.payload, tc.want, tc.code)
	}
	good := func(c int) bool { return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999 }
	for code := range 1 << 16 {
		want, breach := ws.StatusCode(code), ws.StatusCode(0)
		if !good(code) {
			want, breach = 0, 1002
		}
		expectClose(t, []byte{byte(code >> 8), byte(code)}, want, breach)
	}
}

func expectClose(t *testing.T, payload []byte, want, breach ws.StatusCode) {
	t.Helper()
	code, err := websocket.CloseCode(payload)
	if b, _ := err.(*websocket.Breach); code != want || (b != nil) != (breach != 0) || b != nil && b.Code != breach { //nolint:errorlint // it returns nothing else
		t.Errorf("% x: %d, %v", payload, code, err)
	}
}

// What is sealed is what the library reads.
func TestSeal(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20} {
		payload := bytes.Repeat([]byte{'x'}, size)
		for _, compressed := range []bool{false, true} {
			frame := append(make([]byte, websocket.Headroom), payload...)
			wire, rsv := websocket.Seal(frame, ws.OpText), byte(0)
			if compressed {
				wire, rsv = websocket.SealCompressed(frame, ws.OpText), 4
			}
			r := bytes.NewReader(wire)
			h, err := ws.ReadHeader(r)
			body := wire[len(wire)-r.Len():]
			if err != nil || h.Rsv != rsv || h.OpCode != ws.OpText || !h.Fin || h.Masked || h.Length != int64(size) || !bytes.Equal(body, payload) {
				t.Errorf("%d bytes: %+v %v", size, h, err)
			}
		}
	}
	wire := websocket.AppendClose(websocket.AppendControl(nil, ws.OpPong, []byte("hi")), 4400, string(make([]byte, 124)))
	if want := []byte("\x8a\x02hi\x88\x02\x11\x30"); !bytes.Equal(wire, want) {
		t.Errorf("% x", wire)
	}
}
