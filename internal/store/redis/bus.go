package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/store/record"
)

var _ cluster.Bus = (*Bus)(nil)

const (
	// busRetry is how long a listener waits that could not subscribe.
	busRetry = 250 * time.Millisecond
	// encodings is how many deliveries are remembered as they were written, for the next node that they go to.
	encodings = 16
)

// Bus delivers by sharded pub/sub: each node that listens has a channel. What goes to a node of this very process is a function call.
//
//	Deliver → encoded once for all nodes → SPUBLISH, answered in time or an error
//	SSUBSCRIBE, on a connection of its own → inbox, bounded in bytes → one goroutine → Receive
//
// What is published while a node is not subscribed, or has no room, does not come. The node finds out, and calls lost once it is
// subscribed again, or has room: devices look for what they missed then. A delivery that failed may come all the same, late; those who
// get it pass over what they have.
type Bus struct {
	// immutable after construction
	client *Client
	lost   func()
	here   *local.Bus

	names sync.Map // of those who listen here: cluster.Node → struct{}
	fresh [encodings]atomic.Pointer[encoding]
}

// encoding is a delivery and how it is written down. It is immutable.
type encoding struct {
	of   *cluster.Delivery
	text string
}

// NewBus makes a bus. Lost is called by a goroutine of each listener, after deliveries to it may not have come; it may be nil.
func (c *Client) NewBus(lost func()) *Bus { return &Bus{client: c, lost: lost, here: local.NewBus()} }

// Deliver implements [cluster.Bus]. Where Redis does not take the delivery in time, it fails.
func (b *Bus) Deliver(ctx context.Context, node cluster.Node, d *cluster.Delivery) error {
	all := []cluster.Parcel{{Node: node, Delivery: d}}
	b.Post(ctx, all)
	return all[0].Err
}

// Post implements [cluster.Bus]: what goes to other nodes is one pipeline, and goes while what is for this process is handed over.
func (b *Bus) Post(ctx context.Context, parcels []cluster.Parcel) {
	var far []*cluster.Parcel
	near := make([]*cluster.Parcel, 0, len(parcels))
	for i := range parcels {
		p := &parcels[i]
		if _, ok := b.names.Load(p.Node); ok {
			near = append(near, p)
		} else {
			far = append(far, p)
		}
	}
	var sending sync.WaitGroup
	if len(near) > 0 && len(far) > 0 {
		sending.Go(func() { b.send(ctx, far) })
	} else {
		b.send(ctx, far)
	}
	for _, p := range near {
		p.Err = b.here.Deliver(ctx, p.Node, p.Delivery)
	}
	sending.Wait()
}

// pipelinedBytes is about how much goes to Redis in one pipeline, so that each is answered well within the timeout.
const pipelinedBytes = 1 << 20

// send takes parcels to other nodes.
func (b *Bus) send(ctx context.Context, parcels []*cluster.Parcel) {
	for len(parcels) > 0 {
		texts, bytes := make([]string, 0, min(len(parcels), pipelined)), 0
		for len(texts) < min(len(parcels), pipelined) && (bytes < pipelinedBytes || len(texts) == 0) {
			text := b.encode(parcels[len(texts)].Delivery)
			texts, bytes = append(texts, text), bytes+len(text)
		}
		some := parcels[:len(texts)]
		parcels = parcels[len(texts):]
		answers, err := b.client.do(ctx, opPublish, func(build rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, 0, 2*len(some))
			for i, p := range some {
				if record.LaterDelivery != "" {
					commands = append(commands, build.Spublish().Channel(b.client.busChannel(p.Node)).Message(record.LaterDelivery).Build())
				}
				commands = append(commands, build.Spublish().Channel(b.client.busChannel(p.Node)).Message(texts[i]).Build())
			}
			return commands
		})
		each := len(answers) / len(some)
		for i, p := range some {
			own := err
			if each > 0 {
				own = answered(answers[(i+1)*each-1], err)
			}
			if own == nil {
				b.client.metrics.sent.Inc()
			}
			p.Err = unavailable(own, "delivering to another node")
		}
	}
}

