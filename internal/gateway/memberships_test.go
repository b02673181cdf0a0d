package gateway_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/timeline"
)

// shelf lists the subscriptions of user 1, and does not know anybody else.
type shelf []timeline.Subscription

func (s shelf) Subscriptions(_ context.Context, user chat.UserID) ([]timeline.Subscription, error) {
	if user != 1 {
		return nil, errors.New("who is that")
	}
	return s, nil
}

// A subscription begins with the membership, and says which member change that was read with.
func TestMemberships(t *testing.T) {
	t.Parallel()
	m := gateway.NewMemberships(shelf{
		{Conversation: 5, Tier: chat.TierLarge, From: 9, MemberSeq: 540}, {Conversation: 6, Tier: chat.TierMedium, From: 2, MemberSeq: 640},
	})
	got, err := m.Subscriptions(t.Context(), 1)
	assert.NoError(t, "subscriptions", err)
	want := []gateway.Subscription{{Conversation: 5, From: 9, MemberSeq: 540}, {Conversation: 6, From: 2, MemberSeq: 640}}
	assert.True(t, "what it is a member of", slices.Equal(got, want))
	_, err = m.Subscriptions(t.Context(), 2)
	assert.True(t, "an error is the caller's", err != nil)
}
