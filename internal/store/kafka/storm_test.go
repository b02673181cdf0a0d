package kafka_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
)

// effects are what followers have done, idempotent by (conversation, seq).
type effects struct {
	// guarded by mu
	mu      sync.Mutex
	done    map[chat.ConversationID]chat.Seq
	repeats int
	wrong   string // the first event that came before its time
}

func (e *effects) apply(events []chat.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range events {
		id, seq := ev.Head.Conversation, ev.Entry.Seq
		switch {
		case seq == e.done[id]+1:
			e.done[id] = seq
		case seq <= e.done[id]:
			e.repeats++
		case e.wrong == "":
			e.wrong = fmt.Sprintf("%d of conversation %d was handed over after %d", seq, id, e.done[id])
		}
	}
}

func (e *effects) are(heads map[chat.ConversationID]chat.Seq) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Equal(e.done, heads)
}

// world is two relays on one ledger, a cluster of Kafka, and nodes that share its streams.
type world struct {
	ledger  *ledger
	effects *effects
	config  func() kafka.Config // where the brokers are now
	nodes   []*node
	begun   chan int // the streams that are followed, each time
}

type node struct {
	way  *cable
	stop func()
}

// join adds a node that applies what it follows.
func (w *world) join(t testing.TB) {
	t.Helper()
	way := &cable{}
	q := open(t, w.config(), kafka.Deps{Dial: way.dial})
	w.nodes = append(w.nodes, &node{way: way, stop: share(t, q, "effects", func(ctx context.Context, s queue.Stream) error {
		from, err := s.Position(ctx)
		if err != nil {
			return err
		}
		select {
		case w.begun <- s.Number():
		default: // nobody counts any more
		}
		return s.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
			w.effects.apply(b.Events)
			return s.Commit(ctx, b.Position)
		})
	})})
}

// begin waits until every stream is followed: a new group gets what is committed from then on.
func (w *world) begin() {
	followed := map[int]bool{}
	for len(followed) < w.config().Partitions {
		followed[<-w.begun] = true
	}
}

// relay starts a relay with a client of its own.
func (w *world) relay(t testing.TB, name string) *cable {
	t.Helper()
	way := &cable{}
	r, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{
		Node: name, Outbox: w.ledger, Publisher: open(t, w.config(), kafka.Deps{Dial: way.dial}),
	})
	assert.NoError(t, "relay", err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, "the relay", <-ended)
	})
	return way
}

// settle waits until everything that was committed has had its effect.
func (w *world) settle(t testing.TB) {
	t.Helper()
	w.ledger.mu.Lock()
	w.ledger.healed = true
	heads := maps.Clone(w.ledger.heads)
	w.ledger.mu.Unlock()
	limit := time.Now().Add(time.Minute)
	for w.ledger.left() > 0 || !w.effects.are(heads) {
		if time.Now().After(limit) {
			w.effects.mu.Lock()
			defer w.effects.mu.Unlock()
			t.Fatalf("a minute after the faults, %d wait in the outbox; done %v of %v; %s", w.ledger.left(), w.effects.done, heads, w.effects.wrong)
		}
		<-time.After(20 * time.Millisecond)
	}
	w.effects.mu.Lock()
	defer w.effects.mu.Unlock()
	assert.Equal(t, "out of order", w.effects.wrong, "")
	t.Logf("%d conversations, %d repeats", len(heads), w.effects.repeats)
}

// replay follows every stream from its beginning, and applies it to nothing and to what there is.
func (w *world) replay(t testing.TB) {
	t.Helper()
	fresh := &effects{done: map[chat.ConversationID]chat.Seq{}}
	all := stored(t, w.config())
	fresh.apply(all)
	assert.Equal(t, "out of order in the topic", fresh.wrong, "")
	w.effects.apply(all)
	assert.True(t, "a replay from the beginning changes nothing", maps.Equal(fresh.done, w.effects.done) && w.effects.are(w.ledger.heads))
	t.Logf("%d records, %d of them repeats", len(all), fresh.repeats)
}

// write commits events until ctx ends.
func (w *world) write(ctx context.Context) {
	for ctx.Err() == nil {
		for range rand.IntN(10) {
			w.ledger.commit(chat.ConversationID(rand.IntN(50) + 1))
		}
		<-time.After(10 * time.Millisecond)
	}
}

