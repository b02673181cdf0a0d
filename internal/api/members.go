package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// pair reads the ids of a request about one member.
func pair(conversationID, userID uint64) (chat.ConversationID, chat.UserID, error) {
	id, err := wire.ConversationID(conversationID)
	if err != nil {
		return 0, 0, err
	}
	user, err := wire.UserID(userID)
	return id, user, err
}

// AddMembers implements the procedure of the same name.
func (h conversationHandler) AddMembers(
	ctx context.Context, r *connect.Request[throngv1.AddMembersRequest],
) (*connect.Response[throngv1.AddMembersResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	if len(r.Msg.GetUsers()) > chat.MaxMembersAtOnce {
		return nil, errTooManyMembers()
	}
	users, err := wire.UserIDs(r.Msg.GetUsers())
	if err != nil {
		return nil, err
	}
	role, err := wire.Role(r.Msg.GetRole())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.AddMembers(ctx, requestOf(ctx).caller.user, id, users, role)
	return respond(&throngv1.AddMembersResponse{Seq: uint64(res.Seq), Added: uint32(max(res.Count, 0))}, err)
}

// RemoveMember implements the procedure of the same name.
func (h conversationHandler) RemoveMember(
	ctx context.Context, r *connect.Request[throngv1.RemoveMemberRequest],
) (*connect.Response[throngv1.RemoveMemberResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Remove(ctx, requestOf(ctx).caller.user, id, user, r.Msg.GetReason())
	return respond(&throngv1.RemoveMemberResponse{Seq: uint64(res.Seq)}, err)
}

// Leave implements the procedure of the same name.
func (h conversationHandler) Leave(
	ctx context.Context, r *connect.Request[throngv1.LeaveRequest],
) (*connect.Response[throngv1.LeaveResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Leave(ctx, requestOf(ctx).caller.user, id)
	return respond(&throngv1.LeaveResponse{Seq: uint64(res.Seq)}, err)
}

// SetRole implements the procedure of the same name.
func (h conversationHandler) SetRole(
	ctx context.Context, r *connect.Request[throngv1.SetRoleRequest],
) (*connect.Response[throngv1.SetRoleResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	role, err := wire.Role(r.Msg.GetRole())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.SetRole(ctx, requestOf(ctx).caller.user, id, user, role)
	return respond(&throngv1.SetRoleResponse{Seq: uint64(res.Seq)}, err)
}

// Transfer implements the procedure of the same name.
func (h conversationHandler) Transfer(
	ctx context.Context, r *connect.Request[throngv1.TransferRequest],
) (*connect.Response[throngv1.TransferResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Transfer(ctx, requestOf(ctx).caller.user, id, user)
	return respond(&throngv1.TransferResponse{Seq: uint64(res.Seq)}, err)
}

// MuteMember implements the procedure of the same name.
func (h conversationHandler) MuteMember(
	ctx context.Context, r *connect.Request[throngv1.MuteMemberRequest],
) (*connect.Response[throngv1.MuteMemberResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Changes.Mute(ctx, requestOf(ctx).caller.user, id, user, r.Msg.GetUntilMs(), r.Msg.GetReason())
	return respond(&throngv1.MuteMemberResponse{Seq: uint64(res.Seq)}, err)
}

// ListMembers implements the procedure of the same name.
func (h conversationHandler) ListMembers(
	ctx context.Context, r *connect.Request[throngv1.ListMembersRequest],
) (*connect.Response[throngv1.ListMembersResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(r.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	role, err := wire.Role(r.Msg.GetRole())
	if err != nil {
		return nil, err
	}
	limit := pageSize(r.Msg.GetLimit(), defaultMembers, maxMembers)
	members, total, err := h.s.deps.Openings.Members(ctx, requestOf(ctx).caller.user, id, after, limit, role)
	if err != nil {
		return nil, err
	}
	out := &throngv1.ListMembersResponse{MemberCount: total, Members: make([]*throngv1.Member, len(members))}
	profiles, err := h.profiles(ctx, members)
	if err != nil {
		return nil, err
	}
	for i, m := range members {
		p := profiles[m.User]
		out.Members[i] = wire.Member(m, p.Name, p.Avatar)
		out.NextPageToken = pageToken(m.User, len(members), limit)
	}
	return connect.NewResponse(out), nil
}

func (h conversationHandler) profiles(ctx context.Context, members []chat.Member) (map[chat.UserID]account.Profile, error) {
	ids := make([]chat.UserID, len(members))
	for i, m := range members {
		ids[i] = m.User
	}
	list, err := h.s.deps.Users.Profiles(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[chat.UserID]account.Profile, len(list))
	for _, p := range list {
		out[p.User] = p
	}
	return out, nil
}
