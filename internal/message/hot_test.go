package message_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// hotMap is a message.Hot that keeps everything.
type hotMap struct {
	mu      sync.Mutex
	entries map[chat.ConversationID]map[chat.Seq]chat.Entry
	hits    int
	broken  error
}

func newHotMap() *hotMap {
	return &hotMap{entries: make(map[chat.ConversationID]map[chat.Seq]chat.Entry)}
}

func (h *hotMap) Get(_ context.Context, id chat.ConversationID, from, to, _ chat.Seq) (out []chat.Entry, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for seq := from; seq <= to; seq++ {
		e, ok := h.entries[id][seq]
		if !ok {
			return nil, false
		}
		out = append(out, e)
	}
	h.hits++
	return out, true
}

func (h *hotMap) Put(_ context.Context, entries ...*chat.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		if h.entries[e.Conversation] == nil {
			h.entries[e.Conversation] = make(map[chat.Seq]chat.Entry)
		}
		h.entries[e.Conversation][e.Seq] = *e
	}
}

func (h *hotMap) Forget(_ context.Context, id chat.ConversationID, upTo chat.Seq) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for seq := range h.entries[id] {
		if seq <= upTo {
			delete(h.entries[id], seq)
		}
	}
	return h.broken
}

// fill puts what the log has of a conversation.
func (h *hotMap) fill(t *testing.T, log message.Log, id chat.ConversationID) {
	t.Helper()
	entries, err := log.Range(t.Context(), message.Range{Conversation: id, From: 1, Limit: 200})
	assert.NoError(t, "range", err)
	for i := range entries {
		h.Put(t.Context(), &entries[i])
	}
}

// HOT-1: a page of a larger conversation that the cache has is the page of the log, for whoever may read it, and costs no read of
// entries. Of a small one the cache has nothing, and is not asked.
func TestPagesOfTheHotCache(t *testing.T) {
	t.Parallel()
	for name, small := range map[string]uint32{"small": 100, "medium": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, small, message.DefaultConfig())
			p.found(1, 1, 2, 3, 4)
			for range 20 {
				p.say(1, 2, "hello")
			}
			p.do(&chat.Draft{Conversation: 1, Sender: 0, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{4}}})
			for range 20 {
				p.say(1, 3, "and on")
			}
			hot := newHotMap()
			reads := &countedReads{Store: p.reads.Store}
			service := message.New(message.DefaultConfig(), reads, reads, nil, slog.New(slog.DiscardHandler), message.WithHot(hot))
			hot.fill(t, reads, 1)
			reads.forget()
			for reader := chat.UserID(1); reader <= 4; reader++ {
				for _, q := range []message.RangeQuery{{}, {From: 1, Limit: 5}, {From: 15, To: 30}, {To: 30, Limit: 7}, {From: 40, Limit: 200}} {
					q.Reader, q.Conversation = reader, 1
					want, err := p.plain.Range(t.Context(), q)
					assert.NoError(t, "the log's page", err)
					got, err := service.Range(t.Context(), q)
					assert.NoError(t, "page", err)
					assert.Equal(t, "page", got, want)
				}
			}
			if name == "small" {
				assert.Equal(t, "hits", hot.hits, 0)
				return
			}
			assert.True(t, "hits", hot.hits >= 20)
			assert.Equal(t, "reads of entries", reads.entries.Load(), int64(0))
		})
	}
}

// HOT-2: no page that begins after content was removed shows it; where the cache does not say that it forgot, neither is the caller told.
func TestContentThatIsRemovedLeavesTheHotCache(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, message.DefaultConfig())
	p.found(1, 1, 2, 3)
	p.say(1, 2, "secret")
	hot := newHotMap()
	service := message.New(message.DefaultConfig(), p.reads, p.reads, nil, slog.New(slog.DiscardHandler), message.WithHot(hot))
	hot.fill(t, p.reads, 1)
	n, err := service.Tombstone(t.Context(), 1, chat.Span{From: 1, To: 2}, 0, chat.TombstoneErased)
	assert.NoError(t, "tombstone", err)
	assert.Equal(t, "removed", n, 1)
	page, err := service.Range(t.Context(), message.RangeQuery{Reader: 1, Conversation: 1})
	assert.NoError(t, "page", err)
	assert.Equal(t, "body", page.Entries[1].Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneErased}))
	hot.broken = errors.New("no answer")
	_, err = service.Tombstone(t.Context(), 1, chat.Span{From: 1, To: 2}, 0, chat.TombstoneErased)
	assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeUnknown)
}
