//go:build cluster

package mysql

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// stored says whether a draft's entry is there.
func stored(t testing.TB, s *Store, d *chat.Draft) bool {
	t.Helper()
	for _, e := range whole(t, s, d.Conversation) {
		if e.ClientID == d.ClientID && e.Sender == d.Sender {
			return true
		}
	}
	return false
}

// isTrue holds an answer to what is stored, and repeats the draft: one entry is there in the end, whatever was answered.
func isTrue(t testing.TB, s *Store, d *chat.Draft, a answer) {
	t.Helper()
	there := stored(t, s, d)
	switch code := chat.AsError(a.err); {
	case a.err == nil:
		assert.True(t, "what was acknowledged is there", there && a.results[0].Err == nil)
	case code.Code == chat.CodeUnavailable:
		assert.True(t, "of what is unavailable nothing is there", !there)
	default:
		assert.Equal(t, "anything else is in doubt", code.Code, chat.CodeUnknown)
	}
	r := must(t, s, d)[0]
	if got := chat.AsError(a.err); there || got == nil || got.Code != chat.CodeUnknown { // else it may have been on its way when we looked
		assert.Equal(t, "a repeat of what was there", r.Repeat, there)
	}
	if a.err == nil {
		assert.Equal(t, "the same answer", [2]uint64{uint64(r.Seq), r.TimeMS}, [2]uint64{uint64(a.results[0].Seq), a.results[0].TimeMS})
	}
	assert.True(t, "it is there in the end", stored(t, s, d))
}

// T13: a connection, or a statement, that is killed at each statement of an append. A competitor holds what the statement needs.
func TestKilledAtEachStatement(t *testing.T) {
	t.Parallel()
	const id = chat.ConversationID(1)
	for name, hold := range map[string]string{
		"heads":    "SELECT * FROM head WHERE conversation=1 FOR UPDATE",
		"entries":  "INSERT INTO entry VALUES (1, 3, x'00')",
		"repeats":  "INSERT INTO repeated VALUES (1, 1, x'01000200000000000000000000000000', x'00')",
		"members":  "SELECT * FROM member WHERE conversation=1 AND user=1 FOR UPDATE",
		"outbox":   fmt.Sprintf("INSERT INTO outbox (slot, conversation, seq, reader, read_seq, value) VALUES (%d, 1, 3, 0, 0, x'00')", id.Slot()),
		"leaders":  "INSERT INTO leader VALUES (1, 3, 2)",
		"settings": "SELECT * FROM conversation WHERE conversation=1 FOR UPDATE",
	} {
		for _, kill := range []string{"KILL CONNECTION %d", "KILL QUERY %d"} {
			t.Run(name+"/"+kill[:len(kill)-3], func(t *testing.T) {
				t.Parallel()
				s := open(t, settings(t, 1))
				must(t, s, group(id, alice, bob), words(id, alice, 1))
				draft := words(id, alice, 0x200)
				switch name {
				case "leaders":
					draft.Body = chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{carol}, Role: chat.RoleAdmin}
				case "settings":
					other := "other"
					draft.Body = chat.Changed{Name: &other}
				}
				other, killer := raw(t, s), raw(t, s)
				run(t, other, "START TRANSACTION")
				run(t, other, hold)
				a := begin(t, s, draft)
				run(t, killer, fmt.Sprintf(kill, blocked(t, killer, 1)[0]))
				if name == "heads" { // before the commit was sent: it begins again, and the sender does not notice
					blocked(t, killer, 1)
					run(t, other, "ROLLBACK")
					got := <-a
					assert.NoError(t, "append", got.err)
					isTrue(t, s, draft, got)
					return
				}
				got := <-a
				run(t, other, "ROLLBACK")
				assert.Equal(t, "cut off with a commit under way", chat.AsError(got.err).Code, chat.CodeUnknown)
				isTrue(t, s, draft, got)
			})
		}
	}
}

