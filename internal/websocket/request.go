package websocket

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// MaxHead is the most bytes of a request's head: request line and headers.
	MaxHead = 16 << 10
	// MaxHeaders is the most header lines.
	MaxHeaders = 100
)

// ParseRequest parses the head of an HTTP request at the front of b. n is its length; 0 without an error: more bytes are
// needed. The error is a [*Refusal]: 431 for a head above the bounds, 400 for one that is none. A request that
// asks for something else than a WebSocket may be given to net/http with all its bytes: what is accepted here is a subset
// of what net/http accepts, with the same meaning. That is a stricter grammar than net/http's: lines end with CR LF and nothing else, no
// other control characters but tabs in values, no line goes on in the next, no space before a colon, no two lengths.
func ParseRequest(b []byte) (r *http.Request, n int, err error) {
	end := bytes.Index(b[:min(len(b), MaxHead)], []byte("\r\n\r\n"))
	head := b
	if end >= 0 {
		head = b[:end+2]
	}
	if f := checkBytes(head); f != nil {
		return nil, 0, f
	}
	if end < 0 {
		if len(b) >= MaxHead {
			return nil, 0, refused(http.StatusRequestHeaderFieldsTooLarge, chat.CodeTooLarge, chat.ReasonRequestTooLarge, "the head of the request is too long")
		}
		return nil, 0, nil
	}
	// One copy for all strings of the request: b is borrowed.
	line, rest, _ := strings.Cut(string(head), "\r\n")
	r = &http.Request{}
	if f := requestLine(r, line); f != nil {
		return nil, 0, f
	}
	if f := fields(r, rest); f != nil {
		return nil, 0, f
	}
	return r, end + 4, nil
}

// checkBytes refuses what no head contains, whether it is complete or not: who does not speak HTTP is told at once.
func checkBytes(head []byte) *Refusal {
	lines := 0
	for i, c := range head {
		switch {
		case c >= ' ' && c != 0x7f || c == '\t':
		case c == '\r' && (i+1 == len(head) || head[i+1] == '\n'):
		case c == '\n' && i > 0 && head[i-1] == '\r':
			lines++
		default:
			return malformed("the head of the request has a control character, or a line that does not end with CR LF")
		}
	}
	if lines > MaxHeaders+1 {
		return tooManyHeaders()
	}
	return nil
}

func tooManyHeaders() *Refusal {
	return refused(http.StatusRequestHeaderFieldsTooLarge, chat.CodeTooLarge, chat.ReasonRequestTooLarge, "too many headers")
}

// requestLine parses "GET /path HTTP/1.1".
func requestLine(r *http.Request, line string) *Refusal {
	bad := func() *Refusal { return malformed("the request line is not method, target and version") }
	method, rest, ok := strings.Cut(line, " ")
	target, proto, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 || !isToken(method) || target == "" {
		return bad()
	}
	if r.ProtoMajor, r.ProtoMinor, ok = http.ParseHTTPVersion(proto); !ok {
		return bad()
	}
	r.Method, r.RequestURI, r.Proto = method, target, proto
	if method == http.MethodConnect && !strings.HasPrefix(target, "/") {
		target = "http://" + target // its target is host and port
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return bad()
	}
	if r.URL = u; method == http.MethodConnect && !strings.HasPrefix(r.RequestURI, "/") {
		u.Scheme = ""
	}
	return nil
}

// fields parses the header lines.
func fields(r *http.Request, lines string) *Refusal {
	r.Header = make(http.Header, strings.Count(lines, "\n"))
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return malformed("a header line is not a name, a colon and a value")
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		r.Header[name] = append(r.Header[name], strings.Trim(value, " \t"))
	}
	return host(r)
}

// host takes Host out of the header, as net/http does, and looks at what says how long the body is.
func host(r *http.Request) *Refusal {
	hosts := r.Header["Host"]
	if len(hosts) > 1 {
		return malformed("more than one Host")
	}
	delete(r.Header, "Host")
	if r.Host = r.URL.Host; r.Host == "" && len(hosts) == 1 {
		r.Host = hosts[0]
	}
	r.TransferEncoding = r.Header["Transfer-Encoding"]
	lengths := r.Header["Content-Length"]
	if len(lengths) > 1 || len(lengths) == 1 && len(r.TransferEncoding) > 0 {
		return malformed("more than one thing says how long the body is")
	}
	if len(lengths) == 1 && lengths[0] != "0" {
		r.ContentLength = -1 // there is one; how long it is, is net/http's
	}
	return nil
}
