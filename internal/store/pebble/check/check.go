package check

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/audit"
	store "github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/record"
)

// Options of a check.
type Options struct {
	// FS is where the files are; nil is the disk.
	FS vfs.FS
	// Repair rebuilds what is derived and wrong: heads, member rows, repeat rows, pairs, indexes and timelines.
	Repair bool
	// Tell gets a sentence for each finding.
	Tell func(string)
}

// Report is what a check saw.
type Report = audit.Report

// repairBytes is how much is written at once.
const repairBytes = 4 << 20

// Run verifies everything that the database of a folder can show, in a small and constant amount of memory: it walks every table
// once, in order. Nobody else may have the folder open. Its error means that it could not look; findings are in the report.
func Run(ctx context.Context, dir string, o Options) (Report, error) {
	return run(ctx, dir, o, (*checker).all)
}

// Timelines rebuilds the timelines of a folder from its members, whatever they look like, and looks at nothing else.
func Timelines(ctx context.Context, dir string, o Options) error {
	o.Repair = true
	_, err := run(ctx, dir, o, func(c *checker) error {
		return errors.Join(c.meta(), c.events(), c.rebuildTimelines())
	})
	return err
}

// run does something with a checker on a folder.
func run(ctx context.Context, dir string, o Options, do func(*checker) error) (Report, error) {
	db, err := store.OpenDatabase(dir, o.FS, !o.Repair)
	if err != nil {
		return Report{}, fmt.Errorf("opening the database in %s (is a server running on it?): %w", dir, err)
	}
	c := &checker{ctx: ctx, db: db.DB, snap: db.NewSnapshot(), options: o, behind: make(map[chat.ConversationID]struct{}), cursors: make(map[byte]*pebble.Iterator)}
	if o.Repair {
		c.batch = db.NewBatch()
	}
	c.audit = audit.New(rows{c}, c.finding, audit.Hooks{Member: c.onTimeline})
	err = do(c)
	if c.batch != nil {
		err = errors.Join(err, c.flush(), c.batch.Close())
	}
	return c.sum(), errors.Join(err, c.closeCursors(), c.snap.Close(), db.Close())
}

type checker struct {
	ctx     context.Context // of the one call that the checker lives for
	db      *pebble.DB
	snap    *pebble.Snapshot
	options Options
	batch   *pebble.Batch // nil where nothing is repaired
	report  Report        // of what a folder has beside what its audit counts
	audit   *audit.Checker
	cursors map[byte]*pebble.Iterator // by table

	position  chat.Position // the timelines' follower's
	tail      chat.Position
	behind    map[chat.ConversationID]struct{} // have events that timelines have not seen
	allBehind bool                             // too many to list
	staleRows uint64                           // findings in timelines, which are rebuilt as a whole
}

// behindBound is how many conversations the timelines may lag in before their rows are not compared with members at all.
const behindBound = 100_000

// all runs the steps. What drops rows comes before what puts them: of two fixes of a row the later one stands.
func (c *checker) all() error {
	conversations := func() error { return c.audit.Conversations(c.ctx, math.MaxUint64) }
	people := func() error { return c.audit.People(c.ctx) }
	counters := func() error { return c.audit.Counters(c.ctx, true) }
	for _, step := range []func() error{c.meta, c.events, conversations, people, c.rows, c.settings, c.relations, counters} {
		if err := step(); err != nil {
			return err
		}
	}
	if c.staleRows > 0 && c.batch != nil {
		return c.rebuildTimelines()
	}
	return nil
}

// sum is the whole report.
func (c *checker) sum() Report {
	r := c.report
	seen := c.audit.Report
	r.Conversations, r.Entries, r.Members, r.Repeats, r.Pairs = seen.Conversations, seen.Entries, seen.Members, seen.Repeats, seen.Pairs
	r.Users, r.Devices = seen.Users, seen.Devices
	return r
}

// finding notes what the audit found.
func (c *checker) finding(f audit.Finding) error {
	switch {
	case f.Fix == nil:
		return c.found(nil, "%s", f.Text)
	case f.Fix.Drop && len(f.Fix.Key) == record.Key2Len && f.Fix.Key[0] == record.TableRelation:
		fix, err := c.unrelate(f.Fix.Key)
		if err != nil {
			return err
		}
		return c.found(fix, "%s", f.Text)
	case f.Fix.Drop:
		return c.found(remove(f.Fix.Key), "%s", f.Text)
	}
	return c.found(put(f.Fix.Key, f.Fix.Value), "%s", f.Text)
}

