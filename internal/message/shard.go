package message

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/trace"
)

// inFlight is how many appends may wait for the disk. One is being synced and one more is applied meanwhile; what comes
// then collects in the queue, so that batches grow by themselves as the load does.
const inFlight = 1

// sayEvery is how often it is said that appends fail. A store that is away refuses each of them at once; how many shows in the metrics.
const sayEvery = time.Second

// submission is a draft on its way.
type submission struct {
	draft  *chat.Draft
	done   func(chat.Result)
	at     time.Time
	weight int
}

// shard is the worker pair of a part of the conversations: the appender decides batches, the completer answers them when
// they are durable.
type shard struct {
	// immutable after construction
	cfg     Config
	log     Log
	metrics *metrics
	logger  *slog.Logger
	trace   *trace.Tracer // nil: nothing is noted
	wake    chan struct{} // capacity 1: the queue has something, or is closed
	flying  chan flight   // appends that are applied, in order; closed by the appender
	said    *atomic.Int64 // when it was last said that an append failed, in Unix nanoseconds; all shards share it

	// guarded by mu
	mu     sync.Mutex
	queue  []submission
	bytes  int
	took   time.Duration // an append, lately
	closed bool

	// owned by the appender
	drafts []*chat.Draft
}

// flight is an append that waits for the disk.
type flight struct {
	batch   []submission
	applied Applied
	begun   time.Time // zero unless traced, as is the next one
	decided time.Time
}

func newShard(cfg Config, log Log, m *metrics, logger *slog.Logger, said *atomic.Int64) *shard {
	return &shard{
		cfg: cfg, log: log, metrics: m, logger: logger, said: said,
		wake: make(chan struct{}, 1), flying: make(chan flight, inFlight),
	}
}

// push queues a draft. A full queue refuses: what waits there is answered sooner than what would come behind it.
func (s *shard) push(sub submission) *chat.Error {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return errDraining()
	case len(s.queue) == 0:
	case len(s.queue) >= s.cfg.QueueDrafts, s.bytes+sub.weight > s.cfg.QueueBytes, s.wait(sub.at) > s.cfg.QueueWait:
		wait := s.wait(sub.at)
		s.mu.Unlock()
		return errOverloaded(wait)
	}
	s.queue = append(s.queue, sub)
	s.bytes += sub.weight
	first := len(s.queue) == 1
	s.mu.Unlock()
	failpoint.Hit(failpoint.SubmitQueued)
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// close refuses further drafts; those that wait are still appended.
func (s *shard) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take removes the next batch from the queue.
func (s *shard) take() (batch []submission, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, bytes := 0, 0
	for n < len(s.queue) && n < s.cfg.BatchDrafts {
		bytes += s.queue[n].weight
		if n > 0 && bytes > s.cfg.BatchBytes {
			bytes -= s.queue[n].weight
			break
		}
		n++
	}
	if n == len(s.queue) {
		batch, s.queue = s.queue, nil
	} else {
		batch, s.queue = s.queue[:n:n], s.queue[n:]
	}
	s.bytes -= bytes
	return batch, s.closed
}

func (s *shard) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// fill is the part of its bounds to which the queue is filled.
func (s *shard) fill() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(float64(len(s.queue))/float64(s.cfg.QueueDrafts), float64(s.bytes)/float64(s.cfg.QueueBytes),
		min(float64(s.wait(time.Now()))/float64(s.cfg.QueueWait), 1))
}

// wait is how long a draft that comes now has to wait: for the appends that it takes to get to it, as long as they took lately, and
// at least as long as the first in the queue has waited already, which is what a disk that hangs shows by. The caller holds mu.
func (s *shard) wait(now time.Time) time.Duration {
	if len(s.queue) == 0 {
		return 0
	}
	appends := 1 + max(len(s.queue)/s.cfg.BatchDrafts, s.bytes/s.cfg.BatchBytes)
	return max(time.Duration(appends)*s.took, now.Sub(s.queue[0].at))
}

// appended notes how long an append took, from one that was taken from the queue to the next.
func (s *shard) appended(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = (s.took + took) / 2
}

// append decides batches until the shard is closed and empty.
func (s *shard) append() {
	defer close(s.flying)
	busy := false // a batch was appended just now
	for {
		if busy && s.cfg.Collect > 0 && s.waiting() < s.cfg.BatchDrafts/2 {
			time.Sleep(s.cfg.Collect)
		}
		batch, closed := s.take()
		if len(batch) == 0 {
			if closed {
				return
			}
			busy = false
			<-s.wake
			continue
		}
		failpoint.Hit(failpoint.AppendCollected)
		begin := time.Now()
		busy = s.appendBatch(batch)
		s.appended(time.Since(begin))
	}
}

// appendBatch reports whether other appends were on their way: then waiting for company costs nobody anything.
func (s *shard) appendBatch(batch []submission) bool {
	s.drafts = s.drafts[:0]
	for i := range batch {
		s.drafts = append(s.drafts, batch[i].draft)
	}
	s.metrics.batch.Observe(float64(len(batch)))
	f := flight{batch: batch}
	if s.trace.On() {
		f.begun = time.Now()
	}
	applied, err := s.log.Append(context.Background(), s.drafts)
	clear(s.drafts)
	if err != nil {
		s.refuse(batch, err)
		return false
	}
	if s.trace.On() {
		f.decided = time.Now()
	}
	f.applied = applied
	busy := len(s.flying) > 0
	s.flying <- f
	return busy
}

// complete answers appends in the order in which they were applied.
func (s *shard) complete() {
	for f := range s.flying {
		if err := f.applied.Wait(context.Background()); err != nil {
			s.refuse(f.batch, err)
			continue
		}
		failpoint.Hit(failpoint.AckBefore)
		now := time.Now()
		results := f.applied.Results()
		for i := range f.batch {
			sub := &f.batch[i]
			s.metrics.answered(sub.draft, results[i], now.Sub(sub.at))
			if s.trace.On() {
				s.note(&f, sub, &results[i], now)
			}
			sub.done(results[i])
		}
		failpoint.Hit(failpoint.AckAfter)
	}
}

// note has a draft that became an entry, or was one already, traced.
func (s *shard) note(f *flight, sub *submission, r *chat.Result, now time.Time) {
	d := sub.draft
	if r.Err != nil || d.Body == nil {
		return
	}
	kind := trace.Append
	if r.Repeat {
		kind = trace.Repeat
	}
	step := trace.Step{
		Kind: kind, Conversation: uint64(d.Conversation), Seq: uint64(r.Seq), User: uint64(d.Sender), Start: sub.at.UnixNano(), Took: now.Sub(sub.at),
		Counts: [4]uint32{uint32(len(f.batch)), micros(f.begun.Sub(sub.at)), micros(f.decided.Sub(f.begun)), micros(now.Sub(f.decided))},
	}
	if _, _, ok := trace.ParseCaller(d.Caller); ok {
		step.Caller = d.Caller
	}
	s.trace.Add(step)
}

// micros is a time in microseconds, as long as it may be.
func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

// refuse answers a batch that could not be stored.
func (s *shard) refuse(batch []submission, err error) {
	refused := chat.AsError(err)
	if now := time.Now().UnixNano(); now-s.said.Load() > int64(sayEvery) {
		s.said.Store(now)
		s.logger.Error("appending", "drafts", len(batch), "error", err)
	}
	for i := range batch {
		s.metrics.refuse(refused.Reason)
		batch[i].done(chat.Result{Err: refused})
	}
}
