package websocket_test

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
)

// FuzzReader: any bytes, in any pieces, never panic, hold no more than arrived (times two, and a small buffer), and give the
// same events and the same end however they are cut; what is accepted is what a second reader (gobwas/ws) accepts.
func FuzzReader(f *testing.F) {
	f.Add(masked(ws.OpBinary, true, []byte("hello")), uint8(3), uint8(0))
	f.Add(join(head(0x02, 1), []byte{1}, head(0x80, 1), []byte{2}), uint8(1), uint8(0))
	f.Add(join(head(0x81, 2), []byte{0xC3, 0x28}), uint8(1), uint8(1))
	f.Add(head(0x82, 127, long(1<<40)...), uint8(1), uint8(0))
	f.Add([]byte{0x82, 0x01, 0x00}, uint8(1), uint8(0))
	f.Add(join(head(0xC1, 7), []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, cut, kind uint8) {
		const limit = 4_096
		s := &websocket.Settings{Max: limit, Text: kind&1 != 0, Binary: kind&1 == 0}
		if kind&2 != 0 {
			s.Inflate = websocket.NewInflater()
		}
		whole := read(t, s, stream)
		if whole.held > 2*len(stream)+64 {
			t.Fatalf("%d bytes held for %d", whole.held, len(stream))
		}
		parts := read(t, s, bytewise(stream, int(cut)+1)...)
		if whole.code != parts.code || len(whole.events) != len(parts.events) {
			t.Fatalf("whole: %d events, %d; in pieces: %d events, %d", len(whole.events), whole.code, len(parts.events), parts.code)
		}
		for i, ev := range whole.events {
			if ev.Op != parts.events[i].Op || !bytes.Equal(ev.Payload, parts.events[i].Payload) {
				t.Fatalf("event %d differs in pieces", i)
			}
			if len(ev.Payload) > limit || ev.Op == ws.OpText && !utf8.Valid(ev.Payload) {
				t.Fatalf("event %d is %v of %d bytes", i, ev.Op, len(ev.Payload))
			}
		}
		if s.Inflate == nil {
			second(t, stream, whole.events)
		}
	})
}

// second reads the stream with the library and compares the events that both accept.
func second(t *testing.T, stream []byte, events []websocket.Event) {
	t.Helper()
	r := bytes.NewReader(stream)
	state, op := ws.StateServerSide, ws.OpCode(0)
	var message []byte
	for i := 0; i < len(events); {
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > int64(r.Len()) {
			t.Fatalf("the library ends before event %d: %v", i, err)
		}
		if err := ws.CheckHeader(h, state); err != nil {
			t.Fatalf("the library refuses what was accepted: %v", err)
		}
		payload := make([]byte, h.Length)
		_, _ = r.Read(payload) // r has as many
		ws.Cipher(payload, h.Mask, 0)
		got := websocket.Event{Op: h.OpCode, Payload: payload}
		if !h.OpCode.IsControl() {
			if h.OpCode != ws.OpContinuation {
				op = h.OpCode
			}
			message = append(message, payload...)
			if !h.Fin {
				state = state.Set(ws.StateFragmented)
				continue
			}
			state = state.Clear(ws.StateFragmented)
			got, message = websocket.Event{Op: op, Payload: message}, nil
		}
		if got.Op != events[i].Op || !bytes.Equal(got.Payload, events[i].Payload) {
			t.Fatalf("event %d is %v %q, the library says %v %q", i, events[i].Op, events[i].Payload, got.Op, got.Payload)
		}
		i++
	}
}

// FuzzInflate: whatever a client sends as compressed never panics, never gives more than the limit, and what was compressed
// comes out as it was.
func FuzzInflate(f *testing.F) {
	f.Add([]byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})
	f.Add([]byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})
	f.Add([]byte{0x00})
	f.Add(bytes.Repeat([]byte("crowd "), 100))
	z, d := websocket.NewInflater(), websocket.NewDeflater(0)
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 4_096
		if out, err := z.Inflated(b, limit); err == nil && len(out) > limit {
			t.Fatalf("%d bytes", len(out))
		}
		small, ok := d.Append(nil, b)
		if !ok {
			return
		}
		out, err := z.Inflated(small, len(b))
		if err != nil || !bytes.Equal(out, b) {
			t.Fatalf("%q came out as %q, %v", b, out, err)
		}
		if _, err := z.Inflated(small, len(b)-1); err == nil {
			t.Fatal("more than the limit")
		}
	})
}