// T13: deadlocks with another transaction that has changed more, so that the append is the one that is rolled back.
func TestDeadlocksOfAppends(t *testing.T) {
	t.Parallel()
	const id = chat.ConversationID(1)
	s := open(t, settings(t, 1))
	must(t, s, group(id, alice, bob))
	other, watch := raw(t, s), raw(t, s)
	for n := range 5 {
		run(t, other, "START TRANSACTION")
		for i := range 50 {
			run(t, other, "INSERT INTO head VALUES (?, x'00')", 1000+100*n+i)
		}
		run(t, other, "SELECT * FROM member WHERE conversation=1 AND user=1 FOR UPDATE")
		draft := words(id, alice, n)
		a := begin(t, s, draft)
		blocked(t, watch, 1) // has the head, wants the member
		run(t, other, "SELECT * FROM head WHERE conversation=1 FOR UPDATE")
		run(t, other, "ROLLBACK")
		got := <-a
		assert.NoError(t, "append", got.err)
		isTrue(t, s, draft, got)
	}
}

// T13: a lock that is held for longer than a transaction waits.
func TestLockWaitsOfAppends(t *testing.T) {
	t.Parallel()
	const id = chat.ConversationID(1)
	for name, hold := range map[string]string{
		"before the commit": "SELECT * FROM head WHERE conversation=1 FOR UPDATE",
		"in front of it":    "SELECT * FROM member WHERE conversation=1 AND user=1 FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := settings(t, 1)
			c.LockWait = time.Second
			s := open(t, c)
			must(t, s, group(id, alice, bob))
			other := raw(t, s)
			run(t, other, "START TRANSACTION")
			run(t, other, hold)
			draft := words(id, alice, 1)
			got := <-begin(t, s, draft)
			assert.Equal(t, "held for ever", chat.AsError(got.err).Code, chat.CodeUnavailable)
			a := begin(t, s, draft)
			pauseFor(t.Context(), 1500*time.Millisecond) // beyond one wait
			run(t, other, "ROLLBACK")
			got = <-a
			assert.NoError(t, "held for a while", got.err)
			isTrue(t, s, draft, got)
		})
	}
}

// Two nodes append to the same conversations, make them, and repeat each other's drafts: I1 and I3 hold.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	for _, databases := range []int{1, 2} {
		t.Run(fmt.Sprintf("databases=%d", databases), func(t *testing.T) {
			t.Parallel()
			c := settings(t, databases)
			nodes := []*Store{open(t, c), open(t, c)}
			const conversations, writers, each = 6, 4, 20
			var mu sync.Mutex
			seqs := map[[3]uint64]chat.Result{} // conversation, sender, draft
			var wg sync.WaitGroup
			for w := range writers {
				for _, s := range nodes {
					wg.Go(func() {
						sender := alice + chat.UserID(w%2)
						for n := range each {
							var drafts []*chat.Draft
							for i := range conversations {
								id := chat.ConversationID(1 + (i+w)%conversations)
								if n == 0 {
									drafts = append(drafts, group(id, alice, bob))
								}
								drafts = append(drafts, words(id, sender, w*each+n), &chat.Draft{Conversation: id, Sender: 3 - sender, Mark: 1})
							}
							for i, r := range must(t, s, drafts...) {
								if drafts[i].ClientID.IsZero() {
									continue
								}
								k := [3]uint64{uint64(drafts[i].Conversation), uint64(sender), uint64(w*each + n)}
								mu.Lock()
								if first, ok := seqs[k]; ok {
									assert.True(t, "one of the two is the repeat", first.Repeat != r.Repeat)
									assert.Equal(t, "and has the answer of the other", [2]uint64{uint64(r.Seq), r.TimeMS}, [2]uint64{uint64(first.Seq), first.TimeMS})
								}
								seqs[k] = r
								mu.Unlock()
							}
						}
					})
				}
			}
			wg.Wait()
			for id := chat.ConversationID(1); id <= conversations; id++ {
				all := whole(t, nodes[0], id)
				assert.Equal(t, "entries", len(all), 1+writers*each)
				for _, e := range all[1:] {
					k := [3]uint64{uint64(id), uint64(e.Sender), uint64(e.ClientID[2])<<8 | uint64(e.ClientID[3])}
					assert.Equal(t, "where it was answered to be", seqs[k].Seq, e.Seq)
				}
			}
		})
	}
}

