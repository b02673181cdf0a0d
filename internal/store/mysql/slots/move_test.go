//go:build cluster

package slots_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/slots"
)

// People write through three nodes, which do not look where the slots are by themselves, while a slot moves to and fro. Nothing is lost,
// repeated or out of order; what was acknowledged by one node is read on the others; and every event is published in its order.
func TestMoveUnderWriters(t *testing.T) {
	t.Parallel()
	l := newLand(t, 3)
	ids, slot := inOneSlot(l.nodes[0], 3)
	for _, id := range ids {
		send(t, l.nodes[0], group(id, alice, bob, carol))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var people, relay sync.WaitGroup
	acked := make([][]atomic.Int64, len(l.nodes))
	for n, s := range l.nodes {
		acked[n] = make([]atomic.Int64, len(ids))
		for i, id := range ids {
			user := []chat.UserID{alice, bob, carol}[n]
			people.Go(func() {
				for k := 1; ctx.Err() == nil; k++ {
					r := send(t, s, words(id, user, k))
					if t.Failed() {
						return
					}
					acked[n][i].Add(1)
					readElsewhere(t, l.nodes[(n+k)%len(l.nodes)], id, r.Seq)
					if k%8 == 0 {
						send(t, s, &chat.Draft{Conversation: id, Sender: user, Device: 7, Mark: r.Seq})
					}
					if k%16 == 0 {
						_, err := s.Tombstone(t.Context(), id, chat.Span{From: r.Seq, To: r.Seq}, 0, chat.TombstoneRetention)
						assert.NoError(t, "tombstone", err)
					}
				}
			})
		}
	}
	published := make(map[chat.ConversationID]chat.Seq)
	relay.Go(func() { publish(ctx.Done(), t, l.nodes[1], ids[0], published) })
	var longest time.Duration
	rounds := 6
	for n := range rounds {
		err := l.move(t, (n+1)%2, func(p slots.Progress) { longest = max(longest, p.Closed) }, slot)
		assert.NoError(t, fmt.Sprintf("move %d", n), err)
	}
	cancel()
	people.Wait()
	relay.Wait()
	publish(nil, t, l.nodes[2], ids[0], published)
	for i, id := range ids {
		all := whole(t, l.nodes[0], id)
		assert.Equal(t, "every event was published", published[id], chat.Seq(len(all)))
		for n := range l.nodes {
			for k := 1; k <= int(acked[n][i].Load()); k++ {
				assert.True(t, "what was acknowledged is there", has(all, words(id, []chat.UserID{alice, bob, carol}[n], k)))
			}
			assert.True(t, "each wrote something", acked[n][i].Load() > int64(rounds))
		}
	}
	l.alone(t, 1, ids)
	t.Logf("closed for %s at most", longest)
}

// readElsewhere checks that another node has what was acknowledged (I13).
func readElsewhere(t testing.TB, s *mysql.Store, id chat.ConversationID, seq chat.Seq) {
	heads, err := s.Heads(t.Context(), []chat.ConversationID{id})
	if err != nil || heads[0].Seq < seq {
		t.Errorf("entry %d of conversation %d was acknowledged, and another node reads a head of %v: %v", seq, id, heads, err)
	}
	page, err := s.Range(t.Context(), message.Range{Conversation: id, From: seq, To: seq})
	if err != nil || len(page) != 1 {
		t.Errorf("entry %d of conversation %d was acknowledged, and another node reads %d entries there: %v", seq, id, len(page), err)
	}
}

// publish relays the events of a lane, and notes up to where they are without a gap; with nil until there are none.
func publish(done <-chan struct{}, t testing.TB, s *mysql.Store, id chat.ConversationID, published map[chat.ConversationID]chat.Seq) {
	for {
		select {
		case <-done:
			return
		default:
		}
		all, err := s.Pending(t.Context(), queue.LaneOf(id), 100)
		if err != nil {
			t.Errorf("pending: %v", err)
			return
		}
		tickets := make([]queue.Ticket, len(all))
		for i, p := range all {
			tickets[i] = p.Ticket
			if p.Event.Entry == nil {
				continue
			}
			if at := published[p.Ticket.Conversation]; p.Ticket.Seq == at+1 {
				published[p.Ticket.Conversation] = p.Ticket.Seq
			} else if p.Ticket.Seq > at {
				t.Errorf("event %d of conversation %d comes behind event %d", p.Ticket.Seq, p.Ticket.Conversation, at)
			}
		}
		if len(all) == 0 && done == nil {
			return
		}
		if err := s.Done(t.Context(), tickets); err != nil {
			t.Errorf("done: %v", err)
			return
		}
	}
}

// A mover that is gone at any step leaves a slot that people write to, and another mover ends what was begun; or another direction is taken.
func TestMoverGone(t *testing.T) {
	t.Parallel()
	for _, users := range []bool{false, true} {
		for step := slots.Copy; step <= slots.Clear; step++ {
			t.Run(fmt.Sprintf("users=%t/%s", users, step), func(t *testing.T) {
				t.Parallel()
				l := newLand(t, 2)
				ids, slot := inOneSlot(l.nodes[0], 2)
				p := newPerson(t, l.nodes[0])
				if users {
					slot = slots.Slot{Users: true, Number: p.id.Slot()}
				}
				write := func(n int) {
					for _, id := range ids {
						send(t, l.nodes[n%2], words(id, alice, n))
					}
					p.write(t, l.nodes[n%2])
				}
				for _, id := range ids {
					send(t, l.nodes[0], group(id, alice, bob))
				}
				write(1)
				to := 1
				if l.nodes[0].OfSlot(slot.Users, slot.Number) != l.nodes[0].Home() {
					to = 0
				}
				l.killed(t, to, step, slot)
				if step <= slots.Close { // from then on it is not believed for long
					err := l.move(t, to, nil, slot)
					assert.True(t, "while it may be alive nobody takes over", err != nil)
				}
				l.late(t)
				write(2)
				write(3)
				if step%2 == 0 { // back, before anything else
					s := l.open(t)
					assert.NoError(t, "tidy", slots.New(s, nil).Tidy(t.Context()))
					assert.Equal(t, "moves", l.rows(t, 0, "slot_move"), 0)
					write(4)
				}
				assert.NoError(t, "again", l.move(t, to, nil, slot))
				write(5)
				for _, id := range ids {
					all := whole(t, l.nodes[1], id)
					for _, n := range []int{1, 2, 3, 5} {
						assert.True(t, "what was acknowledged is there", has(all, words(id, alice, n)))
					}
				}
				p.check(t, l.nodes[1])
				s := l.open(t)
				assert.True(t, "it has moved", s.OfSlot(slot.Users, slot.Number) == s.Databases()[to])
				assert.Equal(t, "moves", l.rows(t, 0, "slot_move"), 0)
				for n := range l.dsns {
					assert.Equal(t, "notes", l.rows(t, n, "slot_change"), 0)
					assert.Equal(t, "slots in between", l.rows(t, n, "holding WHERE state<>1"), 0)
				}
				if !users {
					l.alone(t, 1-to, ids)
				}
			})
		}
	}
}

// A node that does not know that a slot has moved writes where it is now, though the old rows are still there, and reads nothing old.
func TestStaleNode(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2)
	stale, other := l.nodes[0], l.nodes[1]
	ids, slot := inOneSlot(stale, 1)
	id := ids[0]
	send(t, stale, group(id, alice, bob))
	send(t, stale, words(id, alice, 1))
	l.killed(t, 1, slots.Clear, slot) // what it leaves behind is still there
	assert.Equal(t, "entries in the old place", l.rows(t, 0, fmt.Sprintf("entry WHERE conversation=%d", id)), 2)
	seq := send(t, other, words(id, bob, 1)).Seq
	assert.True(t, "this one has not heard of it", stale.OfConversation(id) == stale.Home())
	readElsewhere(t, stale, id, seq)

	third := l.open(t)
	assert.NoError(t, "back", l.back(t, slot))
	l.killed(t, 1, slots.Clear, slot)
	d := words(id, alice, 2)
	assert.True(t, "nor has this one", third.OfConversation(id) != stale.Home() || stale.OfConversation(id) != stale.Home())
	send(t, stale, d)
	send(t, third, words(id, alice, 3))
	all := whole(t, l.open(t), id)
	assert.True(t, "what it acknowledged is where everybody looks", has(all, d) && has(all, words(id, alice, 3)) && len(all) == 5)
	waits, err := stale.Pending(t.Context(), queue.LaneOf(id), 100)
	assert.NoError(t, "pending", err)
	assert.Equal(t, "events, once each", len(waits), 5)
}

