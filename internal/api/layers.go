package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	rpc "github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// outermost gives every request its id, the headers of every answer, the bound on headers, and a net for panics.
func (s *Server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rq := newRequest(r)
		r = r.WithContext(withRequest(r.Context(), rq))
		h := w.Header()
		h.Set("Request-Id", rq.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		defer s.recovered(w, r)
		s.patience(w)
		if lines, size := headerSize(r); lines > s.cfg.MaxHeaders || size > s.cfg.MaxHeaderBytes {
			e := chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "a request's header has at most %d lines and %d bytes",
				s.cfg.MaxHeaders, s.cfg.MaxHeaderBytes)
			wire.WriteError(w, http.StatusRequestHeaderFieldsTooLarge, e)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// patience bounds the time that a request's body and its answer may take, whatever route it is for. It stands before every
// refusal: net/http reads what is left of a body before it sends an answer, and would wait for it for ever.
func (s *Server) patience(w http.ResponseWriter) {
	// Where the connection has no deadlines (tests), the context is the only bound.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.cfg.RequestTimeout))
	_ = control.SetWriteDeadline(time.Now().Add(s.cfg.RequestTimeout + time.Second))
}

// recovered turns a panic into an internal error; what was already sent stays as it is.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) //nolint:forbidigo // net/http's own way to end a connection
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "request panicked", slog.String("request", requestOf(r.Context()).id),
		slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	s.fail(w, r, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "panic"))
}

// headerSize counts a request's header as it came, nearly: net/http's own bound leaves room for 4 KiB more than it says.
func headerSize(r *http.Request) (lines, size int) {
	size = len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		lines += len(values)
		for _, v := range values {
			size += len(name) + len(": ") + len(v) + len("\r\n")
		}
	}
	return lines, size
}

// procedure bounds a call in time and size, refuses what it is not made for, and tells Connect's own errors in our words.
func (s *Server) procedure(name string, next http.Handler) http.Handler {
	timeout := s.cfg.RequestTimeout
	stream := name == rpc.AccountServiceExportDataProcedure
	if stream {
		timeout = s.cfg.ExportTimeout
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		r = r.WithContext(ctx)
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			wire.WriteError(w, http.StatusMethodNotAllowed, errMethod())
			return
		}
		if !contentType(r, stream) {
			wire.WriteError(w, http.StatusUnsupportedMediaType, errMediaType())
			return
		}
		if name == rpc.AccountServiceRefreshProcedure {
			readCookie(r)
		}
		r.Body = http.MaxBytesReader(w, r.Body, int64(s.cfg.MaxRequestBytes))
		next.ServeHTTP(w, r)
	})
}

// stream lets an answer that is a stream take its own time, once the request has been read: a read deadline that ends
// during the answer would count as the caller's leaving, and cut it off.
func (s *Server) stream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			e := chat.Wrap(err, chat.CodeInvalid, chat.ReasonMalformed, "the request did not arrive whole")
			if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
				e = errRequestTooLarge()
			}
			s.fail(w, r, e)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Now().Add(s.cfg.ExportTimeout + time.Second))
		next.ServeHTTP(w, r)
	})
}

// contentType reports whether the body is in an encoding of ours. gRPC is not served: its errors and its framing would be a
// second protocol to hold to the rules.
func contentType(r *http.Request, stream bool) bool {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	if stream {
		return media == "application/connect+json" || media == "application/connect+proto"
	}
	return media == "application/json" || media == "application/proto"
}

// guard stands between us and Connect: its own errors are caught and told in our words.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &catcher{ResponseWriter: w}
		next.ServeHTTP(c, r)
		s.finish(c, r)
	})
}

// interceptor tells the errors of our services as Connect's.
type interceptor struct{ s *Server }

// WrapUnary implements connect.Interceptor.
func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		if err != nil {
			return nil, i.s.connectError(ctx, err)
		}
		return res, nil
	}
}

// WrapStreamingClient implements connect.Interceptor; the server has no clients.
func (i interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := next(ctx, conn); err != nil {
			return i.s.connectError(ctx, err)
		}
		return nil
	}
}

// serveSession hands a handshake to the gateway, which knows the rest of session.md.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		wire.WriteError(w, http.StatusMethodNotAllowed, chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "a session begins with GET"))
	case refuseURLToken(r) != nil:
		s.fail(w, r, refuseURLToken(r))
	case s.deps.Session == nil:
		s.fail(w, r, chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "no sessions here"))
	default:
		s.deps.Session.ServeHTTP(w, r)
	}
}

func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	status, text := s.Health(r.URL.Path, nil)
	writeText(w, status, text)
}

// serveReady says whether the server should get work; why not is for the operator's log, since anyone may ask.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	status, text := s.Health(r.URL.Path, s.deps.Ready(r.Context()))
	if status != http.StatusOK {
		w.Header().Set("Retry-After", "1")
	}
	writeText(w, status, text)
}

// Health answers a check of the server's health (HTTP-11): by its path, and by why the server should get no work, nil for none. The
// status is 0 for a path that is no check.
func (*Server) Health(path string, unready error) (status int, text string) {
	switch {
	case path == pathHealth:
		return http.StatusOK, "ok\n"
	case path == pathReady && unready != nil:
		return wire.HTTPStatus(chat.CodeUnavailable), "not ready\n"
	case path == pathReady:
		return http.StatusOK, "ready\n"
	default:
		return 0, ""
	}
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the caller has gone
}
