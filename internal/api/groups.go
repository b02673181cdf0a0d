package api

import (
	"context"
	"strconv"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Bounds of a page of acts.
const (
	defaultActs = 50
	maxActs     = 100
)

// SetNickname implements the procedure of the same name.
func (h conversationHandler) SetNickname(
	ctx context.Context, r *connect.Request[throngv1.SetNicknameRequest],
) (*connect.Response[throngv1.SetNicknameResponse], error) {
	who := requestOf(ctx).caller.user
	named := r.Msg.GetUser()
	if named == 0 {
		named = uint64(who)
	}
	id, user, err := pair(r.Msg.GetConversation(), named)
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Moderation.SetNickname(ctx, who, id, user, r.Msg.GetNickname())
	return respond(&throngv1.SetNicknameResponse{Seq: uint64(res.Seq)}, err)
}

// BanMember implements the procedure of the same name.
func (h conversationHandler) BanMember(
	ctx context.Context, r *connect.Request[throngv1.BanMemberRequest],
) (*connect.Response[throngv1.BanMemberResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Moderation.Ban(ctx, requestOf(ctx).caller.user, id, user, r.Msg.GetUntilMs(), r.Msg.GetReason())
	return respond(&throngv1.BanMemberResponse{Seq: uint64(res.Seq)}, err)
}

// Unban implements the procedure of the same name.
func (h conversationHandler) Unban(
	ctx context.Context, r *connect.Request[throngv1.UnbanRequest],
) (*connect.Response[throngv1.UnbanResponse], error) {
	id, user, err := pair(r.Msg.GetConversation(), r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	res, err := h.s.deps.Moderation.Unban(ctx, requestOf(ctx).caller.user, id, user, r.Msg.GetReason())
	return respond(&throngv1.UnbanResponse{Seq: uint64(res.Seq)}, err)
}

// ListBans implements the procedure of the same name.
func (h conversationHandler) ListBans(
	ctx context.Context, r *connect.Request[throngv1.ListBansRequest],
) (*connect.Response[throngv1.ListBansResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(r.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	limit := pageSize(r.Msg.GetLimit(), defaultMembers, maxMembers)
	list, err := h.s.deps.Moderation.Bans(ctx, requestOf(ctx).caller.user, id, after, limit)
	if err != nil {
		return nil, err
	}
	profiles, err := h.profiles(ctx, list)
	if err != nil {
		return nil, err
	}
	out := &throngv1.ListBansResponse{Bans: wire.Bans(list, func(u chat.UserID) string { return profiles[u].Name })}
	if len(list) > 0 {
		out.NextPageToken = pageToken(list[len(list)-1].User, len(list), limit)
	}
	return connect.NewResponse(out), nil
}

// ListActs implements the procedure of the same name.
func (h conversationHandler) ListActs(
	ctx context.Context, r *connect.Request[throngv1.ListActsRequest],
) (*connect.Response[throngv1.ListActsResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	from, err := pageAfter(r.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	who := requestOf(ctx).caller.user
	acts, next, err := h.s.deps.Moderation.Acts(ctx, who, id, chat.Seq(from), pageSize(r.Msg.GetLimit(), defaultActs, maxActs))
	if err != nil {
		return nil, err
	}
	out := &throngv1.ListActsResponse{Acts: wire.Entries(acts, who)}
	if next != 0 {
		out.NextPageToken = strconv.FormatUint(uint64(next), 10)
	}
	return connect.NewResponse(out), nil
}
