package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
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
type Report struct {
	Conversations, Entries, Members, Repeats, Pairs uint64
	Users, Devices, Rows, Events                    uint64
	// Damage is what was found and stands; Repaired what was found and mended.
	Damage, Repaired uint64
}

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
	c := &checker{ctx: ctx, db: db.DB, snap: db.NewSnapshot(), options: o, behind: make(map[chat.ConversationID]struct{})}
	if o.Repair {
		c.batch = db.NewBatch()
	}
	err = do(c)
	if c.batch != nil {
		err = errors.Join(err, c.flush(), c.batch.Close())
	}
	return c.report, errors.Join(err, c.snap.Close(), db.Close())
}

type checker struct {
	ctx     context.Context // of the one call that the checker lives for
	db      *pebble.DB
	snap    *pebble.Snapshot
	options Options
	batch   *pebble.Batch // nil where nothing is repaired
	report  Report

	position   chat.Position // the timelines' follower's
	tail       chat.Position
	behind     map[chat.ConversationID]struct{} // have events that timelines have not seen
	allBehind  bool                             // too many to list
	staleRows  uint64                           // findings in timelines, which are rebuilt as a whole
	lastID     chat.ConversationID
	admins     uint64
	lastUser   chat.UserID
	lastDevice chat.DeviceID
}

// behindBound is how many conversations the timelines may lag in before their rows are not compared with members at all.
const behindBound = 100_000

// all runs the steps. What drops rows comes before what puts them: of two fixes of a row the later one stands.
func (c *checker) all() error {
	for _, step := range []func() error{c.meta, c.events, c.conversations, c.claims, c.indexes, c.users, c.devices, c.rows, c.settings, c.counters} {
		if err := step(); err != nil {
			return err
		}
	}
	if c.staleRows > 0 && c.batch != nil {
		return c.rebuildTimelines()
	}
	return nil
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

// put is a fix that sets one row.
func put(key, value []byte) func(*pebble.Batch) error {
	return func(b *pebble.Batch) error { return b.Set(key, value, nil) }
}

// remove is a fix that drops one row.
func remove(key []byte) func(*pebble.Batch) error {
	key = append([]byte(nil), key...)
	return func(b *pebble.Batch) error { return b.Delete(key, nil) }
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

// claims: pairs and groups under a client id lead to conversations, or to ones that are about to begin.
func (c *checker) claims() error {
	err := c.table(record.TablePair, func(key, value []byte) error {
		c.report.Pairs++
		r := record.NewReader(value)
		id := chat.ConversationID(r.Number())
		if len(key) != record.Key2Len || !r.Done() || id == 0 {
			return c.found(remove(key), "pairs: the row %x does not decode", key)
		}
		c.lastID = max(c.lastID, id)
		pair := [2]chat.UserID{chat.UserID(record.First(key)), chat.UserID(record.Second(key))}
		var about chat.Conversation
		ok, err := c.row(record.Key1(record.TableConversation, uint64(id)), func(r *record.Reader) { about = r.Conversation(id) })
		if err != nil || !ok || about.Pair == pair {
			return err
		}
		return c.found(remove(key), "pairs: users %d and %d lead to conversation %d, which is not theirs", pair[0], pair[1], id)
	})
	if err != nil {
		return err
	}
	return c.table(record.TableClaim, func(key, value []byte) error {
		r := record.NewReader(value)
		id := chat.ConversationID(r.Number())
		if len(key) != record.ClaimLen || !r.Done() || id == 0 {
			return c.found(remove(key), "claims: the row %x does not decode", key)
		}
		c.lastID = max(c.lastID, id)
		return nil
	})
}

// counters are beyond everything that they gave out.
func (c *checker) counters() error {
	for _, n := range []struct {
		name, what string
		least      uint64
		exact      bool
	}{
		{record.MetaNextConversation, "the next conversation id", uint64(c.lastID) + 1, false},
		{record.MetaLastUser, "the last user id", uint64(c.lastUser), false},
		{record.MetaLastDevice, "the last device id", uint64(c.lastDevice), false},
		{record.MetaAdministrators, "the number of administrators", c.admins, true},
	} {
		have, err := c.number(n.name)
		if err != nil {
			return err
		}
		if have == n.least || (have > n.least && !n.exact) || (have == 0 && n.least <= 1 && !n.exact) {
			continue
		}
		fix := put(record.KeyMeta(n.name), record.Number(n.least))
		if err := c.found(fix, "counters: %s is %d, it should be %d", n.what, have, n.least); err != nil {
			return err
		}
	}
	return nil
}

// ordinalAt is the ordinal of an entry.
func (c *checker) ordinalAt(id chat.ConversationID, seq chat.Seq) (o chat.Ordinal, ok bool, err error) {
	ok, err = c.row(record.KeyEntry(id, seq), func(r *record.Reader) {
		o = chat.Ordinal(r.Number())
		r.Skip()
	})
	return o, ok, err
}
