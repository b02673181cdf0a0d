package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// limited is the answer to who has to wait.
func limited(wait time.Duration) *chat.Error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too often; try again in %s", wait.Round(time.Second)+time.Second)
	e.RetryAfter = wait
	return e
}

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
		_, err = foreign(0, errorBody{Code: ready.Code().String(), Message: ready.Message()}) // a stream's body
	}
	e := s.tell(ctx, err)
	told := wire.Error(e)
	out := connect.NewError(wire.CodeToConnect(e.Code), errors.New(told.GetMessage()))
	if d, err := connect.NewErrorDetail(told); err == nil {
		out.AddDetail(d)
	}
	if e.RetryAfter > 0 {
		out.Meta().Set("Retry-After", seconds(e.RetryAfter))
	}
	return out
}

// seconds rounds up: who waits that long has waited long enough.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// fail answers with an error in the shape of Connect's, from outside of it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.tell(r.Context(), err)
	writeError(w, wire.HTTPStatus(e.Code), e)
}

// errorBody is Connect's JSON for errors.
type errorBody struct {
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Details []errorDetail `json:"details,omitempty"`
}

type errorDetail struct {
	Type  string          `json:"type"`
	Value string          `json:"value"`
	Debug json.RawMessage `json:"debug,omitempty"`
}

// writeError is the one writer of errors outside of Connect's handlers.
func writeError(w http.ResponseWriter, status int, e *chat.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", seconds(e.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	told := wire.Error(e)
	body := errorBody{Code: wire.CodeToConnect(e.Code).String(), Message: told.GetMessage(), Details: details(told)}
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}

func details(e *throngv1.Error) []errorDetail {
	value, err := proto.Marshal(e)
	if err != nil {
		return nil // a message that is not UTF-8; the code is told all the same
	}
	debug, err := protojson.Marshal(e)
	if err != nil {
		return nil
	}
	return []errorDetail{{Type: string(e.ProtoReflect().Descriptor().FullName()), Value: base64.RawStdEncoding.EncodeToString(value), Debug: debug}}
}
