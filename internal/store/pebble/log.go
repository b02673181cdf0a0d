package pebble

import (
	"context"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// Append decides drafts and applies what they change as one batch.
func (s *Store) Append(ctx context.Context, drafts []*chat.Draft) (message.Applied, error) {
	if err := ctx.Err(); err != nil {
		return nil, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up before anything was stored")
	}
	if err := s.guard.check(); err != nil {
		return nil, err
	}
	a := &applied{store: s, results: make([]chat.Result, len(drafts))}
	var err error
	note := &commit{}
	a.gen, err = s.applyNoted(note, func(b *pebble.Batch) error {
		failpoint.Hit(failpoint.AppendDecideBefore)
		return s.decide(b, note, drafts, a.results)
	})
	s.guard.wrote(note.bytes)
	if err != nil {
		return nil, err
	}
	if mutant == mutantRefusalUnsynced && note.gen == 0 {
		a.gen = 0
	}
	return a, nil
}

// decide fills a batch with what the drafts change. It runs under engine.mu, and the caches are right again before it is
// released: a batch that does not commit takes them with it.
func (s *Store) decide(b *pebble.Batch, note *commit, drafts []*chat.Draft, results []chat.Result) error {
	w := s.writer
	if mutant == mutantSeqFromDurable && s.settled() {
		clear(w.durable)
	}
	nowMS := uint64(max(0, s.now().UnixMilli()))
	w.begin(b, len(drafts))
	for i, d := range drafts {
		results[i] = w.decide(d, nowMS)
	}
	w.finish(note)
	if w.err != nil {
		err := storageError(w.err, "appending")
		w.end(false)
		return err
	}
	note.ended = func(applied bool) {
		w.end(applied)
		if applied && note.position != 0 {
			w.position = note.position
		}
	}
	return nil
}

// applied is an append on its way to the disk.
type applied struct {
	store   *Store
	gen     generation
	results []chat.Result
}

// Results are those of the drafts, in order.
func (a *applied) Results() []chat.Result { return a.results }

// Wait blocks until the append is durable.
func (a *applied) Wait(ctx context.Context) error {
	if mutant == mutantAckBeforeSync {
		return nil
	}
	return a.store.wait(ctx, a.gen)
}

// Range returns a span of a conversation's entries.
func (s *Store) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	release, err := s.read()
	if err != nil {
		return nil, err
	}
	defer release()
	limit, maxBytes := q.Limit, q.MaxBytes
	if limit < 1 || limit > chat.MaxRangeEntries {
		limit = chat.MaxRangeEntries
	}
	if maxBytes <= 0 {
		maxBytes = chat.MaxRangeBytes
	}
	out, err := s.scan(q, limit, maxBytes)
	if err != nil {
		return nil, err
	}
	return out, s.settle(ctx, q.Conversation)
}

func (s *Store) scan(q message.Range, limit, maxBytes int) ([]chat.Entry, error) {
	to := uint64(q.To)
	if to == 0 || to > math.MaxUint64-1 {
		to = math.MaxUint64 - 1
	}
	if uint64(q.From) > to {
		return nil, nil
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: record.KeyEntry(q.Conversation, q.From), UpperBound: record.KeyEntry(q.Conversation, chat.Seq(to+1)),
	})
	if err != nil {
		return nil, storageError(err, "reading entries")
	}
	defer func() { _ = iter.Close() }()
	first, next := iter.First, iter.Next
	if q.Backward {
		first, next = iter.Last, iter.Prev
	}
	out := make([]chat.Entry, 0, min(limit, 64))
	for ok := first(); ok && len(out) < limit; ok = next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, storageError(err, "reading entries")
		}
		if maxBytes -= len(value); maxBytes < 0 && len(out) > 0 {
			break
		}
		e, err := record.DecodeEntry(iter.Key(), value)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if err := iter.Error(); err != nil {
		return nil, storageError(err, "reading entries")
	}
	if q.Backward {
		reverse(out)
	}
	return out, nil
}

func reverse(entries []chat.Entry) {
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
}

// tombstoneStep is how many entries are looked at while appends wait.
const tombstoneStep = 512

// Tombstone removes content, a step at a time so that appends go on between.
func (s *Store) Tombstone(ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason) (int, error) {
	head, err := s.headOf(id)
	if err != nil {
		return 0, err
	}
	last := head.Seq
	if span.To != 0 && span.To < last {
		last = span.To
	}
	total := 0
	var g generation
	for from := span.From; from <= last; from += tombstoneStep {
		if err := ctx.Err(); err != nil {
			return total, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "stopped after %d entries", total)
		}
		n := 0
		note := &commit{touched: []chat.ConversationID{id}}
		q := message.Range{Conversation: id, From: from, To: min(last, from+tombstoneStep-1)}
		g, err = s.applyNoted(note, func(b *pebble.Batch) error {
			n, err = s.bury(b, q, sender, why)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, s.wait(ctx, g)
}

// bury writes tombstones over the matching entries of a span, and empties what edited them.
func (s *Store) bury(b *pebble.Batch, q message.Range, sender chat.UserID, why chat.TombstoneReason) (int, error) {
	failpoint.Hit(failpoint.TombstoneBefore)
	entries, err := s.scan(q, tombstoneStep, math.MaxInt)
	if err != nil {
		return 0, err
	}
	n := 0
	put := func(e chat.Entry) {
		if failed := b.Set(record.KeyEntry(e.Conversation, e.Seq), record.AppendEntry(nil, &e), nil); err == nil {
			err = storageError(failed, "writing a tombstone")
		}
	}
	for i := range entries {
		e := &entries[i]
		if !chat.Content(e.Body) || sender != 0 && e.Sender != sender {
			continue
		}
		put(chat.Bury(*e, chat.Tombstone{Reason: why}))
		n++
		if e.Edited == nil {
			continue
		}
		for _, seq := range e.Edited.Seqs {
			edits, failed := s.scan(message.Range{Conversation: e.Conversation, From: seq, To: seq}, 1, math.MaxInt)
			if failed != nil {
				return 0, failed
			}
			for _, edit := range edits {
				put(chat.Emptied(edit))
			}
		}
	}
	return n, err
}

func (s *Store) headOf(id chat.ConversationID) (chat.Head, error) {
	release, err := s.read()
	if err != nil {
		return chat.Head{}, err
	}
	defer release()
	return s.readHead(id)
}
