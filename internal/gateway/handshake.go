package gateway

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// ServeHTTP answers the handshake of a WebSocket connection (S-1 to S-5) and gives the connection to a loop.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hello, agreed, err := s.check(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	from, v := s.admission.enter(hello.Address)
	if v != admitted {
		s.refuse(w, refusal(v))
		return
	}
	if err := s.upgrade(w, &agreed, from, hello); err != nil {
		s.admission.settled(from)
		s.admission.leave(from)
		s.refuse(w, err)
	}
}

// rules are what the gateway asks of handshakes beyond RFC 6455.
func (s *Server) rules() *websocket.Rules {
	return &websocket.Rules{
		Subprotocols: []string{wire.NameProto, wire.NameJSON}, Origin: s.originAllowed, Compression: s.cfg.Compression,
	}
}

// check holds the request against the rules of the handshake.
func (s *Server) check(r *http.Request) (h Hello, agreed websocket.Agreement, err error) {
	if s.echo != nil {
		return s.echo.check(r)
	}
	if agreed, err = s.handshake.Check(r); err != nil {
		return Hello{}, agreed, err
	}
	sub, ok := wire.ParseSubprotocol(agreed.Subprotocol)
	if !ok || tokenInQuery(r.URL) {
		return Hello{}, agreed, &websocket.Refusal{Status: http.StatusBadRequest, Err: chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed,
			"a token never travels in the URL; send it in the first frame")}
	}
	h = Hello{Subprotocol: sub, Address: s.address(r), WindowBits: agreed.WindowBits}
	if auth := r.Header.Get("Authorization"); auth != "" {
		token, isBearer := strings.CutPrefix(auth, "Bearer ")
		if !isBearer || token == "" {
			return Hello{}, agreed, &websocket.Refusal{Status: http.StatusUnauthorized, Err: chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid,
				"Authorization is Bearer and a token")}
		}
		h.Token, h.Device = token, r.Header.Get("Throng-Device")
	}
	if ahead := r.Header.Get(headerAhead); ahead != "" {
		h.Ahead, err = base64.RawURLEncoding.DecodeString(ahead)
		if err != nil || h.Token == "" {
			return Hello{}, agreed, &websocket.Refusal{Status: http.StatusBadRequest, Err: chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed,
				headerAhead+" is a frame in base64url without padding, beside an Authorization")}
		}
	}
	return h, agreed, nil
}

// headerAhead has the frame that a client would send first. It is as long as a head may be, at most.
const headerAhead = "Throng-Frame"

// upgrade switches the protocol and hands the connection over.
func (s *Server) upgrade(w http.ResponseWriter, agreed *websocket.Agreement, from *held, h Hello) error {
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
	err = c.SetWriteDeadline(time.Now().Add(s.cfg.Linger)) // of the socket, so by the real clock
	if err == nil {
		_, err = c.Write(websocket.AppendAnswer(nil, agreed))
	}
	if err == nil {
		err = prepare(c, s.cfg.SendBuffer)
	}
	if err != nil {
		// The connection is ours and broken: there is nobody to answer.
		s.log.Debug("answering a handshake", "error", err)
		s.admission.settled(from)
		s.admission.leave(from)
		_ = c.Close()
		return nil
	}
	if err := s.adopt(NewTransport(c), from, h); err != nil {
		s.log.Debug("adopting a connection", "error", err)
	}
	return nil
}

// refuse answers a handshake that is not admitted.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	f := &websocket.Refusal{Status: http.StatusInternalServerError, Err: chat.AsError(err)}
	_ = errors.As(err, &f) // anything else is our fault
	s.metrics.handshake(f.Status)
	maps.Copy(w.Header(), f.Header())
	wire.WriteError(w, f.Status, f.Err)
}

// refusal is how the admission's verdict is answered.
func refusal(v verdict) *websocket.Refusal {
	f := &websocket.Refusal{Status: http.StatusServiceUnavailable}
	wait := 2 * time.Second
	switch v {
	case tooManyFromAddress:
		f.Status = http.StatusTooManyRequests
		f.Err = chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too many connections from one address")
	case stopping:
		f.Err = chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "this server takes no sessions now; come back in a moment")
	case shut: // for as long as a step on the ladder lasts, at least
		wait = 10 * time.Second
		f.Err = chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "the server has too much to do to let anybody in; come back later")
	case admitted, tooManyHere:
		f.Err = chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many connections are opening; come back later")
	}
	f.Err.RetryAfter = wait
	return f
}

// originAllowed implements S-3: the server's own origin, or one of the list.
func (s *Server) originAllowed(r *http.Request, origin string) bool {
	allowed := s.cfg.Origins
	if s.deps.Origins != nil {
		allowed = append(s.deps.Origins(), allowed...)
	}
	if slices.Contains(allowed, origin) || slices.Contains(allowed, "*") {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}

func tokenInQuery(u *url.URL) bool {
	q := u.Query()
	return q.Has("token") || q.Has("access_token")
}
