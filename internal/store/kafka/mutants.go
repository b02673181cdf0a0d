package kafka

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone        = ""
	mutantOvertakes   = "kafka_overtakes"    // half of a batch goes out when the other half was refused
	mutantCommitAhead = "kafka_commit_ahead" // commits what a follower has not been given yet
)

// overtake sends events without waiting for those before them, as a producer with several batches in flight may.
func (q *Queue) overtake(ctx context.Context, lane queue.Lane, events []chat.Event) {
	if t, err := q.topic(ctx); err == nil {
		batch, _ := q.encoder.encode(events, time.Now())
		_ = q.store(ctx, t, t.partition(lane), batch)
	}
}