// FuzzWritten: what the server writes, a second reader (gobwas/ws) reads as it was, in the shortest form; as a client's it comes out of
// the own reader as it went in.
func FuzzWritten(f *testing.F) {
	f.Add([]byte("hello"), uint16(1000), true)
	f.Add(bytes.Repeat([]byte{'x'}, 126), uint16(4301), true)
	f.Add(bytes.Repeat([]byte{0xff}, 1<<16), uint16(1005), false)
	s := &websocket.Settings{Max: 1 << 20, Text: true, Binary: true}
	f.Fuzz(func(t *testing.T, b []byte, code uint16, text bool) {
		op := ws.OpBinary
		if text && utf8.Valid(b) {
			op = ws.OpText
		}
		sealed := websocket.Seal(append(make([]byte, websocket.Headroom), b...), op)
		if want := ws.MustCompileFrame(ws.NewFrame(op, true, b)); !bytes.Equal(sealed, want) {
			t.Fatalf("sealed as %x, the library says %x", sealed[:min(len(sealed), 10)], want[:min(len(want), 10)])
		}
		if len(b) <= s.Max {
			if g := read(t, s, masked(op, true, b)); g.code != 0 || len(g.events) != 1 || !bytes.Equal(g.events[0].Payload, b) {
				t.Fatalf("%d bytes came back as %d events, code %d", len(b), len(g.events), g.code)
			}
		}
		end := websocket.AppendClose(nil, ws.StatusCode(code), string(b))
		h, err := ws.ReadHeader(bytes.NewReader(end))
		if err != nil || h.OpCode != ws.OpClose || !h.Fin || h.Masked || h.Length > ws.MaxControlFramePayloadSize || int(h.Length) != len(end)-2 {
			t.Fatalf("a close frame became %+v, %v", h, err)
		}
		got, err := websocket.CloseCode(end[2:])
		defined := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if good := defined && utf8.Valid(end[4:]); (err == nil) != good || good && got != ws.StatusCode(code) {
			t.Fatalf("close code %d is read as %d, %v", code, got, err)
		}
	})
}

// FuzzOffers: whatever extensions a client offers, the answer names permessage-deflate at most, with a window that was asked for and no
// context taken over, and net/http can read it.
func FuzzOffers(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits; server_max_window_bits=10")
	f.Add("x; a=\"b\", permessage-deflate")
	f.Add("permessage-deflate; server_max_window_bits=\"1\\2\"")
	f.Add(";=,")
	f.Fuzz(func(t *testing.T, line string) {
		r, _, err := websocket.ParseRequest([]byte(handshake("Sec-WebSocket-Protocol: chat.a\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Sec-Websocket-Extensions"] = strings.Split(line, "\n")
		a, err := rules.Check(r)
		if err != nil {
			return
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(websocket.AppendAnswer(nil, &a))), r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want := ""
		if a.Compressed() {
			want = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
			if a.WindowBits < 15 {
				want += "; server_max_window_bits=" + strconv.Itoa(int(a.WindowBits))
			}
		}
		if got := res.Header.Get("Sec-Websocket-Extensions"); got != want || a.Compressed() && (a.WindowBits < 8 || a.WindowBits > 15) {
			t.Fatalf("%q is answered with %q, window %d", line, got, a.WindowBits)
		}
		if a.Compressed() && !strings.Contains(line, "permessage-deflate") {
			t.Fatalf("%q was taken for an offer", line)
		}
	})
}

// FuzzRequest: what is accepted, net/http accepts with the same meaning, however much of it has arrived before; a prefix is
// never something else than the whole.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(handshake("")))
	f.Add([]byte("GET / HTTP/1.1\nHost: x\n\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Add([]byte("POST http://a/b HTTP/1.1\r\nContent-Length: 3\r\nHost: x\r\n\r\nabc"))
	f.Add([]byte("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n, err := websocket.ParseRequest(bytes.Clone(b))
		for cut := range b {
			if _, m, early := websocket.ParseRequest(b[:cut]); early != nil && err == nil || m != 0 && (m != n || err != nil) {
				t.Fatalf("of %d bytes: %d, %v", cut, m, early)
			}
		}
		if err != nil || n == 0 {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:n])))
		if err != nil {
			t.Skip("net/http is stricter here, and is asked for everything that is no handshake")
		}
		if r.Method != want.Method || r.Proto != want.Proto || r.RequestURI != want.RequestURI || r.URL.String() != want.URL.String() || r.Host != want.Host {
			t.Fatalf("%+v, net/http says %+v", r, want)
		}
		want.Header.Del("Content-Length")
		r.Header.Del("Content-Length")
		r.Header.Del("Transfer-Encoding")
		if r.Header.Get("Pragma") != "" {
			return // net/http adds what HTTP/1.0 meant by it
		}
		r.Header.Del("Trailer") // it takes that away
		if !maps.EqualFunc(r.Header, want.Header, slices.Equal) {
			t.Fatalf("%v, net/http says %v", r.Header, want.Header)
		}
	})
}
