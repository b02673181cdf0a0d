package pebble

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

var _ archive.Source = (*Picture)(nil)

// Picture is the store as it was at one moment, for exports. It holds the store open until Close.
type Picture struct {
	// immutable after construction
	snap    *pebble.Snapshot
	origin  string
	release func()
}

// Picture takes one. What it shows is durable.
func (s *Store) Picture(ctx context.Context) (*Picture, error) {
	origin, err := s.counter(record.MetaOrigin)
	if err != nil {
		return nil, err
	}
	if origin == 0 {
		if origin, err = record.Draw(); err != nil {
			return nil, err
		}
		if err := s.putCounters(map[string]uint64{record.MetaOrigin: origin}); err != nil {
			return nil, err
		}
	}
	release, err := s.read()
	if err != nil {
		return nil, err
	}
	// The picture first, then everything that is applied: so all of the picture is durable.
	p := &Picture{snap: s.db.NewSnapshot(), origin: strconv.FormatUint(origin, 16), release: release}
	if err := s.wait(ctx, s.appliedNow()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close lets go of the store.
func (p *Picture) Close() error {
	err := p.snap.Close()
	p.release()
	if err != nil {
		return fmt.Errorf("closing a snapshot: %w", err)
	}
	return nil
}

// Origin implements archive.Source.
func (p *Picture) Origin() string { return p.origin }

// each hands the rows of a span to fn, which borrows them.
func (p *Picture) each(ctx context.Context, from, to []byte, what string, fn func(key []byte, r *record.Reader) error) error {
	iter, err := p.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return storageError(err, "listing a "+what)
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := ctx.Err(); err != nil {
			return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return storageError(err, "listing a "+what)
		}
		r := record.NewReader(value)
		if err := fn(iter.Key(), &r); err != nil {
			return err
		}
		if !r.Done() {
			return record.ErrDamaged(what)
		}
	}
	return storageError(iter.Error(), "listing a "+what)
}

// Users implements archive.Source.
func (p *Picture) Users(ctx context.Context, fn func(archive.User) error) error {
	return p.each(ctx, []byte{record.TableUser}, []byte{record.TableUser + 1}, "account", func(key []byte, r *record.Reader) error {
		a := r.Account(chat.UserID(record.First(key)))
		return fn(archive.User{
			ID: a.ID, Handle: a.Handle, ExternalID: a.ExternalID, Name: a.Name, Avatar: a.Avatar, Attributes: a.Attributes,
			Version: a.Version, Admin: a.Admin, Disabled: a.Disabled, Deleted: a.Deleted, CreatedMS: a.CreatedMS, Password: a.Password,
			NoReadReceipts: a.Privacy.NoReceipts, Unlisted: a.Privacy.Unlisted,
		})
	})
}

// Conversations implements archive.Source. Those whose first entry is not there yet are left out.
func (p *Picture) Conversations(ctx context.Context, fn func(chat.Conversation) error) error {
	return p.each(ctx, []byte{record.TableConversation}, []byte{record.TableConversation + 1}, "conversation", func(key []byte, r *record.Reader) error {
		return fn(r.Conversation(chat.ConversationID(record.First(key))))
	})
}

// Entries implements archive.Source.
func (p *Picture) Entries(ctx context.Context, id chat.ConversationID, after chat.Seq, fn func(*chat.Entry) error) error {
	return p.each(ctx, record.KeyEntry(id, after+1), record.KeyAfter(record.TableEntry, uint64(id)), "entry", func(key []byte, r *record.Reader) error {
		e := r.Entry(id, chat.Seq(record.Second(key)))
		return fn(&e)
	})
}

// Members implements archive.Source.
func (p *Picture) Members(ctx context.Context, id chat.ConversationID, fn func(chat.Member, chat.Read) error) error {
	return p.each(ctx, record.Key1(record.TableMember, uint64(id)), record.KeyAfter(record.TableMember, uint64(id)), "member", func(key []byte, r *record.Reader) error {
		part := r.Part(chat.UserID(record.Second(key)))
		return fn(part.Member, part.Read)
	})
}

// Relations implements archive.Source.
func (p *Picture) Relations(ctx context.Context, fn func(archive.Relation) error) error {
	return p.each(ctx, []byte{record.TableRelation}, []byte{record.TableRelation + 1}, "relation", func(key []byte, r *record.Reader) error {
		if a, ok := record.ArchiveRelation(chat.UserID(record.First(key)), r.Relation(chat.UserID(record.Second(key)))); ok {
			return fn(a)
		}
		return nil
	})
}

// Privacy implements archive.Source.
func (p *Picture) Privacy(ctx context.Context, fn func(archive.Privacy) error) error {
	return p.each(ctx, []byte{record.TableOwner}, []byte{record.TableOwner + 1}, "relations", func(key []byte, r *record.Reader) error {
		if a, ok := record.ArchivePrivacy(chat.UserID(record.First(key)), r.Owner()); ok {
			return fn(a)
		}
		return nil
	})
}

// Settings implements archive.Source.
func (p *Picture) Settings(ctx context.Context, fn func(chat.UserID, chat.ConversationID, chat.Settings) error) error {
	return p.each(ctx, []byte{record.TableSettings}, []byte{record.TableSettings + 1}, "settings", func(key []byte, r *record.Reader) error {
		s := r.Settings(true)
		user, id := chat.UserID(record.First(key)), chat.ConversationID(record.Second(key))
		if s.MarkedUnread {
			var read chat.Read
			_, err := lookup(p.snap, record.Key2(record.TableMember, uint64(id), uint64(user)), "member", func(r *record.Reader) { read = r.Part(user).Read })
			if err != nil {
				return err
			}
			s.Settings = s.At(read)
		}
		if s.Settings == (chat.Settings{}) {
			return nil
		}
		return fn(user, id, s.Settings)
	})
}

// Checkpoint copies the database as it is into a new folder, on the same disk by links, while it goes on working. What was
// acknowledged before the call is in it.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
	if err := s.wait(ctx, s.appliedNow()); err != nil {
		return err
	}
	release, err := s.read()
	if err != nil {
		return err
	}
	defer release()
	return storageError(s.db.Checkpoint(dir, pebble.WithFlushedWAL()), "copying the database")
}
