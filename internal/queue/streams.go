package queue

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Streams shares the events of the log out to the nodes. They are in one or more streams, each conversation in one of them for
// good; one process has a single stream, a cluster as many as its queue has partitions. A group is those who do the same work,
// one on each node, such as "fanout": each stream is given to one of them.
//
//   - STR-1 While all members of a group live, each stream is followed by one of them at a time, as far as leases can tell:
//     two at a time for the moments in which a node is lost, so that work on a stream is idempotent.
//   - STR-2 A stream whose follower is lost is given to another one within 10 s.
//   - STR-3 A group goes on behind the position that was committed last; events after it may come again.
type Streams interface {
	// Share calls follow, in a goroutine of its own, for each stream that this node is given in the group. The context of follow
	// ends when the stream is taken away; Share waits for follow before it lets go. An error of follow ends nothing: the stream
	// is followed again after a moment. Share returns nil when ctx has ended and every follow has returned.
	Share(ctx context.Context, group string, follow func(ctx context.Context, s Stream) error) error
}

// Stream is a stream that was given to this node, for as long as the context that came with it lasts. Its positions are its own.
type Stream interface {
	Events
	// Number tells the streams apart: 0, 1, 2, …
	Number() int
	// Position is where the group goes on: the one that was committed last. A new group begins with what comes from now on, or a little
	// earlier: nodes that start together serve before they are given streams.
	Position(ctx context.Context) (chat.Position, error)
	// Commit says that the group has dealt with everything up to the position. It need not be durable on return.
	Commit(ctx context.Context, upTo chat.Position) error
}
