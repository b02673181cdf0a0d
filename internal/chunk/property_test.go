package chunk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/wire"
)

// TestEverythingGoesOutOnceAndInOrder holds what a collector promises against random lives: conversations of all rates, rounds of
// all lengths, several under way, cuts at any time.
func TestEverythingGoesOutOnceAndInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		if err := (&life{shell: newShell(t), rng: rand.New(rand.NewPCG(seed, 1)), next: map[chat.ConversationID]chat.Seq{}}).run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// life is one random history.
type life struct {
	*shell

	rng   *rand.Rand
	next  map[chat.ConversationID]chat.Seq        // to come out
	last  map[chat.ConversationID]chat.Seq        // put in
	under []*chunk.Round                          // not done
	came  map[chat.ConversationID][]time.Duration // by seq−1
}

func (l *life) run() error {
	l.last, l.came = map[chat.ConversationID]chat.Seq{}, map[chat.ConversationID][]time.Duration{}
	groups := 1 + l.rng.IntN(4)
	slow := time.Duration(1+l.rng.IntN(2_000)) * time.Millisecond
	gap := time.Duration(1+l.rng.IntN(300)) * time.Millisecond
	for range 400 {
		id := chat.ConversationID(1 + l.rng.IntN(groups))
		switch n := l.rng.IntN(20); {
		case n < 14:
			if err := l.check(l.add(l.entry(id))); err != nil {
				return err
			}
		case n < 15:
			l.Cut(l.now, id)
			if err := l.check(l.Take()); err != nil {
				return err
			}
		case len(l.under) > 0: // rounds end in about the order in which they began
			i := l.rng.IntN(min(len(l.under), 2))
			r := l.under[i]
			l.under = append(l.under[:i], l.under[i+1:]...)
			if err := l.check(l.done(r)); err != nil {
				return err
			}
		}
		if err := l.pass(time.Duration(l.rng.Int64N(int64(gap)))); err != nil {
			return err
		}
		for len(l.under) > 8 || (len(l.under) > 0 && l.rng.Int64N(int64(slow)) < int64(gap)) {
			r := l.under[0]
			l.under = l.under[1:]
			if err := l.check(l.done(r)); err != nil {
				return err
			}
		}
	}
	for range 50 {
		for len(l.under) > 0 {
			r := l.under[0]
			l.under = l.under[1:]
			if err := l.check(l.done(r)); err != nil {
				return err
			}
		}
		if err := l.pass(time.Second); err != nil {
			return err
		}
	}
	for id, last := range l.last {
		if l.next[id] != last {
			return fmt.Errorf("conversation %d: %d of %d came out", id, l.next[id], last)
		}
	}
	if l.Len() != 0 {
		return fmt.Errorf("%d conversations are remembered at rest", l.Len())
	}
	return nil
}

func (l *life) entry(id chat.ConversationID) *chat.Entry {
	l.last[id]++
	e := text(l.last[id], "words")
	switch l.rng.IntN(12) {
	case 0:
		e = joined(l.last[id])
	case 1:
		e.Body = chat.Text{Text: string(make([]byte, l.rng.IntN(20_000)))}
	}
	e.Conversation = id
	l.came[id] = append(l.came[id], l.now)
	return e
}

// pass lets time pass in steps, each with its rounds at their own time.
func (l *life) pass(d time.Duration) error {
	for end := l.now + d; ; {
		due, ok := l.Due()
		if !ok || due > end {
			l.now = end
			return nil
		}
		if err := l.check(l.at(max(due, l.now))); err != nil {
			return err
		}
	}
}

// check holds rounds that begin now against the promises.
func (l *life) check(rounds []*chunk.Round) error {
	for _, r := range rounds {
		l.under = append(l.under, r)
		for _, c := range r.Chunks {
			bytes := 0
			for i, e := range c.Entries {
				if want := l.next[r.Conversation] + 1; e.Seq != want {
					return fmt.Errorf("conversation %d: seq %d came out, want %d", r.Conversation, e.Seq, want)
				}
				l.next[r.Conversation] = e.Seq
				if waited := l.now - l.came[r.Conversation][e.Seq-1]; waited > time.Second {
					return fmt.Errorf("conversation %d: seq %d was held for %v", r.Conversation, e.Seq, waited)
				}
				if _, moves := e.Body.(chat.MembersChanged); moves && i < len(c.Entries)-1 {
					return fmt.Errorf("conversation %d: the chunk goes on behind the change of members at %d", r.Conversation, e.Seq)
				}
				if n := wire.ChunkBytes(e); n <= chat.HeadOnlyBytes {
					bytes += n
				}
			}
			if len(c.Entries) == 0 || len(c.Entries) > chat.MaxChunkEntries || bytes > chat.MaxChunkBytes {
				return fmt.Errorf("conversation %d: a chunk of %d entries and %d bytes", r.Conversation, len(c.Entries), bytes)
			}
		}
	}
	return nil
}
