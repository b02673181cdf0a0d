package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// GetTier implements the procedure of the same name.
func (h adminHandler) GetTier(ctx context.Context, r *connect.Request[throngv1.GetTierRequest]) (*connect.Response[throngv1.GetTierResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	head, err := h.s.deps.Tiers.Head(ctx, id)
	return respond(&throngv1.GetTierResponse{
		Tier: throngv1.Tier(head.Tier), Fixed: throngv1.Tier(head.Fixed), MemberCount: head.Members,
	}, err)
}

// SetTier implements the procedure of the same name.
func (h adminHandler) SetTier(ctx context.Context, r *connect.Request[throngv1.SetTierRequest]) (*connect.Response[throngv1.SetTierResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	asked := r.Msg.GetTier()
	if asked < throngv1.Tier_TIER_UNSPECIFIED || asked > throngv1.Tier_TIER_LARGE {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a tier is small, medium or large, or unspecified to go by size")
	}
	res, err := h.s.deps.Tiers.SetTier(ctx, id, chat.Tier(asked))
	if err != nil {
		return nil, err
	}
	head, err := h.s.deps.Tiers.Head(ctx, id)
	return respond(&throngv1.SetTierResponse{Seq: uint64(res.Seq), Tier: throngv1.Tier(head.Tier)}, err)
}
