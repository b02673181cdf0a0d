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

// Members reads the truth about a member.
type Members interface {
	Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Member, error)
}

// Heads reads where conversations have got to ([message.Log]).
type Heads interface {
	Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error)
}

// Memberships is the [Subscriber] of a node: what the timeline lists, each held against the log's own membership, which says
// whether it still holds and from which seq on.
type Memberships struct {
	// immutable after construction
	timelines Timelines
	members   Members
	heads     Heads
}

// NewMemberships makes one.
func NewMemberships(timelines Timelines, members Members, heads Heads) *Memberships {
	return &Memberships{timelines: timelines, members: members, heads: heads}
}

// Subscriptions implements [Subscriber].
func (m *Memberships) Subscriptions(ctx context.Context, user chat.UserID) ([]Subscription, error) {
	listed, err := m.timelines.Subscriptions(ctx, user)
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	ids := make([]chat.ConversationID, len(listed))
	for i, s := range listed {
		ids[i] = s.Conversation
	}
	heads, err := m.heads.Heads(ctx, ids) // before the members, who may then be ahead of them
	if err != nil {
		return nil, err
	}
	out := make([]Subscription, 0, len(listed))
	for i, s := range listed {
		member, err := m.members.Member(ctx, s.Conversation, user)
		if err != nil {
			if chat.AsError(err).Code == chat.CodeNotFound {
				continue
			}
			return nil, err
		}
		if member.Current() {
			from := member.Spans[len(member.Spans)-1].From
			out = append(out, Subscription{Conversation: s.Conversation, From: from, MemberSeq: heads[i].MemberSeq})
		}
	}
	return out, nil
}
