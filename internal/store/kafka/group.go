package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

const (
	// followRest is how long a follower that failed rests.
	followRest = 250 * time.Millisecond
	// beats is how often in a session a node says that it lives.
	beats = 4
	// handover is how long a node may take to let go of its streams, beyond the session's time.
	handover = 2 * time.Second
	// topicEvery is how often a group looks whether its topic was made anew.
	topicEvery = 2 * time.Second
)

// group is this node's part in a group.
type group struct {
	// immutable after construction
	queue  *Queue
	name   string
	follow func(ctx context.Context, s queue.Stream) error
	topic  *topic // whose offsets its positions are
	reader *reader
	member *kgo.Client // set when ready is closed: streams may be given before the client is returned
	ready  chan struct{}

	// atomic
	estranged atomic.Bool // brokers say that they do not know the topic that the clients have found under the name

	// guarded by mu
	mu      sync.Mutex
	ending  bool // it takes no streams any more
	remade  bool // another topic has the name by now: positions of this one are worth nothing
	streams map[int32]*stream
	commits map[int32]int64 // positions that are to be committed
}

// Share implements [queue.Streams]. While Kafka is away it waits. A topic that was deleted and made anew is followed from a beginning of
// its own, by new clients: those of before read the old one for ever.
func (q *Queue) Share(ctx context.Context, name string, follow func(ctx context.Context, s queue.Stream) error) error {
	for {
		t, err := q.topic(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if q.isClosed() {
			return errClosed()
		}
		if err != nil {
			q.log.Debug("waiting for kafka, to follow its events", "group", name, "error", err)
			pause(ctx, time.Second)
			continue
		}
		g := &group{
			queue: q, name: q.cfg.Topic + "." + name, follow: follow, topic: t, ready: make(chan struct{}),
			streams: make(map[int32]*stream), commits: make(map[int32]int64),
		}
		if err := g.open(ctx); err != nil {
			return err
		}
		err = g.run(ctx)
		if ctx.Err() != nil || q.isClosed() || !g.isRemade() {
			return err
		}
		q.log.Error("THE TOPIC WAS MADE ANEW, what was in it and not followed yet is gone", "group", g.name)
		q.metrics.lost.Inc()
	}
}

// open joins the group. Streams are given to it from now on, which are followed until ctx ends.
func (g *group) open(ctx context.Context) error {
	q := g.queue
	var err error
	if g.reader, err = newReader(q.opts, q.cfg.Topic, q.metrics.pauses.Inc, g.estrange); err != nil {
		return err
	}
	type partitions = map[string][]int32
	given := func(_ context.Context, _ *kgo.Client, p partitions) { g.give(ctx, p[q.cfg.Topic]) }
	taken := func(_ context.Context, _ *kgo.Client, p partitions) { g.take(ctx, p[q.cfg.Topic]) }
	g.member, err = kgo.NewClient(append([]kgo.Opt{
		kgo.ConsumerGroup(g.name), kgo.ConsumeTopics(q.cfg.Topic), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(q.cfg.SessionTimeout), kgo.HeartbeatInterval(q.cfg.SessionTimeout / beats),
		kgo.RebalanceTimeout(q.cfg.SessionTimeout + handover), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(given), kgo.OnPartitionsRevoked(taken), kgo.OnPartitionsLost(taken),
	}, q.opts...)...)
	if err != nil {
		g.reader.client.Close()
		return errSettings("the settings of kafka: %v", err)
	}
	g.member.PauseFetchTopics(q.cfg.Topic) // it is a member and reads nothing
	close(g.ready)
	return nil
}

// run follows what the node is given until the context ends or the queue is closed.
func (g *group) run(of context.Context) error {
	ctx, cancel := context.WithCancel(of)
	defer cancel()
	defer context.AfterFunc(g.queue.client.Context(), cancel)()
	var wg sync.WaitGroup
	wg.Go(func() { g.reader.run(ctx) })
	wg.Go(func() { g.watch(ctx) })
	wg.Go(func() { g.compare(ctx, cancel) })
	every := time.NewTicker(g.queue.cfg.CommitInterval)
	defer every.Stop()
	for ctx.Err() == nil {
		select {
		case <-every.C:
			g.commit(ctx)
		case <-ctx.Done():
		}
	}
	g.take(ctx, g.end())
	// Leaving is saying so to the others, who need not wait for the session's end then.
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), g.queue.cfg.Timeout)
	defer stop()
	_ = g.member.LeaveGroupContext(last) // they notice by themselves
	g.member.Close()
	g.reader.client.Close()
	wg.Wait()
	if of.Err() == nil && !g.isRemade() {
		return errClosed()
	}
	return nil
}