// Appends of more keys than one statement names, by two nodes at the same time and in opposite order.
func TestLargeAppends(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	nodes := []*Store{open(t, c), open(t, c)}
	const conversations, rounds = maxKeys + 500, 2
	var wg sync.WaitGroup
	for i, s := range nodes {
		wg.Go(func() {
			for n := range rounds + 1 {
				var drafts []*chat.Draft
				for id := chat.ConversationID(1); id <= conversations; id++ {
					if n == 0 {
						drafts = append(drafts, group(id, alice, bob))
					} else {
						drafts = append(drafts, words(id, alice, i*rounds+n))
					}
				}
				if i == 1 {
					slices.Reverse(drafts)
				}
				must(t, s, drafts...)
			}
		})
	}
	wg.Wait()
	ids := make([]chat.ConversationID, conversations)
	for i := range ids {
		ids[i] = chat.ConversationID(i + 1)
	}
	heads, err := nodes[0].Heads(t.Context(), ids)
	assert.NoError(t, "heads", err)
	for i, h := range heads {
		assert.True(t, "all of both are there", h.Conversation == ids[i] && h.Seq == 1+2*rounds)
	}
	for _, id := range []chat.ConversationID{1, conversations / 2, conversations} {
		whole(t, nodes[1], id)
	}
	var adds []*chat.Draft
	for id := range chat.ConversationID(3) {
		users := make([]chat.UserID, chat.MaxMembersAtOnce)
		for i := range users {
			users[i] = chat.UserID(1000*int(id) + i + 10)
		}
		adds = append(adds, &chat.Draft{Conversation: id + 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: users}})
	}
	for _, r := range must(t, nodes[0], adds...) {
		assert.Equal(t, "members", r.Count, chat.MaxMembersAtOnce)
	}
}

// LOG-7: who is a member is read behind the lock of the head. A removal and a message meet at a head that somebody else holds; the
// removal is first.
func TestMembershipIsReadUnderTheLock(t *testing.T) {
	t.Parallel()
	const id = chat.ConversationID(1)
	c := settings(t, 1)
	one, two := open(t, c), open(t, c)
	must(t, one, group(id, alice, bob))
	for n := range 5 {
		other, watch := raw(t, one), raw(t, one)
		run(t, other, "START TRANSACTION")
		run(t, other, "SELECT * FROM head WHERE conversation=1 FOR UPDATE")
		member := func(action chat.MemberAction) *chat.Draft {
			return &chat.Draft{Conversation: id, Sender: alice, Body: chat.MembersChanged{Action: action, Users: []chat.UserID{bob}}}
		}
		removal := begin(t, one, member(chat.MemberRemoved))
		blocked(t, watch, 1)
		text := begin(t, two, words(id, bob, n))
		blocked(t, watch, 2)
		run(t, other, "ROLLBACK")
		first, second := <-removal, <-text
		assert.True(t, "the removal", first.err == nil && first.results[0].Err == nil)
		assert.NoError(t, "the message", second.err)
		assert.True(t, "is refused", second.results[0].Err != nil && second.results[0].Err.Reason == chat.ReasonNotAMember)
		m, err := two.Member(t.Context(), id, bob)
		assert.True(t, "he is out", err == nil && !m.Current())
		must(t, one, member(chat.MemberAdded))
	}
	for _, e := range whole(t, one, id) {
		assert.True(t, "nothing of his is there", e.Sender != bob)
	}
}

// OBX-1: entries without their events are not there: where the outbox takes no rows, nothing is stored.
func TestOutboxIsWrittenWithTheEntries(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 1))
	must(t, s, group(1, alice, bob))
	conn := raw(t, s)
	run(t, conn, "RENAME TABLE outbox TO elsewhere")
	got := <-begin(t, s, words(1, alice, 1))
	assert.Equal(t, "without an outbox", chat.AsError(got.err).Code, chat.CodeUnavailable)
	page, err := s.Range(t.Context(), message.Range{Conversation: 1, Limit: 10})
	assert.True(t, "no entry without an event", err == nil && len(page) == 1)
	run(t, conn, "RENAME TABLE elsewhere TO outbox")
	isTrue(t, s, words(1, alice, 1), got)
}
