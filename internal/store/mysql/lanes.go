package mysql

import (
	"context"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/queue"
)

// clock is this moment by the home database's clock, in microseconds.
const clock = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)"

// leasing is what the tables say about the lanes while they are locked.
type leasing struct {
	now   uint64
	nodes map[string]bool // that lease, this one included
	held  [queue.Lanes]string
	until [queue.Lanes]uint64
}

// Lease implements queue.Outbox. The lanes' rows are locked, so that nodes lease one after the other.
func (s *Store) Lease(ctx context.Context, node string, term time.Duration) ([]queue.Lane, error) {
	if mutant == mutantLeaseForever {
		term = forever
	}
	var mine []queue.Lane
	err := s.home().transact(ctx, "lease", func(t *tx) error {
		l := leasing{nodes: map[string]bool{node: true}}
		if err := l.read(ctx, t); err != nil {
			return err
		}
		var give []queue.Lane
		mine, give = l.share(node)
		until := l.now + uint64(max(0, term.Microseconds()))
		var q text
		q.add("REPLACE INTO lane_node (node, until_us) VALUES (").blob([]byte(node)).add(",").number(until).
			add(");DELETE FROM lane_node WHERE until_us <= ").number(l.now)
		take(&q, mine, node, until)
		take(&q, give, "", 0)
		return t.execCommit(ctx, q.String())
	})
	if err != nil {
		return nil, err
	}
	return mine, nil
}

func (l *leasing) read(ctx context.Context, t *tx) error {
	return t.query(ctx, "SELECT lane, node, until_us FROM lane ORDER BY lane FOR UPDATE;SELECT "+clock+";SELECT node, until_us FROM lane_node",
		func(r *rows) error {
			for r.next() {
				var lane int
				var node string
				var until uint64
				r.scan(&lane, &node, &until)
				if lane < queue.Lanes {
					l.held[lane], l.until[lane] = node, until
				}
			}
			if r.result() && r.next() {
				r.scan(&l.now)
			}
			for r.result(); r.next(); {
				var node string
				var until uint64
				r.scan(&node, &until)
				if until > l.now {
					l.nodes[node] = true
				}
			}
			return nil
		})
}

// share says which lanes the node has from now on, and which it gives back: those above its fair share. Free ones are those whose
// leases have run out; a node that was here a moment ago is counted even where it has none.
func (l *leasing) share(node string) (mine, give []queue.Lane) {
	for lane, holder := range l.held {
		if holder != "" && l.until[lane] > l.now {
			l.nodes[holder] = true
		}
	}
	fair := (queue.Lanes + len(l.nodes) - 1) / len(l.nodes)
	for lane, holder := range l.held {
		switch {
		case holder != node:
		case len(mine) < fair:
			mine = append(mine, queue.Lane(lane))
		default:
			give = append(give, queue.Lane(lane))
		}
	}
	for lane, holder := range l.held {
		if len(mine) < fair && holder != node && (holder == "" || l.until[lane] <= l.now) {
			mine = append(mine, queue.Lane(lane))
		}
	}
	slices.Sort(mine)
	return mine, give
}

// take writes who has lanes.
func take(q *text, lanes []queue.Lane, node string, until uint64) {
	if len(lanes) == 0 {
		return
	}
	q.add(";UPDATE lane SET node=").blob([]byte(node)).add(", until_us=").number(until).add(" WHERE lane IN (")
	for i, lane := range lanes {
		if i > 0 {
			q.add(",")
		}
		q.number(uint64(lane))
	}
	q.add(")")
}

// Release implements queue.Outbox.
func (s *Store) Release(ctx context.Context, node string) error {
	return s.home().transact(ctx, "release", func(t *tx) error {
		var q text
		q.add("UPDATE lane SET node='', until_us=0 WHERE node=").blob([]byte(node)).add(";DELETE FROM lane_node WHERE node=").blob([]byte(node))
		return t.execCommit(ctx, q.String())
	})
}
