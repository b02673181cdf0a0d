package app

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// The parts do not know each other: each says what it needs in its own words. What is here says the same in another's.

// deliveredSettings tell a user's other devices of settings that changed.
type deliveredSettings struct {
	*timeline.Service

	fanout *fanout.Fanout
}

// Settings implements api.Timelines.
func (d deliveredSettings) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.SettingsPatch) (chat.Settings, error) {
	s, err := d.Service.Settings(ctx, user, id, p)
	if err != nil {
		return s, err
	}
	// The change is stored: where this delivery is lost, the next sync shows it.
	_ = d.fanout.Settings(ctx, user, 0, id, s)
	return s, nil
}

// past is what a user left behind.
type past struct {
	messages *message.Service
	rows     *pebble.Timelines
}

// Conversations implements api.Past.
func (p past) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error) {
	rows, err := p.rows.Rows(ctx, user)
	if err != nil {
		return nil, err
	}
	out := make([]chat.ConversationID, len(rows.Rows))
	for i := range rows.Rows {
		out[i] = rows.Rows[i].Conversation
	}
	return out, nil
}

// Tombstone implements api.Past.
func (p past) Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error) {
	return p.messages.Tombstone(ctx, id, span, sender, why)
}

// limits are the limits of requests and sends.
type limits struct {
	request      *limit.Limiter[chat.UserID]
	send         *limit.Limiter[chat.UserID]
	conversation *limit.Limiter[chat.ConversationID]
	address      *limit.Addresses
}

func newLimits(c limit.Config) *limits {
	return &limits{
		request: limit.New[chat.UserID](c.RequestUser, nil), send: limit.New[chat.UserID](c.SendUser, nil),
		conversation: limit.New[chat.ConversationID](c.SendConversation, nil), address: limit.NewAddresses(c.ConnectAddress, nil),
	}
}

// TakeRequest implements api.Limits.
func (l *limits) TakeRequest(user chat.UserID) time.Duration { return l.request.Take(user, 1) }

// TakeSend implements api.Limits. The server and back ends in their own name are not slowed down.
func (l *limits) TakeSend(user chat.UserID, id chat.ConversationID) time.Duration {
	if user == 0 {
		return 0
	}
	if wait := l.send.Take(user, 1); wait > 0 {
		return wait
	}
	wait := l.conversation.Take(id, 1)
	if wait > 0 {
		l.send.Give(user, 1)
	}
	return wait
}

// GiveSend implements api.Limits. The sender's own token stays taken: it was an attempt.
func (l *limits) GiveSend(id chat.ConversationID) { l.conversation.Give(id, 1) }

// TakeAddress implements api.Limits.
func (l *limits) TakeAddress(address string) time.Duration { return l.address.Take(address, 1) }
