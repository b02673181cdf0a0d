//go:build cluster

package mysql

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/engines"
)

// I1, I2, I3: the server is killed in the middle of appends, and started again. What was acknowledged is there, nothing is there twice, and
// every entry has its event; the store goes on by itself.
func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	server := engines.PrivateMariaDB(t)
	c := DefaultConfig()
	c.Databases = []string{server.Database(t).DSN}
	s := open(t, c)
	const conversations, writers, rounds = 4, 6, 3
	for id := chat.ConversationID(1); id <= conversations; id++ {
		must(t, s, group(id, alice, bob))
	}
	type place struct {
		id   chat.ConversationID
		sent int
	}
	acknowledged := map[place]chat.Result{}
	var mu sync.Mutex
	next := 0
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		enough := make(chan struct{}, 1<<16)
		for range writers {
			wg.Go(func() {
				for ctx.Err() == nil {
					mu.Lock()
					next++
					n := next
					mu.Unlock()
					var drafts []*chat.Draft
					for id := chat.ConversationID(1); id <= conversations; id++ {
						drafts = append(drafts, words(id, alice, n))
					}
					got := <-begin(t, s, drafts...)
					if got.err != nil {
						code := chat.AsError(got.err).Code
						assert.True(t, "the server is away", code == chat.CodeUnavailable || code == chat.CodeUnknown)
						return
					}
					mu.Lock()
					for i, r := range got.results {
						acknowledged[place{drafts[i].Conversation, n}] = r
					}
					mu.Unlock()
					enough <- struct{}{}
				}
			})
		}
		for range 30 + 20*round {
			<-enough
		}
		server.Kill(t)
		wg.Wait()
		cancel()
		server.Restart(t)
		for id := chat.ConversationID(1); id <= conversations; id++ {
			all := whole(t, s, id)
			for p, r := range acknowledged {
				if p.id != id {
					continue
				}
				assert.True(t, "what was acknowledged is there", int(r.Seq) <= len(all))
				e := all[r.Seq-1]
				assert.True(t, "as it was", e.ClientID == words(id, alice, p.sent).ClientID && e.TimeMS == r.TimeMS && e.Ordinal == r.Ordinal)
			}
		}
	}
	for p, first := range acknowledged {
		r := must(t, s, words(p.id, alice, p.sent))[0]
		assert.True(t, "a repeat has the first answer", r.Repeat && r.Seq == first.Seq && r.TimeMS == first.TimeMS)
	}
}

// T9: a server that stops answers nobody, and nobody waits for ever: what had no answer is in doubt or was not stored, and once it goes
// on everything goes on.
func TestServerStops(t *testing.T) {
	t.Parallel()
	server := engines.PrivateMariaDB(t)
	c := DefaultConfig()
	c.Databases = []string{server.Database(t).DSN}
	c.Timeout, c.DialTimeout, c.LockWait = 2*time.Second, time.Second, time.Second
	s := open(t, c)
	must(t, s, group(1, alice, bob))
	server.Stop(t)
	begun := time.Now()
	var answers []answer
	for n := range 2 {
		answers = append(answers, <-begin(t, s, words(1, alice, n)))
	}
	_, err := s.Heads(t.Context(), []chat.ConversationID{1})
	assert.Equal(t, "a read", chat.AsError(err).Code, chat.CodeUnavailable)
	assert.True(t, "nobody waits for ever", time.Since(begun) < patience)
	server.Continue(t)
	for n, got := range answers {
		assert.True(t, "no answer", got.err != nil)
		isTrue(t, s, words(1, alice, n), got)
	}
}

// A database that is away takes its own conversations with it and no others.
func TestOneOfTwoDatabasesIsAway(t *testing.T) {
	t.Parallel()
	server := engines.PrivateMariaDB(t)
	c := settings(t, 1)
	c.Databases = append(c.Databases, server.Database(t).DSN)
	s := open(t, c)
	here, there := chat.ConversationID(1), chat.ConversationID(1)
	for s.OfConversation(here) != s.home() {
		here++
	}
	for s.OfConversation(there) == s.home() {
		there++
	}
	must(t, s, group(there, alice, bob), group(here, alice, bob))
	server.Kill(t)
	a, err := s.Append(t.Context(), []*chat.Draft{words(there, alice, 1), words(here, alice, 1), words(there, bob, 1)})
	assert.NoError(t, "append", err)
	r := a.Results()
	assert.True(t, "the one that is there", r[1].Err == nil && r[1].Seq == 2)
	for _, i := range []int{0, 2} {
		assert.True(t, "the one that is away", r[i].Err != nil && r[i].Err.Code == chat.CodeUnavailable)
	}
	assert.True(t, "ready", s.Ready(t.Context()) != nil)
	heads, err := s.Heads(t.Context(), []chat.ConversationID{here})
	assert.True(t, "reads go on", err == nil && heads[0].Seq == 2)
	_, err = s.Heads(t.Context(), []chat.ConversationID{here, there})
	assert.Equal(t, "reads of both", chat.AsError(err).Code, chat.CodeUnavailable)
	server.Restart(t)
	for i, r := range must(t, s, words(there, alice, 1), words(here, alice, 1), words(there, bob, 1)) {
		assert.Equal(t, "the repeat", r.Repeat, i == 1)
	}
	assert.Equal(t, "entries", len(whole(t, s, there)), 3)
}
