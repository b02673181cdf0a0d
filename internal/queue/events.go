package queue

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Events is the port that feeds followers from the log.
//
//   - EVT-1 Every committed entry and moved read position is handed to each follower at least once; first occurrences come
//     in order per conversation.
//   - EVT-2 Nothing is handed over before it is durable.
//   - EVT-3 A follower that starts at a position gets everything after it; positions survive restarts. Followers that
//     start at Tail get what is committed from now on.
//   - EVT-4 handle is called from one goroutine at a time; its error ends Follow, which returns it. A batch that was being
//     handled is handed over again by the next Follow.
//   - EVT-5 Events are kept until Trim says that all durable followers have passed them.
type Events interface {
	// Follow calls handle with batches until ctx ends (then it returns nil) or handle fails. The batch is borrowed until
	// handle returns; entries in it may be kept.
	Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b Batch) error) error
	// Tail is the position after everything committed.
	Tail() chat.Position
	// Trim drops events up to and including the position.
	Trim(ctx context.Context, upTo chat.Position) error
}

// Batch is a run of events.
type Batch struct {
	// Position after the events: start there to go on behind them.
	Position chat.Position
	Events   []chat.Event
}
