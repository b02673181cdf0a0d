//go:build cluster

package mysql

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// While more waits in a lane than one read takes, its slots take turns: a conversation of which much waits does not keep the others of
// the lane waiting, and its own events still come in their order.
func TestABusyConversationLeavesOthersTheirTurn(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 1))
	busy, quiet := chat.ConversationID(1), chat.ConversationID(2)
	for busy.Slot()%laneSlots != 0 {
		busy++
	}
	for queue.LaneOf(quiet) != queue.LaneOf(busy) || quiet.Slot() <= busy.Slot() {
		quiet++
	}
	const limit = 4
	must(t, s, group(busy, alice, bob), group(quiet, alice, bob))
	for n := range 5 * limit {
		must(t, s, words(busy, alice, n))
	}
	next, calls := chat.Seq(1), 0
	for heard := false; !heard; calls++ {
		assert.True(t, "the quiet one has its turn", calls < 3)
		page, err := s.Pending(t.Context(), queue.LaneOf(busy), limit)
		assert.NoError(t, "pending", err)
		var done []queue.Ticket
		for _, p := range page {
			done = append(done, p.Ticket)
			if p.Ticket.Conversation == quiet {
				heard = true
				continue
			}
			assert.Equal(t, "in order", p.Ticket.Seq, next)
			next++
		}
		assert.NoError(t, "done", s.Done(t.Context(), done))
	}
	assert.True(t, "while much of the busy one still waits", next < 5*limit)
}

// An entry waits until it is done, by itself.
func TestWhatWaitsIsKnown(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 2))
	must(t, s, group(1, alice, bob), words(1, alice, 1), words(1, alice, 2))
	waits := func(seq chat.Seq) bool {
		yes, err := s.Waits(t.Context(), 1, seq)
		assert.NoError(t, "waits", err)
		return yes
	}
	assert.True(t, "all wait, and nothing else", waits(1) && waits(2) && waits(3) && !waits(4))
	assert.NoError(t, "done", s.Done(t.Context(), []queue.Ticket{{Conversation: 1, Seq: 2}}))
	assert.True(t, "the others wait", waits(1) && !waits(2) && waits(3))
	place := s.Place(1)
	assert.True(t, "a place without a password: "+place, strings.Contains(place, "/") && !strings.Contains(place, "@"))
	assert.True(t, "a number of the deployment", s.Install() != 0)
	assert.NoError(t, "close", s.Close())
	_, err := s.Waits(t.Context(), 1, 1)
	assert.True(t, "a closed one says so", err != nil)
}

// A relay is woken by what this node commits, with the events as they are published.
func TestCommitsAreTold(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 2))
	must(t, s, group(1, alice, bob)) // nobody listens yet
	told := make(chan []chat.Event, 100)
	s.OnCommit(func(events []chat.Event) { told <- events })
	must(t, s, words(1, alice, 1), &chat.Draft{Conversation: 1, Sender: bob, Mark: 1})
	events := <-told
	assert.True(t, "the entry, and no read that did not move", len(events) == 1 && events[0].Entry.Seq == 2 && events[0].Reader == alice)
	must(t, s, words(1, alice, 1)) // stands already
	must(t, s, &chat.Draft{Conversation: 1, Sender: bob, Mark: 2})
	events = <-told
	assert.True(t, "a read", len(events) == 1 && events[0].Entry == nil && events[0].Reader == bob)
	_, err := s.Append(t.Context(), nil)
	assert.NoError(t, "an append of nothing", err)
	assert.Equal(t, "nothing else", len(told), 0)
}
