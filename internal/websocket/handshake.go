package websocket

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; it guards nothing
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// guid is RFC 6455's constant of the handshake.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// version of the protocol, the only one there is.
const version = "13"

// Rules are what a server asks of handshakes beyond the RFC.
type Rules struct {
	// Subprotocols that the server speaks. One of them must be offered; with none listed, none is agreed on.
	Subprotocols []string
	// Origin says whether a browser's page may connect; nil lets everybody. It is asked where there is exactly one Origin.
	Origin func(r *http.Request, origin string) bool
	// Compression says whether permessage-deflate is agreed on where it is offered.
	Compression bool
}

// Agreement is what both sides agreed on.
type Agreement struct {
	// Key is the client's Sec-WebSocket-Key.
	Key string
	// Subprotocol is the first of the client's offers that the server speaks.
	Subprotocol string
	// WindowBits is the window of the client's decompressor, 8 to 15 bits; 0: no compression was agreed on.
	WindowBits uint8
}

// Compressed reports whether compressed messages may be sent and may come.
func (a *Agreement) Compressed() bool { return a.WindowBits != 0 }

// Takes reports whether the client can inflate a compressed message of so many bytes: no match of one reaches further back than
// its own beginning, so what fits into the client's window can always be inflated.
func (a *Agreement) Takes(inflated int) bool { return a.WindowBits != 0 && inflated <= 1<<a.WindowBits }

// Refusal is a handshake that is not agreed to: the HTTP status and the error of the answer.
type Refusal struct { //nolint:errname // a noun: it is an answer more than an error
	Status int
	Err    *chat.Error
}

// Error implements error.
func (f *Refusal) Error() string { return f.Err.Error() }

// Unwrap returns the error that strangers are told.
func (f *Refusal) Unwrap() error { return f.Err }

// Header returns the header lines that the status asks for.
func (f *Refusal) Header() http.Header {
	h := make(http.Header)
	switch f.Status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		h.Set("Sec-Websocket-Version", version)
	}
	return h
}

func refused(status int, code chat.Code, reason chat.Reason, message string) *Refusal {
	return &Refusal{status, chat.Errorf(code, reason, "%s", message)}
}

func malformed(message string) *Refusal {
	return refused(http.StatusBadRequest, chat.CodeInvalid, chat.ReasonMalformed, message)
}

// Check holds a request against RFC 6455 section 4.2.1 and the server's rules. The error is a [*Refusal].
func (u *Rules) Check(r *http.Request) (a Agreement, err error) {
	if err := u.request(r); err != nil {
		return Agreement{}, err
	}
	a.Key = r.Header.Get("Sec-Websocket-Key")
	if len(u.Subprotocols) > 0 {
		if a.Subprotocol = u.subprotocol(r.Header); a.Subprotocol == "" {
			return Agreement{}, refused(http.StatusBadRequest, chat.CodeUnsupported, chat.ReasonUnsupported,
				"offer the subprotocol "+strings.Join(u.Subprotocols, " or "))
		}
	}
	list, ok := offers(r.Header.Values("Sec-Websocket-Extensions"))
	if !ok {
		return Agreement{}, malformed("Sec-WebSocket-Extensions is not a list of extensions")
	}
	if u.Compression {
		a.WindowBits = negotiate(list)
	}
	return a, nil
}

func (u *Rules) request(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet:
		return refused(http.StatusMethodNotAllowed, chat.CodeUnsupported, chat.ReasonUnsupported, "a session is opened with GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return malformed("a session is opened over HTTP/1.1")
	case headerLines(r.Header) > MaxHeaders:
		return tooManyHeaders()
	case r.Host == "":
		return malformed("there is no Host")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return malformed("a handshake has no body")
	case !HasToken(r.Header, "Connection", "upgrade") || !HasToken(r.Header, "Upgrade", "websocket"):
		return upgradeRequired("this address speaks WebSocket: ask for an upgrade")
	case !only(r.Header, "Sec-Websocket-Version", version):
		return upgradeRequired("WebSocket version 13 is spoken here")
	case !goodKey(r.Header.Values("Sec-Websocket-Key")):
		return malformed("Sec-WebSocket-Key is 16 bytes in base64, once")
	case !u.origin(r):
		return refused(http.StatusForbidden, chat.CodeForbidden, chat.ReasonOriginForbidden, "pages of this origin may not connect")
	}
	return nil
}

func upgradeRequired(message string) *Refusal {
	return refused(http.StatusUpgradeRequired, chat.CodeUnsupported, chat.ReasonUnsupported, message)
}

func (u *Rules) origin(r *http.Request) bool {
	list := r.Header.Values("Origin")
	switch {
	case u.Origin == nil || len(list) == 0:
		return true
	case len(list) > 1:
		return false
	}
	return u.Origin(r, list[0])
}

// subprotocol picks the first of the client's offers that is spoken here.
func (u *Rules) subprotocol(h http.Header) string {
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			for _, known := range u.Subprotocols {
				if name == known {
					return known
				}
			}
		}
	}
	return ""
}

func only(h http.Header, name, value string) bool {
	list := h.Values(name)
	return len(list) == 1 && list[0] == value
}

func goodKey(values []string) bool {
	if len(values) != 1 {
		return false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(values[0])
	return err == nil && len(b) == 16
}

func headerLines(h http.Header) (n int) {
	for _, v := range h {
		n += len(v)
	}
	return n
}

// AppendAnswer appends the answer that switches the protocol.
func AppendAnswer(dst []byte, a *Agreement) []byte {
	sum := sha1.Sum([]byte(a.Key + guid)) //nolint:gosec // see the import
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	if a.Subprotocol != "" {
		dst = append(dst, "\r\nSec-WebSocket-Protocol: "...)
		dst = append(dst, a.Subprotocol...)
	}
	if a.Compressed() {
		dst = append(dst, "\r\nSec-WebSocket-Extensions: "...)
		dst = appendExtension(dst, a.WindowBits)
	}
	return append(dst, "\r\n\r\n"...)
}

// AppendResponse appends a whole HTTP answer that ends the connection, for those who answer without net/http.
func AppendResponse(dst []byte, status int, h http.Header, body []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(append(dst, ' '), http.StatusText(status)...)
	dst = append(dst, "\r\n"...)
	for name, values := range h {
		if name == "Connection" || name == "Content-Length" {
			continue // said below
		}
		for _, value := range values {
			dst = append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
		}
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\nConnection: close"...)
	if status == http.StatusUpgradeRequired {
		dst = append(dst, ", Upgrade"...) // RFC 9110 section 7.8: who sends Upgrade names it here
	}
	return append(append(dst, "\r\n\r\n"...), body...)
}
