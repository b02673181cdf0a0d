package porttest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// Outbox runs the rules OBX-1 to OBX-5 against an adapter. Open returns a fresh, empty one; the test closes it.
func Outbox(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"OBX-1 what was appended waits to be published", outboxEvents},
		{"OBX-1 what was refused or stood already leaves nothing", outboxNothing},
		{"OBX-1 a recalled message is published as recalled", outboxRecalled},
		{"OBX-2 events of a conversation come in order, without a gap", outboxOrder},
		{"OBX-2 while appends go on, what is pending is a beginning", outboxWhileAppending},
		{"OBX-3 done drops what it names", outboxDone},
		{"OBX-4 lanes that wait are named", outboxWaiting},
		{"OBX-5 lanes are shared out fairly", outboxFair},
		{"OBX-5 a lane has one holder at a time", outboxExclusive},
		{"OBX-5 leases run out, and are given back", outboxLeasesEnd},
	})
}

func (e Engine) pending(t testing.TB, lane queue.Lane, limit int) []queue.Pending {
	t.Helper()
	all, err := e.Outbox.Pending(t.Context(), lane, limit)
	assert.NoError(t, "pending", err)
	assert.True(t, "not more than asked for", len(all) <= limit)
	return all
}

func (e Engine) done(t testing.TB, all []queue.Pending) {
	t.Helper()
	assert.NoError(t, "done", e.Outbox.Done(t.Context(), tickets(all)))
}

func tickets(all []queue.Pending) []queue.Ticket {
	out := make([]queue.Ticket, len(all))
	for i := range all {
		out[i] = all[i].Ticket
	}
	return out
}

func outboxEvents(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	e.must(t, text(1, alice, 1), &chat.Draft{Conversation: 1, Sender: bob, Device: 5, Mark: 2})
	e.must(t, text(1, bob, 3))
	entries := e.entries(t, 1)
	for _, engine := range []Engine{e, e.Crash(t)} {
		all := engine.pending(t, queue.LaneOf(1), 10)
		assert.Equal(t, "tickets", tickets(all), []queue.Ticket{
			{Conversation: 1, Seq: 1}, {Conversation: 1, Seq: 2}, {Conversation: 1, Seq: 2, Reader: bob, Read: 2}, {Conversation: 1, Seq: 3},
		})
		assert.Equal(t, "created", *all[0].Event.Entry, entries[0])
		assert.True(t, "head of it", all[0].Event.Head.Members == 2 && all[0].Event.Was == 0)
		assert.Equal(t, "text", *all[1].Event.Entry, entries[1])
		ev := all[1].Event
		assert.True(t, "the sender's device", ev.Device == 101 && ev.Reader == alice && ev.Read.Seq == 2 && ev.Was == chat.TierSmall)
		ev = all[2].Event
		assert.True(t, "a read", ev.Entry == nil && ev.Reader == bob && ev.Device == 5 && ev.Read == chat.Read{Seq: 2, Ordinal: 1} && ev.Head.Conversation == 1)
		assert.Equal(t, "answer", *all[3].Event.Entry, entries[2])
		for _, p := range all {
			assert.True(t, "an age", p.Age >= 0 && p.Age < time.Minute)
		}
	}
}

func outboxNothing(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1), &chat.Draft{Conversation: 1, Sender: bob, Mark: 2})
	e.done(t, e.pending(t, queue.LaneOf(1), 10))
	e.do(t, text(1, eve, 1), text(1, alice, 1), draft(1, alice, 2, chat.Text{}), &chat.Draft{Conversation: 1, Sender: bob, Mark: 1})
	assert.Equal(t, "pending", len(e.pending(t, queue.LaneOf(1), 10)), 0)
}

func outboxRecalled(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1))
	_, err := e.Log.Tombstone(t.Context(), 1, chat.Span{From: 1}, 0, chat.TombstoneErased)
	assert.NoError(t, "tombstone", err)
	all := e.pending(t, queue.LaneOf(1), 10)
	assert.Equal(t, "the body", all[1].Event.Entry.Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneErased}))
}

