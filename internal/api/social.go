package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// socialHandler is throng.v1.SocialService.
type socialHandler struct{ s *Server }

// about does something between the caller and the user that a request names.
func about(
	ctx context.Context, other uint64, do func(ctx context.Context, user, other chat.UserID) (social.View, error),
) (*throngv1.Relation, error) {
	id, err := wire.UserID(other)
	if err != nil {
		return nil, err
	}
	v, err := do(ctx, requestOf(ctx).caller.user, id)
	if err != nil {
		return nil, err
	}
	return relation(v), nil
}

// RequestFriend implements the procedure of the same name.
func (h socialHandler) RequestFriend(
	ctx context.Context, r *connect.Request[throngv1.RequestFriendRequest],
) (*connect.Response[throngv1.RequestFriendResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), func(ctx context.Context, user, other chat.UserID) (social.View, error) {
		return h.s.deps.Relations.Request(ctx, user, other, r.Msg.GetNote())
	})
	return respond(&throngv1.RequestFriendResponse{Relation: out}, err)
}

// AcceptFriend implements the procedure of the same name.
func (h socialHandler) AcceptFriend(
	ctx context.Context, r *connect.Request[throngv1.AcceptFriendRequest],
) (*connect.Response[throngv1.AcceptFriendResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), h.s.deps.Relations.Accept)
	return respond(&throngv1.AcceptFriendResponse{Relation: out}, err)
}

// RefuseFriend implements the procedure of the same name.
func (h socialHandler) RefuseFriend(
	ctx context.Context, r *connect.Request[throngv1.RefuseFriendRequest],
) (*connect.Response[throngv1.RefuseFriendResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), h.s.deps.Relations.Refuse)
	return respond(&throngv1.RefuseFriendResponse{Relation: out}, err)
}

// WithdrawRequest implements the procedure of the same name.
func (h socialHandler) WithdrawRequest(
	ctx context.Context, r *connect.Request[throngv1.WithdrawRequestRequest],
) (*connect.Response[throngv1.WithdrawRequestResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), h.s.deps.Relations.Withdraw)
	return respond(&throngv1.WithdrawRequestResponse{Relation: out}, err)
}

// Unfriend implements the procedure of the same name.
func (h socialHandler) Unfriend(
	ctx context.Context, r *connect.Request[throngv1.UnfriendRequest],
) (*connect.Response[throngv1.UnfriendResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), h.s.deps.Relations.Unfriend)
	return respond(&throngv1.UnfriendResponse{Relation: out}, err)
}

// SetFollow implements the procedure of the same name.
func (h socialHandler) SetFollow(
	ctx context.Context, r *connect.Request[throngv1.SetFollowRequest],
) (*connect.Response[throngv1.SetFollowResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), func(ctx context.Context, user, other chat.UserID) (social.View, error) {
		return h.s.deps.Relations.Follow(ctx, user, other, r.Msg.GetFollow())
	})
	return respond(&throngv1.SetFollowResponse{Relation: out}, err)
}

// SetRemark implements the procedure of the same name.
func (h socialHandler) SetRemark(
	ctx context.Context, r *connect.Request[throngv1.SetRemarkRequest],
) (*connect.Response[throngv1.SetRemarkResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), func(ctx context.Context, user, other chat.UserID) (social.View, error) {
		return h.s.deps.Relations.Remark(ctx, user, other, r.Msg.GetRemark())
	})
	return respond(&throngv1.SetRemarkResponse{Relation: out}, err)
}

// SetBlock implements the procedure of the same name.
func (h socialHandler) SetBlock(
	ctx context.Context, r *connect.Request[throngv1.SetBlockRequest],
) (*connect.Response[throngv1.SetBlockResponse], error) {
	out, err := about(ctx, r.Msg.GetUser(), func(ctx context.Context, user, other chat.UserID) (social.View, error) {
		return h.s.deps.Relations.Block(ctx, user, other, r.Msg.GetBlock())
	})
	return respond(&throngv1.SetBlockResponse{Relation: out}, err)
}

// ListRelations implements the procedure of the same name.
func (h socialHandler) ListRelations(
	ctx context.Context, r *connect.Request[throngv1.ListRelationsRequest],
) (*connect.Response[throngv1.ListRelationsResponse], error) {
	at := social.Cursor{Version: r.Msg.GetCursor().GetVersion(), Floor: r.Msg.GetCursor().GetFloor()}
	if at.Version > chat.MaxID || at.Floor > chat.MaxID {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonCursorInvalid, "this cursor is none of ours; begin without one")
	}
	p, err := h.s.deps.RelationLists.Since(ctx, requestOf(ctx).caller.user, at, int(min(r.Msg.GetLimit(), social.MaxPage)))
	out := &throngv1.ListRelationsResponse{
		Reset_: p.Reset, More: p.More, Cursor: &throngv1.RelationCursor{Version: p.Next.Version, Floor: p.Next.Floor},
	}
	for _, v := range p.Views {
		out.Relations = append(out.Relations, relation(v))
	}
	return respond(out, err)
}

func relation(v social.View) *throngv1.Relation {
	friendship := throngv1.Friendship_FRIENDSHIP_UNSPECIFIED
	switch v.Friendship {
	case social.Strangers:
	case social.Requested:
		friendship = throngv1.Friendship_FRIENDSHIP_REQUESTED
	case social.Incoming:
		friendship = throngv1.Friendship_FRIENDSHIP_INCOMING
	case social.Friends:
		friendship = throngv1.Friendship_FRIENDSHIP_FRIENDS
	}
	return &throngv1.Relation{
		User: uint64(v.Other), Friendship: friendship, Note: v.Note, SinceMs: v.SinceMS, Following: v.Follow, Remark: v.Remark, Blocked: v.Block,
	}
}
