package mysql

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

var _ message.Log = (*Store)(nil)

// applied is an append that was committed: there is nothing left to wait for.
type applied []chat.Result

// Results are those of the drafts, in order.
func (a applied) Results() []chat.Result { return a }

// Wait returns at once.
func (applied) Wait(context.Context) error { return nil }

// share is the part of an append that lies in one database.
type share struct {
	shard  *shard
	drafts []*chat.Draft
	places []int // of the drafts in the append
	away   []int // drafts whose slots are not there, once it was tried
	err    error
}

// Append decides drafts and commits what they change, each database's in one transaction and side by side. Where there are several, one
// that fails gives its own drafts an Err while the others' are stored. Drafts whose slot has moved are tried again where it is; one that is
// closed is not waited for for long.
func (s *Store) Append(ctx context.Context, drafts []*chat.Draft) (message.Applied, error) {
	if s.closed.Load() {
		return nil, errClosed()
	}
	if err := ctx.Err(); err != nil {
		return nil, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up before anything was stored")
	}
	m := s.slots.Load()
	shares := split(m, drafts, nil)
	all := make([]chat.Result, len(drafts))
	away := together(ctx, shares, all)
	if len(shares) == 1 && shares[0].err != nil {
		return nil, shares[0].err
	}
	for begun, n := time.Now(), 1; len(away) > 0; n++ {
		err := s.follow(ctx, m, n)
		if err == nil && time.Since(begun) > appendWait {
			err = errMoving()
		}
		if err != nil {
			for _, place := range away {
				all[place] = chat.Result{Err: chat.AsError(err)}
			}
			break
		}
		m = s.slots.Load()
		away = together(ctx, split(m, drafts, away), all)
	}
	return applied(all), nil
}

// together appends shares side by side, with their results in the places of their drafts, and returns the places of those whose slots are
// not where they were looked for.
func together(ctx context.Context, shares []*share, all []chat.Result) (away []int) {
	run := func(sh *share) {
		var results []chat.Result
		results, sh.away, sh.err = sh.shard.append(ctx, sh.drafts)
		for i, place := range sh.places {
			if sh.err != nil {
				all[place] = chat.Result{Err: chat.AsError(sh.err)}
			} else {
				all[place] = results[i]
			}
		}
	}
	if len(shares) == 1 {
		run(shares[0])
	} else {
		var wg sync.WaitGroup
		for _, sh := range shares {
			wg.Go(func() { run(sh) })
		}
		wg.Wait()
	}
	for _, sh := range shares {
		for _, i := range sh.away {
			away = append(away, sh.places[i])
		}
	}
	slices.Sort(away) // drafts of one conversation keep their order
	return away
}

// split sorts drafts by database and keeps their order; some are the places of those that it is about, nil is all.
func split(m *slotMap, drafts []*chat.Draft, some []int) []*share {
	shares := make([]*share, 0, 1)
	add := func(place int, d *chat.Draft) {
		shard := m.of[slotConversation][d.Conversation.Slot()]
		at := slices.IndexFunc(shares, func(sh *share) bool { return sh.shard == shard })
		if at < 0 {
			at = len(shares)
			shares = append(shares, &share{shard: shard})
		}
		shares[at].drafts, shares[at].places = append(shares[at].drafts, d), append(shares[at].places, place)
	}
	if some == nil {
		for i, d := range drafts {
			add(i, d)
		}
	}
	for _, i := range some {
		add(i, drafts[i])
	}
	return shares
}

// append decides and commits drafts of one database, in two round trips where nothing is out of the ordinary. Away are the places of drafts
// whose slots the database does not have: nothing was done with them.
func (d *shard) append(ctx context.Context, drafts []*chat.Draft) (results []chat.Result, away []int, err error) {
	var c *decision
	slots := guarded(drafts)
	err = d.transact(ctx, "append", func(t *tx) error {
		t.guard = &guard{kind: slotConversation, slots: slots, some: true}
		c = newDecision(func(query string, fn func(r *rows) error) error { return t.query(ctx, query, fn) })
		if err := c.prefetch(drafts); err != nil {
			return err
		}
		if mutant == mutantDedupPerNode {
			d.store.recall(c)
		}
		nowMS := uint64(max(0, d.store.now().UnixMilli()))
		results, away = make([]chat.Result, len(drafts)), nil
		for i, draft := range drafts {
			if !t.guard.open[draft.Conversation.Slot()] {
				away = append(away, i)
				continue
			}
			results[i] = c.decide(d.store.rules, draft, nowMS)
		}
		if c.err != nil {
			return c.err
		}
		return d.write(ctx, t, c)
	})
	if err != nil {
		return nil, nil, err
	}
	if len(away) > 0 {
		d.store.metrics.again("append", endMoved)
	}
	if mutant == mutantDedupPerNode {
		d.store.remember(c)
	}
	d.store.committed(c.events)
	return results, away, nil
}

// guarded are the slots of drafts, in order.
func guarded(drafts []*chat.Draft) []chat.Slot {
	out := make([]chat.Slot, len(drafts))
	for i, d := range drafts {
		out[i] = d.Conversation.Slot()
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// write stores what was decided and commits it. A key that is taken means that another node made the same conversation meanwhile.
func (d *shard) write(ctx context.Context, t *tx, c *decision) error {
	var outbox []string
	texts := c.texts()
	if mutant == mutantOutboxOutside {
		texts, outbox = c.textsApart()
	}
	if len(texts) == 0 {
		t.rollback(ctx, nil) // nothing was changed, so nothing can be in doubt
		return nil
	}
	c.note(&t.notes, t.guard.copied)
	for _, q := range texts[:len(texts)-1] {
		if _, err := t.exec(ctx, q); err != nil {
			return conflict(err)
		}
	}
	if err := t.execCommit(ctx, texts[len(texts)-1]); err != nil {
		return conflict(err)
	}
	for _, q := range outbox {
		if _, err := d.db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func conflict(err error) error {
	if isDuplicate(err) {
		return &againError{err}
	}
	return err
}

// OnCommit makes fn the one that is told of the events of each append of this node once they are committed, in their order. It must not
// block; the slice is its to keep. Before the first call nobody is told.
func (s *Store) OnCommit(fn func(events []chat.Event)) { s.onCommit.Store(&fn) }

func (s *Store) committed(events []chat.Event) {
	if fn := s.onCommit.Load(); fn != nil && len(events) > 0 {
		(*fn)(events)
	}
}