// outboxOrder appends to conversations of one lane and drains it in small pages.
func outboxOrder(t *testing.T, e Engine) {
	ids := neighbours(3)
	for _, id := range ids {
		e.must(t, group(id, alice, bob))
	}
	const each = 15
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			for n := range each {
				seq := e.must(t, text(id, alice, n))[0].Seq
				if n%3 == i {
					e.must(t, &chat.Draft{Conversation: id, Sender: bob, Mark: seq})
				}
			}
		})
	}
	wg.Wait()
	next, reads := map[chat.ConversationID]chat.Seq{}, map[chat.ConversationID]int{}
	for {
		page := e.pending(t, queue.LaneOf(1), 4)
		if len(page) == 0 {
			break
		}
		assert.Equal(t, "until it is done it is pending", len(e.pending(t, queue.LaneOf(1), 4)), len(page))
		for _, p := range page {
			id := p.Ticket.Conversation
			if p.Ticket.Reader != 0 {
				assert.Equal(t, "a read comes behind what was read", next[id], p.Ticket.Read)
				reads[id]++
				continue
			}
			next[id]++
			assert.Equal(t, "the next entry", p.Event.Entry.Seq, next[id])
		}
		e.done(t, page)
	}
	for _, id := range ids {
		assert.True(t, "all came", next[id] == each+1 && reads[id] == each/3)
	}
}

func outboxWhileAppending(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	const appends = 60
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range appends {
			e.must(t, text(1, alice, n))
		}
	})
	for next := chat.Seq(1); next <= appends+1; {
		page := e.pending(t, queue.LaneOf(1), 10)
		for i, p := range page {
			assert.Equal(t, "the next entry", p.Event.Entry.Seq, next+chat.Seq(i))
		}
		next += chat.Seq(len(page))
		e.done(t, page)
	}
	wg.Wait()
}

func outboxDone(t *testing.T, e Engine) {
	ids := neighbours(2)
	e.must(t, group(ids[0], alice, bob), group(ids[1], alice, bob), text(ids[0], alice, 1), text(ids[0], alice, 2),
		&chat.Draft{Conversation: ids[0], Sender: bob, Mark: 2}, &chat.Draft{Conversation: ids[0], Sender: bob, Mark: 3})
	one := func(k queue.Ticket) {
		assert.NoError(t, "done", e.Outbox.Done(t.Context(), []queue.Ticket{k}))
	}
	left := tickets(e.pending(t, queue.LaneOf(1), 10))
	assert.Equal(t, "at the beginning", len(left), 6)
	for len(left) > 0 {
		k := left[len(left)/2]
		one(k)
		one(k) // again
		one(queue.Ticket{Conversation: ids[0], Seq: 999})
		left = slices.DeleteFunc(left, func(o queue.Ticket) bool { return o == k })
		assert.Equal(t, "what is left", tickets(e.Crash(t).pending(t, queue.LaneOf(1), 10)), left)
	}
	assert.NoError(t, "done with nothing", e.Outbox.Done(t.Context(), nil))
}

func allLanes() []queue.Lane {
	lanes := make([]queue.Lane, queue.Lanes)
	for i := range lanes {
		lanes[i] = queue.Lane(i)
	}
	return lanes
}

func outboxWaiting(t *testing.T, e Engine) {
	waiting := func(lanes ...queue.Lane) []queue.Lane {
		t.Helper()
		got, err := e.Outbox.Waiting(t.Context(), lanes)
		assert.NoError(t, "waiting", err)
		slices.Sort(got)
		return append([]queue.Lane{}, got...)
	}
	assert.Equal(t, "at the beginning", waiting(allLanes()...), []queue.Lane{})
	var lanes []queue.Lane
	for id := chat.ConversationID(1); id <= 40; id++ {
		e.must(t, group(id, alice, bob))
		lanes = append(lanes, queue.LaneOf(id))
		slices.Sort(lanes)
		lanes = slices.Compact(lanes)
		assert.Equal(t, "those with events", waiting(allLanes()...), append([]queue.Lane{}, lanes...))
	}
	assert.Equal(t, "of those asked for", waiting(queue.LaneOf(1)), []queue.Lane{queue.LaneOf(1)})
	assert.Equal(t, "of none", waiting(), []queue.Lane{})
	for _, lane := range lanes {
		e.done(t, e.pending(t, lane, 100))
	}
	assert.Equal(t, "all done", waiting(allLanes()...), []queue.Lane{})
}

