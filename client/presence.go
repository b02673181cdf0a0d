package client

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	// MaxWatched is how many people may be watched by name.
	MaxWatched = 200
	watchRetry = 2 * time.Second
)

// Watched is somebody to watch, and a conversation that the user shares with them; 0 is their direct one.
type Watched struct {
	User         UserID
	Conversation ConversationID
}

// PresenceChanged tells that people who are watched are there in another way; Presence says in which. What changes before it is taken falls
// together.
type PresenceChanged struct{ Users []UserID }

func (PresenceChanged) event() {}

// OnlinePage is a part of those of a conversation's members who are there.
type OnlinePage struct {
	People []*throngv1.Presence
	// Next is where the next page begins; 0 after the last one.
	Next UserID
	// Online is about how many sessions are there; 0 in small conversations.
	Online int
}

// there is how the user is there, and who is watched. Guarded by the Client's mu.
type there struct {
	say   *throngv1.SetPresenceRequest
	said  uint64 // counts calls of SetPresence
	watch *throngv1.WatchRequest
	asked uint64 // counts calls of Watch

	known   map[UserID]throngv1.PresenceState
	counts  map[ConversationID]int
	changed map[UserID]struct{} // since it was told last
	queued  bool
}

// SetPresence tells how the device is there: away, online or busy; a device that is suspended is told nothing until it is not any more, and
// then syncs. It does not wait, and holds over reconnects.
func (c *Client) SetPresence(state throngv1.PresenceState, suspended bool) {
	c.locked(func() {
		c.there.said++
		c.there.say = &throngv1.SetPresenceRequest{State: state, Suspended: suspended}
	})
	c.wake()
}

// Watch names the people, at most MaxWatched, and the conversations, at most MaxFocus, whose members' presence the application wants to
// hear of, in place of those before; of conversations above the small tier only how many are there is told, once. It does not wait, and holds
// over reconnects; PresenceChanged tells what comes of it.
func (c *Client) Watch(people []Watched, conversations ...ConversationID) {
	req := &throngv1.WatchRequest{}
	for _, p := range people {
		req.People = append(req.People, &throngv1.Watched{User: uint64(p.User), Conversation: uint64(p.Conversation)})
	}
	for _, id := range conversations {
		req.Conversations = append(req.Conversations, uint64(id))
	}
	c.locked(func() {
		c.there.asked++
		c.there.watch = req
	})
	c.wake()
}

// Presence returns how somebody who is watched is there; unspecified where that is not known.
func (c *Client) Presence(user UserID) throngv1.PresenceState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.known[user]
}

// OnlineCount returns about how many sessions of a larger conversation that is watched were there when that was asked for; 0 where that is
// not known.
func (c *Client) OnlineCount(id ConversationID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there.counts[id]
}

// ListOnline asks who of a conversation's members is there, at most limit people behind after.
func (c *Client) ListOnline(ctx context.Context, id ConversationID, after UserID, limit int) (OnlinePage, error) {
	r, err := c.call(ctx, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_ListOnline{
		ListOnline: &throngv1.ListOnlineRequest{Conversation: uint64(id), After: uint64(after), Limit: uint32(max(0, min(limit, MaxWatched)))},
	}})
	page := r.GetListOnline()
	return OnlinePage{People: page.GetPeople(), Next: UserID(page.GetNext()), Online: int(page.GetOnline())}, err
}

// presenceDue tells the server what it does not know of how the user is there and whom to watch; it returns when to look again.
func (c *Client) presenceDue(s *session, now time.Time) time.Time {
	t := &c.there
	if s.said != t.said {
		s.said = t.said
		s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_SetPresence{SetPresence: t.say}}, nil)
	}
	if s.watching || s.watched == t.asked {
		return time.Time{}
	}
	if now.Before(s.watchAfter) {
		return s.watchAfter
	}
	asked := t.asked
	s.watching = true
	s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Watch{Watch: t.watch}}, func(r *throngv1.Response, err error) {
		s.watching = false
		var e *Error
		switch {
		case errors.Is(err, errLinkLost):
		case errors.As(err, &e) && e.Retryable():
			s.watchAfter = time.Now().Add(max(watchRetry, e.RetryAfter))
		default:
			s.watched = asked
			c.seen(r.GetWatch(), err)
		}
		c.wake()
	})
	return time.Time{}
}

// seen takes the answer to what is watched, in place of what was known. A server that does not know it tells nothing.
func (c *Client) seen(r *throngv1.WatchResponse, err error) {
	if err != nil {
		c.opts.Log.Warn("watch", "error", err)
	}
	t := &c.there
	was := t.known
	t.known, t.counts = map[UserID]throngv1.PresenceState{}, map[ConversationID]int{}
	for _, n := range r.GetCounts() {
		t.counts[ConversationID(n.GetConversation())] = int(n.GetOnline())
	}
	for _, p := range r.GetPeople() {
		t.known[UserID(p.GetUser())] = p.GetState()
	}
	for user, state := range t.known {
		if was[user] != state {
			c.presenceChanged(user)
		}
	}
	for user := range was {
		if _, still := t.known[user]; !still {
			c.presenceChanged(user)
		}
	}
}

// moved takes a change of those who are watched.
func (c *Client) moved(list []*throngv1.Presence) {
	for _, p := range list {
		user := UserID(p.GetUser())
		if was, watched := c.there.known[user]; watched && was != p.GetState() {
			c.there.known[user] = p.GetState()
			c.presenceChanged(user)
		}
	}
}

func (c *Client) presenceChanged(user UserID) {
	t := &c.there
	if t.changed == nil {
		t.changed = map[UserID]struct{}{}
	}
	t.changed[user] = struct{}{}
	c.events.pushOnce(&t.queued, func() Event {
		users := slices.Sorted(maps.Keys(t.changed))
		clear(t.changed)
		return PresenceChanged{Users: users}
	})
}

// lostSight forgets how others are there: without a connection nobody knows.
func (c *Client) lostSight() {
	for user := range c.there.known {
		c.presenceChanged(user)
	}
	clear(c.there.known)
}
