package gateway

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// opKind is what an operation tells a loop.
type opKind uint8

const (
	opOpen       opKind = iota + 1 // c is a new connection; token may hold its credentials
	opFrame                        // envs came on c
	opPing                         // a ping with payload came on c
	opPong                         // a pong came on c
	opPeerClose                    // c's peer sent a close frame; code is the answer
	opBreach                       // c's peer broke the framing; code and word say how
	opGone                         // c cannot be read any more
	opWritten                      // c's writer has finished; err says how
	opIdentity                     // an authentication of c is decided
	opSubscribed                   // c's subscriptions were looked up
	opAnswer                       // a request of c is answered
	opSent                         // a send of c is decided
	opParcel                       // a delivery
	opReplace                      // another connection of who's device has opened
	opRevoke                       // who's devices lose their sessions
	opDrain                        // end the connections whose turn it is
)

// op is one operation. It is small and typed; what it carries belongs to the loop from then on.
type op struct {
	kind   opKind
	code   uint16
	c      *conn
	id     uint64
	parcel *session.Parcel
	envs   []*throngv1.ClientEnvelope
	bytes  []byte
	err    error
	word   string
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
	wake  chan struct{} // capacity 1: something is there
	room  chan struct{} // capacity 1: there is room again

	// guarded by mu
	mu    sync.Mutex
	ops   []op
	spare []op
}

func newInbox(limit int) *inbox {
	return &inbox{limit: limit, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Put adds an operation. It never blocks.
func (q *inbox) Put(o op) {
	q.mu.Lock()
	first := len(q.ops) == 0
	q.ops = append(q.ops, o)
	q.mu.Unlock()
	if first {
		signal(q.wake)
	}
}

// Wait adds an operation once there is room.
func (q *inbox) Wait(ctx context.Context, o op) error {
	for {
		q.mu.Lock()
		n := len(q.ops)
		if n < q.limit {
			q.ops = append(q.ops, o)
			q.mu.Unlock()
			if n == 0 {
				signal(q.wake)
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

// take returns everything that waits; the slice goes back with done.
func (q *inbox) take() []op {
	q.mu.Lock()
	ops := q.ops
	q.ops, q.spare = q.spare, nil
	q.mu.Unlock()
	if len(ops) >= q.limit {
		signal(q.room)
	}
	return ops
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
