package fanout_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/trace"
)

// Where an entry was delivered is noted with its way, and so is what was passed over.
func TestDeliveriesAreTraced(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.trace = trace.New(trace.Default(), trace.Deps{})
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	small := s.text(1)
	settle()
	s.mu.Lock()
	s.fail, s.failure = 1, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the bus is away")
	s.mu.Unlock()
	lost := s.text(2)
	settle()
	s.commit(1, chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{3, 4, 5}})
	group := s.text(3)
	settle()
	for _, c := range []struct {
		seq  chat.Seq
		want [4]uint32
	}{
		{small, [4]uint32{trace.WayUsers, 2, 1, 0}}, {lost, [4]uint32{trace.WayUsers, 2, 1, 1}}, {group, [4]uint32{trace.WayGroup, 0, 1, 0}},
	} {
		steps := s.trace.Find(uint64(conversation), uint64(c.seq))
		assert.Equal(t, "steps", len(steps), 1)
		assert.Equal(t, "kind", steps[0].Kind, trace.Fanout)
		assert.Equal(t, "way, users, nodes and what was lost", steps[0].Counts, c.want)
		assert.True(t, "stream and position", steps[0].Stream == 0 && steps[0].Position > 0)
	}
}
