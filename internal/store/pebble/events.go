package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/record"
)

// followEvents is how many events are handed over at most at once, one applied batch at least.
const followEvents = 4_096

var _ queue.Events = (*Store)(nil)

// Follow hands the events behind a position to handle, from memory where they are still there, else from the disk.
func (s *Store) Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error {
	if tail := chat.Position(s.durable.Load()); from > tail { // the ring may be about to have it
		return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonCursorInvalid, "the events end at %d, before position %d", tail, from)
	}
	var buf []chat.Event
	for {
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-s.done: // after the last sync nothing more comes; a follower goes on from its position next time
			return errClosed()
		default:
		}
		events, upTo, held, changed := s.ring.after(from, buf[:0], followEvents)
		if !held {
			var err error
			if events, upTo, err = s.storedEvents(from, buf[:0]); err != nil {
				return err
			}
		}
		buf = events
		if changed != nil {
			select {
			case <-changed:
			case <-s.done:
			case <-ctx.Done():
			}
			continue
		}
		failpoint.Hit(failpoint.FollowBefore)
		if err := handle(ctx, queue.Batch{Position: upTo, Events: events}); err != nil {
			return err //nolint:wrapcheck // the follower's own error comes back to it
		}
		failpoint.Hit(failpoint.FollowAfter)
		clear(buf) // handed over; keep no entries alive
		from = upTo
	}
}

// storedEvents reads events behind a position from the disk, up to what is durable.
func (s *Store) storedEvents(from chat.Position, buf []chat.Event) ([]chat.Event, chat.Position, error) {
	release, err := s.read()
	if err != nil {
		return nil, 0, err
	}
	defer release()
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: record.KeyEvent(from + 1), UpperBound: record.KeyEvent(s.ring.position() + 1),
	})
	if err != nil {
		return nil, 0, storageError(err, "reading events")
	}
	defer func() { _ = iter.Close() }()
	upTo := from
	for ok := iter.First(); ok && len(buf) < followEvents; ok = iter.Next() {
		position := record.EventPosition(iter.Key())
		if position != upTo+1 {
			return nil, 0, chat.Errorf(chat.CodeGone, chat.ReasonCursorInvalid,
				"the events from %d to %d were dropped; what follows them must be rebuilt", upTo+1, position-1)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, 0, storageError(err, "reading events")
		}
		if buf, err = s.decodeEvents(buf, value); err != nil {
			return nil, 0, err
		}
		upTo = position
	}
	if err := iter.Error(); err != nil {
		return nil, 0, storageError(err, "reading events")
	}
	if upTo == from {
		return nil, 0, chat.Errorf(chat.CodeGone, chat.ReasonCursorInvalid, "the events after %d were dropped; what follows them must be rebuilt", from)
	}
	return buf, upTo, nil
}

func (s *Store) decodeEvents(buf []chat.Event, row []byte) ([]chat.Event, error) {
	r := record.NewReader(row)
	for r.More() {
		ev, named := r.Event()
		if named && !r.Broken() {
			entry, err := s.entry(ev.Head.Conversation, ev.Head.Seq)
			if err != nil {
				return nil, err
			}
			ev.Entry = entry
		}
		buf = append(buf, ev)
	}
	if r.Broken() {
		return nil, record.ErrDamaged("event")
	}
	return buf, nil
}

func (s *Store) entry(id chat.ConversationID, seq chat.Seq) (*chat.Entry, error) {
	var e chat.Entry
	found, err := s.get(record.KeyEntry(id, seq), "entry", func(r *record.Reader) { e = r.Entry(id, seq) })
	if err == nil && !found {
		err = record.ErrDamaged("event")
	}
	return &e, err
}

// Tail is the position behind everything that is durable.
func (s *Store) Tail() chat.Position { return s.ring.position() }

// Trim drops events. It is cheap, but leaves a mark on the disk each time: callers trim every few seconds, not every batch.
func (s *Store) Trim(_ context.Context, upTo chat.Position) error {
	failpoint.Hit(failpoint.TrimBefore)
	upTo = min(upTo, s.ring.position())
	if upTo == 0 {
		return nil
	}
	_, err := s.apply(func(b *pebble.Batch) error {
		if err := b.DeleteRange(record.KeyEvent(0), record.KeyEvent(upTo+1), nil); err != nil {
			return storageError(err, "dropping events")
		}
		return storageError(b.Set(record.KeyMeta(record.MetaTrimmed), record.Number(uint64(upTo)), nil), "dropping events")
	})
	return err
}

// lastPosition finds where the events end, when the store opens.
func (s *Store) lastPosition() (chat.Position, error) {
	trimmed, err := s.counter(record.MetaTrimmed)
	if err != nil {
		return 0, err
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: record.KeyEvent(0), UpperBound: []byte{record.TableEvent, record.SingleShard + 1}})
	if err != nil {
		return 0, storageError(err, "reading events")
	}
	defer func() { _ = iter.Close() }()
	last := chat.Position(trimmed)
	if iter.Last() {
		last = max(last, record.EventPosition(iter.Key()))
	}
	return last, storageError(iter.Error(), "reading events")
}
