package kafka

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/queue"
)

// Deps are what a queue needs from others. Each may be nil.
type Deps struct {
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	// Dial makes connections instead of the network's own dialler; TLS is not put on top then.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Queue is a topic of Kafka with the events of the log. It connects when it is first used, and goes on whenever Kafka is there: a node
// starts without it. Its methods may be called from any goroutine.
type Queue struct {
	// immutable after construction
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	opts    []kgo.Opt
	client  *kgo.Client // publishes and asks
	admin   *kadm.Client
	encoder encoder
	closed  chan struct{}
	finding chan struct{} // holds a token while the topic is looked for

	// guarded by mu
	mu    sync.Mutex
	found *topic // nil while it has to be looked for
	ended bool
}

var (
	_ queue.Publisher = (*Queue)(nil)
	_ queue.Streams   = (*Queue)(nil)
)

// New makes a queue. It does no I/O but for reading certificates.
func New(cfg Config, deps Deps) (*Queue, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	q := &Queue{cfg: cfg, log: deps.Logger, closed: make(chan struct{}), finding: make(chan struct{}, 1)}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if q.encoder, err = newEncoder(); err != nil {
		return nil, err
	}
	if q.opts, err = options(cfg, q.log); err != nil {
		return nil, err
	}
	if deps.Dial != nil {
		q.opts = append(q.opts, kgo.Dialer(deps.Dial))
	}
	q.client, err = kgo.NewClient(append([]kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.DisableIdempotentWrite(), kgo.ProduceRequestTimeout(cfg.Timeout),
	}, q.opts...)...)
	if err != nil {
		return nil, errSettings("the settings of kafka: %v", err)
	}
	q.admin = kadm.NewClient(q.client)
	q.metrics = newMetrics(deps.Metrics)
	return q, nil
}

// Close ends the connections. Calls that are under way fail, and so do later ones.
func (q *Queue) Close() error {
	q.mu.Lock()
	ended := q.ended
	q.ended = true
	q.mu.Unlock()
	if !ended {
		close(q.closed)
		q.client.Close()
	}
	return nil
}

// bounded is a context for one call: with the time limit of the settings, and ended by Close.
func (q *Queue) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.Timeout)
	stop := context.AfterFunc(q.client.Context(), cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

func (q *Queue) isClosed() bool {
	select {
	case <-q.closed:
		return true
	default:
		return false
	}
}