// watch polls the member, which brings nothing but what went wrong with the group.
func (g *group) watch(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := g.member.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.Canceled) {
				g.queue.log.Debug("the group goes on after an error", "group", g.name, "error", e.Err)
			}
		}
	}
}

// compare looks whether the topic is still the one that is followed, and ends the group's part in it if not. Each client asks some
// broker for the topic by itself, and holds on to what it was told: one that asked a broker that had not heard of the new topic yet is refused by
// the others for ever.
func (g *group) compare(ctx context.Context, end func()) {
	every := time.NewTicker(topicEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		call, cancel := g.queue.bounded(ctx)
		t, err := g.queue.ask(call)
		cancel()
		if err != nil || !g.topic.remade(t) && !g.estranged.Load() {
			continue // while it is away there is nothing to follow
		}
		g.queue.moved(g.topic)
		g.mu.Lock()
		g.remade, g.ending = true, true
		for _, s := range g.streams {
			s.cancel() // before the reader ends, which they would take for an error
		}
		g.mu.Unlock()
		end()
		return
	}
}

// estrange notes that a client has another topic in mind than the brokers.
func (g *group) estrange() { g.estranged.Store(true) }

func (g *group) isRemade() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.remade
}

// give starts followers of partitions that this node was given. They end with ctx, or when the partition is taken away.
func (g *group) give(ctx context.Context, partitions []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, partition := range partitions {
		if g.streams[partition] != nil || g.ending {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		s := &stream{group: g, partition: partition, cancel: cancel, ended: make(chan struct{}), turn: make(chan struct{}, 1)}
		g.streams[partition] = s
		go func() { // until take
			defer close(s.ended)
			s.run(ctx)
		}()
	}
	g.queue.metrics.streams.WithLabelValues(g.name).Set(float64(len(g.streams)))
}

// end takes no more streams, and returns those that there are.
func (g *group) end() (partitions []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending = true
	for p := range g.streams {
		partitions = append(partitions, p)
	}
	return partitions
}

// take ends the followers of partitions that go to others, and returns when they have returned and what they did is committed.
func (g *group) take(ctx context.Context, partitions []int32) {
	var ending []*stream
	g.mu.Lock()
	for _, p := range partitions {
		if s := g.streams[p]; s != nil {
			s.cancel()
			ending = append(ending, s)
		}
	}
	g.mu.Unlock()
	for _, s := range ending {
		<-s.ended
	}
	if len(ending) > 0 {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.queue.cfg.Timeout)
		g.commit(last)
		cancel()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range ending {
		delete(g.streams, s.partition)
		delete(g.commits, s.partition)
		g.queue.metrics.left(g.name, s.partition)
	}
	g.queue.metrics.streams.WithLabelValues(g.name).Set(float64(len(g.streams)))
}

// commit stores the positions that have moved. What is not stored is tried again, with what comes until then.
func (g *group) commit(ctx context.Context) {
	g.mu.Lock()
	moved, remade := g.commits, g.remade
	g.commits = make(map[int32]int64)
	g.mu.Unlock()
	if len(moved) == 0 || remade {
		return
	}
	if err := g.store(ctx, moved); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		for p, at := range moved {
			if _, later := g.commits[p]; !later && g.streams[p] != nil {
				g.commits[p] = at
			}
		}
	}
}

// store commits positions in the member's name: the group refuses those of a node that it no longer has. With them goes the topic that
// they are of: a commit may come late, when another one has the name.
func (g *group) store(ctx context.Context, positions map[int32]int64) error {
	ctx, cancel := g.queue.bounded(ctx)
	defer cancel()
	begin := time.Now()
	offsets := make(map[int32]kgo.EpochOffset, len(positions))
	for p, at := range positions {
		offsets[p] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	var failed error
	of := kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				req.Topics[i].Partitions[j].Metadata = kmsg.StringPtr(g.topic.mark())
			}
		}
		return nil
	})
	g.member.CommitOffsetsSync(of, map[string]map[int32]kgo.EpochOffset{g.queue.cfg.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err != nil {
				return
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if failed == nil {
						failed = kerr.ErrorForCode(p.ErrorCode)
					}
				}
			}
		})
	if errors.Is(failed, kerr.UnknownTopicID) {
		g.estrange()
	}
	failed = failure(failed, "committing positions")
	g.queue.metrics.done("commit", begin, failed)
	return failed
}

// committed is the position that is to be committed next, if there is one.
func (g *group) committed(partition int32) (int64, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.commits[partition]
	return at, ok
}

// forget lets go of the position that is to be committed next.
func (g *group) forget(partition int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.commits, partition)
}

// note has a position committed, unless the stream is another node's by now.
func (g *group) note(s *stream, at chat.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams[s.partition] == s {
		g.commits[s.partition] = int64(at)
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
