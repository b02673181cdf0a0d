package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/record"
)

var _ queue.Outbox = (*Store)(nil)

// laneSlots is how many slots a lane has.
const laneSlots = chat.Slots / queue.Lanes

// span is the slots of a lane, both included.
func span(lane queue.Lane) (first, last uint64) {
	return uint64(lane) * laneSlots, uint64(lane)*laneSlots + laneSlots - 1
}

// ticketOf names an event. Positions of one reader only grow, so that no two events have the same name.
func ticketOf(ev *chat.Event) queue.Ticket {
	k := queue.Ticket{Conversation: ev.Head.Conversation, Seq: ev.Head.Seq}
	if ev.Entry == nil {
		k.Reader, k.Read = ev.Reader, ev.Read.Seq
	}
	return k
}

// runs are the slots of a lane that a database has, as words of a condition; empty for none. What is left there of other slots, or is
// on its way there, is none of the relay's business.
func (m *slotMap) runs(d *shard, first, last uint64) string {
	var q text
	for slot := first; slot <= last; slot++ {
		if m.of[slotConversation][slot] != d {
			continue
		}
		from := slot
		for slot < last && m.of[slotConversation][slot+1] == d {
			slot++
		}
		if len(q.b) > 0 {
			q.add(" OR ")
		}
		q.add("slot BETWEEN ").number(from).add(" AND ").number(slot)
	}
	return q.String()
}

// among returns the databases that have slots of lanes, in order.
func (s *Store) among(m *slotMap, lanes []queue.Lane) []*shard {
	var out []*shard
	for _, d := range s.shards {
		if slices.ContainsFunc(lanes, func(lane queue.Lane) bool { first, last := span(lane); return m.runs(d, first, last) != "" }) {
			out = append(out, d)
		}
	}
	return out
}

