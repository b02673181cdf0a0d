package kafka

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/record"
)

// The times that Kafka takes for the ends of a partition.
const (
	atEnd   = -1
	atStart = -2
)

// stream is a partition that this node was given in a group.
type stream struct {
	// immutable after construction
	group     *group
	partition int32
	cancel    context.CancelFunc
	ended     chan struct{} // closed when its follower has returned for good
	turn      chan struct{} // holds a token while it is followed

	// atomic
	tail atomic.Int64 // the last one that is known
}

var _ queue.Stream = (*stream)(nil)

// run calls the follower again and again until the stream is taken away.
func (s *stream) run(ctx context.Context) {
	select {
	case <-s.group.ready:
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		_ = s.group.follow(ctx, s) // its error is the follower's, which has logged it
		pause(ctx, followRest)
	}
}

// Number implements [queue.Stream].
func (s *stream) Number() int { return int(s.partition) }

// Position implements [queue.Stream]. A new group's first position is committed at once, so that what comes from now on is dealt with by
// whoever has the stream then. Where the events behind the committed position are gone, or there never were so many (Kafka has lost its
// end, or the topic was made anew), the group goes on with what there is: what it misses stands in the log.
func (s *stream) Position(ctx context.Context) (chat.Position, error) {
	q := s.group.queue
	at, known := s.group.committed(s.partition)
	if !known {
		all, err := q.stored(ctx, s.group.name, s.group.topic)
		if err != nil {
			return 0, err
		}
		at, known = all[s.partition]
	}
	first, last, err := s.bounds(ctx)
	if err != nil {
		return 0, err
	}
	if known && first <= at && at <= last {
		return chat.Position(at), nil
	}
	if known {
		q.log.Error("THE EVENTS BEHIND A GROUP'S POSITION ARE GONE, it goes on with what there is",
			"group", s.group.name, "stream", s.partition, "position", at, "first", first, "last", last)
		q.metrics.lost.Inc()
	}
	if known && at < first {
		at = first
	} else if at, err = q.lately(ctx, s.partition, last); err != nil { // events beyond the end were others: what came of late is new
		return 0, err
	}
	if err := s.group.store(ctx, map[int32]int64{s.partition: at}); err != nil {
		return 0, err
	}
	s.group.forget(s.partition)
	return chat.Position(at), nil
}

// overlap is how far back a new group begins. Nodes that are started for the first time serve at once, and are given streams seconds
// later, or when Kafka is there; what they committed meanwhile is to be followed too.
const overlap = 5 * time.Minute

// lately is the offset of the first record that is not older than [overlap], or the end of the partition, which was asked for before: what comes
// in between is followed.
func (q *Queue) lately(ctx context.Context, partition int32, end int64) (int64, error) {
	at, err := q.offset(ctx, partition, time.Now().Add(-overlap).UnixMilli())
	if err != nil || at >= 0 {
		return at, err
	}
	return end, nil
}

// Commit implements [queue.Stream].
func (s *stream) Commit(_ context.Context, upTo chat.Position) error {
	if mutant == mutantCommitAhead {
		upTo = s.Tail()
	}
	s.group.note(s, upTo)
	return nil
}

// Tail implements [queue.Events]. It asks the partition's leader; while that does not answer, it is the last one that is known.
func (s *stream) Tail() chat.Position {
	if tail, err := s.group.queue.offset(context.Background(), s.partition, atEnd); err == nil {
		s.tail.Store(tail)
	}
	return chat.Position(s.tail.Load())
}

