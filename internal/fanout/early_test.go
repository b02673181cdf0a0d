package fanout_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/local"
)

// What a relay has delivered is passed over where the stream brings it, and what it has not is delivered then; whoever delivers, members are those
// of the entry.
func TestWhatWasDeliveredEarly(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	f, err := fanout.New(fanout.Default(), fanout.Deps{Streams: local.NewStreams(s), Members: s, Routes: s, Bus: s})
	assert.NoError(t, "new", err)
	early := f.NewEarly()
	deliver := func() {
		t.Helper()
		last := &s.events[len(s.events)-1]
		assert.NoError(t, "delivering", early.Deliver(t.Context(), queue.LaneOf(conversation), []chat.Event{*last}))
		last.Delivered = true
	}
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	deliver()
	s.text(1)
	deliver()
	s.add(3)
	s.text(2) // these two are left to the stream
	s.text(3)
	deliver()
	s.remove(2)
	deliver()
	check(t, s.lines, "entry 1 to 1 2", "sync 1 2", "entry 2 to 1 2", "entry 5 to 1 2 3", "entry 6 to 1 2 3", "leave 2", "sync 2")
	s.lines = nil
	check(t, s.run()(), "entry 3 to 1 3", "sync 3", "entry 4 to 1 3") // 2 has gone since, and learned that from the last one
}
