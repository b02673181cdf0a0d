package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/websocket"
)

// handshake is a good one, with more header lines.
func handshake(more string) string {
	return "GET /v1/session HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n"
}

var rules = &websocket.Rules{
	Subprotocols: []string{"chat.a", "chat.b"}, Compression: true,
	Origin: func(r *http.Request, origin string) bool { return origin == "https://"+r.Host },
}

// status parses and checks a request; 101 is agreed.
func status(t *testing.T, head string) (int, websocket.Agreement) {
	t.Helper()
	r, n, err := websocket.ParseRequest([]byte(head))
	if err == nil && n == 0 {
		return 0, websocket.Agreement{}
	}
	var a websocket.Agreement
	if err == nil {
		a, err = rules.Check(r)
	}
	var f *websocket.Refusal
	if errors.As(err, &f) {
		return f.Status, a
	}
	if err != nil {
		t.Fatal(err)
	}
	return http.StatusSwitchingProtocols, a
}

// TestHandshakes are held against RFC 6455 section 4.2.1, S-1, S-3 and S-32 (security nos. 1, 2, 6 to 8, 10 and 11).
func TestHandshakes(t *testing.T) {
	t.Parallel()
	good := handshake("Sec-WebSocket-Protocol: chat.b, chat.a\r\n")
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	more := func(line string) string { return handshake("Sec-WebSocket-Protocol: chat.a\r\n" + line + "\r\n") }
	for _, tc := range []struct {
		name string
		head string
		want int
	}{
		{"good", good, 101},
		{"good, and frames behind it", good + "\x82\x00\x00\x00", 101},
		{"header names in other cases", strings.NewReplacer("Sec-WebSocket", "sec-websocket", "Upgrade:", "UPGRADE:").Replace(good), 101},
		{"upgrade in other case", replace("Upgrade: websocket", "Upgrade: WebSocket"), 101},
		{"several upgrades", replace("Upgrade: websocket", "Upgrade: h2c, websocket"), 101},
		{"not all there", good[:len(good)-2], 0},
		{"nothing there", "", 0},
		{"POST (no. 8)", replace("GET", "POST"), 405},
		{"HTTP/1.0 (no. 8)", replace("HTTP/1.1", "HTTP/1.0"), 400},
		{"HTTP/2.0", replace("HTTP/1.1", "HTTP/2.0"), 400},
		{"no Host", replace("Host: chat.example\r\n", ""), 400},
		{"two Hosts", more("Host: other"), 400},
		{"no Upgrade", replace("Upgrade: websocket\r\n", ""), 426},
		{"another upgrade", replace("Upgrade: websocket", "Upgrade: h2c"), 426},
		{"Connection without upgrade", replace("keep-alive, Upgrade", "keep-alive"), 426},
		{"version 8 (no. 6)", replace("Version: 13", "Version: 8"), 426},
		{"no version", replace("Sec-WebSocket-Version: 13\r\n", ""), 426},
		{"two versions", more("Sec-WebSocket-Version: 13"), 426},
		{"version 013", replace("Version: 13", "Version: 013"), 426},
		{"no key (no. 7)", replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400},
		{"short key (no. 7)", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400},
		{"long key", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZTEy"), 400},
		{"key that is no base64", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ!="), 400},
		{"key with stray bits", replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR=="), 400},
		{"two keys (no. 7)", more("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400},
		{"own origin", more("Origin: https://chat.example"), 101},
		{"foreign origin (no. 1)", more("Origin: https://evil.example"), 403},
		{"origin null (no. 2)", more("Origin: null"), 403},
		{"two origins", more("Origin: https://chat.example\r\nOrigin: https://chat.example"), 403},
		{"no subprotocol", handshake(""), 400},
		{"unknown subprotocol", handshake("Sec-WebSocket-Protocol: soap\r\n"), 400},
		{"a body", more("Content-Length: 1"), 400},
		{"a body in chunks", more("Transfer-Encoding: chunked"), 400},
		{"an empty body", more("Content-Length: 0"), 101},
		{"two lengths", more("Content-Length: 0\r\nContent-Length: 0"), 400},
		{"bare LF (no. 11)", strings.ReplaceAll(good, "\r\n", "\n"), 400},
		{"one bare LF (no. 11)", replace("example\r\n", "example\n"), 400},
		{"bare CR (no. 11)", replace("example", "exa\rmple"), 400},
		{"NUL (no. 11)", replace("example", "exa\x00mple"), 400},
		{"another control character", replace("example", "exa\x1bmple"), 400},
		{"a line that goes on", replace("Upgrade: websocket\r\n", "Upgrade:\r\n websocket\r\n"), 400},
		{"space before the colon", replace("Upgrade:", "Upgrade :"), 400},
		{"no colon", replace("Upgrade: websocket", "Upgrade websocket"), 400},
		{"no name", more(": x"), 400},
		{"two spaces in the request line", replace("GET ", "GET  "), 400},
		{"no version in the request line", replace(" HTTP/1.1", ""), 400},
		{"TLS", "\x16\x03\x01\x00\xa5", 400},
		{"100 headers (no. 10)", handshake("Sec-WebSocket-Protocol: chat.a\r\n" + strings.Repeat("X: y\r\n", 94)), 101},
		{"102 headers (no. 10)", handshake("Sec-WebSocket-Protocol: chat.a\r\n" + strings.Repeat("X: y\r\n", 96)), 431},
		{"16 KiB (no. 10)", more("X: " + strings.Repeat("y", 16<<10)), 431},
		{"16 KiB without an end (no. 10)", "GET /" + strings.Repeat("y", 16<<10), 431},
		{"extensions that break the grammar", more("Sec-WebSocket-Extensions: permessage-deflate; ="), 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got, _ := status(t, tc.head); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

// The answer is that of RFC 6455 section 1.3, and net/http reads it.
func TestAnswer(t *testing.T) {
	t.Parallel()
	_, a := status(t, handshake("Sec-WebSocket-Protocol: soap, chat.b, chat.a\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"))
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(websocket.AppendAnswer(nil, &a))), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for name, want := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-Websocket-Protocol":   "chat.b",
		"Sec-Websocket-Extensions": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
	} {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Error(res.Status)
	}
}

// A refusal's answer says what the status asks for.
func TestRefusal(t *testing.T) {
	t.Parallel()
	r, _, err := websocket.ParseRequest([]byte(strings.Replace(handshake(""), "Version: 13", "Version: 8", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.Check(r)
	var f *websocket.Refusal
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	h := f.Header()
	h.Set("Content-Type", "text/plain")
	b := websocket.AppendResponse(nil, f.Status, h, []byte("no"))
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusUpgradeRequired || res.Header.Get("Sec-Websocket-Version") != "13" || res.ContentLength != 2 || !res.Close {
		t.Errorf("%q", b)
	}
}

// TestExtensions: permessage-deflate is agreed on without context takeover, or declined (S-24; RFC 7692 sections 5 and 7.1).
func TestExtensions(t *testing.T) {
	t.Parallel()
	for offer, bits := range map[string]uint8{
		"": 0, "x-webkit-deflate-frame": 0, "foo, bar; baz=2": 0,
		"permessage-deflate": 15, "permessage-deflate; client_max_window_bits": 15, "permessage-deflate;client_max_window_bits=10": 15,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover":                       15,
		"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12":                         12,
		`permessage-deflate; server_max_window_bits="10"`:                                                  10,
		"permessage-deflate; server_max_window_bits=8":                                                     8,
		"permessage-deflate; server_max_window_bits":                                                       0,
		"permessage-deflate; server_max_window_bits=7":                                                     0,
		"permessage-deflate; server_max_window_bits=16":                                                    0,
		"permessage-deflate; server_max_window_bits=010":                                                   0,
		"permessage-deflate; client_max_window_bits=99":                                                    0,
		"permessage-deflate; server_no_context_takeover=true":                                              0,
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover":                       0,
		"permessage-deflate; unheard_of":                                                                   0,
		"permessage-deflate; unheard_of, permessage-deflate":                                               15,
		"permessage-deflate; unheard_of, permessage-deflate; server_max_window_bits=9, permessage-deflate": 9,
	} {
		got, a := status(t, handshake("Sec-WebSocket-Protocol: chat.a\r\nSec-WebSocket-Extensions: "+offer+"\r\n"))
		if offer == "" {
			got, a = status(t, handshake("Sec-WebSocket-Protocol: chat.a\r\n"))
		}
		if got != 101 || a.WindowBits != bits || a.Takes(1<<bits) != (bits != 0) || a.Takes(1<<bits+1) {
			t.Errorf("%q: %d, %d bits", offer, got, a.WindowBits)
		}
		answer := string(websocket.AppendAnswer(nil, &a))
		if asked := fmt.Sprintf("server_max_window_bits=%d", bits); strings.Contains(answer, asked) != (bits != 0 && bits < 15) {
			t.Errorf("%q: %q", offer, answer)
		}
	}
}

// A connection is not told more of a broken handshake than its first fault, whatever has arrived.
func TestRequestsInPieces(t *testing.T) {
	t.Parallel()
	good := handshake("")
	for i := range good {
		if _, n, err := websocket.ParseRequest([]byte(good[:i])); n != 0 || err != nil {
			t.Fatalf("of %d bytes: %d %v", i, n, err)
		}
	}
	if _, n, err := websocket.ParseRequest([]byte(good + "more")); n != len(good) || err != nil {
		t.Error(n, err)
	}
}
