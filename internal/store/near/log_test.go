package near_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/near"
)

// slow is a log that reads when it is let, and says when reads began.
type slow struct {
	message.Log

	// guarded by mu
	mu      sync.Mutex
	let     chan struct{}
	seq     chat.Seq // of every head
	reads   int
	asked   int // heads
	failure error
}

func (s *slow) read(ctx context.Context) (seq chat.Seq, err error) {
	s.mu.Lock()
	s.reads++
	seq, err = s.seq, s.failure // as of its beginning
	let := s.let
	s.mu.Unlock()
	select {
	case <-let:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return seq, err
}

func (s *slow) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	s.mu.Lock()
	s.asked += len(ids)
	s.mu.Unlock()
	seq, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]chat.Head, len(ids))
	for i, id := range ids {
		out[i] = chat.Head{Conversation: id, Seq: seq}
	}
	return out, nil
}

func (s *slow) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	seq, err := s.read(ctx)
	return []chat.Entry{{Conversation: q.Conversation, Seq: seq}, {Conversation: q.Conversation, Seq: seq + 1}}, err
}

func (s *slow) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// Those who ask while reads are under way share the next one, whatever they ask for, and it began after they asked.
func TestHeadsAreReadTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{let: make(chan struct{}), seq: 1}
		log := near.NewLog(s, near.NewMetrics(nil))
		var all sync.WaitGroup
		ask := func(count int, least chat.Seq) {
			for i := range count {
				id := chat.ConversationID(i%50 + 1)
				all.Go(func() {
					heads, err := log.Heads(t.Context(), []chat.ConversationID{id})
					if err != nil || len(heads) != 1 || heads[0].Conversation != id || heads[0].Seq < least {
						t.Errorf("head of %d: %+v, %v; asked when it was %d", id, heads, err, least)
					}
				})
			}
			synctest.Wait()
		}
		ask(10, 1)
		s.set(func() { s.seq = 2 })
		ask(1_000, 2)
		close(s.let)
		all.Wait()
		if s.reads > 5 || s.asked > 10+50 {
			t.Errorf("%d reads of %d heads for 1,010 callers", s.reads, s.asked)
		}
	})
}

func TestPagesAreReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{let: make(chan struct{}), seq: 1}
		log := near.NewLog(s, near.NewMetrics(nil))
		var all sync.WaitGroup
		ask := func(count int, want chat.Seq) {
			for range count {
				all.Go(func() {
					page, err := log.Range(t.Context(), message.Range{Conversation: 7, From: 1, Limit: 2})
					if err != nil || len(page) != 2 || page[0].Seq != want {
						t.Errorf("page %+v, %v; want one of when it was asked for, %d", page, err, want)
						return
					}
					page[0], page[1] = page[1], page[0] // it is the caller's
				})
			}
			synctest.Wait()
		}
		ask(1, 1)
		s.set(func() { s.seq = 2 })
		ask(500, 2)
		s.set(func() { s.seq = 2 })
		close(s.let)
		all.Wait()
		assert.Equal(t, "reads for 501 callers", s.reads, 2)
		ask(1, 2)
		all.Wait()
		assert.Equal(t, "reads then", s.reads, 3)
	})
}

// An error is that of everybody who waits for the read; who gives up does not take the others with them.
func TestReadsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("the database is away")
		s := &slow{let: make(chan struct{}), failure: away}
		log := near.NewLog(s, near.NewMetrics(nil))
		impatient, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		failed := make(chan error, 100)
		for range 20 {
			all.Go(func() {
				_, err := log.Heads(t.Context(), []chat.ConversationID{1})
				failed <- err
			})
			all.Go(func() {
				_, err := log.Range(t.Context(), message.Range{Conversation: 1, From: 1, Limit: 1})
				failed <- err
			})
		}
		synctest.Wait()
		gave := make(chan error, 2)
		go func() { _, err := log.Heads(impatient, []chat.ConversationID{1}); gave <- err }()
		go func() { _, err := log.Range(impatient, message.Range{Conversation: 1, From: 1, Limit: 1}); gave <- err }()
		synctest.Wait()
		cancel()
		for range 2 {
			assert.Equal(t, "who gave up", chat.AsError(<-gave).Code, chat.CodeCanceled)
		}
		close(s.let)
		all.Wait()
		close(failed)
		for err := range failed {
			assert.True(t, "the read's error", errors.Is(err, away))
		}
		s.set(func() { s.failure = nil })
		_, err := log.Heads(t.Context(), []chat.ConversationID{1})
		assert.NoError(t, "later", err)
	})
}
