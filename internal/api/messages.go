package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
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

// ListPins implements the procedure of the same name.
func (h messageHandler) ListPins(ctx context.Context, r *connect.Request[throngv1.ListPinsRequest]) (*connect.Response[throngv1.ListPinsResponse], error) {
	who := requestOf(ctx).caller.user
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	v, err := h.s.deps.Timelines.View(ctx, who, id)
	if err != nil {
		return nil, err
	}
	pins, more, err := h.s.deps.Messages.Pins(ctx, who, id, v.Conversation.Pins, chat.Seq(r.Msg.GetBefore()))
	out := &throngv1.ListPinsResponse{More: more}
	for i := range pins {
		out.Pins = append(out.Pins, wire.PinnedMessage(who, pins[i].Pinned, &pins[i].Entry))
	}
	return respond(out, err)
}

// ResolveLink implements the procedure of the same name.
func (h messageHandler) ResolveLink(
	ctx context.Context, r *connect.Request[throngv1.ResolveLinkRequest],
) (*connect.Response[throngv1.ResolveLinkResponse], error) {
	who := requestOf(ctx).caller.user
	id, seq, err := wire.ParseMessageLink(h.s.deps.PublicURL, r.Msg.GetLink())
	if err != nil {
		return nil, err
	}
	p, err := h.s.deps.Messages.Find(ctx, who, id, seq)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&throngv1.ResolveLinkResponse{
		Conversation: uint64(id), Seq: uint64(seq), Entry: wire.Entry(&p.Entry, wire.Part{ClientID: who != 0 && p.Entry.Sender == who}),
		Around: wire.Span(p.Around), HeadSeq: uint64(p.Head.Seq), HeadOrdinal: uint64(p.Head.Ordinal),
		Link: wire.MessageLink(h.s.deps.PublicURL, id, seq),
	}), nil
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