// found notes a finding. With a fix, and told to repair, it mends it.
func (c *checker) found(fix func(b *pebble.Batch) error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if fix == nil || c.batch == nil {
		c.report.Damage++
		c.options.Tell("damage: " + text)
		return nil
	}
	if err := fix(c.batch); err != nil {
		return fmt.Errorf("repairing (%s): %w", text, err)
	}
	c.report.Repaired++
	c.options.Tell("repaired: " + text)
	if c.batch.Len() > repairBytes {
		return c.flush()
	}
	return nil
}

func (c *checker) flush() error {
	if c.batch.Empty() {
		return nil
	}
	if err := c.batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("writing repairs: %w", err)
	}
	c.batch.Reset()
	return nil
}

// walk hands the rows of a span to fn, which borrows them.
func (c *checker) walk(from, to []byte, fn func(key, value []byte) error) error {
	iter, err := c.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := c.ctx.Err(); err != nil {
			return fmt.Errorf("checking: %w", err)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("reading %q: %w", iter.Key(), err)
		}
		if err := fn(iter.Key(), value); err != nil {
			return err
		}
	}
	if err := iter.Error(); err != nil {
		return fmt.Errorf("reading (the files themselves are damaged; restore a backup): %w", err)
	}
	return nil
}

func (c *checker) table(table byte, fn func(key, value []byte) error) error {
	return c.walk([]byte{table}, []byte{table + 1}, fn)
}

// row reads one row; ok is false where there is none or it does not decode, which is for its own table to tell.
func (c *checker) row(key []byte, decode func(r *record.Reader)) (ok bool, err error) {
	value, closer, err := c.snap.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %q: %w", key, err)
	}
	defer func() { _ = closer.Close() }()
	r := record.NewReader(value)
	decode(&r)
	return r.Done(), nil
}

func (c *checker) number(name string) (n uint64, err error) {
	_, err = c.row(record.KeyMeta(name), func(r *record.Reader) { n = r.Number() })
	return n, err
}

// meta reads where things stand.
func (c *checker) meta() error {
	format, err := c.number(record.MetaFormat)
	if err != nil {
		return err
	}
	if format == 0 || format > record.Format {
		return fmt.Errorf("the database has format %d, this program knows formats up to %d; use the program that wrote it", format, record.Format)
	}
	position, err := c.number(record.MetaTimeline)
	if err != nil {
		return err
	}
	c.position = chat.Position(position)
	trimmed, err := c.number(record.MetaTrimmed)
	c.tail = chat.Position(trimmed)
	return err
}

// events are contiguous behind what was trimmed, and name entries that stand.
func (c *checker) events() error {
	err := c.table(record.TableEvent, func(key, value []byte) error {
		if len(key) != record.EventLen {
			return c.found(remove(key), "an event has the malformed key %x", key)
		}
		p := record.EventPosition(key)
		if c.report.Events > 0 && p != c.tail+1 {
			if err := c.found(nil, "events: position %d follows %d", p, c.tail); err != nil {
				return err
			}
		}
		c.report.Events++
		c.tail = p
		r := record.NewReader(value)
		for r.More() {
			ev, named := r.Event()
			if named && !r.Broken() {
				if err := c.event(p, ev); err != nil {
					return err
				}
			}
			if p > c.position {
				c.lagging(ev.Head.Conversation)
			}
		}
		if r.Broken() {
			return c.found(nil, "events: position %d does not decode", p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.position > c.tail {
		c.staleRows++
		return c.found(func(*pebble.Batch) error { return nil }, "timelines have passed %d, the events end at %d", c.position, c.tail)
	}
	return nil
}

func (c *checker) event(p chat.Position, ev chat.Event) error {
	ok, err := c.row(record.KeyEntry(ev.Head.Conversation, ev.Head.Seq), func(r *record.Reader) { r.Entry(ev.Head.Conversation, ev.Head.Seq) })
	if err == nil && !ok {
		err = c.found(nil, "events: position %d names entry %d of conversation %d, which is not there", p, ev.Head.Seq, ev.Head.Conversation)
	}
	return err
}

func (c *checker) lagging(id chat.ConversationID) {
	if len(c.behind) >= behindBound {
		c.allBehind = true
		return
	}
	c.behind[id] = struct{}{}
}

func (c *checker) current(id chat.ConversationID) bool {
	_, lags := c.behind[id]
	return !lags && !c.allBehind
}
