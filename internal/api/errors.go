package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// tell prepares an error for the caller: what is internal is logged with the request's id and loses its words.
func (s *Server) tell(ctx context.Context, err error) *chat.Error {
	rq := requestOf(ctx)
	e := chat.AsError(err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		e = chat.Errorf(chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
	if e.Code != chat.CodeInternal {
		return e
	}
	s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", rq.id), slog.Uint64("user", uint64(rq.caller.user)),
		slog.Any("error", err))
	return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "internal error, request %s", rq.id)
}

// connectError is err as Connect carries it: its code, the message, the detail, Retry-After.
func (s *Server) connectError(ctx context.Context, err error) *connect.Error {
	var ready *connect.Error
	if errors.As(err, &ready) {
		if len(ready.Details()) > 0 {
			return ready
		}
		_, err = foreign(0, wire.ErrorBody{Code: ready.Code().String(), Message: ready.Message()}) // a stream's body
	}
	e := s.tell(ctx, err)
	told := wire.Error(e)
	out := connect.NewError(wire.CodeToConnect(e.Code), errors.New(told.GetMessage()))
	if d, err := connect.NewErrorDetail(told); err == nil {
		out.AddDetail(d)
	}
	if e.RetryAfter > 0 {
		out.Meta().Set("Retry-After", wire.RetryAfter(e.RetryAfter))
	}
	return out
}

// fail answers with an error in the shape of Connect's, from outside of it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.tell(r.Context(), err)
	wire.WriteError(w, wire.HTTPStatus(e.Code), e)
}