// Waiting implements queue.Outbox.
func (s *Store) Waiting(ctx context.Context, lanes []queue.Lane) ([]queue.Lane, error) {
	found := make([][]queue.Lane, len(s.shards))
	err := s.routed(ctx, func(m *slotMap) error {
		clear(found)
		return side(s.among(m, lanes), func(d *shard) error {
			var q text
			for _, lane := range lanes {
				first, last := span(lane)
				runs := m.runs(d, first, last)
				if runs == "" {
					continue
				}
				if len(q.b) > 0 {
					q.add(" UNION ALL ")
				}
				q.add("SELECT ").number(uint64(lane)).add(" FROM DUAL WHERE EXISTS (SELECT 1 FROM outbox WHERE ", runs, ")")
			}
			at := slices.Index(s.shards, d)
			return m.read(ctx, d, "waiting", q.String(), func(r *rows) error {
				found[at] = nil
				for r.next() {
					var lane queue.Lane
					r.scan(&lane)
					found[at] = append(found[at], lane)
				}
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	out := slices.Concat(found...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Pending implements queue.Outbox. While more waits in a lane than one call returns, calls take turns with its slots: one busy
// conversation does not keep the others waiting.
func (s *Store) Pending(ctx context.Context, lane queue.Lane, limit int) ([]queue.Pending, error) {
	first, last := span(lane)
	turn := first + uint64(s.turns[lane].Load())%laneSlots
	found := make([][]pendingRow, len(s.shards))
	err := s.routed(ctx, func(m *slotMap) error {
		clear(found)
		return side(s.among(m, []queue.Lane{lane}), func(d *shard) error {
			at := slices.Index(s.shards, d)
			var q text
			pendingQuery(&q, m.runs(d, turn, last), limit)
			if turn > first {
				pendingQuery(&q, m.runs(d, first, turn-1), limit)
			}
			return m.read(ctx, d, "pending", q.String(), func(r *rows) error {
				found[at] = readPending(r, found[at][:0])
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b pendingRow) int { return a.compare(b, turn) })
	if len(all) > limit {
		all = all[:limit]
	}
	if len(all) == limit && limit > 0 {
		s.turns[lane].Store(uint32(all[limit-1].slot - first + 1))
	}
	out := make([]queue.Pending, len(all))
	for i := range all {
		out[i] = all[i].Pending
	}
	return out, nil
}

// pendingRow is a row of the outbox with where it stands.
type pendingRow struct {
	queue.Pending
	slot uint64
}

// compare orders rows by slot, beginning with turn, and those of a slot as they were committed.
func (p pendingRow) compare(o pendingRow, turn uint64) int {
	a, b := p.Ticket, o.Ticket
	return cmp.Or(
		cmp.Compare((p.slot-turn)%chat.Slots, (o.slot-turn)%chat.Slots), cmp.Compare(a.Conversation, b.Conversation),
		cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Reader, b.Reader), cmp.Compare(a.Read, b.Read),
	)
}

// pendingQuery appends a query for the first rows of slots; runs are those of [slotMap.runs].
func pendingQuery(q *text, runs string, limit int) {
	if runs == "" {
		return
	}
	if len(q.b) > 0 {
		q.add(" UNION ALL ")
	}
	q.add("(SELECT o.slot, o.conversation, o.seq, o.reader, o.read_seq, o.value, e.value, TIMESTAMPDIFF(MICROSECOND, o.added, NOW(3)) "+
		"FROM outbox o LEFT JOIN entry e ON o.reader=0 AND e.conversation=o.conversation AND e.seq=o.seq WHERE ", runs,
		" ORDER BY o.slot, o.conversation, o.seq, o.reader, o.read_seq LIMIT ").number(uint64(max(limit, 0))).add(")")
}

func readPending(r *rows, out []pendingRow) []pendingRow {
	var value, entry sql.RawBytes
	var micros int64
	for r.next() {
		var p pendingRow
		k := &p.Ticket
		r.scan(&p.slot, &k.Conversation, &k.Seq, &k.Reader, &k.Read, &value, &entry, &micros)
		in := record.NewReader(value)
		ev, named := in.Event()
		r.whole(&in, "event")
		if named && r.err == nil {
			if entry == nil {
				r.fail(record.ErrDamaged("event"))
				break
			}
			e := decodeEntry(r, k.Conversation, k.Seq, entry)
			ev.Entry = &e
		}
		p.Event, p.Age = ev, time.Duration(max(0, micros))*time.Microsecond
		out = append(out, p)
	}
	return out
}

// Waits reports that an entry has not been published yet.
func (s *Store) Waits(ctx context.Context, id chat.ConversationID, seq chat.Seq) (waits bool, err error) {
	if s.closed.Load() {
		return false, errClosed()
	}
	var q text
	q.add("SELECT 1 FROM outbox WHERE slot = ").number(uint64(id.Slot())).add(" AND conversation = ").number(uint64(id)).
		add(" AND seq = ").number(uint64(seq)).add(" AND reader = 0 LIMIT 1")
	err = s.ofConversation(id).read(ctx, "waits", q.String(), func(r *rows) error {
		waits = r.next()
		return nil
	})
	return waits, err
}

// Done implements queue.Outbox.
func (s *Store) Done(ctx context.Context, tickets []queue.Ticket) error {
	ids := make([]chat.ConversationID, len(tickets))
	for i := range tickets {
		ids[i] = tickets[i].Conversation
	}
	return s.each(ctx, ids, func(_ *slotMap, d *shard, places []int) error {
		for some := range slices.Chunk(places, maxKeys) {
			of := make([]queue.Ticket, len(some))
			for i, place := range some {
				of[i] = tickets[place]
			}
			slots := make([]chat.ConversationID, len(of))
			for i := range of {
				slots[i] = of[i].Conversation
			}
			err := d.transact(ctx, "done", func(t *tx) error {
				t.guard = &guard{kind: slotConversation, slots: slotsOf(slots)}
				return t.execCommit(ctx, doneQuery(of))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func doneQuery(tickets []queue.Ticket) string {
	var q text
	q.add("DELETE o FROM outbox o FORCE INDEX (PRIMARY) WHERE (slot, conversation, seq, reader, read_seq) IN (")
	for i, k := range tickets {
		q.row(i == 0, uint64(k.Conversation.Slot()), uint64(k.Conversation), uint64(k.Seq), uint64(k.Reader), uint64(k.Read))
	}
	return q.add(")").String()
}