func newWorld(config func() kafka.Config) *world {
	return &world{
		ledger: &ledger{heads: map[chat.ConversationID]chat.Seq{}}, effects: &effects{done: map[chat.ConversationID]chat.Seq{}}, config: config,
		begun: make(chan int, queue.Lanes),
	}
}

// TestStormOfKafka is T12: leaders and coordinators that move, brokers that come and go, answers that are lost after the deed, commits
// that are lost, nodes that are lost, two relays all the time. I11: what followers do is what the log says, once each and in order.
func TestStormOfKafka(t *testing.T) {
	t.Parallel()
	lasts := 8 * time.Second
	if os.Getenv("RELIABILITY") == "nightly" {
		lasts = 5 * time.Minute
	}
	cluster, cfg := fake(t)
	cfg.Partitions = 8
	w := newWorld(func() kafka.Config {
		cfg := cfg
		cfg.Brokers = cluster.ListenAddrs()
		return cfg
	})
	assert.NoError(t, "check", open(t, w.config(), kafka.Deps{}).Check(t.Context()))
	ways := []*cable{w.relay(t, "a"), w.relay(t, "b")}
	for range 3 {
		w.join(t)
	}
	w.begin()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var writing sync.WaitGroup
	writing.Go(func() { w.write(ctx) })
	commits := 0
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		commits++
		if commits%5 > 0 || ctx.Err() != nil {
			return nil, nil, false
		}
		return committed(req), nil, true // and it was not
	})
	w.storm(ctx, t, cluster, ways)
	writing.Wait()
	w.settle(t)
	w.replay(t)
}

// committed is the answer to a commit that was stored.
func committed(req kmsg.Request) kmsg.Response {
	asked, _ := req.(*kmsg.OffsetCommitRequest)
	resp, _ := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	resp.Version = asked.Version
	for _, t := range asked.Topics {
		answer := kmsg.NewOffsetCommitResponseTopic()
		answer.Topic, answer.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			part := kmsg.NewOffsetCommitResponseTopicPartition()
			part.Partition = p.Partition
			answer.Partitions = append(answer.Partitions, part)
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return resp
}

// storm does one bad thing after another until ctx ends, and leaves the cluster whole.
func (w *world) storm(ctx context.Context, t testing.TB, cluster *kfake.Cluster, ways []*cable) {
	fault := func(key kmsg.Key, err *kerr.Error) {
		h := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: 1 + rand.IntN(20)})
		context.AfterFunc(ctx, h.Remove)
	}
	deeds := []func(){
		func() { fault(kmsg.Produce, kerr.RequestTimedOut) },
		func() { fault(kmsg.Produce, kerr.NotLeaderForPartition) },
		func() { fault(kmsg.Produce, kerr.NotEnoughReplicasAfterAppend) },
		func() { fault(kmsg.Fetch, kerr.NotLeaderForPartition) },
		func() { fault(kmsg.OffsetCommit, kerr.CoordinatorNotAvailable) },
		func() { fault(kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress) },
		func() { fault(kmsg.Heartbeat, kerr.NotCoordinator) },
		func() { ways[rand.IntN(len(ways))].drop() },
		func() { w.nodes[rand.IntN(len(w.nodes))].way.drop() },
		func() { // one node is lost, and another one comes
			w.nodes[0].way.lose()
			w.nodes = w.nodes[1:]
			w.join(t)
		},
		func() { // one leaves and comes back
			w.nodes[0].stop()
			w.nodes = w.nodes[1:]
			w.join(t)
		},
	}
	leaders, coordinators, brokers := time.NewTicker(500*time.Millisecond), time.NewTicker(1100*time.Millisecond), time.NewTicker(1900*time.Millisecond)
	defer leaders.Stop()
	defer coordinators.Stop()
	defer brokers.Stop()
	back := func() {}
	for {
		select {
		case <-leaders.C:
			cluster.ShufflePartitionLeaders()
		case <-coordinators.C:
			cluster.RehashCoordinators()
		case <-brokers.C:
			back()
			back = away(t, cluster)
		case <-time.After(rand.N(200 * time.Millisecond)):
			deeds[rand.IntN(len(deeds))]()
		case <-ctx.Done():
			back()
			return
		}
	}
}
