package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var (
	_ timeline.Logs   = TimelineLogs{}
	_ timeline.Events = TimelineEvents{}
)

// TimelineLogs is the [timeline.Logs] of the store.
type TimelineLogs struct{ store *Store }

// TimelineLogs returns what timelines read of the log.
func (s *Store) TimelineLogs() TimelineLogs { return TimelineLogs{s} }

// Epoch implements timeline.Logs.
func (l TimelineLogs) Epoch() uint64 { return l.store.Epoch() }

// Parts implements timeline.Logs.
func (l TimelineLogs) Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]timeline.Part, error) {
	parts := make([]timeline.Part, len(ids))
	err := l.look(ctx, ids, func(snap *pebble.Snapshot) error {
		for i, id := range ids {
			if err := readPart(snap, user, id, &parts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return parts, err
}

// look runs fn on a snapshot, and waits until what it shows of the conversations is durable.
func (l TimelineLogs) look(ctx context.Context, ids []chat.ConversationID, fn func(snap *pebble.Snapshot) error) error {
	release, err := l.store.read()
	if err != nil {
		return err
	}
	snap := l.store.db.NewSnapshot()
	err = fn(snap)
	err = errors.Join(err, storageError(snap.Close(), "reading conversations"))
	release()
	if err != nil {
		return chat.AsError(err)
	}
	return l.store.settle(ctx, ids...)
}

func readPart(snap *pebble.Snapshot, user chat.UserID, id chat.ConversationID, p *timeline.Part) error {
	if _, err := lookup(snap, record.Key1(record.TableHead, uint64(id)), "head", func(r *record.Reader) { p.Head = r.Head(id) }); err != nil {
		return err
	}
	_, err := lookup(snap, record.Key2(record.TableMember, uint64(id), uint64(user)), "member", func(r *record.Reader) {
		part := r.Part(user)
		p.Member, p.Read = part.Member, part.Read
	})
	last := p.Member.Last(p.Head.Seq)
	if err != nil || p.Member.Current() || last == 0 {
		return err
	}
	p.End.Conversation, p.End.Seq = id, last
	found, err := lookup(snap, record.KeyEntry(id, last), "entry", func(r *record.Reader) {
		p.End.Ordinal, p.End.Sender, p.End.TimeMS = chat.Ordinal(r.Number()), chat.UserID(r.Number()), r.Number()
		r.Skip() // the rest is not needed
	})
	if err == nil && !found {
		return record.ErrDamaged("entry")
	}
	return err
}

// Conversations implements timeline.Logs.
func (l TimelineLogs) Conversations(ctx context.Context, ids []chat.ConversationID) ([]chat.Conversation, error) {
	out := make([]chat.Conversation, len(ids))
	err := l.look(ctx, ids, func(snap *pebble.Snapshot) error {
		for i, id := range ids {
			_, err := lookup(snap, record.Key1(record.TableConversation, uint64(id)), "conversation", func(r *record.Reader) { out[i] = r.Conversation(id) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Newest implements timeline.Logs.
func (l TimelineLogs) Newest(ctx context.Context, wants []timeline.Want) ([][]chat.Entry, error) {
	out := make([][]chat.Entry, len(wants))
	ids := make([]chat.ConversationID, len(wants))
	for i := range wants {
		ids[i] = wants[i].Conversation
	}
	err := l.look(ctx, ids, func(snap *pebble.Snapshot) error {
		iter, err := snap.NewIter(&pebble.IterOptions{LowerBound: []byte{record.TableEntry}, UpperBound: []byte{record.TableEntry + 1}})
		if err != nil {
			return storageError(err, "reading entries")
		}
		defer func() { _ = iter.Close() }()
		for i, w := range wants {
			if out[i], err = newest(iter, w); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// newest reads backward from the wanted end.
func newest(iter *pebble.Iterator, w timeline.Want) ([]chat.Entry, error) {
	limit := max(w.Limit, 1)
	entries := make([]chat.Entry, 0, min(limit, chat.MaxRangeEntries))
	left := w.MaxBytes
	for ok := iter.SeekLT(record.KeyEntry(w.Conversation, w.To+1)); ok && len(entries) < limit; ok = iter.Prev() {
		if key := iter.Key(); len(key) != record.Key2Len || record.First(key) != uint64(w.Conversation) {
			break
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, storageError(err, "reading entries")
		}
		if left -= len(value); left < 0 && len(entries) > 0 {
			break
		}
		e, err := record.DecodeEntry(iter.Key(), value)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	reverse(entries)
	return entries, storageError(iter.Error(), "reading entries")
}

// Members implements timeline.Logs.
func (l TimelineLogs) Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error) {
	members, err := l.store.Members(ctx, id, after, limit, 0)
	if err != nil {
		return nil, err
	}
	users := make([]chat.UserID, len(members))
	for i := range members {
		users[i] = members[i].User
	}
	return users, nil
}

// TimelineEvents is the [timeline.Events] of the store.
type TimelineEvents struct{ store *Store }

// TimelineEvents returns the events as the timelines' follower takes them.
func (s *Store) TimelineEvents() TimelineEvents { return TimelineEvents{s} }

// Follow implements timeline.Events.
func (e TimelineEvents) Follow(
	ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error,
) error {
	return e.store.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
		return handle(ctx, b.Events, b.Position)
	})
}

// Tail implements timeline.Events. It counts what is applied: who was just told that something is durable finds it
// behind this position, while the queue may be about to hand it over.
func (e TimelineEvents) Tail() chat.Position {
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	return e.store.writer.position
}

// Trim implements timeline.Events.
func (e TimelineEvents) Trim(ctx context.Context, upTo chat.Position) error {
	return e.store.Trim(ctx, upTo)
}
