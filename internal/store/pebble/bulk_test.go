package pebble_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

// BenchmarkAddMembers adds 1,000 members to a group by one entry, again and again: a thousand of them make a group of a million.
func BenchmarkAddMembers(b *testing.B) {
	s, err := pebble.Open(b.TempDir(), pebble.Options{})
	assert.NoError(b, "opening", err)
	defer func() { assert.NoError(b, "closing", s.Close()) }()
	do := func(d *chat.Draft) {
		a, err := s.Append(b.Context(), []*chat.Draft{d})
		assert.NoError(b, "append", err)
		assert.NoError(b, "wait", a.Wait(b.Context()))
		assert.True(b, "not refused", a.Results()[0].Err == nil)
	}
	do(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1}}})
	next := chat.UserID(2)
	b.ReportAllocs()
	for b.Loop() {
		users := make([]chat.UserID, chat.MaxMembersAtOnce)
		for i := range users {
			users[i] = next
			next++
		}
		do(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: users}})
	}
	b.ReportMetric(float64(b.N*chat.MaxMembersAtOnce)/b.Elapsed().Seconds(), "members/s")
}
