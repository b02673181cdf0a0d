package gateway_test

import (
	"context"
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/timeline"
)

// shelf is a store in which user 1 is a member of 5 and 6, was one of 7, and never of 8. Each read lets members change.
type shelf struct{ memberSeq chat.Seq }

func (s *shelf) Subscriptions(context.Context, chat.UserID) ([]timeline.Subscription, error) {
	return []timeline.Subscription{{Conversation: 5}, {Conversation: 6}, {Conversation: 7}, {Conversation: 8}}, nil
}

func (s *shelf) Heads(_ context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	heads := make([]chat.Head, len(ids))
	for i, id := range ids {
		heads[i] = chat.Head{Conversation: id, MemberSeq: chat.Seq(id)*100 + s.memberSeq}
	}
	s.memberSeq++
	return heads, nil
}

func (s *shelf) Member(_ context.Context, id chat.ConversationID, user chat.UserID) (chat.Member, error) {
	spans := map[chat.ConversationID][]chat.Span{5: {{From: 1, To: 3}, {From: 9}}, 6: {{From: 2}}, 7: {{From: 1, To: 8}}}[id]
	if spans == nil {
		return chat.Member{}, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "no such conversation")
	}
	s.memberSeq++
	return chat.Member{User: user, Spans: spans}, nil
}

// A subscription's member change is from before its membership was read: what changed between the two is read again rather than missed.
func TestMemberships(t *testing.T) {
	t.Parallel()
	s := &shelf{memberSeq: 40}
	got, err := gateway.NewMemberships(s, s, s).Subscriptions(t.Context(), 1)
	assert.NoError(t, "subscriptions", err)
	want := []gateway.Subscription{{Conversation: 5, From: 9, MemberSeq: 540}, {Conversation: 6, From: 2, MemberSeq: 640}}
	assert.True(t, "what it is a member of", slices.Equal(got, want))
}
