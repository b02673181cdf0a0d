package client

import (
	"maps"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	// typingEvery is how often the server is told that the user goes on typing; it takes one word in 3 seconds.
	typingEvery = 4 * time.Second
	// typingLasts is how long somebody is shown as typing after the last word of it.
	typingLasts = 6 * time.Second
	// maxTypingRooms and maxTypists bound what is kept of it: conversations, and people in one.
	maxTypingRooms, maxTypists = 256, 64
)

// TypingChanged tells who is typing in a conversation now; nobody is nobody any more. Only the newest state is told.
type TypingChanged struct {
	Conversation ConversationID
	Users        []UserID
}

func (TypingChanged) event() {}

// typing is who types where. Guarded by the Client's mu.
type typing struct {
	rooms map[ConversationID]*typingRoom
}

type typingRoom struct {
	told   time.Time            // when the server was told last that the user types
	users  map[UserID]time.Time // until when others are shown
	queued bool                 // an event waits to be taken
}

func (c *Client) typingRoom(id ConversationID) *typingRoom {
	r := c.typing.rooms[id]
	if r == nil && len(c.typing.rooms) < maxTypingRooms {
		r = &typingRoom{users: map[UserID]time.Time{}}
		if c.typing.rooms == nil {
			c.typing.rooms = map[ConversationID]*typingRoom{}
		}
		c.typing.rooms[id] = r
	}
	return r
}

// Typing tells the others that the user is typing; call it with each change of the text. It does not wait, and nothing comes of it where
// the client is not online, the server leaves typing out (Degraded), or the others were told a moment ago.
func (c *Client) Typing(id ConversationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, now := c.session, time.Now()
	if s == nil || !s.online || c.degraded.TypingOff {
		return
	}
	r := c.typingRoom(id)
	if r == nil || now.Sub(r.told) < typingEvery {
		return
	}
	r.told = now
	s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Typing{Typing: &throngv1.TypingRequest{Conversation: uint64(id)}}}, nil)
	c.wake()
}

// Typists returns who is typing in a conversation.
func (c *Client) Typists(id ConversationID) []UserID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.typists(id)
}

func (c *Client) typists(id ConversationID) []UserID {
	r := c.typing.rooms[id]
	if r == nil || len(r.users) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(r.users))
}

// types takes that somebody is typing.
func (c *Client) types(v *throngv1.Typing) {
	id, user := ConversationID(v.GetConversation()), UserID(v.GetUser())
	if cv := c.conversations[id]; cv == nil || user == 0 || user == c.me {
		return
	}
	r := c.typingRoom(id)
	if r == nil {
		return
	}
	_, was := r.users[user]
	if !was && len(r.users) >= maxTypists {
		return
	}
	r.users[user] = time.Now().Add(typingLasts)
	if !was {
		c.typingChanged(id, r)
	}
	c.wake() // its end is due earlier than anything else, perhaps
}

// typed ends a user's typing: the message is there.
func (c *Client) typed(id ConversationID, user UserID) {
	r := c.typing.rooms[id]
	if r == nil {
		return
	}
	if _, was := r.users[user]; was {
		delete(r.users, user)
		c.typingChanged(id, r)
	}
}

func (c *Client) typingChanged(id ConversationID, r *typingRoom) {
	c.events.pushOnce(&r.queued, func() Event { return TypingChanged{Conversation: id, Users: c.typists(id)} })
}

// typingDue ends what was not told again, and returns when to look next.
func (c *Client) typingDue(now time.Time) (next time.Time) {
	for id, r := range c.typing.rooms {
		for user, until := range r.users {
			if now.Before(until) {
				next = sooner(next, until)
				continue
			}
			delete(r.users, user)
			c.typingChanged(id, r)
		}
		if len(r.users) == 0 && !r.queued && now.Sub(r.told) >= typingEvery {
			delete(c.typing.rooms, id)
		}
	}
	return next
}

// stopTyping ends everybody's: without a connection nobody is known to type.
func (c *Client) stopTyping() {
	for id, r := range c.typing.rooms {
		if r.told = (time.Time{}); len(r.users) > 0 {
			clear(r.users)
			c.typingChanged(id, r)
		}
	}
}