const longTerm = time.Minute

func (e Engine) lease(t testing.TB, node string, term time.Duration) []queue.Lane {
	t.Helper()
	lanes, err := e.Outbox.Lease(t.Context(), node, term)
	assert.NoError(t, "lease", err)
	return lanes
}

func outboxFair(t *testing.T, e Engine) {
	assert.Equal(t, "one has all", e.lease(t, "a", longTerm), allLanes())
	assert.Equal(t, "another one has to wait", len(e.lease(t, "b", longTerm)), 0)
	other := e.Crash(t)
	for nodes, names := 2, []string{"a", "b"}; nodes <= 5; nodes++ {
		have := map[string][]queue.Lane{}
		for range 3 { // those that have too much give back, the others take
			for i, name := range names {
				engine := e
				if i%2 == 1 {
					engine = other
				}
				have[name] = engine.lease(t, name, longTerm)
			}
		}
		seen := map[queue.Lane]bool{}
		for _, name := range names {
			assert.True(t, "a fair share", len(have[name]) >= queue.Lanes/nodes-nodes && len(have[name]) <= (queue.Lanes+nodes-1)/nodes)
			for _, lane := range have[name] {
				assert.True(t, "one holder each", !seen[lane])
				seen[lane] = true
			}
		}
		assert.Equal(t, "every lane is held", len(seen), queue.Lanes)
		names = append(names, string(rune('a'+nodes)))
	}
}

// outboxExclusive lets nodes lease at the same time: what a node got and has not asked about again is nobody else's.
func outboxExclusive(t *testing.T, e Engine) {
	type holder struct {
		lanes        []queue.Lane
		begun, ended time.Time // of the last call
	}
	var mu sync.Mutex
	nodes := make([]holder, 4)
	var wg sync.WaitGroup
	for i := range nodes {
		engine := e
		if i%2 == 1 {
			engine = e.Crash(t)
		}
		wg.Go(func() {
			for range 15 {
				begun := time.Now()
				mu.Lock()
				nodes[i].begun = begun
				mu.Unlock()
				lanes := engine.lease(t, string(rune('a'+i)), longTerm)
				mu.Lock()
				nodes[i].lanes, nodes[i].ended = lanes, time.Now()
				for j, o := range nodes {
					if j == i || !o.ended.Before(begun) || o.begun.After(o.ended) {
						continue // it may be giving something back right now
					}
					assert.True(t, "one holder", !slices.ContainsFunc(lanes, func(l queue.Lane) bool { return slices.Contains(o.lanes, l) }))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	seen := map[queue.Lane]bool{}
	for i := range nodes {
		for _, lane := range nodes[i].lanes {
			assert.True(t, "one holder in the end", !seen[lane])
			seen[lane] = true
		}
	}
}

func outboxLeasesEnd(t *testing.T, e Engine) {
	const short = 300 * time.Millisecond
	assert.Equal(t, "one has all", len(e.lease(t, "a", short)), queue.Lanes)
	leased := time.Now()
	for { // it does not renew any more
		asked := time.Now()
		if len(e.lease(t, "b", longTerm)) == queue.Lanes {
			break
		}
		assert.True(t, "leases have run out for whoever asks after their time", asked.Sub(leased) < 2*short)
	}
	assert.True(t, "not before their time", time.Since(leased) >= short*9/10)
	assert.Equal(t, "who lost them", len(e.lease(t, "a", longTerm)), 0)
	assert.NoError(t, "release", e.Outbox.Release(t.Context(), "b"))
	assert.NoError(t, "release of nothing", e.Outbox.Release(t.Context(), "nobody"))
	assert.Equal(t, "what was given back", len(e.lease(t, "a", longTerm)), queue.Lanes)
}
