package pebble

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
)

var _ message.Feed = RecentEvents{}

// RecentEvents is the [message.Feed] of the store.
type RecentEvents struct{ store *Store }

// RecentEvents returns the events as the ring of recent entries takes them.
func (s *Store) RecentEvents() RecentEvents { return RecentEvents{s} }

// Follow implements message.Feed.
func (e RecentEvents) Follow(
	ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error,
) error {
	return e.store.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
		return handle(ctx, b.Events, b.Position)
	})
}

// Tail implements message.Feed. It moves before anybody who waits for a sync is let go, and takes no lock: pulls by the
// hundred thousand ask for it and must not hold up appends.
func (e RecentEvents) Tail() chat.Position { return chat.Position(e.store.durable.Load()) }
