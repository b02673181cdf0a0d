package gateway_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/gateway"
)

// FuzzFraming: any bytes, in any pieces, never panic, hold no more than arrived (times two, and a small buffer), and give the
// same messages and the same end however they are cut; what is accepted is what a second reader (gobwas/ws) accepts.
func FuzzFraming(f *testing.F) {
	f.Add(maskedFrame([]byte("hello")), uint8(3), false)
	f.Add(append(head(0x02, 1), append([]byte{1}, append(head(0x80, 1), 2)...)...), uint8(1), false)
	f.Add(append(head(0x81, 2), 0xC3, 0x28), uint8(1), true)
	f.Add(head(0x82, 127, long(1<<40)...), uint8(1), false)
	f.Add([]byte{0x82, 0x01, 0x00}, uint8(1), false)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8, text bool) {
		const limit = 4_096
		whole, code, largest := gateway.Framing(text, limit, [][]byte{bytes.Clone(stream)})
		if largest > 2*len(stream)+3*limit+4_096 {
			t.Fatalf("%d bytes held for %d", largest, len(stream))
		}
		var pieces [][]byte
		for rest := bytes.Clone(stream); len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		parts, code2, _ := gateway.Framing(text, limit, pieces)
		if code != code2 || len(whole) != len(parts) {
			t.Fatalf("whole: %d messages, %d; in pieces: %d messages, %d", len(whole), code, len(parts), code2)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatalf("message %d differs in pieces", i)
			}
			if text && !utf8.Valid(whole[i]) {
				t.Fatalf("message %d is not UTF-8", i)
			}
		}
		second(t, stream, whole)
	})
}

// second reads the stream with the library and compares the messages that both accept.
func second(t *testing.T, stream []byte, messages [][]byte) {
	t.Helper()
	r := bytes.NewReader(bytes.Clone(stream))
	state := ws.StateServerSide
	var message []byte
	for i := 0; i < len(messages); {
		f, err := readFrame(r)
		if err != nil {
			t.Fatalf("the library ends before message %d: %v", i, err)
		}
		if err := ws.CheckHeader(f.Header, state); err != nil {
			t.Fatalf("the library refuses what was accepted: %v", err)
		}
		f = ws.UnmaskFrame(f)
		if f.Header.OpCode.IsControl() {
			continue
		}
		message = append(message, f.Payload...)
		if !f.Header.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		state = state.Clear(ws.StateFragmented)
		if !bytes.Equal(message, messages[i]) {
			t.Fatalf("message %d is %q, the library says %q", i, messages[i], message)
		}
		message = nil
		i++
	}
}
