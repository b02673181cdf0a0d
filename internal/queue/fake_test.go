package queue_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

var (
	errAway = errors.New("away")
	errHalf = errors.New("half of it was stored")
)

// outbox keeps the port's contract in memory, and fails when it is told to.
type outbox struct {
	// immutable after construction
	fail func(call string) error // an error, after a while if it likes; nil for none

	// guarded by mu
	mu     sync.Mutex
	lanes  [queue.Lanes][]queue.Pending
	commit map[queue.Ticket]time.Time
	holder [queue.Lanes]string
	until  [queue.Lanes]time.Time
	nodes  map[string]time.Time
	drops  int
	reads  int // calls of Waiting and Pending
}

func newOutbox() *outbox {
	return &outbox{
		fail: func(string) error { return nil }, commit: make(map[queue.Ticket]time.Time), nodes: make(map[string]time.Time),
	}
}

// add commits the next event of a conversation.
func (o *outbox) add(id chat.ConversationID, seq chat.Seq) queue.Lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := queue.LaneOf(id)
	ticket := queue.Ticket{Conversation: id, Seq: seq}
	event := chat.Event{Entry: &chat.Entry{Conversation: id, Seq: seq}, Head: chat.Head{Conversation: id, Seq: seq}}
	o.lanes[n] = append(o.lanes[n], queue.Pending{Ticket: ticket, Event: event})
	o.commit[ticket] = time.Now()
	return n
}

func (o *outbox) left() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		n += len(l)
	}
	return n
}

func (o *outbox) holders() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string]int{}
	for i, h := range o.holder {
		if time.Now().Before(o.until[i]) {
			all[h]++
		}
	}
	return all
}

func (o *outbox) Lease(_ context.Context, node string, term time.Duration) ([]queue.Lane, error) {
	begin := time.Now()
	if err := o.fail("lease"); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.nodes[node] = begin.Add(term)
	alive := 0
	for _, until := range o.nodes {
		if begin.Before(until) {
			alive++
		}
	}
	share := (queue.Lanes + alive - 1) / max(alive, 1)
	var mine []queue.Lane
	for _, own := range []bool{true, false} {
		for i := range o.holder {
			n := queue.Lane(i)
			held := o.holder[n] == node && begin.Before(o.until[n])
			free := !begin.Before(o.until[n])
			switch {
			case own && held && len(mine) < share, !own && free && len(mine) < share:
				o.holder[n], o.until[n] = node, begin.Add(term)
				mine = append(mine, n)
			case own && held:
				o.until[n] = time.Time{}
			}
		}
	}
	return mine, nil
}

func (o *outbox) Release(_ context.Context, node string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.nodes, node)
	for i, h := range o.holder {
		if h == node {
			o.until[i] = time.Time{}
		}
	}
	return nil
}

// steal gives all lanes away before their time, as a clock of the engine that jumps would.
func (o *outbox) steal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until = [queue.Lanes]time.Time{}
}

func (o *outbox) Waiting(_ context.Context, lanes []queue.Lane) ([]queue.Lane, error) {
	if err := o.fail("waiting"); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reads++
	return slices.DeleteFunc(slices.Clone(lanes), func(n queue.Lane) bool { return len(o.lanes[n]) == 0 }), nil
}

func (o *outbox) Pending(_ context.Context, lane queue.Lane, limit int) ([]queue.Pending, error) {
	if err := o.fail("pending"); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reads++
	found := slices.Clone(o.lanes[lane][:min(limit, len(o.lanes[lane]))])
	for i := range found {
		found[i].Age = time.Since(o.commit[found[i].Ticket])
	}
	return found, nil
}

func (o *outbox) Done(_ context.Context, tickets []queue.Ticket) error {
	if err := o.fail("done"); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drops++
	for _, t := range tickets {
		lane := queue.LaneOf(t.Conversation)
		o.lanes[lane] = slices.DeleteFunc(o.lanes[lane], func(p queue.Pending) bool { return p.Ticket == t })
	}
	return nil
}

// streams keeps what was published, lane by lane.
type streams struct {
	// immutable after construction
	fail func() fault

	// guarded by mu
	mu     sync.Mutex
	stored [queue.Lanes][]chat.Event
	calls  int
	late   sync.WaitGroup

	hanging atomic.Int32
}

// fault is how a publication goes wrong.
type fault int

const (
	fine fault = iota
	refused
	half // a part is stored, then it fails
	lost // all is stored, and the answer is lost
	hung // nothing happens until the caller gives up; it is stored later than that
)

func (s *streams) Publish(ctx context.Context, lane queue.Lane, events []chat.Event) error {
	took := time.Duration(1+rand.IntN(5)) * time.Millisecond
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return ctx.Err()
	}
	kind := fine
	if s.fail != nil {
		kind = s.fail()
	}
	if kind == hung {
		s.hanging.Add(1)
		<-ctx.Done()
		s.hanging.Add(-1)
		s.late.Go(func() {
			pass(rand.N(20 * time.Second))
			s.store(lane, events)
		})
		return ctx.Err()
	}
	switch kind {
	case refused:
		return errAway
	case half:
		s.store(lane, events[:rand.IntN(len(events)+1)])
		return errHalf
	case fine, lost, hung:
		s.store(lane, events)
	}
	if kind == lost {
		return errAway
	}
	return nil
}

func (s *streams) store(lane queue.Lane, events []chat.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.stored[lane] = append(s.stored[lane], events...)
}

func (s *streams) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.stored {
		n += len(l)
	}
	return n
}
