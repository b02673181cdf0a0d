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

// lanesBy sorts lanes by the databases that have slots of theirs.
func (s *Store) lanesBy(lanes []queue.Lane) map[*shard][]queue.Lane {
	m := s.slots.Load()
	by := map[*shard][]queue.Lane{}
	for _, lane := range lanes {
		first, last := span(lane)
		for slot := first; slot <= last; slot++ {
			d := m[slotConversation][slot]
			if known := by[d]; len(known) == 0 || known[len(known)-1] != lane {
				by[d] = append(known, lane)
			}
		}
	}
	return by
}

// Waiting implements queue.Outbox.
func (s *Store) Waiting(ctx context.Context, lanes []queue.Lane) ([]queue.Lane, error) {
	if s.closed.Load() {
		return nil, errClosed()
	}
	by := s.lanesBy(lanes)
	shards := s.among(by)
	if len(shards) == 0 {
		return nil, nil
	}
	found := make([][]queue.Lane, len(s.shards))
	err := side(shards, func(d *shard) error {
		var q text
		for i, lane := range by[d] {
			if i > 0 {
				q.add(" UNION ALL ")
			}
			first, last := span(lane)
			q.add("SELECT ").number(uint64(lane)).add(" FROM DUAL WHERE EXISTS (SELECT 1 FROM outbox WHERE slot BETWEEN ").
				number(first).add(" AND ").number(last).add(")")
		}
		at := slices.Index(s.shards, d)
		return d.read(ctx, "waiting", q.String(), func(r *rows) error {
			found[at] = nil
			for r.next() {
				var lane queue.Lane
				r.scan(&lane)
				found[at] = append(found[at], lane)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	out := slices.Concat(found...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// among returns the databases that are named, in order.
func (s *Store) among(by map[*shard][]queue.Lane) []*shard {
	var out []*shard
	for _, d := range s.shards {
		if len(by[d]) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// Pending implements queue.Outbox. While more waits in a lane than one call returns, calls take turns with its slots: one busy
// conversation does not keep the others waiting.
func (s *Store) Pending(ctx context.Context, lane queue.Lane, limit int) ([]queue.Pending, error) {
	if s.closed.Load() {
		return nil, errClosed()
	}
	first, last := span(lane)
	turn := first + uint64(s.turns[lane].Load())%laneSlots
	shards := s.among(s.lanesBy([]queue.Lane{lane}))
	found := make([][]pendingRow, len(shards))
	err := side(shards, func(d *shard) error {
		at := slices.Index(shards, d)
		var q text
		pendingQuery(&q, turn, last, limit)
		if turn > first {
			q.add(" UNION ALL ")
			pendingQuery(&q, first, turn-1, limit)
		}
		return d.read(ctx, "pending", q.String(), func(r *rows) error {
			found[at] = readPending(r, found[at][:0])
			return nil
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

func pendingQuery(q *text, first, last uint64, limit int) {
	q.add("(SELECT o.slot, o.conversation, o.seq, o.reader, o.read_seq, o.value, e.value, TIMESTAMPDIFF(MICROSECOND, o.added, NOW(3)) " +
		"FROM outbox o LEFT JOIN entry e ON o.reader=0 AND e.conversation=o.conversation AND e.seq=o.seq WHERE o.slot BETWEEN ").
		number(first).add(" AND ").number(last).
		add(" ORDER BY o.slot, o.conversation, o.seq, o.reader, o.read_seq LIMIT ").number(uint64(max(limit, 0))).add(")")
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

// Done implements queue.Outbox.
func (s *Store) Done(ctx context.Context, tickets []queue.Ticket) error {
	ids := make([]chat.ConversationID, len(tickets))
	for i := range tickets {
		ids[i] = tickets[i].Conversation
	}
	return s.each(ids, func(d *shard, places []int) error {
		for some := range slices.Chunk(places, maxKeys) {
			of := make([]queue.Ticket, len(some))
			for i, place := range some {
				of[i] = tickets[place]
			}
			err := d.transact(ctx, "done", func(t *tx) error { return t.execCommit(ctx, doneQuery(of)) })
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
