package mysql

import (
	"context"
	"slices"
	"sync"

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
}

// Append decides drafts and commits what they change, each database's in one transaction and side by side. Where there are several, one
// that fails gives its own drafts an Err while the others' are stored.
func (s *Store) Append(ctx context.Context, drafts []*chat.Draft) (message.Applied, error) {
	if s.closed.Load() {
		return nil, errClosed()
	}
	if err := ctx.Err(); err != nil {
		return nil, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up before anything was stored")
	}
	shares := s.split(drafts)
	if len(shares) == 1 {
		results, err := shares[0].shard.append(ctx, drafts)
		if err != nil {
			return nil, err
		}
		return applied(results), nil
	}
	all := make([]chat.Result, len(drafts))
	var wg sync.WaitGroup
	for _, sh := range shares {
		wg.Go(func() {
			results, err := sh.shard.append(ctx, sh.drafts)
			for i, place := range sh.places {
				if err != nil {
					all[place] = chat.Result{Err: chat.AsError(err)}
				} else {
					all[place] = results[i]
				}
			}
		})
	}
	wg.Wait()
	return applied(all), nil
}

// split sorts drafts by database and keeps their order.
func (s *Store) split(drafts []*chat.Draft) []*share {
	m := s.slots.Load()
	shares := make([]*share, 0, 1)
	for i, d := range drafts {
		shard := m[slotConversation][d.Conversation.Slot()]
		at := slices.IndexFunc(shares, func(sh *share) bool { return sh.shard == shard })
		if at < 0 {
			at = len(shares)
			shares = append(shares, &share{shard: shard})
		}
		shares[at].drafts, shares[at].places = append(shares[at].drafts, d), append(shares[at].places, i)
	}
	return shares
}

// append decides and commits drafts of one database, in two round trips where nothing is out of the ordinary.
func (d *shard) append(ctx context.Context, drafts []*chat.Draft) ([]chat.Result, error) {
	var results []chat.Result
	var c *decision
	err := d.transact(ctx, "append", func(t *tx) error {
		c = newDecision(func(query string, fn func(r *rows) error) error { return t.query(ctx, query, fn) })
		if err := c.prefetch(drafts); err != nil {
			return err
		}
		if mutant == mutantDedupPerNode {
			d.store.recall(c)
		}
		nowMS := uint64(max(0, d.store.now().UnixMilli()))
		results = make([]chat.Result, len(drafts))
		for i, draft := range drafts {
			results[i] = c.decide(d.store.rules, draft, nowMS)
		}
		if c.err != nil {
			return c.err
		}
		return d.write(ctx, t, c)
	})
	if err != nil {
		return nil, err
	}
	if mutant == mutantDedupPerNode {
		d.store.remember(c)
	}
	d.store.committed(c.events)
	return results, nil
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
