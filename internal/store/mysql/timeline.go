package mysql

import (
	"context"
	"database/sql"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var _ timeline.Logs = TimelineLogs{}

// TimelineLogs is the [timeline.Logs] of the store.
type TimelineLogs struct{ store *Store }

// TimelineLogs returns what timelines read of the log.
func (s *Store) TimelineLogs() TimelineLogs { return TimelineLogs{s} }

// Epoch implements timeline.Logs.
func (l TimelineLogs) Epoch() uint64 { return l.store.Epoch() }

// Parts implements timeline.Logs. The parts of one database are of one moment; two databases have no moment in common.
func (l TimelineLogs) Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]timeline.Part, error) {
	if len(ids) <= fewParts {
		if parts, ok, err := l.few(ctx, user, ids); ok {
			return parts, err
		}
	}
	parts := make([]timeline.Part, len(ids))
	err := l.store.each(ctx, ids, func(m *slotMap, d *shard, places []int) error { return m.parts(ctx, d, user, ids, places, parts) })
	if err != nil {
		return nil, err
	}
	return parts, nil
}

func (m *slotMap) parts(
	ctx context.Context, d *shard, user chat.UserID, ids []chat.ConversationID, places []int, parts []timeline.Part,
) error {
	at := placesOf(ids, places)
	var queries []string
	for some := range slices.Chunk(keys(at), maxKeys) {
		var q text
		q.add("SELECT h.conversation, h.value, m.value FROM head h LEFT JOIN member m ON m.conversation=h.conversation AND m.user=").
			number(uint64(user)).add(" WHERE h.conversation IN (")
		queries = append(queries, list(&q, some).add(")").String())
	}
	ends := map[chat.ConversationID]chat.Seq{}
	err := m.moment(ctx, d, "parts", queries, func(r *rows) error {
		var id chat.ConversationID
		var head, member sql.RawBytes
		for r.next() {
			r.scan(&id, &head, &member)
			var p timeline.Part
			in := record.NewReader(head)
			p.Head = in.Head(id)
			r.whole(&in, "head")
			if member != nil {
				in = record.NewReader(member)
				part := in.Part(user)
				p.Member, p.Read = part.Member, part.Read
				r.whole(&in, "member")
			}
			delete(ends, id)
			if last := p.Member.Last(p.Head.Seq); last != 0 && !p.Member.Current() {
				ends[id] = last
			}
			for _, place := range at[id] {
				parts[place] = p
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.ends(ctx, d, ends, at, parts)
}

// ends reads the entries with which memberships ended. What is read of them never changes, whenever it is read.
func (m *slotMap) ends(
	ctx context.Context, d *shard, ends map[chat.ConversationID]chat.Seq, at map[chat.ConversationID][]int, parts []timeline.Part,
) error {
	for some := range slices.Chunk(keys(ends), maxKeys) {
		var q text
		q.add("SELECT conversation, seq, LEFT(value, 30) FROM entry WHERE (conversation, seq) IN (") // three numbers
		for i, id := range some {
			q.row(i == 0, uint64(id), uint64(ends[id]))
		}
		found := 0
		err := m.read(ctx, d, "parts", q.add(")").String(), func(r *rows) error {
			var e chat.Entry
			var value sql.RawBytes
			for found = 0; r.next(); found++ {
				r.scan(&e.Conversation, &e.Seq, &value)
				in := record.NewReader(value)
				e.Ordinal, e.Sender, e.TimeMS = chat.Ordinal(in.Number()), chat.UserID(in.Number()), in.Number()
				if in.Broken() {
					r.fail(record.ErrDamaged("entry"))
				}
				for _, place := range at[e.Conversation] {
					parts[place].End = e
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if found != len(some) {
			return record.ErrDamaged("log") // no entry below the head is ever missing
		}
	}
	return nil
}

// moment runs queries so that all of them see one moment, and hands each one's rows to fn. A single statement does by itself.
func (m *slotMap) moment(ctx context.Context, d *shard, what string, queries []string, fn func(r *rows) error) error {
	if len(queries) == 1 {
		return m.read(ctx, d, what, queries[0], fn)
	}
	return d.snapshot(ctx, what, func(t *tx) error {
		for _, q := range queries {
			err := t.query(ctx, q+";"+holdingsQuery, func(r *rows) error {
				failed := fn(r)
				if !m.holds(d, r) {
					return &movedError{}
				}
				return failed
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Conversations implements timeline.Logs.
func (l TimelineLogs) Conversations(ctx context.Context, ids []chat.ConversationID) ([]chat.Conversation, error) {
	out := make([]chat.Conversation, len(ids))
	err := l.store.each(ctx, ids, func(m *slotMap, d *shard, places []int) error {
		at := placesOf(ids, places)
		for some := range slices.Chunk(keys(at), maxKeys) {
			err := m.read(ctx, d, "conversations", aboutQuery(some), func(r *rows) error {
				var id chat.ConversationID
				var value sql.RawBytes
				for r.next() {
					r.scan(&id, &value)
					in := record.NewReader(value)
					c := in.Conversation(id)
					r.whole(&in, "conversation")
					for _, place := range at[id] {
						out[place] = c
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
	return out, nil
}

// maxSpans is how many spans of entries one statement names.
const maxSpans = 200

// Newest implements timeline.Logs. Seqs have no gaps, so that the newest entries of a log are a span of seqs.
func (l TimelineLogs) Newest(ctx context.Context, wants []timeline.Want) ([][]chat.Entry, error) {
	ids := make([]chat.ConversationID, len(wants))
	for i := range wants {
		ids[i] = wants[i].Conversation
	}
	out := make([][]chat.Entry, len(wants))
	err := l.store.each(ctx, ids, func(m *slotMap, d *shard, places []int) error {
		for some := range slices.Chunk(places, maxSpans) {
			if err := m.newest(ctx, d, wants, some, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *slotMap) newest(ctx context.Context, d *shard, wants []timeline.Want, places []int, out [][]chat.Entry) error {
	var q text
	for i, place := range places {
		w := wants[place]
		limit := chat.Seq(max(w.Limit, 1))
		first := chat.Seq(0)
		if w.To > limit {
			first = w.To - limit + 1
		}
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT ").number(uint64(i)).add(", " + entryColumns + " FROM entry WHERE conversation=").number(uint64(w.Conversation)).
			add(" AND seq BETWEEN ").number(uint64(first)).add(" AND ").number(uint64(w.To))
	}
	lists := make([]listed, len(places))
	err := m.read(ctx, d, "newest", q.String(), func(r *rows) error {
		clear(lists)
		place := 0
		for r.next() {
			if it := r.item(&place); r.err == nil {
				lists[place] = append(lists[place], it)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, place := range places {
		slices.SortFunc(lists[i], func(a, b item) int { return int(int64(b.entry.Seq) - int64(a.entry.Seq)) })
		lists[i] = lists[i].within(wants[place].MaxBytes)
	}
	if err := m.fill(ctx, d, lists...); err != nil {
		return err
	}
	for i, place := range places {
		out[place] = lists[i].entries()
		slices.Reverse(out[place])
	}
	return nil
}

// Members implements timeline.Logs.
func (l TimelineLogs) Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error) {
	var q text
	q.add("SELECT user FROM member WHERE present=1 AND conversation=").number(uint64(id)).
		add(" AND user>").number(uint64(after)).add(" ORDER BY user LIMIT ").number(uint64(max(limit, 0)))
	var out []chat.UserID
	err := l.store.ofConversation(id).read(ctx, "members", q.String(), func(r *rows) error {
		out = make([]chat.UserID, 0, min(max(limit, 0), 1024))
		var user chat.UserID
		for r.next() {
			r.scan(&user)
			out = append(out, user)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
