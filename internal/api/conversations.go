package api

import (
	"context"
	"strconv"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// conversationHandler is throng.v1.ConversationService. What changes members is in members.go.
type conversationHandler struct{ s *Server }

// view shows a conversation to the caller as it is now.
func (h conversationHandler) view(ctx context.Context, id chat.ConversationID) (*throngv1.Conversation, error) {
	user := requestOf(ctx).caller.user
	v, err := h.s.deps.Timelines.View(ctx, user, id)
	if err != nil {
		return nil, err
	}
	return wire.Conversation(user, (*wire.View)(&v)), nil
}

// OpenDirect implements the procedure of the same name.
func (h conversationHandler) OpenDirect(
	ctx context.Context, r *connect.Request[throngv1.OpenDirectRequest],
) (*connect.Response[throngv1.OpenDirectResponse], error) {
	peer, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	id, err := h.s.deps.Openings.OpenDirect(ctx, requestOf(ctx).caller.user, peer)
	if err != nil {
		return nil, err
	}
	v, err := h.view(ctx, id)
	return respond(&throngv1.OpenDirectResponse{Conversation: v}, err)
}

// CreateGroup implements the procedure of the same name.
func (h conversationHandler) CreateGroup(
	ctx context.Context, r *connect.Request[throngv1.CreateGroupRequest],
) (*connect.Response[throngv1.CreateGroupResponse], error) {
	client, err := chat.ParseClientID(r.Msg.GetClientId())
	if err != nil {
		return nil, err
	}
	if len(r.Msg.GetMembers()) > chat.MaxMembersAtOnce {
		return nil, errTooManyMembers()
	}
	members, err := wire.UserIDs(r.Msg.GetMembers())
	if err != nil {
		return nil, err
	}
	id, err := h.s.deps.Openings.CreateGroup(ctx, requestOf(ctx).caller.user, conversation.NewGroup{
		ClientID: client, Name: r.Msg.GetName(), Avatar: r.Msg.GetAvatar(), Description: r.Msg.GetDescription(),
		Open: r.Msg.GetOpen(), Members: members,
	})
	if err != nil {
		return nil, err
	}
	v, err := h.view(ctx, id)
	return respond(&throngv1.CreateGroupResponse{Conversation: v}, err)
}

func errTooManyMembers() *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMembers, "at most %d members come at once", chat.MaxMembersAtOnce)
}

// GetConversation implements the procedure of the same name.
func (h conversationHandler) GetConversation(
	ctx context.Context, r *connect.Request[throngv1.GetConversationRequest],
) (*connect.Response[throngv1.GetConversationResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	v, err := h.view(ctx, id)
	return respond(&throngv1.GetConversationResponse{Conversation: v}, err)
}

// ListConversations implements the procedure of the same name.
func (h conversationHandler) ListConversations(
	ctx context.Context, r *connect.Request[throngv1.ListConversationsRequest],
) (*connect.Response[throngv1.ListConversationsResponse], error) {
	user := requestOf(ctx).caller.user
	l, err := h.s.deps.Timelines.List(ctx, user, timeline.ListQuery{
		Limit: pageSize(r.Msg.GetLimit(), defaultListing, maxListing), Token: r.Msg.GetPageToken(), Archived: r.Msg.GetArchived(),
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&throngv1.ListConversationsResponse{
		Conversations: conversations(user, l.Views), NextPageToken: l.Next, TotalUnread: l.TotalUnread,
	}), nil
}

// UpdateGroup implements the procedure of the same name.
func (h conversationHandler) UpdateGroup(
	ctx context.Context, r *connect.Request[throngv1.UpdateGroupRequest],
) (*connect.Response[throngv1.UpdateGroupResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	c, err := wire.Changed(r.Msg)
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Update(ctx, requestOf(ctx).caller.user, id, c, r.Msg.GetPassword())
	return respond(&throngv1.UpdateGroupResponse{Seq: uint64(res.Seq)}, err)
}

// Join implements the procedure of the same name.
func (h conversationHandler) Join(ctx context.Context, r *connect.Request[throngv1.JoinRequest]) (*connect.Response[throngv1.JoinResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	if _, err := h.s.deps.Openings.Join(ctx, requestOf(ctx).caller.user, id, r.Msg.GetPassword()); err != nil {
		return nil, err
	}
	v, err := h.view(ctx, id)
	return respond(&throngv1.JoinResponse{Conversation: v}, err)
}

// Dissolve implements the procedure of the same name.
func (h conversationHandler) Dissolve(
	ctx context.Context, r *connect.Request[throngv1.DissolveRequest],
) (*connect.Response[throngv1.DissolveResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Dissolve(ctx, requestOf(ctx).caller.user, id)
	return respond(&throngv1.DissolveResponse{Seq: uint64(res.Seq)}, err)
}

// UpdateSettings implements the procedure of the same name.
func (h conversationHandler) UpdateSettings(
	ctx context.Context, r *connect.Request[throngv1.UpdateSettingsRequest],
) (*connect.Response[throngv1.UpdateSettingsResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	settings, err := h.s.deps.Timelines.Settings(ctx, requestOf(ctx).caller.user, id, timeline.SettingsPatch{
		Pinned: r.Msg.Pinned, Muted: r.Msg.Muted, Archived: r.Msg.Archived, MarkedUnread: r.Msg.MarkedUnread, Draft: r.Msg.Draft,
	})
	return respond(&throngv1.UpdateSettingsResponse{Settings: wire.Settings(settings)}, err)
}

// pageAfter reads the token of a page that is ordered by user id. Clients take tokens as they are.
func pageAfter(token string) (chat.UserID, error) {
	if token == "" {
		return 0, nil
	}
	n, err := chat.ParseID(token)
	if err != nil {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonPageTokenInvalid, "pass the page token on as it was answered")
	}
	return chat.UserID(n), nil
}

// pageToken is the token behind a page of n items that ended with user; empty where there are no more.
func pageToken(user chat.UserID, n, limit int) string {
	if n < limit {
		return ""
	}
	return strconv.FormatUint(uint64(user), 10)
}
