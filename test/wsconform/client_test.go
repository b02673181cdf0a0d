package wsconform_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/client/link"
)

// TestClient is the other side: a raw server says what no library says, and the SDK's link has to read it as RFC 6455 has it. Whole and
// chopped.
func TestClient(t *testing.T) {
	frame := func(first byte, payload string) string { return string([]byte{first, byte(len(payload))}) + payload }
	closing := func(code int, reason string) string {
		return frame(0x88, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
	}
	long := func(n uint64) string { return string(binary.BigEndian.AppendUint64([]byte{0x82, 127}, n)) }
	big := strings.Repeat("0123456789", 7_000)
	for _, tc := range []struct {
		rfc, name, send string
		json            bool
		want            []string // messages, then the connection is closed with code
		code            int
		answers         string // frames of the client, as opcode and payload, before it ends
	}{
		{rfc: "5.6", name: "binary", send: frame(0x82, "a") + closing(1000, ""), want: []string{"a"}, code: 1000},
		{rfc: "5.6", name: "text", json: true, send: frame(0x81, "é") + closing(1000, ""), want: []string{"é"}, code: 1000},
		{rfc: "5.6", name: "nothing", send: frame(0x82, "") + closing(1000, ""), want: []string{""}, code: 1000},
		{rfc: "5.2", name: "126 bytes", send: "\x82\x7e\x00\x7e" + big[:126] + closing(1000, ""), want: []string{big[:126]}, code: 1000},
		{rfc: "5.2", name: "65,535 bytes", send: "\x82\x7e\xff\xff" + big[:65_535] + closing(1000, ""), want: []string{big[:65_535]}, code: 1000},
		{rfc: "5.2", name: "65,536 bytes", send: long(65_536) + big[:65_536] + closing(1000, ""), want: []string{big[:65_536]}, code: 1000},
		{rfc: "5.4", name: "fragments", send: frame(0x02, "a") + frame(0x00, "") + frame(0x80, "b") + closing(1000, ""), want: []string{"ab"}, code: 1000},
		{rfc: "5.4", name: "ping between fragments", send: frame(0x02, "a") + frame(0x89, "now") + frame(0x80, "b") + closing(1000, ""), want: []string{"ab"}, code: 1000, answers: "10 now"},
		{rfc: "5.5.2", name: "ping", send: frame(0x89, "here?") + closing(1000, ""), code: 1000, answers: "10 here?"},
		{rfc: "5.5.2", name: "ping of 125 bytes", send: frame(0x89, big[:125]) + closing(1000, ""), code: 1000, answers: "10 " + big[:125]},
		{rfc: "5.5.3", name: "pong unasked", send: frame(0x8A, "x") + frame(0x82, "a") + closing(1000, ""), want: []string{"a"}, code: 1000},
		{rfc: "5.5.1", name: "close with a reason", send: closing(4100, "drain"), code: 4100},
		{rfc: "7.1.5", name: "close without a code", send: frame(0x88, ""), code: 1005},
		{rfc: "5.5.1", name: "half a code", send: frame(0x88, "\x03"), code: 1002},
		{rfc: "7.4.1", name: "close 1005", send: closing(1005, ""), code: 1002},
		{rfc: "7.4.1", name: "close 1006", send: closing(1006, ""), code: 1002},
		{rfc: "7.4.1", name: "close 999", send: closing(999, ""), code: 1002},
		{rfc: "8.1", name: "reason that is not UTF-8", send: closing(1000, "\xff"), code: 1007},
		{rfc: "5.1", name: "masked", send: "\x82\x81\x00\x00\x00\x00x", code: 1002},
		{rfc: "5.1", name: "masked ping", send: "\x89\x80\x00\x00\x00\x00", code: 1002},
		{rfc: "5.2", name: "RSV1", send: frame(0xC2, "x"), code: 1002},
		{rfc: "5.2", name: "RSV2", send: frame(0xA2, "x"), code: 1002},
		{rfc: "5.2", name: "RSV3 on a ping", send: frame(0x99, "x"), code: 1002},
		{rfc: "5.2", name: "opcode 3", send: frame(0x83, "x"), code: 1002},
		{rfc: "5.2", name: "opcode 7", send: frame(0x87, ""), code: 1002},
		{rfc: "5.2", name: "opcode 7 within a message", send: frame(0x02, "a") + frame(0x87, ""), code: 1002},
		{rfc: "5.2", name: "opcode 11", send: frame(0x8B, "x"), code: 1002},
		{rfc: "5.2", name: "opcode 15", send: frame(0x8F, ""), code: 1002},
		{rfc: "5.4", name: "continuation of nothing", send: frame(0x80, "x"), code: 1002},
		{rfc: "5.4", name: "message within a message", send: frame(0x02, "a") + frame(0x82, "b"), code: 1002},
		{rfc: "5.5", name: "ping in fragments", send: frame(0x09, "a"), code: 1002},
		{rfc: "5.5", name: "ping of 126 bytes", send: "\x89\x7e\x00\x7e" + big[:126], code: 1002},
		{rfc: "5.2", name: "length in more bytes than it needs", send: "\x82\x7e\x00\x05hello", code: 1002},
		{rfc: "5.2", name: "64-bit length of 65,535", send: long(65_535) + big[:65_535], code: 1002},
		{rfc: "5.2", name: "length with the top bit", send: long(1 << 63), code: 1002},
		{rfc: "10.4", name: "too long", send: long(1 << 20), code: 1009},
		{rfc: "10.4", name: "2^62", send: long(1 << 62), code: 1009},
		{rfc: "10.4", name: "fragments too long together", send: "\x02\x7e\xff\xff" + big[:65_535] + "\x80\x7e\xff\xff" + big[:65_535], code: 1009},
		{rfc: "8.1", name: "text that is not UTF-8", json: true, send: frame(0x81, "a\xff"), code: 1007},
		{rfc: "8.1", name: "text that is cut", json: true, send: frame(0x01, "\xe4\xb8") + frame(0x80, ""), code: 1007},
		{rfc: "8.1", name: "character across fragments", json: true, send: frame(0x01, "\xe4\xb8") + frame(0x80, "\x96") + closing(1000, ""), want: []string{"世"}, code: 1000},
		{rfc: "7.4.1", name: "text where binary belongs", send: frame(0x81, "a"), code: 1003},
		{rfc: "7.4.1", name: "binary where text belongs", json: true, send: frame(0x82, "a"), code: 1003},
	} {
		for _, chop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s (RFC 6455 %s)", tc.name, tc.rfc), func(t *testing.T) {
				t.Parallel()
				answered := make(chan string, 1)
				l, err := dial(t, tc.json, good, func(c net.Conn) {
					deliver(c, tc.send, chop)
					answered <- hear(c)
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range tc.want {
					if b, err := l.Read(); err != nil || string(b) != want {
						t.Fatalf("read %.20q (%d bytes), %v; wanted %.20q (%d bytes)", b, len(b), err, want, len(want))
					}
				}
				b, err := l.Read()
				var end *link.CloseError
				if !errors.As(err, &end) || end.Code != tc.code {
					t.Fatalf("read %.20q, %v; wanted the end with %d", b, err, tc.code)
				}
				if got := <-answered; got != tc.answers {
					t.Errorf("the client answered %q, wanted %q", got, tc.answers)
				}
			})
		}
	}
}

