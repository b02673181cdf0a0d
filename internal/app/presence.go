package app

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/pressure"
)

// wirePresence builds what people see of each other while they are there.
func (a *App) wirePresence() {
	c := a.core
	rooms := standings{c.messages, c.engine.directory}
	c.typing = presence.NewTyping(a.cfg.Presence, rooms, c.node.typed, c.relations.Blockers, a.registry)
	c.presence = presence.NewHub(a.cfg.Presence, presence.Deps{
		Store: c.engine.presence, Self: string(c.engine.node), Rooms: rooms, Metrics: a.registry, Logger: a.log,
		Tell: func(ctx context.Context, node string, list []presence.Status) error {
			return c.engine.bus.Deliver(ctx, cluster.Node(node), &cluster.Delivery{Kind: cluster.DeliverPresence, Told: presence.Append(nil, list)})
		},
		Hidden:    c.relations.Blockers,
		Audiences: func(yield func(id chat.ConversationID, sessions int)) { c.gateway.Audiences(yield) },
		Quiet:     func() bool { return c.pressure.Level() >= pressure.PresenceCounts },
	})
	c.node.presence = c.presence
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

// Direct implements presence.Rooms.
func (s standings) Direct(ctx context.Context, a, b chat.UserID) (chat.ConversationID, error) {
	return s.directory.Pair(ctx, min(a, b), max(a, b), 0) //nolint:wrapcheck // a port answers in our own errors
}

// Member implements presence.Rooms.
func (s standings) Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (bool, error) {
	m, err := s.directory.Member(ctx, id, user)
	if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
		return false, err //nolint:wrapcheck // as above
	}
	return err == nil && m.Current(), nil
}

// Page implements presence.Rooms.
func (s standings) Page(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error) {
	page, err := s.directory.Members(ctx, id, after, limit, 0)
	users := make([]chat.UserID, len(page))
	for i := range page {
		users[i] = page[i].User
	}
	return users, err //nolint:wrapcheck // as above
}

// doors settles what relations mean for two users: for their conversation, and for who sees whom.
type doors struct {
	*conversation.Service

	node   *node
	engine *engine
}

// Settle implements social.Doors.
func (d doors) Settle(ctx context.Context, a, b chat.UserID) error {
	if err := d.Service.Settle(ctx, a, b); err != nil {
		return err //nolint:wrapcheck // it says what it was about
	}
	d.node.doubt(ctx, a, b)
	return nil
}

// doubt has what users' sessions watch looked at again, on all nodes.
func (n *node) doubt(ctx context.Context, users ...chat.UserID) {
	nodes, err := n.routes.Users(ctx, users, nil)
	if err == nil && len(nodes) > 0 {
		err = tell(ctx, n.bus, nodes, &cluster.Delivery{Kind: cluster.DeliverPresence, Users: users})
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("sessions may go on to see who is there of somebody who hides from them, until they connect again", "error", err)
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
