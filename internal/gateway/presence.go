package gateway

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Presence knows who is there ([presence.Hub]). Watch and ListOnline may block and are called from workers; the others are called on loops.
type Presence interface {
	Opened(session uint64, user chat.UserID)
	Set(session uint64, user chat.UserID, state presence.State)
	Lost(session uint64, user chat.UserID)
	Closed(session uint64, user chat.UserID)
	Take(session uint64) []presence.Status
	Watch(ctx context.Context, q presence.Watch) (presence.Seen, error)
	ListOnline(ctx context.Context, user chat.UserID, id chat.ConversationID, after chat.UserID, limit int) (presence.OnlinePage, error)
}

// there tells how a connection's device is there.
func (l *loop) there(c *conn) {
	if state, moved := c.session.Moved(); moved && l.srv.deps.Presence != nil && c.flags.has(flagRouted) {
		l.srv.deps.Presence.Set(c.id, c.session.Who().User, stateOf(state))
	}
}

// silent tells that a peer does not answer; what it says next is told by [loop.heard].
func (l *loop) silent(c *conn) {
	if l.srv.deps.Presence != nil && c.flags.has(flagRouted) && !c.flags.has(flagSilent) {
		c.flags |= flagSilent
		l.srv.deps.Presence.Lost(c.id, c.session.Who().User)
	}
}

// speaks tells that a peer that was silent is there.
func (l *loop) speaks(c *conn) {
	if c.flags.has(flagSilent) {
		c.flags &^= flagSilent
		if c.flags.has(flagRouted) {
			state, _ := c.session.Moved()
			l.srv.deps.Presence.Set(c.id, c.session.Who().User, stateOf(state))
		}
	}
}

// changes gives a connection what has changed of those whom it watches. Where its receiver is behind that waits where it is, and falls
// together: it is offered again (PRE-16).
func (l *loop) changes(c *conn) {
	if l.srv.deps.Presence == nil || c.session.Behind() {
		return
	}
	list := l.srv.deps.Presence.Take(c.id)
	if len(list) == 0 {
		return
	}
	piece, err := wire.AppendEnvelope(c.sub, nil, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_PresenceChanged{
		PresenceChanged: &throngv1.PresenceChanged{People: peopleOf(list)},
	}})
	if err == nil { // it is numbers
		c.session.Tell(piece)
	}
}

// watch answers requests about who is there.
func (s *Server) watch(ctx context.Context, r ref, l *loop, who wire.Actor, env *throngv1.ClientEnvelope) (*throngv1.Response, error) {
	if s.deps.Presence == nil {
		return nil, session.Unsupported()
	}
	out := &throngv1.Response{Id: env.GetId()}
	if req := env.GetListOnline(); req != nil {
		id, err := wire.ConversationID(req.GetConversation())
		if err != nil {
			return nil, err //nolint:wrapcheck // it is one of ours
		}
		page, err := s.deps.Presence.ListOnline(ctx, who.User, id, chat.UserID(req.GetAfter()), int(min(req.GetLimit(), presence.MaxOnline)))
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		out.Result = &throngv1.Response_ListOnline{ListOnline: &throngv1.ListOnlineResponse{
			People: peopleOf(page.People), Next: uint64(page.Next), Online: page.Online,
		}}
		return out, nil
	}
	q := presence.Watch{Session: r.id, User: who.User, Changed: func() {
		l.inbox.Offer(op{kind: opPresence, ref: r}, s.cfg.Inbox/typingRoom)
	}}
	for _, p := range env.GetWatch().GetPeople() {
		user, err := wire.UserID(p.GetUser())
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		if n := p.GetConversation(); n != 0 {
			if _, err = wire.ConversationID(n); err != nil {
				return nil, err //nolint:wrapcheck // as above
			}
		}
		q.People = append(q.People, presence.Named{User: user, Conversation: chat.ConversationID(p.GetConversation())})
	}
	for _, n := range env.GetWatch().GetConversations() {
		id, err := wire.ConversationID(n)
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		q.Conversations = append(q.Conversations, id)
	}
	seen, err := s.deps.Presence.Watch(ctx, q)
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	res := &throngv1.WatchResponse{People: peopleOf(seen.People)}
	for _, c := range seen.Counts {
		res.Counts = append(res.Counts, &throngv1.OnlineCount{Conversation: uint64(c.Conversation), Online: c.Online})
	}
	out.Result = &throngv1.Response_Watch{Watch: res}
	return out, nil
}

// The states of the schema are one more than ours: its 0 is not said.

func peopleOf(list []presence.Status) []*throngv1.Presence {
	out := make([]*throngv1.Presence, len(list))
	for i, s := range list {
		out[i] = &throngv1.Presence{User: uint64(s.User), State: wire.PresenceState(uint8(s.State))}
	}
	return out
}

func stateOf(s throngv1.PresenceState) presence.State {
	return presence.State(s - throngv1.PresenceState_PRESENCE_STATE_OFFLINE)
}

// Audiences tells for each conversation above the small tier how many sessions of this node are subscribed to it.
func (s *Server) Audiences(yield func(id chat.ConversationID, sessions int)) {
	for i := range s.online.shards {
		shard := &s.online.shards[i]
		shard.mu.RLock()
		for id, a := range shard.groups {
			if n := int(a.tally.members.Load()); n > 0 {
				yield(id, n)
			}
		}
		shard.mu.RUnlock()
	}
}