// back ends what was begun and brings a slot back to the first database.
func (l *land) back(t testing.TB, slot slots.Slot) error {
	t.Helper()
	l.late(t)
	return l.move(t, 0, nil, slot)
}

// A mover that was paused while the slot was closed finds that it was taken back, and changes nothing.
func TestMoverPaused(t *testing.T) {
	t.Parallel()
	for _, step := range []slots.Step{slots.Close, slots.Finish, slots.Switch} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			l := newLand(t, 2)
			ids, slot := inOneSlot(l.nodes[0], 1)
			send(t, l.nodes[0], group(ids[0], alice, bob))
			err := l.move(t, 1, func(p slots.Progress) {
				if p.Step == step {
					if step == slots.Close { // nobody needs it yet, so a look by the way takes it back
						l.late(t)
						assert.NoError(t, "tidy", slots.New(l.nodes[1], nil).Tidy(t.Context()))
					} else {
						l.late(t)
					}
					send(t, l.nodes[1], words(ids[0], alice, 1))
				}
			}, slot)
			assert.True(t, "it is told", err != nil)
			send(t, l.nodes[0], words(ids[0], alice, 2))
			assert.Equal(t, "entries", len(whole(t, l.open(t), ids[0])), 3)
			assert.True(t, "the slot stays", l.open(t).OfConversation(ids[0]).Number() == 1)
			l.late(t)
			assert.NoError(t, "again", l.move(t, 1, nil, slot))
			assert.Equal(t, "entries", len(whole(t, l.nodes[0], ids[0])), 3)
			l.alone(t, 0, ids)
		})
	}
}

