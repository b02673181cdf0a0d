package kafka

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Ends are where the streams end now, by their numbers.
func (q *Queue) Ends(ctx context.Context) ([]chat.Position, error) {
	ends := make([]chat.Position, q.cfg.Partitions)
	for p := range ends {
		at, err := q.offset(ctx, int32(p), atEnd)
		if err != nil {
			return nil, err
		}
		ends[p] = chat.Position(at)
	}
	return ends, nil
}

// Committed are the positions that a group has committed, by the numbers of the streams, on whatever nodes it follows them; 0 where there is
// none in the topic that there is now.
func (q *Queue) Committed(ctx context.Context, group string) ([]chat.Position, error) {
	call, cancel := q.bounded(ctx)
	t, err := q.ask(call) // what is known may be the topic of before
	cancel()
	if err != nil {
		return nil, failure(err, "looking for the topic")
	}
	all, err := q.stored(ctx, q.cfg.Topic+"."+group, t)
	if err != nil {
		return nil, err
	}
	out := make([]chat.Position, q.cfg.Partitions)
	for p := range out {
		out[p] = chat.Position(all[int32(p)])
	}
	return out, nil
}

// stored reads the positions that a group has committed in a topic, by their partitions. Those of an earlier topic of the name are none.
func (q *Queue) stored(ctx context.Context, group string, t *topic) (map[int32]int64, error) {
	ctx, cancel := q.bounded(ctx)
	defer cancel()
	begin := time.Now()
	at := make(map[int32]int64, q.cfg.Partitions)
	offsets, err := q.admin.FetchOffsetsForTopics(ctx, group, q.cfg.Topic)
	for p, o := range offsets[q.cfg.Topic] {
		switch {
		case o.Err != nil && err == nil:
			err = o.Err
		case o.At >= 0 && !t.other(o.Metadata):
			at[p] = o.At
		}
	}
	err = failure(err, "reading positions")
	q.metrics.done("position", begin, err)
	if err != nil {
		return nil, err
	}
	return at, nil
}
