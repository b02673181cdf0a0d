package kafka_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// ledger is an outbox in memory that gives every lane to every relay: the worst that leases can do. One call in ten fails.
type ledger struct {
	// guarded by mu
	mu     sync.Mutex
	healed bool
	lanes  [queue.Lanes][]queue.Pending
	heads  map[chat.ConversationID]chat.Seq
}

var errLedger = errors.New("the ledger fails")

// lock locks, unless the call is one that fails.
func (l *ledger) lock() error {
	l.mu.Lock()
	if !l.healed && rand.IntN(10) == 0 {
		l.mu.Unlock()
		return errLedger
	}
	return nil
}

// commit appends the next event of a conversation.
func (l *ledger) commit(id chat.ConversationID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads[id]++
	n := queue.LaneOf(id)
	l.lanes[n] = append(l.lanes[n], queue.Pending{Ticket: queue.Ticket{Conversation: id, Seq: l.heads[id]}, Event: event(id, l.heads[id])})
}

func (l *ledger) left() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.lanes {
		n += len(lane)
	}
	return n
}

func (l *ledger) Lease(context.Context, string, time.Duration) ([]queue.Lane, error) {
	if err := l.lock(); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	all := make([]queue.Lane, queue.Lanes)
	for i := range all {
		all[i] = queue.Lane(i)
	}
	return all, nil
}

func (l *ledger) Release(context.Context, string) error { return nil }

func (l *ledger) Waiting(_ context.Context, lanes []queue.Lane) ([]queue.Lane, error) {
	if err := l.lock(); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(lanes), func(n queue.Lane) bool { return len(l.lanes[n]) == 0 }), nil
}

func (l *ledger) Pending(_ context.Context, lane queue.Lane, limit int) ([]queue.Pending, error) {
	if err := l.lock(); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	return slices.Clone(l.lanes[lane][:min(limit, len(l.lanes[lane]))]), nil
}

func (l *ledger) Done(_ context.Context, tickets []queue.Ticket) error {
	if err := l.lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	for _, t := range tickets {
		lane := queue.LaneOf(t.Conversation)
		l.lanes[lane] = slices.DeleteFunc(l.lanes[lane], func(p queue.Pending) bool { return p.Ticket == t })
	}
	return nil
}
