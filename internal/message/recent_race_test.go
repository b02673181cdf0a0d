package message_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// I6, I13: while a group is written to, members come and go. Who was removed reads nothing behind the removal, from the moment
// at which it is acknowledged on; who wrote reads it at once.
func TestRingAndRemovals(t *testing.T) {
	t.Parallel()
	const people, rounds = 8, 150
	p := newPool(t, 2, message.DefaultConfig())
	p.found(1, crowd(people)...)
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := range 2 {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c := chat.ClientID{byte(10 + i), byte(n >> 8), byte(n)}
				r, err := p.ringed.Append(context.Background(), &chat.Draft{Conversation: 1, Sender: 1, ClientID: c, Body: chat.Text{Text: "x"}})
				assert.NoError(t, "send", err)
				page, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: 2, Conversation: 1, Limit: 5})
				assert.NoError(t, "page", err)
				assert.True(t, "who wrote reads it", page.Head.Seq >= r.Seq)
			}
		})
	}
	var readers sync.WaitGroup
	for u := chat.UserID(3); u <= people; u++ {
		readers.Go(func() { p.comeAndGo(u, rounds) })
	}
	readers.Wait()
	close(stop)
	others.Wait()
}

// comeAndGo removes a user and lets it back in, and reads as the user all the time.
func (p *pool) comeAndGo(u chat.UserID, rounds int) {
	ctx := context.Background()
	var removed atomic.Uint64 // the seq of the removal that holds, 0 while a member
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			end := chat.Seq(removed.Load())
			page, err := p.ringed.Range(ctx, message.RangeQuery{Reader: u, Conversation: 1, Limit: 10})
			if err != nil {
				p.t.Errorf("a page of %d: %v", u, err)
				return
			}
			if end != 0 && removed.Load() == uint64(end) && (page.Head.Seq > end || page.Covered.To > end) {
				p.t.Errorf("%d was removed at %d and reads up to %d of %d", u, end, page.Covered.To, page.Head.Seq)
				return
			}
		}
	})
	for range rounds {
		r := p.do(&chat.Draft{Conversation: 1, Sender: 0, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{u}}})
		removed.Store(uint64(r.Seq))
		for range 3 {
			page, err := p.ringed.Range(ctx, message.RangeQuery{Reader: u, Conversation: 1})
			if err != nil || page.Head.Seq > r.Seq {
				p.t.Errorf("%d was removed at %d and sees a head at %d (%v)", u, r.Seq, page.Head.Seq, err)
			}
		}
		removed.Store(0)
		p.do(&chat.Draft{Conversation: 1, Sender: u, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{u}}})
	}
	close(stop)
	reader.Wait()
}

func (p *pool) remove(u chat.UserID) chat.Result {
	p.t.Helper()
	return p.do(&chat.Draft{Conversation: 1, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{u}}})
}

// endsAt asks for the last page as u and holds its end against the removal of u.
func (p *pool) endsAt(u chat.UserID, removal chat.Seq, what string) {
	p.t.Helper()
	page, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: u, Conversation: 1, Backward: true})
	assert.NoError(p.t, what, err)
	if page.Head.Seq > removal || page.Covered.To > removal || (len(page.Entries) > 0 && page.Entries[0].Seq > removal) {
		p.t.Errorf("%s: %d was removed at %d and gets %d to %d, with a head at %d", what, u, removal, page.Covered.From, page.Covered.To, page.Head.Seq)
	}
}

// warm pulls as u until that costs no read of the log or the directory.
func (p *pool) warm(u chat.UserID) {
	p.t.Helper()
	for {
		before := p.reads.all()
		_, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: u, Conversation: 1})
		assert.NoError(p.t, "warming up", err)
		if p.reads.all() == before {
			return
		}
	}
}

// T20, I6: a member is removed at each moment of a pull at which it makes a difference.
func TestRemovedWhileAPullIsUnderWay(t *testing.T) {
	t.Parallel()
	const u = 3
	begin := func(t *testing.T) *pool {
		p := newPool(t, 2, message.DefaultConfig())
		p.found(1, crowd(8)...)
		p.say(1, 1, "before")
		return p
	}
	t.Run("while the ring is behind", func(t *testing.T) {
		t.Parallel()
		p := begin(t)
		p.warm(u)
		p.feed.gate.Lock() // the ring holds u's span and does not see the removal
		removal := p.remove(u).Seq
		p.say(1, 1, "after")
		p.endsAt(u, removal, "behind")
		p.feed.gate.Unlock()
		p.endsAt(u, removal, "caught up")
	})
	t.Run("between the head and the member", func(t *testing.T) {
		t.Parallel()
		p := begin(t)
		p.warm(1)
		var removal chat.Seq
		p.reads.before = func() {
			p.reads.before = nil
			removal = p.remove(u).Seq
			p.say(1, 1, "after")
		}
		page, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: u, Conversation: 1})
		assert.NoError(t, "the pull", err)
		assert.True(t, "the removal came in between", removal != 0)
		assert.True(t, "nothing past the removal", page.Head.Seq <= removal && page.Covered.To <= removal)
		p.endsAt(u, removal, "the next one")
	})
	t.Run("between the member and what is remembered of it", func(t *testing.T) {
		t.Parallel()
		p := begin(t)
		p.warm(1)
		var removal chat.Seq
		p.reads.after = func() { // u was read as a member; before that is remembered, the ring sees the removal
			p.reads.after = nil
			removal = p.remove(u).Seq
			p.say(1, 1, "after")
			p.warm(1)
		}
		_, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: u, Conversation: 1})
		assert.NoError(t, "the pull", err)
		assert.True(t, "the removal came in between", removal != 0)
		p.endsAt(u, removal, "the next one")
	})
}

// LOG-11: content that is removed does not come back with the event that carried it.
func TestRemovedContentDoesNotComeBack(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, message.DefaultConfig())
	p.found(1, crowd(8)...)
	p.say(1, 1, "before")
	p.warm(2)
	p.feed.gate.Lock()
	seq := p.say(1, 3, "a secret").Seq
	n, err := p.ringed.Tombstone(context.Background(), 1, chat.Span{From: 1}, 3, chat.TombstoneErased)
	assert.NoError(t, "tombstone", err)
	assert.Equal(t, "removed", n, 1)
	gone := func(when string) {
		t.Helper()
		page, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: 2, Conversation: 1, From: seq, To: seq})
		assert.NoError(t, when, err)
		assert.Equal(t, when, page.Entries[0].Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneErased}))
	}
	gone("while the event is on its way")
	p.feed.gate.Unlock()
	last := p.say(1, 1, "after").Seq // a pull that shows it, from the ring, has seen all events before it
	p.warm(2)
	page, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: 2, Conversation: 1})
	assert.NoError(t, "the last page", err)
	assert.Equal(t, "the head", page.Head.Seq, last)
	gone("when the event has come")
}