// encode returns a delivery as it goes over the wire. It goes to several nodes in a row, mostly.
func (b *Bus) encode(d *cluster.Delivery) string {
	slot := &b.fresh[uint64(d.Conversation)%encodings]
	if e := slot.Load(); e != nil && e.of == d {
		return e.text
	}
	e := &encoding{of: d, text: string(record.AppendDelivery(nil, d))}
	slot.Store(e)
	return e.text
}

// Listen implements [cluster.Bus]. It waits until the node is subscribed, for a moment; if Redis does not answer, the subscription
// follows when it does.
func (b *Bus) Listen(node cluster.Node, r cluster.Receiver) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{bus: b, node: node, in: newInbox(b.client.cfg.InboxBytes), ready: make(chan struct{})}
	leave := b.here.Listen(node, r)
	b.names.Store(node, struct{}{})
	var running sync.WaitGroup
	running.Go(func() { l.subscribe(ctx) })
	running.Go(func() { l.hand(ctx) })
	t := time.NewTimer(b.client.cfg.Timeout + b.client.cfg.DialTimeout)
	defer t.Stop()
	select {
	case <-l.ready:
	case <-t.C:
	}
	return sync.OnceFunc(func() {
		leave()
		b.names.Delete(node)
		cancel()
		running.Wait()
	})
}

// listener is what receives for a node.
type listener struct {
	// immutable after construction
	bus   *Bus
	node  cluster.Node
	in    *inbox
	ready chan struct{} // closed by subscribe when it is subscribed for the first time
}

// subscribe keeps the node subscribed until ctx ends.
func (l *listener) subscribe(ctx context.Context) {
	for first := true; ctx.Err() == nil; {
		err := l.subscription(ctx, func() {
			if first {
				first = false
				close(l.ready)
				return
			}
			l.in.miss()
		})
		if ctx.Err() != nil {
			return
		}
		l.bus.client.log.Debug("the subscription to deliveries has ended", "error", err)
		t := time.NewTimer(busRetry)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// errUnsubscribed says that the server does not serve the channel any more: its slot has moved.
var errUnsubscribed = errors.New("the channel has moved to another server")

// subscription is one, on a connection of its own, until that breaks or ctx ends.
func (l *listener) subscription(ctx context.Context, subscribed func()) error {
	dial, cancel := context.WithTimeout(ctx, l.bus.client.cfg.DialTimeout)
	defer cancel()
	conn, err := l.bus.client.connection(dial)
	if err != nil {
		return err
	}
	own, release := conn.Dedicate()
	defer release()
	defer own.Close() // no other call gets a connection that is subscribed
	moved := make(chan struct{}, 1)
	broken := own.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { l.in.put(m.Message) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if s.Kind == "sunsubscribe" {
				select {
				case moved <- struct{}{}:
				default:
				}
			}
		},
	})
	if err := own.Do(dial, own.B().Ssubscribe().Channel(l.bus.client.busChannel(l.node)).Build()).Error(); err != nil {
		return err //nolint:wrapcheck // it is for the log of who called
	}
	subscribed()
	select {
	case err := <-broken:
		return err
	case <-moved:
		return errUnsubscribed
	case <-ctx.Done():
		return nil
	}
}

// hand gives the receiver what comes, one after the other.
func (l *listener) hand(ctx context.Context) {
	for {
		text, missed, ok := l.in.take(ctx)
		switch {
		case !ok:
			return
		case missed:
			l.bus.client.metrics.lost.WithLabelValues("bus").Inc()
			if l.bus.lost != nil {
				l.bus.lost()
			}
			continue
		}
		d, err := record.DecodeDelivery([]byte(text))
		switch {
		case err != nil:
			l.bus.client.metrics.dropped.WithLabelValues("damaged").Inc()
			l.bus.client.log.Warn("a delivery is not readable", "error", err)
		case d == nil:
			l.bus.client.metrics.dropped.WithLabelValues("unknown").Inc()
		default:
			l.bus.client.metrics.received.Inc()
			if err := l.bus.here.Deliver(ctx, l.node, d); err != nil && chat.AsError(err).Code != chat.CodeCanceled {
				l.bus.client.log.Debug("a delivery was not taken", "error", err)
			}
		}
	}
}
