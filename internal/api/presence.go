package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// presenceHandler is throng.v1.PresenceService.
type presenceHandler struct{ s *Server }

// GetPresence implements the procedure of the same name.
func (h presenceHandler) GetPresence(
	ctx context.Context, r *connect.Request[throngv1.GetPresenceRequest],
) (*connect.Response[throngv1.GetPresenceResponse], error) {
	people := make([]presence.Named, len(r.Msg.GetPeople()))
	for i, p := range r.Msg.GetPeople() {
		user, err := wire.UserID(p.GetUser())
		if err != nil {
			return nil, err
		}
		if n := p.GetConversation(); n != 0 {
			if _, err := wire.ConversationID(n); err != nil {
				return nil, err
			}
		}
		people[i] = presence.Named{User: user, Conversation: chat.ConversationID(p.GetConversation())}
	}
	list, err := h.s.deps.Presence.Read(ctx, requestOf(ctx).caller.user, people)
	return respond(&throngv1.GetPresenceResponse{People: there(list)}, err)
}

// ListOnline implements the procedure of the same name.
func (h presenceHandler) ListOnline(
	ctx context.Context, r *connect.Request[throngv1.ListOnlineRequest],
) (*connect.Response[throngv1.ListOnlineResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	page, err := h.s.deps.Presence.ListOnline(
		ctx, requestOf(ctx).caller.user, id, chat.UserID(r.Msg.GetAfter()), int(min(r.Msg.GetLimit(), presence.MaxOnline)))
	return respond(&throngv1.ListOnlineResponse{People: there(page.People), Next: uint64(page.Next), Online: page.Online}, err)
}

// there tells how people are.
func there(list []presence.Status) []*throngv1.Presence {
	out := make([]*throngv1.Presence, len(list))
	for i, s := range list {
		out[i] = &throngv1.Presence{User: uint64(s.User), State: wire.PresenceState(uint8(s.State))}
	}
	return out
}
