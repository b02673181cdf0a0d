package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
)

// opKind is what an operation tells a loop.
type opKind uint8

const (
	opOpen       opKind = iota + 1 // a new connection
	opInput                        // bytes came on a connection that a goroutine or memory carries
	opGone                         // it cannot be read any more
	opWritten                      // its writer got rid of n bytes; err ends it
	opReady                        // its sink takes more
	opIdentity                     // an authentication is decided
	opSubscribed                   // subscriptions were looked up
	opRevealed                     // the routes of a connection's groups are visible
	opAnswer                       // a request is answered
	opSent                         // a send is decided
	opParcel                       // a delivery
	opHead                         // a conversation went on; n says who is told
	opRound                        // a round of a large conversation
	opResync                       // deliveries may have been missed
	opPresence                     // somebody whom the connection watches is there in another way
	opLevel                        // the server leaves out more or less than it did
	opReplace                      // another connection of who's device has opened
	opRevoke                       // who's devices lose their sessions
	opDrain                        // end the connections whose turn it is
)

// op is one operation. It is small and typed; what it carries belongs to the loop from then on.
type op struct {
	kind   opKind
	n      int
	ref    ref
	id     uint64
	parcel *session.Parcel
	flight *flight
	open   *opening
	memory *Memory
	bytes  []byte
	err    error
	who    *account.Identity
	subs   []Subscription
	revoke *revocation
	drain  *drainSlice
	result *chat.Result
}

// inbox is the way into a loop: any number of producers, one consumer that takes all at once. Its bound holds back the
// fan-out (Wait); what sessions themselves cause (Put) is bounded by their connections and requests in flight.
type inbox struct {
	// immutable after construction
	limit int
	wake  func()        // the loop's: something is there
	room  chan struct{} // capacity 1: there is room again

	// guarded by mu
	mu    sync.Mutex
	ops   []op
	spare []op
	taken uint64        // how many were taken before ops
	since time.Time     // when the first of ops was put there
	worst time.Duration // how long one waited, and how many did, since the last look
	most  int
}

func newInbox(limit int, wake func()) *inbox {
	return &inbox{limit: limit, wake: wake, room: make(chan struct{}, 1)}
}

// Put adds an operation. It never blocks.
func (q *inbox) Put(o op) {
	q.mu.Lock()
	first := len(q.ops) == 0
	q.add(o)
	q.mu.Unlock()
	if first {
		q.wake()
	}
}

// Offer adds an operation unless so many wait already. It never blocks.
func (q *inbox) Offer(o op, below int) {
	q.mu.Lock()
	n := len(q.ops)
	if n < below {
		q.add(o)
	}
	q.mu.Unlock()
	if n == 0 && below > 0 {
		q.wake()
	}
}

// add appends an operation. The caller holds mu.
func (q *inbox) add(o op) {
	if len(q.ops) == 0 {
		q.since = time.Now()
	}
	q.ops = append(q.ops, o)
}

// Wait adds an operation once there is room.
func (q *inbox) Wait(ctx context.Context, o op) error {
	for {
		q.mu.Lock()
		n := len(q.ops)
		if n < q.limit {
			q.add(o)
			q.mu.Unlock()
			if n == 0 {
				q.wake()
			} else if n+1 < q.limit {
				signal(q.room) // another producer may be waiting
			}
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return chat.Wrap(ctx.Err(), chat.CodeCanceled, chat.ReasonCanceled, "the gateway was behind for too long")
		}
	}
}

// posted is how many operations there ever were.
func (q *inbox) posted() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken + uint64(len(q.ops))
}

// empty reports that nothing waits.
func (q *inbox) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops) == 0
}

// take returns everything that waits; the slice goes back with done.
func (q *inbox) take() []op {
	q.mu.Lock()
	ops := q.ops
	q.taken += uint64(len(ops))
	q.measure()
	q.ops, q.spare = q.spare, nil
	q.mu.Unlock()
	if len(ops) >= q.limit {
		signal(q.room)
	}
	return ops
}

// measure notes how long and how many operations wait. The caller holds mu.
func (q *inbox) measure() {
	if len(q.ops) > 0 {
		q.worst, q.most = max(q.worst, time.Since(q.since)), max(q.most, len(q.ops))
	}
}

// look returns how long an operation waited at most, and how many did, since the last look. What waits now counts with the time that it
// has waited so far: a loop that is stuck shows.
func (q *inbox) look() (worst time.Duration, most int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.measure()
	worst, most = q.worst, q.most
	q.worst, q.most = 0, 0
	return worst, most
}

// done takes back what take returned.
func (q *inbox) done(ops []op) {
	clear(ops)
	if cap(ops) > 1<<14 {
		return // a burst's slice is not kept
	}
	q.mu.Lock()
	q.spare = ops[:0]
	q.mu.Unlock()
}

// signal wakes without blocking; a signal that is already there is enough.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
