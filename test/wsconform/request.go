package wsconform

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// guid is the constant of RFC 6455 section 1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Request is the head of a handshake, which cases change.
type Request struct {
	Line  string
	Lines []string // header lines, as they go out
	End   string   // of each line
	Body  string
	key   string
}

// request is a good handshake (RFC 6455 section 4.1).
func request(t *Target, subprotocol string) *Request {
	nonce := base64.StdEncoding.EncodeToString([]byte("sixteen bytes it"))
	r := &Request{Line: "GET " + t.Path + " HTTP/1.1", End: "\r\n", key: nonce, Lines: []string{
		"Host: " + t.Address, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: " + nonce, "Sec-WebSocket-Version: 13",
	}}
	if subprotocol != "" {
		r.Add("Sec-WebSocket-Protocol: " + subprotocol)
	}
	return r
}

// Add adds a header line.
func (r *Request) Add(lines ...string) { r.Lines = append(r.Lines, lines...) }

// Drop takes the lines of a header out.
func (r *Request) Drop(name string) {
	r.Lines = slices.DeleteFunc(r.Lines, func(line string) bool {
		return strings.HasPrefix(strings.ToLower(line), strings.ToLower(name)+":")
	})
}

// Set replaces a header.
func (r *Request) Set(name, value string) {
	r.Drop(name)
	r.Add(name + ": " + value)
	if strings.EqualFold(name, "Sec-WebSocket-Key") {
		r.key = value
	}
}

// bytes is the request as it goes over the wire.
func (r *Request) bytes() []byte {
	return []byte(r.Line + r.End + strings.Join(r.Lines, r.End) + r.End + r.End + r.Body)
}

// accept is the answer to the key.
func (r *Request) accept() string {
	sum := sha1.Sum([]byte(r.key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Answer is the head of the server's answer.
type Answer struct {
	Status int
	Header http.Header
	// Deflate are the parameters of permessage-deflate that were agreed on; nil: it was not.
	Deflate map[string]string
}

// wrong says what is wrong with a 101 (RFC 6455 section 4.2.2).
func (a *Answer) wrong(r *Request) string {
	switch h := a.Header; {
	case !lists(h, "Upgrade", "websocket"):
		return "the answer does not upgrade to websocket"
	case !lists(h, "Connection", "upgrade"):
		return "the answer's Connection has no upgrade"
	case len(h.Values("Sec-Websocket-Accept")) != 1 || h.Get("Sec-Websocket-Accept") != r.accept():
		return "Sec-WebSocket-Accept is " + h.Get("Sec-Websocket-Accept") + ", not " + r.accept()
	case len(h.Values("Sec-Websocket-Protocol")) > 1:
		return "several subprotocols"
	case h.Get("Sec-Websocket-Protocol") != "" && !offered(r, "Sec-WebSocket-Protocol", h.Get("Sec-Websocket-Protocol")):
		return "a subprotocol that nobody offered"
	case h.Get("Sec-Websocket-Extensions") != "" && !offered(r, "Sec-WebSocket-Extensions", "permessage-deflate"):
		return "an extension that nobody offered"
	}
	return ""
}

// lists reports whether a header has a word, in any case.
func lists(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}

// offered reports whether a header of the request has a word.
func offered(r *Request, name, word string) bool {
	for _, line := range r.Lines {
		if n, value, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) && strings.Contains(value, word) {
			return true
		}
	}
	return false
}

// parseDeflate reads the server's Sec-WebSocket-Extensions (RFC 7692 section 5.2); why says what is wrong with it.
func parseDeflate(h http.Header) (params map[string]string, why string) {
	value := strings.Join(h.Values("Sec-Websocket-Extensions"), ", ")
	if value == "" {
		return nil, ""
	}
	if strings.Contains(value, ",") {
		return nil, "more than one extension: " + value
	}
	parts := strings.Split(value, ";")
	if strings.TrimSpace(parts[0]) != "permessage-deflate" {
		return nil, "an unknown extension: " + value
	}
	params = map[string]string{}
	for _, p := range parts[1:] {
		name, arg, _ := strings.Cut(strings.TrimSpace(p), "=")
		if _, twice := params[name]; twice {
			return nil, "a parameter twice: " + value
		}
		if !slices.Contains([]string{serverTakeover, clientTakeover, serverBits, clientBits}, name) {
			return nil, "an unknown parameter: " + value
		}
		params[name] = strings.Trim(arg, `"`)
	}
	return params, ""
}

// Parameters of permessage-deflate (RFC 7692 section 7.1).
const (
	serverTakeover = "server_no_context_takeover"
	clientTakeover = "client_no_context_takeover"
	serverBits     = "server_max_window_bits"
	clientBits     = "client_max_window_bits"
)
