package gateway

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// Timelines lists a user's conversations above the small tier ([timeline.Service]).
type Timelines interface {
	Subscriptions(ctx context.Context, user chat.UserID) ([]timeline.Subscription, error)
}

// Memberships is the [Subscriber] of a node: what the timeline lists and the log says that it still holds, and from which seq on.
type Memberships struct {
	// immutable after construction
	timelines Timelines
}

// NewMemberships makes one.
func NewMemberships(timelines Timelines) *Memberships { return &Memberships{timelines: timelines} }

// Subscriptions implements [Subscriber].
func (m *Memberships) Subscriptions(ctx context.Context, user chat.UserID) ([]Subscription, error) {
	listed, err := m.timelines.Subscriptions(ctx, user)
	if err != nil {
		return nil, err
	}
	out := make([]Subscription, len(listed))
	for i, s := range listed {
		out[i] = Subscription{Conversation: s.Conversation, From: s.From, MemberSeq: s.MemberSeq}
	}
	return out, nil
}