// What changes without being noted is noticed before the slot moves.
func TestWhatWasNotNotedIsNoticed(t *testing.T) {
	t.Parallel()
	l := newLand(t, 1)
	ids, slot := inOneSlot(l.nodes[0], 1)
	send(t, l.nodes[0], group(ids[0], alice, bob))
	err := l.move(t, 1, func(p slots.Progress) {
		if p.Step == slots.Verify {
			l.exec(t, 0, fmt.Sprintf("UPDATE member SET present=0 WHERE conversation=%d AND user=2", ids[0]))
		}
	}, slot)
	var e *slots.DifferentError
	assert.True(t, "refused", errors.As(err, &e) && e.Table == "member" && e.Slot == slot)
	assert.True(t, "the slot stays", l.open(t).OfConversation(ids[0]).Number() == 1)
	send(t, l.nodes[0], words(ids[0], alice, 1))
}

// I25: a mover does not know what a newer version has added to rows, and moves none of them, also where that version comes while it is at it.
func TestNewerTables(t *testing.T) {
	t.Parallel()
	for n := range 2 {
		for step := slots.Step(0); step <= slots.Finish; step++ { // 0 is before it begins
			t.Run(fmt.Sprintf("database=%d/%s", n+1, step), func(t *testing.T) {
				t.Parallel()
				l := newLand(t, 2)
				ids, slot := inOneSlot(l.nodes[0], 1)
				send(t, l.nodes[0], group(ids[0], alice, bob))
				upgrade := func() {
					l.exec(t, n, "INSERT INTO migration VALUES (9999, 'tomorrow', 0)")
					l.exec(t, n, "ALTER TABLE member ADD COLUMN tomorrow INT NOT NULL DEFAULT 7")
					if n == 0 {
						l.exec(t, n, "UPDATE member SET tomorrow = 8")
					}
				}
				if step == 0 {
					upgrade()
				}
				err := l.move(t, 1, func(p slots.Progress) {
					if p.Step == step {
						upgrade()
					}
				}, slot)
				var newer *mysql.NewerSchemaError
				assert.True(t, "refused", errors.As(err, &newer) && newer.Has == 9999)
				assert.True(t, "it says what to do", strings.Contains(err.Error(), "install the newer version"))
				assert.True(t, "the slot stays", l.open(t).OfConversation(ids[0]).Number() == 1)
				send(t, l.nodes[1], words(ids[0], alice, 1))
				assert.Equal(t, "entries", len(whole(t, l.nodes[0], ids[0])), 2)
				if step == 0 {
					assert.Equal(t, "nothing was begun", l.rows(t, 0, "slot_move"), 0)
				}
			})
		}
	}
}
