package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// Publish implements [queue.Publisher]. It sends one record batch after another, each when the one before is stored.
func (q *Queue) Publish(ctx context.Context, lane queue.Lane, events []chat.Event) error {
	begin := time.Now()
	err := q.publish(ctx, lane, events)
	q.metrics.done("publish", begin, err)
	return err
}

// leaderTries is how often a batch is sent where brokers say that they are not the leader: one that moves is found within moments.
const leaderTries = 4

func (q *Queue) publish(ctx context.Context, lane queue.Lane, events []chat.Event) error {
	for len(events) > 0 {
		batch, n := q.encoder.encode(events, time.Now())
		if mutant == mutantOvertakes && n > 1 {
			batch, _ = q.encoder.encode(events[:1], time.Now())
			q.overtake(ctx, lane, events[1:n])
		}
		for try := 1; ; try++ {
			t, err := q.topic(ctx)
			if err != nil {
				return err
			}
			err = q.store(ctx, t, t.partition(lane), batch)
			if err == nil {
				break
			}
			if try == leaderTries || ctx.Err() != nil || !(errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.LeaderNotAvailable)) {
				return err
			}
			pause(ctx, findEvery)
		}
		q.metrics.published.Add(float64(n))
		events = events[n:]
	}
	return nil
}

// store sends a record batch to the leader of a partition and returns when all replicas in sync have it.
func (q *Queue) store(ctx context.Context, t *topic, partition int32, batch []byte) error {
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	const doing = "publishing events"
	leader := t.leaders[partition]
	if leader < 0 {
		q.moved(t)
		return failure(kerr.LeaderNotAvailable, doing)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(q.cfg.Timeout.Milliseconds())
	to := kmsg.NewProduceRequestTopic()
	to.Topic, to.TopicID = t.name, t.id
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, batch
	to.Partitions = append(to.Partitions, part)
	req.Topics = append(req.Topics, to)

	answer, err := q.client.Broker(int(leader)).Request(ctx, req)
	switch {
	case q.isClosed():
		return errClosed()
	case err != nil:
		q.moved(t)
		return doubt(err, doing)
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return doubt(kerr.UnknownServerError, doing)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode); err != nil {
		q.moved(t)
		return doubt(err, doing)
	}
	return nil
}