// TestClientHandshake: what a client must make sure of before it takes a connection for a WebSocket (RFC 6455 section 4.1).
func TestClientHandshake(t *testing.T) {
	replace := func(old, with string) func(string) string {
		return func(accept string) string { return strings.Replace(good(accept), old, with, 1) }
	}
	for _, tc := range []struct {
		name   string
		answer func(accept string) string
		opens  bool
	}{
		{"good", good, true},
		{"words in other cases", replace("Upgrade: websocket\r\nConnection: Upgrade", "UPGRADE: WebSocket\r\nconnection: upgrade"), true},
		{"headers nobody knows", replace("\r\n\r\n", "\r\nX-Header: x\r\n\r\n"), true},
		{"status 200", replace("101 Switching Protocols", "200 OK"), false},
		{"status 426", replace("101 Switching Protocols", "426 Upgrade Required"), false},
		{"no upgrade", replace("Upgrade: websocket\r\n", ""), false},
		{"another upgrade", replace("Upgrade: websocket", "Upgrade: h2c"), false},
		{"no connection", replace("Connection: Upgrade\r\n", ""), false},
		{"connection without upgrade", replace("Connection: Upgrade", "Connection: close"), false},
		{"no accept", func(string) string { return strings.Replace(good("x"), "Sec-WebSocket-Accept: x\r\n", "", 1) }, false},
		{"wrong accept", func(string) string { return good("dGhlIHNhbXBsZSBub25jZTAxMjM=") }, false},
		{"extension that nobody offered", replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), false},
		{"subprotocol that nobody offered", replace("throng.v1.proto", "soap"), false},
		{"no subprotocol", replace("Sec-WebSocket-Protocol: throng.v1.proto\r\n", ""), false},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), false},
		{"nothing", func(string) string { return "" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := dial(t, false, tc.answer, func(net.Conn) {})
			if (err == nil) != tc.opens {
				t.Errorf("opens: %v, %v", err == nil, err)
			}
		})
	}
}

