package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// GetPrivacy implements the procedure of the same name.
func (h socialHandler) GetPrivacy(ctx context.Context, _ *connect.Request[throngv1.GetPrivacyRequest]) (*connect.Response[throngv1.GetPrivacyResponse], error) {
	user := requestOf(ctx).caller.user
	p, err := h.s.deps.Privacy.Privacy(ctx, user)
	if err != nil {
		return nil, err
	}
	u, err := h.s.deps.Users.Get(ctx, user)
	return respond(&throngv1.GetPrivacyResponse{Privacy: privacy(p, u.Privacy)}, err)
}

// UpdatePrivacy implements the procedure of the same name.
func (h socialHandler) UpdatePrivacy(
	ctx context.Context, r *connect.Request[throngv1.UpdatePrivacyRequest],
) (*connect.Response[throngv1.UpdatePrivacyResponse], error) {
	var p social.PrivacyPatch
	switch from := r.Msg.GetMessagesFrom(); from {
	case throngv1.MessagesFrom_MESSAGES_FROM_UNSPECIFIED:
	case throngv1.MessagesFrom_MESSAGES_FROM_ALL:
		p.From = new(chat.GateOpen)
	case throngv1.MessagesFrom_MESSAGES_FROM_COMMON_GROUPS:
		p.From = new(chat.GateCommon)
	case throngv1.MessagesFrom_MESSAGES_FROM_FRIENDS:
		p.From = new(chat.GateFriends)
	default:
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "messages are taken of all, of friends, or of members of a common group")
	}
	user := requestOf(ctx).caller.user
	hides, named, err := h.hide(ctx, user, r.Msg)
	if err != nil {
		return nil, err
	}
	var out social.Privacy
	if p.From == nil && named {
		out, err = h.s.deps.Privacy.Privacy(ctx, user)
	} else {
		out, err = h.s.deps.Privacy.SetPrivacy(ctx, user, p)
	}
	return respond(&throngv1.UpdatePrivacyResponse{Privacy: privacy(out, hides)}, err)
}

// hide changes what others are not told of a user; named says that the request is about any of it.
func (h socialHandler) hide(ctx context.Context, user chat.UserID, m *throngv1.UpdatePrivacyRequest) (hides account.Privacy, named bool, err error) {
	was, err := h.s.deps.Users.Get(ctx, user)
	if err != nil {
		return account.Privacy{}, false, err
	}
	change := func(p *account.Privacy) {
		if m.NoReadReceipts != nil {
			p.NoReceipts = m.GetNoReadReceipts()
		}
		if m.Unlisted != nil {
			p.Unlisted = m.GetUnlisted()
		}
	}
	hides, named = was.Privacy, m.NoReadReceipts != nil || m.Unlisted != nil
	if change(&hides); hides == was.Privacy {
		return hides, named, nil
	}
	hides, err = h.s.deps.Discretion.SetPrivacy(ctx, user, change)
	return hides, named, err
}

func privacy(p social.Privacy, hides account.Privacy) *throngv1.Privacy {
	from := throngv1.MessagesFrom_MESSAGES_FROM_ALL
	switch p.From {
	case chat.GateOpen:
	case chat.GateFriends:
		from = throngv1.MessagesFrom_MESSAGES_FROM_FRIENDS
	case chat.GateCommon:
		from = throngv1.MessagesFrom_MESSAGES_FROM_COMMON_GROUPS
	}
	return &throngv1.Privacy{MessagesFrom: from, NoReadReceipts: hides.NoReceipts, Unlisted: hides.Unlisted}
}
