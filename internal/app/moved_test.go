package app_test

import (
	"testing"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/timeline"
)

// Who comes into a conversation above the small tier is subscribed once the list shows it, and everybody is asked to sync after that.
func TestMovements(t *testing.T) {
	t.Parallel()
	got := app.Movements([]timeline.Change{
		{User: 1, Conversation: 7, Membership: timeline.Entered, Seq: 4, Quiet: true},
		{User: 2, Conversation: 8, Membership: timeline.Entered, Seq: 1}, // a small one
		{User: 3, Conversation: 7, Membership: timeline.Entered, Seq: 4, Quiet: true},
		{User: 1, Conversation: 7, Membership: timeline.Ended, Seq: 5},
		{User: 4, Conversation: 7, Membership: timeline.Entered, Seq: 6, Quiet: true},
	})
	assert.Equal(t, "deliveries", len(got), 3)
	for i, want := range []cluster.Delivery{
		{Kind: cluster.DeliverEnter, Conversation: 7, Users: []chat.UserID{1, 3}, From: 4},
		{Kind: cluster.DeliverEnter, Conversation: 7, Users: []chat.UserID{4}, From: 6},
		{Kind: cluster.DeliverSync, Users: []chat.UserID{1, 2, 3, 1, 4}},
	} {
		assert.Equal(t, "delivery", *got[i], want)
	}
}
