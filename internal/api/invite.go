package api

import (
	"context"
	"strings"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// inviteHandler is throng.v1.InviteService.
type inviteHandler struct{ s *Server }

// linkPath is what stands between the server's address and a token in the URL of a link. The token is a fragment: browsers keep it from
// servers and their logs.
const linkPath = "/join#"

// CreateLink implements the procedure of the same name.
func (h inviteHandler) CreateLink(ctx context.Context, r *connect.Request[throngv1.CreateLinkRequest]) (*connect.Response[throngv1.CreateLinkResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	l, token, err := h.s.deps.Invites.Create(ctx, requestOf(ctx).caller.user, id, invite.NewLink{ExpiresMS: r.Msg.GetExpiresMs(), Most: r.Msg.GetMost()})
	out := &throngv1.CreateLinkResponse{Link: link(l), Token: token}
	if base := h.s.deps.PublicURL; base != "" {
		out.Url = strings.TrimSuffix(base, "/") + linkPath + token
	}
	return respond(out, err)
}

// ListLinks implements the procedure of the same name.
func (h inviteHandler) ListLinks(ctx context.Context, r *connect.Request[throngv1.ListLinksRequest]) (*connect.Response[throngv1.ListLinksResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	all, err := h.s.deps.Invites.List(ctx, requestOf(ctx).caller.user, id)
	out := &throngv1.ListLinksResponse{}
	for _, l := range all {
		out.Links = append(out.Links, link(l))
	}
	return respond(out, err)
}

// RevokeLink implements the procedure of the same name.
func (h inviteHandler) RevokeLink(ctx context.Context, r *connect.Request[throngv1.RevokeLinkRequest]) (*connect.Response[throngv1.RevokeLinkResponse], error) {
	id, err := wire.ConversationID(r.Msg.GetConversation())
	if err != nil {
		return nil, err
	}
	l, err := h.s.deps.Invites.Revoke(ctx, requestOf(ctx).caller.user, id, r.Msg.GetId())
	return respond(&throngv1.RevokeLinkResponse{Link: link(l)}, err)
}

// PreviewLink implements the procedure of the same name.
func (h inviteHandler) PreviewLink(
	ctx context.Context, r *connect.Request[throngv1.PreviewLinkRequest],
) (*connect.Response[throngv1.PreviewLinkResponse], error) {
	p, err := h.s.deps.Invites.Preview(ctx, requestOf(ctx).caller.user, r.Msg.GetToken())
	return respond(&throngv1.PreviewLinkResponse{Preview: &throngv1.LinkPreview{
		Conversation: uint64(p.Conversation.ID), Name: p.Conversation.Name, Avatar: p.Conversation.Avatar, Members: p.Members, ExpiresMs: p.ExpiresMS, Member: p.Member,
	}}, err)
}

// JoinByLink implements the procedure of the same name.
func (h inviteHandler) JoinByLink(ctx context.Context, r *connect.Request[throngv1.JoinByLinkRequest]) (*connect.Response[throngv1.JoinByLinkResponse], error) {
	id, res, err := h.s.deps.Invites.Join(ctx, requestOf(ctx).caller.user, r.Msg.GetToken())
	return respond(&throngv1.JoinByLinkResponse{Conversation: uint64(id), Seq: uint64(res.Seq)}, err)
}

func link(l invite.Link) *throngv1.Link {
	return &throngv1.Link{
		Conversation: uint64(l.Conversation), Id: l.ID, Creator: uint64(l.Creator), CreatedMs: l.CreatedMS, ExpiresMs: l.ExpiresMS, Most: l.Most, Used: l.Used,
		Revoked: l.Revoked,
	}
}
