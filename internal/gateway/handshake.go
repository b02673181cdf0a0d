package gateway

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; it guards nothing
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// websocketGUID is RFC 6455's constant of the handshake.
const websocketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// maxHeaders is how many header lines a handshake may have; their bytes are bounded by the HTTP server.
const maxHeaders = 100

// ServeHTTP answers the handshake of a WebSocket connection (S-1 to S-5) and gives the connection to a loop.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hello, status, err := s.check(r)
	if err != nil {
		s.refuse(w, status, err)
		return
	}
	if v := s.admission.enter(hello.Address); v != admitted {
		status, err := refusal(v)
		s.refuse(w, status, err)
		return
	}
	if err := s.upgrade(w, r, hello); err != nil {
		s.admission.settled(hello.Address)
		s.admission.leave(hello.Address)
		s.refuse(w, http.StatusInternalServerError, err)
	}
}

// check holds the request against the rules of the handshake.
func (s *Server) check(r *http.Request) (h Hello, status int, err error) {
	bad := func(status int, reason chat.Reason, message string) (Hello, int, error) {
		return Hello{}, status, chat.Errorf(codeOf(status, reason), reason, "%s", message)
	}
	switch {
	case r.Method != http.MethodGet:
		return bad(http.StatusMethodNotAllowed, chat.ReasonUnsupported, "a session is opened with GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return bad(http.StatusBadRequest, chat.ReasonMalformed, "a session is opened over HTTP/1.1")
	case headerLines(r.Header) > maxHeaders:
		return bad(http.StatusRequestHeaderFieldsTooLarge, chat.ReasonRequestTooLarge, "too many headers")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return bad(http.StatusUpgradeRequired, chat.ReasonUnsupported, "this address speaks WebSocket: ask for an upgrade")
	case r.Header.Get("Sec-Websocket-Version") != "13" || len(r.Header.Values("Sec-Websocket-Version")) != 1:
		return bad(http.StatusUpgradeRequired, chat.ReasonUnsupported, "WebSocket version 13 is spoken here")
	case !goodKey(r.Header.Values("Sec-Websocket-Key")):
		return bad(http.StatusBadRequest, chat.ReasonMalformed, "Sec-WebSocket-Key is 16 bytes in base64, once")
	case tokenInQuery(r.URL):
		return bad(http.StatusBadRequest, chat.ReasonMalformed, "a token never travels in the URL; send it in the first frame")
	case !s.originAllowed(r):
		return bad(http.StatusForbidden, chat.ReasonOriginForbidden, "pages of this origin may not connect")
	}
	sub, ok := subprotocol(r.Header)
	if !ok {
		return bad(http.StatusBadRequest, chat.ReasonUnsupported, "offer the subprotocol "+wire.NameProto+" or "+wire.NameJSON)
	}
	h = Hello{Subprotocol: sub, Address: s.address(r)}
	if auth := r.Header.Get("Authorization"); auth != "" {
		token, isBearer := strings.CutPrefix(auth, "Bearer ")
		if !isBearer || token == "" {
			return bad(http.StatusUnauthorized, chat.ReasonTokenInvalid, "Authorization is Bearer and a token")
		}
		h.Token, h.Device = token, r.Header.Get("Throng-Device")
	}
	return h, 0, nil
}

// upgrade switches the protocol and hands the connection over.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, h Hello) error {
	hj, ok := w.(http.Hijacker)
	if !ok {
		return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "the connection cannot be upgraded")
	}
	c, rw, err := hj.Hijack()
	if err != nil {
		return chat.Wrap(err, chat.CodeInternal, chat.ReasonInternal, "the connection cannot be upgraded")
	}
	if n := rw.Reader.Buffered(); n > 0 {
		first, _ := rw.Reader.Peek(n) // what is buffered can be peeked at
		h.First = append([]byte(nil), first...)
	}
	s.metrics.handshake(http.StatusSwitchingProtocols)
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + websocketGUID)) //nolint:gosec // see the import
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\nSec-WebSocket-Protocol: " + h.Subprotocol.String() + "\r\n\r\n"
	err = c.SetWriteDeadline(time.Now().Add(s.cfg.Linger)) // of the socket, so by the real clock
	if err == nil {
		_, err = c.Write([]byte(answer))
	}
	if err == nil {
		err = prepare(c, s.cfg.SendBuffer)
	}
	if err != nil {
		// The connection is ours and broken: there is nobody to answer.
		s.log.Debug("answering a handshake", "error", err)
		s.admission.settled(h.Address)
		s.admission.leave(h.Address)
		_ = c.Close()
		return nil
	}
	if err := s.adopt(NewTransport(c), h); err != nil {
		s.log.Debug("adopting a connection", "error", err)
	}
	return nil
}

// refuse answers a handshake that is not admitted.
func (s *Server) refuse(w http.ResponseWriter, status int, err error) {
	s.metrics.handshake(status)
	e := chat.AsError(err)
	h := w.Header()
	switch status {
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		h.Set("Sec-Websocket-Version", "13")
	}
	wire.WriteError(w, status, e)
}

// refusal is how the admission's verdict is answered.
func refusal(v verdict) (status int, err *chat.Error) {
	switch v {
	case tooManyFromAddress:
		status, err = http.StatusTooManyRequests,
			chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too many connections from one address")
	case stopping:
		status, err = http.StatusServiceUnavailable,
			chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "this server is about to stop")
	case admitted, tooManyHere:
		status, err = http.StatusServiceUnavailable,
			chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many connections are opening; come back later")
	}
	err.RetryAfter = 2 * time.Second
	return status, err
}

func codeOf(status int, reason chat.Reason) chat.Code {
	if reason == chat.ReasonUnsupported {
		return chat.CodeUnsupported
	}
	switch status {
	case http.StatusForbidden:
		return chat.CodeForbidden
	case http.StatusUnauthorized:
		return chat.CodeUnauthenticated
	case http.StatusRequestHeaderFieldsTooLarge:
		return chat.CodeTooLarge
	default:
		return chat.CodeInvalid
	}
}

// originAllowed implements S-3: the server's own origin, or one of the list.
func (s *Server) originAllowed(r *http.Request) bool {
	list := r.Header.Values("Origin")
	if len(list) == 0 {
		return true
	}
	if len(list) > 1 {
		return false
	}
	allowed := s.cfg.Origins
	if s.deps.Origins != nil {
		allowed = append(s.deps.Origins(), allowed...)
	}
	if slices.Contains(allowed, list[0]) || slices.Contains(allowed, "*") {
		return true
	}
	u, err := url.Parse(list[0])
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

// subprotocol picks the first of the client's offers that we know (S-1).
func subprotocol(h http.Header) (wire.Subprotocol, bool) {
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			if sub, ok := wire.ParseSubprotocol(strings.TrimSpace(name)); ok {
				return sub, true
			}
		}
	}
	return 0, false
}

func tokenInQuery(u *url.URL) bool {
	q := u.Query()
	return q.Has("token") || q.Has("access_token")
}

func goodKey(values []string) bool {
	if len(values) != 1 {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(values[0])
	return err == nil && len(b) == 16
}

func headerLines(h http.Header) (n int) {
	for _, v := range h {
		n += len(v)
	}
	return n
}

// hasToken reports whether a header lists a word, whatever its case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}
