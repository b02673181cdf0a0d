package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// messageHandler is throng.v1.MessageService.
type messageHandler struct{ s *Server }

// Send implements the procedure of the same name.
func (h messageHandler) Send(ctx context.Context, r *connect.Request[throngv1.SendRequest]) (*connect.Response[throngv1.SendResponse], error) {
	who := requestOf(ctx).caller
	if who.user != 0 {
		if err := h.s.deps.Limits.TakeSend(who.user, chat.ConversationID(r.Msg.GetConversation())); err != nil {
			return nil, err
		}
	}
	if r.Msg.GetTraceparent() == "" {
		r.Msg.Traceparent = r.Header().Get("Traceparent")
	}
	sent, err := h.s.backend.Send(ctx, who.actor(), r.Msg)
	if err != nil && who.user != 0 {
		h.s.deps.Limits.GiveSend(chat.ConversationID(r.Msg.GetConversation()))
	}
	return respond(sent, err)
}

// ListEntries implements the procedure of the same name.
func (h messageHandler) ListEntries(
	ctx context.Context, r *connect.Request[throngv1.ListEntriesRequest],
) (*connect.Response[throngv1.ListEntriesResponse], error) {
	return respond(h.s.backend.ListEntries(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// ListEdits implements the procedure of the same name.
func (h messageHandler) ListEdits(
	ctx context.Context, r *connect.Request[throngv1.ListEditsRequest],
) (*connect.Response[throngv1.ListEditsResponse], error) {
	return respond(h.s.backend.ListEdits(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// MarkRead implements the procedure of the same name.
func (h messageHandler) MarkRead(
	ctx context.Context, r *connect.Request[throngv1.MarkReadRequest],
) (*connect.Response[throngv1.MarkReadResponse], error) {
	return respond(h.s.backend.MarkRead(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// Sync implements the procedure of the same name.
func (h messageHandler) Sync(ctx context.Context, r *connect.Request[throngv1.SyncRequest]) (*connect.Response[throngv1.SyncResponse], error) {
	return respond(h.s.backend.Sync(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// respond wraps an answer for Connect.
func respond[T any](m *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(m), nil
}