// Trim implements [queue.Events]. It does nothing unless the settings say so. Else it drops what the other groups have dealt with too,
// as far as they have committed.
func (s *stream) Trim(ctx context.Context, upTo chat.Position) error {
	q := s.group.queue
	if !q.cfg.Trim {
		return nil
	}
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	const doing = "dropping events"
	groups, err := q.admin.ListGroups(ctx)
	if err != nil {
		return failure(err, doing)
	}
	first, last, err := s.bounds(ctx)
	if err != nil {
		return err
	}
	to := min(int64(upTo), last)
	for _, name := range groups.Groups() {
		if name == s.group.name || !strings.HasPrefix(name, q.cfg.Topic+".") {
			continue
		}
		offsets, err := q.admin.FetchOffsetsForTopics(ctx, name, q.cfg.Topic)
		if err != nil {
			return failure(err, doing)
		}
		if o, ok := offsets.Lookup(q.cfg.Topic, s.partition); ok && o.Err == nil && o.At >= 0 {
			to = min(to, o.At)
		}
	}
	if to <= first {
		return nil
	}
	var before kadm.Offsets
	before.AddOffset(q.cfg.Topic, s.partition, to, -1)
	dropped, err := q.admin.DeleteRecords(ctx, before)
	if err == nil {
		err = dropped.Error()
	}
	return failure(err, doing)
}

// Follow implements [queue.Events]. A stream has one follower at a time: a second one waits for the end of the first.
func (s *stream) Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil
	}
	first, last, err := s.bounds(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case int64(from) < first:
		return errGone(int64(from), first)
	case int64(from) > last:
		return errBeyond(int64(from), last)
	}
	r := s.group.reader.begin(s.partition, int64(from))
	defer s.group.reader.end(s.partition, r)
	for {
		records, tail, err := r.take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.hand(ctx, records, handle); err != nil {
			return err
		}
		last := records[len(records)-1]
		m, name := s.group.queue.metrics, s.group.name
		m.behind(name, s.partition, tail-last.Offset-1)
		m.delay.WithLabelValues(name).Observe(max(0, time.Since(last.Timestamp).Seconds()))
	}
}

// hand decodes records and gives them to the follower. One that cannot be decoded is passed over: it would stop all that come after it,
// and what it said stands in the log.
func (s *stream) hand(ctx context.Context, records []*kgo.Record, handle func(ctx context.Context, b queue.Batch) error) error {
	q := s.group.queue
	b := queue.Batch{Position: chat.Position(records[len(records)-1].Offset + 1), Events: make([]chat.Event, 0, len(records))}
	for _, r := range records {
		ev, err := record.StreamEvent(r.Value)
		if err != nil {
			q.metrics.refused.Inc()
			q.log.Error("passed over an event that this node cannot read", "stream", s.partition, "offset", r.Offset, "error", err)
			continue
		}
		b.Events = append(b.Events, ev)
	}
	if err := handle(ctx, b); err != nil {
		return err
	}
	q.metrics.handled.WithLabelValues(s.group.name).Add(float64(len(b.Events)))
	return nil
}

// bounds are the first offset of the partition, and the one behind the last.
func (s *stream) bounds(ctx context.Context) (first, last int64, err error) {
	if first, err = s.group.queue.offset(ctx, s.partition, atStart); err != nil {
		return 0, 0, err
	}
	last, err = s.group.queue.offset(ctx, s.partition, atEnd)
	return first, last, err
}

// offset asks the leader of a partition for one of its ends.
func (q *Queue) offset(ctx context.Context, partition int32, end int64) (int64, error) {
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	begin := time.Now()
	for {
		at, err := q.askOffset(ctx, partition, end)
		if err != nil && kerr.IsRetriable(err) && ctx.Err() == nil {
			pause(ctx, findEvery) // the leader is moving
			continue
		}
		switch {
		case q.isClosed():
			err = errClosed()
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			err = context.Cause(ctx)
		}
		err = failure(err, "asking for the end of a stream")
		q.metrics.done("offsets", begin, err)
		return at, err
	}
}

func (q *Queue) askOffset(ctx context.Context, partition int32, end int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	t.Topic, p.Partition, p.Timestamp = q.cfg.Topic, partition, end
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, q.client)
	if err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, kerr.UnknownServerError
	}
	answer := resp.Topics[0].Partitions[0]
	return answer.Offset, kerr.ErrorForCode(answer.ErrorCode)
}
