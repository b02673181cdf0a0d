package pebble

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

type rowKey struct {
	user         chat.UserID
	conversation chat.ConversationID
}

// rowWriter prepares a batch of rows. It belongs to who holds Timelines.writing, and holds the database open until close.
// It reads through one iterator with filters on the last level: rows of newcomers are misses, in runs of near keys.
type rowWriter struct {
	iter    *pebble.Iterator
	batch   *pebble.Batch
	release func()
	err     error // the first of batch
	rows    map[rowKey]timeline.Row
	ends    map[chat.UserID]timeline.End
	value   []byte // scratch
}

func (t *Timelines) begin() (*rowWriter, error) {
	release, err := t.store.read()
	if err != nil {
		return nil, err
	}
	iter, err := t.store.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		release()
		return nil, storageError(err, "reading timelines")
	}
	return &rowWriter{
		iter: iter, batch: t.store.db.NewBatch(), release: release,
		rows: make(map[rowKey]timeline.Row), ends: make(map[chat.UserID]timeline.End),
	}, nil
}

func (w *rowWriter) close() {
	_ = w.batch.Close()
	_ = w.iter.Close() // its error was seen by the read that met it
	w.release()
}

// find reads one row as it was before the batch.
func (w *rowWriter) find(key []byte, what string, decode func(r *record.Reader)) error {
	if !w.iter.SeekPrefixGE(key) {
		return storageError(w.iter.Error(), "reading a "+what)
	}
	value, err := w.iter.ValueAndErr()
	if err != nil {
		return storageError(err, "reading a "+what)
	}
	r := record.NewReader(value)
	decode(&r)
	if !r.Done() {
		return record.ErrDamaged(what)
	}
	return nil
}

func (w *rowWriter) set(key, value []byte) {
	if err := w.batch.Set(key, value, nil); err != nil && w.err == nil {
		w.err = err
	}
}

// change prepares one change, by rules TML-2, TML-4 and TML-6.
func (w *rowWriter) change(c *timeline.Change) (timeline.PTS, error) {
	k := rowKey{c.User, c.Conversation}
	row, err := w.row(k)
	if err != nil {
		return 0, err
	}
	was := row
	if c.Membership != timeline.None && c.Seq > row.Seq {
		row.Current, row.Seq = c.Membership == timeline.Entered, c.Seq
	} else if !row.Current {
		return 0, nil
	}
	return w.put(k, was, row, c.Quiet)
}

// row is the zero Row, but for the conversation, where there is none.
func (w *rowWriter) row(k rowKey) (timeline.Row, error) {
	if row, ok := w.rows[k]; ok {
		return row, nil
	}
	row := timeline.Row{Conversation: k.conversation}
	err := w.find(record.Key2(record.TableRow, uint64(k.user), uint64(k.conversation)), "timeline row", func(r *record.Reader) { row = r.Row(k.conversation) })
	return row, err
}

// put prepares a row that was another, with the user's next pts unless it is quiet; it returns the pts taken.
func (w *rowWriter) put(k rowKey, was, row timeline.Row, quiet bool) (timeline.PTS, error) {
	if quiet && was.Current == row.Current {
		return 0, w.putRow(k, row)
	}
	e, ok := w.ends[k.user]
	if !ok {
		if err := w.find(record.Key1(record.TableLast, uint64(k.user)), "pts", func(r *record.Reader) { e = r.End() }); err != nil {
			return 0, err
		}
	}
	switch {
	case row.Current && !was.Current:
		e.Current++
	case was.Current && !row.Current && e.Current > 0:
		e.Current--
	}
	taken := timeline.PTS(0)
	if !quiet {
		e.Last++
		row.PTS, taken = e.Last, e.Last
	}
	w.ends[k.user] = e
	w.value = record.AppendEnd(w.value[:0], e)
	w.set(record.Key1(record.TableLast, uint64(k.user)), w.value)
	return taken, w.putRow(k, row)
}

func (w *rowWriter) putRow(k rowKey, row timeline.Row) error {
	w.rows[k] = row
	w.value = record.AppendRow(w.value[:0], row)
	w.set(record.Key2(record.TableRow, uint64(k.user), uint64(k.conversation)), w.value)
	return w.err
}
