package pebble

import (
	"context"
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var _ timeline.Store = (*Timelines)(nil)

// Timelines is the [timeline.Store]. A store has one, made by [Store.Timelines].
//
// Rows are prepared under writing, by reading what is applied, and then committed in one go, so that appends wait for the
// commit and not for the reads. Lock order: writing → visible → engine.mu.
type Timelines struct {
	// immutable after construction
	store      *Store
	generation uint64

	// writing is held by whoever changes rows: the follower, or somebody's settings
	writing sync.Mutex

	// visible is held for writing while a batch becomes visible, for reading while a reader takes its snapshot: so the reader
	// knows by which sync all that it sees is durable
	visible sync.RWMutex
	newest  generation // guarded by visible: of the last batch
}

// Timelines returns the timelines of the store. It is called once.
func (s *Store) Timelines() (*Timelines, error) {
	g, err := s.counter(record.MetaGeneration)
	if err != nil {
		return nil, err
	}
	if g == 0 {
		if g, err = record.Draw(); err != nil {
			return nil, err
		}
		if err := s.putCounters(map[string]uint64{record.MetaGeneration: g}); err != nil {
			return nil, err
		}
	}
	return &Timelines{store: s, generation: g}, nil
}

// Position implements timeline.Store.
func (t *Timelines) Position(ctx context.Context) (chat.Position, error) {
	var pos uint64
	err := t.look(ctx, func(snap *pebble.Snapshot) error {
		_, err := lookup(snap, record.KeyMeta(record.MetaTimeline), "position", func(r *record.Reader) { pos = r.Number() })
		return err
	})
	return chat.Position(pos), err
}

// look runs fn on a snapshot, and waits until all that it shows of timelines is durable.
func (t *Timelines) look(ctx context.Context, fn func(snap *pebble.Snapshot) error) error {
	release, err := t.store.read()
	if err != nil {
		return err
	}
	t.visible.RLock()
	snap := t.store.db.NewSnapshot()
	newest := t.newest
	t.visible.RUnlock()
	err = fn(snap)
	err = errors.Join(err, storageError(snap.Close(), "reading timelines"))
	release()
	if err != nil {
		return chat.AsError(err)
	}
	if !awaitRows {
		return nil
	}
	return t.store.wait(ctx, newest)
}

// Apply implements timeline.Store.
func (t *Timelines) Apply(_ context.Context, changes []timeline.Change, pos chat.Position) ([]timeline.PTS, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	failpoint.Hit(failpoint.RowsBefore)
	w, err := t.begin()
	if err != nil {
		return nil, err
	}
	defer w.close()
	given := make([]timeline.PTS, len(changes))
	for i := range changes {
		if given[i], err = w.change(&changes[i]); err != nil {
			return nil, err
		}
	}
	w.set(record.KeyMeta(record.MetaTimeline), record.Number(uint64(pos)))
	if _, err := t.commit(w); err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.RowsAfter)
	return given, nil
}

// PutSettings implements timeline.Store.
func (t *Timelines) PutSettings(
	ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch,
) (timeline.Settings, error) {
	settings, g, err := t.putSettings(user, id, p)
	if err != nil {
		return timeline.Settings{}, err
	}
	return settings, t.store.wait(ctx, g)
}

func (t *Timelines) putSettings(
	user chat.UserID, id chat.ConversationID, p timeline.Patch,
) (settings timeline.Settings, g generation, err error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	failpoint.Hit(failpoint.SettingsBefore)
	w, err := t.begin()
	if err != nil {
		return settings, 0, err
	}
	defer w.close()
	key := record.Key2(record.TableSettings, uint64(user), uint64(id))
	if _, err := lookup(t.store.db, key, "settings", func(r *record.Reader) { settings = r.Settings(true) }); err != nil {
		return settings, 0, err
	}
	settings = p.On(settings)
	w.set(key, record.AppendSettings(nil, settings))
	k := rowKey{user, id}
	was, err := w.row(k)
	if err != nil {
		return settings, 0, err
	}
	row := was
	row.Current = was.Current || was.Seq == 0 // one that the follower has not come to
	if _, err := w.put(k, was, row, false); err != nil {
		return settings, 0, err
	}
	g, err = t.commit(w)
	failpoint.Hit(failpoint.SettingsAfter)
	return settings, g, err
}

// commit makes what was prepared visible.
func (t *Timelines) commit(w *rowWriter) (generation, error) {
	if w.err != nil {
		return 0, storageError(w.err, "writing timelines")
	}
	t.visible.Lock()
	defer t.visible.Unlock()
	g, err := t.store.apply(func(b *pebble.Batch) error {
		return storageError(b.Apply(w.batch, nil), "writing timelines")
	})
	if err == nil {
		t.newest = g
	}
	return g, err
}

// Rows implements timeline.Store.
func (t *Timelines) Rows(ctx context.Context, user chat.UserID) (timeline.Rows, error) {
	var rows timeline.Rows
	err := t.look(ctx, func(snap *pebble.Snapshot) error {
		var err error
		rows, err = scanRows(snap, user)
		return err
	})
	rows.Generation = t.generation
	return rows, err
}

// Memberships implements timeline.Store.
func (t *Timelines) Memberships(ctx context.Context, user chat.UserID) (ids []chat.ConversationID, err error) {
	rows, err := t.Rows(ctx, user)
	for i := range rows.Rows {
		if rows.Rows[i].Current {
			ids = append(ids, rows.Rows[i].Conversation)
		}
	}
	return ids, err
}

// End implements timeline.Store.
func (t *Timelines) End(ctx context.Context, user chat.UserID) (end timeline.End, err error) {
	err = t.look(ctx, func(snap *pebble.Snapshot) error {
		end, err = readEnd(snap, user)
		return err
	})
	end.Generation = t.generation
	return end, err
}

// Row implements timeline.Store.
func (t *Timelines) Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (row timeline.Row, ok bool, err error) {
	err = t.look(ctx, func(snap *pebble.Snapshot) error {
		ok, err = lookup(snap, record.Key2(record.TableRow, uint64(user), uint64(id)), "timeline row", func(r *record.Reader) { row = r.Row(id) })
		if err != nil {
			return err
		}
		_, err = lookup(snap, record.Key2(record.TableSettings, uint64(user), uint64(id)), "settings", func(r *record.Reader) { row.Settings = r.Settings(true) })
		return err
	})
	return row, ok, err
}

// Counts returns in how many conversations users are. It is about now: neither what is not followed yet nor durability
// matters to a bound.
func (t *Timelines) Counts(_ context.Context, users []chat.UserID) ([]int, error) {
	release, err := t.store.read()
	if err != nil {
		return nil, err
	}
	defer release()
	out := make([]int, len(users))
	for i, u := range users {
		e, err := readEnd(t.store.db, u)
		if err != nil {
			return nil, err
		}
		out[i] = int(e.Current)
	}
	return out, nil
}

// Drafts implements timeline.Store.
func (t *Timelines) Drafts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error) {
	drafts := make([]string, len(ids))
	err := t.look(ctx, func(snap *pebble.Snapshot) error {
		for i, id := range ids {
			_, err := lookup(snap, record.Key2(record.TableSettings, uint64(user), uint64(id)), "settings", func(r *record.Reader) { drafts[i] = r.Settings(true).Draft })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return drafts, err
}
