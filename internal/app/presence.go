package app

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
)

// wireTyping builds what people see of each other's typing.
func (a *App) wireTyping() *presence.Typing {
	c := a.core
	return presence.NewTyping(a.cfg.Presence, standings{c.messages, c.engine.directory}, c.node.typed, a.registry)
}

// standings answer from the ring of recent entries, and member lists from the directory.
type standings struct {
	messages  *message.Service
	directory conversation.Directory
}

// Standing implements presence.Standings.
func (s standings) Standing(ctx context.Context, user chat.UserID, id chat.ConversationID) (head chat.Head, member bool, err error) {
	all, err := s.messages.Standings(ctx, user, []chat.ConversationID{id})
	if err != nil || len(all) != 1 {
		return chat.Head{}, false, err
	}
	return all[0].Head, all[0].Part.Current(), nil
}

// membersPage is how many members one read of the directory brings.
const membersPage = 1_000

// Members implements presence.Standings.
func (s standings) Members(ctx context.Context, id chat.ConversationID) ([]chat.UserID, error) {
	var users []chat.UserID
	for after := chat.UserID(0); ; after = users[len(users)-1] {
		page, err := s.directory.Members(ctx, id, after, membersPage, 0)
		if err != nil {
			return nil, err //nolint:wrapcheck // a port answers in our own errors
		}
		for i := range page {
			users = append(users, page[i].User)
		}
		if len(page) < membersPage {
			return users, nil
		}
	}
}

// typed tells the nodes of those who see it that somebody is typing. Nobody misses what does not come.
func (n *node) typed(ctx context.Context, t presence.Typed) error {
	d := &cluster.Delivery{
		Kind: cluster.DeliverTyping, Conversation: t.Conversation, User: t.User, Device: t.Device, Users: t.Users, MemberWas: t.MemberSeq,
	}
	var nodes []cluster.Node
	var err error
	if t.Users != nil {
		nodes, err = n.routes.Users(ctx, t.Users, nil)
	} else {
		nodes, err = n.routes.Group(ctx, t.Conversation, nil)
	}
	if err != nil || len(nodes) == 0 {
		return err //nolint:wrapcheck // it is counted
	}
	return tell(ctx, n.bus, nodes, d)
}
