package mysql

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// largeEntry is the size, in bytes, of records that a list of entries leaves out at first: a span may hold a hundred times more of them than are
// wanted. Those that are wanted are read by themselves.
const largeEntry = "16384"

// Heads returns the heads of conversations.
func (s *Store) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	heads := make([]chat.Head, len(ids))
	err := s.each(ctx, ids, func(m *slotMap, d *shard, places []int) error {
		for part := range slices.Chunk(places, maxKeys) {
			at := placesOf(ids, part)
			var q text
			list(q.add("SELECT conversation, value FROM head WHERE conversation IN ("), keys(at))
			err := m.read(ctx, d, "heads", q.add(")").String(), func(r *rows) error {
				var id chat.ConversationID
				var value sql.RawBytes
				for r.next() {
					r.scan(&id, &value)
					in := record.NewReader(value)
					h := in.Head(id)
					r.whole(&in, "head")
					for _, place := range at[id] {
						heads[place] = h
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

// maxKeys is how many keys one statement names: servers stop looking keys up one by one when there are many more, by how many columns
// the keys have together.
const maxKeys = 2_000

// each calls fn for every database that has some of the conversations, side by side, with their places in the list. Where a slot has moved
// it is called again, for all of them.
func (s *Store) each(ctx context.Context, ids []chat.ConversationID, fn func(m *slotMap, d *shard, places []int) error) error {
	return s.routed(ctx, func(m *slotMap) error {
		var shards []*shard
		places := map[*shard][]int{}
		for i, id := range ids {
			d := m.of[slotConversation][id.Slot()]
			if places[d] == nil {
				shards = append(shards, d)
			}
			places[d] = append(places[d], i)
		}
		return side(shards, func(d *shard) error { return fn(m, d, places[d]) })
	})
}

// side calls fn for databases side by side, and returns the first error in their order.
func side(shards []*shard, fn func(d *shard) error) error {
	if len(shards) == 1 {
		return fn(shards[0])
	}
	failed := make([]error, len(shards))
	var wg sync.WaitGroup
	for i, d := range shards {
		wg.Go(func() { failed[i] = fn(d) })
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// placesOf says where in a list each id stands: one may be asked for twice.
func placesOf(ids []chat.ConversationID, places []int) map[chat.ConversationID][]int {
	at := make(map[chat.ConversationID][]int, len(places))
	for _, i := range places {
		at[ids[i]] = append(at[ids[i]], i)
	}
	return at
}

// keys returns the ids in order: servers look them up in order too.
func keys[V any](m map[chat.ConversationID]V) []chat.ConversationID {
	out := make([]chat.ConversationID, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Range returns a span of a conversation's entries.
func (s *Store) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	limit, maxBytes := q.Limit, q.MaxBytes
	if limit < 1 || limit > chat.MaxRangeEntries {
		limit = chat.MaxRangeEntries
	}
	if maxBytes <= 0 {
		maxBytes = chat.MaxRangeBytes
	}
	to := uint64(q.To)
	if to == 0 {
		to = math.MaxUint64
	}
	order := " ORDER BY seq LIMIT "
	if q.Backward {
		order = " ORDER BY seq DESC LIMIT "
	}
	var t text
	t.add("SELECT " + entryColumns + " FROM entry WHERE conversation=").number(uint64(q.Conversation)).
		add(" AND seq BETWEEN ").number(uint64(q.From)).add(" AND ").number(to).add(order).number(uint64(limit))
	var found listed
	at := s.ofConversation(q.Conversation)
	err := s.routed(ctx, func(m *slotMap) error {
		err := m.read(ctx, at.of(m), "range", t.String(), func(r *rows) error {
			found = found[:0]
			for r.next() {
				found = append(found, r.item())
			}
			return nil
		})
		if err != nil {
			return err
		}
		found = found.within(maxBytes)
		return m.fill(ctx, at.of(m), found)
	})
	if err != nil {
		return nil, err
	}
	out := found.entries()
	if q.Backward {
		slices.Reverse(out)
	}
	return out, nil
}

// entryColumns are what is listed of entries: the conversation, the seq, the size of the record, and the record where it is not large.
const entryColumns = "conversation, seq, LENGTH(value), IF(LENGTH(value) > " + largeEntry + ", NULL, value)"

// item is an entry of a list.
type item struct {
	entry chat.Entry
	size  int
	large bool // the record was left out
}

// listed are entries as they came from the database.
type listed []item

// item reads a row of the listed columns, with others in front of them.
func (r *rows) item(front ...any) item {
	var it item
	var value sql.RawBytes
	r.scan(append(front, &it.entry.Conversation, &it.entry.Seq, &it.size, &value)...)
	if it.large = value == nil; !it.large {
		it.entry = decodeEntry(r, it.entry.Conversation, it.entry.Seq, value)
	}
	return it
}

func decodeEntry(r *rows, id chat.ConversationID, seq chat.Seq, value []byte) chat.Entry {
	in := record.NewReader(value)
	e := in.Entry(id, seq)
	r.whole(&in, "entry")
	return e
}

// within returns the first entries that are not more than maxBytes together, one at least.
func (l listed) within(maxBytes int) listed {
	for i := range l {
		if maxBytes -= l[i].size; maxBytes < 0 && i > 0 {
			return l[:i]
		}
	}
	return l
}

// fill reads the records that were left out of a list.
func (m *slotMap) fill(ctx context.Context, d *shard, lists ...listed) error {
	missing := map[entryKey][]*item{} // one entry may stand in two lists
	for _, l := range lists {
		for i := range l {
			if l[i].large {
				k := entryKey{l[i].entry.Conversation, l[i].entry.Seq}
				missing[k] = append(missing[k], &l[i])
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var q text
	q.add("SELECT conversation, seq, value FROM entry WHERE (conversation, seq) IN (")
	first := true
	for k := range missing {
		q.row(first, uint64(k.conversation), uint64(k.seq))
		first = false
	}
	return m.read(ctx, d, "range", q.add(")").String(), func(r *rows) error {
		var k entryKey
		var value sql.RawBytes
		for r.next() {
			r.scan(&k.conversation, &k.seq, &value)
			for _, it := range missing[k] {
				it.entry = decodeEntry(r, k.conversation, k.seq, value)
			}
		}
		return nil
	})
}

func (l listed) entries() []chat.Entry {
	out := make([]chat.Entry, len(l))
	for i := range l {
		out[i] = l[i].entry
	}
	return out
}

// tombstoneStep is how many entries are looked at in one transaction.
const tombstoneStep = 512

// Tombstone removes content, in steps. It locks entries and no head: appends go on.
func (s *Store) Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error) {
	heads, err := s.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return 0, err
	}
	last := heads[0].Seq
	if span.To != 0 && span.To < last {
		last = span.To
	}
	total := 0
	for from := max(span.From, 1); from <= last; from += tombstoneStep {
		if err := ctx.Err(); err != nil {
			return total, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "stopped after %d entries", total)
		}
		n, err := s.ofConversation(id).bury(ctx, id, chat.Span{From: from, To: min(last, from+tombstoneStep-1)}, sender, why)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// bury writes tombstones over the matching entries of a span, and empties what edited them.
func (p place) bury(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (n int, err error) {
	err = p.transact(ctx, "tombstone", func(t *tx) error {
		w := &writing{}
		n = 0
		var edits []entryKey
		put := func(e chat.Entry) {
			w.value = record.AppendEntry(w.value[:0], &e)
			w.row().number(uint64(id)).add(",").number(uint64(e.Seq)).add(",").blob(w.value).add(")")
			if t.guard.copied[p.slot] {
				t.notes.add(slotConversation, p.slot, NotedEntry, uint64(id), uint64(e.Seq), nil)
			}
		}
		w.statement("INSERT INTO entry (conversation, seq, value) VALUES ", upsert)
		var q text
		q.add("SELECT seq, value FROM entry FORCE INDEX (PRIMARY) WHERE conversation=").number(uint64(id)).
			add(" AND seq BETWEEN ").number(uint64(span.From)).add(" AND ").number(uint64(span.To)).add(" ORDER BY seq FOR UPDATE")
		err := t.query(ctx, q.String(), func(r *rows) error {
			var seq chat.Seq
			var value sql.RawBytes
			for r.next() {
				r.scan(&seq, &value)
				e := decodeEntry(r, id, seq, value)
				if !chat.Content(e.Body) || sender != 0 && e.Sender != sender {
					continue
				}
				if e.Edited != nil {
					for _, edit := range e.Edited.Seqs {
						edits = append(edits, entryKey{id, edit})
					}
				}
				put(chat.Bury(e, chat.Tombstone{Reason: why}))
				n++
			}
			return nil
		})
		if err != nil {
			return err
		}
		for some := range slices.Chunk(edits, maxKeys) {
			err := t.query(ctx, oldQuery(some), func(r *rows) error {
				var k entryKey
				var value sql.RawBytes
				for r.next() {
					r.scan(&k.conversation, &k.seq, &value)
					put(chat.Emptied(decodeEntry(r, id, k.seq, value)))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		for _, q := range w.finish() {
			if _, err := t.exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n = 0
	}
	return n, err
}