// good is the answer to a handshake with the given Sec-WebSocket-Accept.
func good(accept string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
		"\r\nSec-WebSocket-Protocol: throng.v1.proto\r\n\r\n"
}

// dial opens a link to a raw server, which checks the request, answers it and plays on.
func dial(t *testing.T, json bool, answer func(accept string) string, play func(net.Conn)) (*link.Link, error) {
	t.Helper()
	done := make(chan struct{})
	address := serve(t, func(c net.Conn) {
		defer close(done)
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		accept, err := asked(c, json)
		if err != nil {
			t.Error(err)
			return
		}
		text := answer(accept)
		if json {
			text = strings.Replace(text, "throng.v1.proto", "throng.v1.json", 1)
		}
		_, _ = io.WriteString(c, text)
		play(c)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	l, err := link.Dial(ctx, link.Config{URL: "ws://" + address, JSON: json, MaxFrame: 100_000})
	t.Cleanup(func() {
		if l != nil {
			_ = l.Close(1000, "")
		}
		<-done
	})
	return l, err
}

// asked reads the client's handshake, one byte at a time so that nothing behind it is taken, and returns what answers its key.
func asked(c net.Conn, json bool) (accept string, err error) {
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := io.ReadFull(c, b); err != nil {
			return "", err
		}
		head.Write(b)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head.String())))
	if err != nil {
		return "", err
	}
	h := r.Header
	nonce, err := base64.StdEncoding.Strict().DecodeString(h.Get("Sec-Websocket-Key"))
	if err != nil || len(nonce) != 16 {
		return "", fmt.Errorf("the key %q: %w", h.Get("Sec-Websocket-Key"), err)
	}
	want := map[bool]string{false: "throng.v1.proto", true: "throng.v1.json"}[json]
	if r.Method != http.MethodGet || r.Proto != "HTTP/1.1" || r.Host == "" || r.URL.Path != "/v1/session" || !strings.EqualFold(h.Get("Upgrade"), "websocket") ||
		!strings.EqualFold(h.Get("Connection"), "upgrade") || h.Get("Sec-Websocket-Version") != "13" || h.Get("Sec-Websocket-Protocol") != want {
		return "", fmt.Errorf("the handshake is %q", head.String())
	}
	sum := sha1.Sum([]byte(h.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// deliver sends a stream, chopped into single bytes or not; the client may have ended the connection before its end.
func deliver(c net.Conn, stream string, chop bool) {
	if !chop {
		_, _ = io.WriteString(c, stream)
		return
	}
	for i := range len(stream) {
		if _, err := io.WriteString(c, stream[i:i+1]); err != nil {
			return
		}
	}
}

// hear reads what the client sends until its close frame, and tells it in words; every frame has to be masked, each with a key of its
// own.
func hear(c net.Conn) string {
	var words []string
	keys := make(map[string]bool)
	for {
		var h [6]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return strings.Join(append(words, "no close frame"), ", ")
		}
		payload := make([]byte, h[1]&0x7f)
		if _, err := io.ReadFull(c, payload); err != nil {
			return strings.Join(append(words, "half a frame"), ", ")
		}
		if h[0]&0x70 != 0 || h[1]&0x80 == 0 || keys[string(h[2:])] {
			words = append(words, "a frame with reserved bits, without a mask, or with an old one")
		}
		keys[string(h[2:])] = true
		for i := range payload {
			payload[i] ^= h[2+i%4]
		}
		if h[0] == 0x88 {
			return strings.Join(words, ", ")
		}
		words = append(words, fmt.Sprintf("%d %s", h[0]&0x0f, payload))
	}
}
