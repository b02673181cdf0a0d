//go:build cluster

package redis_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/test/engines"
)

func TestHot(t *testing.T) {
	t.Parallel()
	bounds := porttest.HotBounds{Entries: 100, Bytes: 16 << 10}
	porttest.Hot(t, bounds, func(t testing.TB) porttest.HotNodes {
		k := engines.Redis(t)
		cfg := settings(k.Address, k.Prefix)
		cfg.HotEntries, cfg.HotBytes = bounds.Entries, bounds.Bytes
		return porttest.HotNodes{A: client(t, cfg).NewHot(), B: client(t, cfg).NewHot()}
	})
}

func hotEntry(seq chat.Seq) *chat.Entry {
	return &chat.Entry{Conversation: 7, Seq: seq, Sender: 1, TimeMS: uint64(time.Now().UnixMilli()), Body: chat.Text{Text: "x"}}
}

func TestHotEntriesExpire(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	cfg.HotExpiry = time.Second
	h := client(t, cfg).NewHot()
	h.Put(t.Context(), hotEntry(1))
	_, ok := h.Get(t.Context(), 7, 1, 1, 0)
	assert.True(t, "a hit", ok)
	within(t, 5*time.Second, "it is gone", func() bool { _, ok := h.Get(t.Context(), 7, 1, 1, 0); return !ok })
	old := hotEntry(2)
	old.TimeMS -= uint64(2 * time.Minute / time.Millisecond)
	h.Put(t.Context(), old)
	_, ok = h.Get(t.Context(), 7, 2, 2, 0)
	assert.True(t, "what was held up on its way is not kept", !ok)
}

// HOT-4, and I10: what is lost is a miss, and a cache that does not answer costs little.
func TestHotEntriesWithoutRedis(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	h := client(t, settings(server.Address(), "throng")).NewHot()
	h.Put(t.Context(), hotEntry(1))
	h.Put(t.Context(), hotEntry(2))
	server.Kill(t)
	began := time.Now()
	for range 200 {
		h.Put(t.Context(), hotEntry(3))
		_, ok := h.Get(t.Context(), 7, 1, 2, 0)
		assert.True(t, "a miss", !ok)
	}
	assert.True(t, "it costs "+time.Since(began).String(), time.Since(began) < 5*time.Second)
	err := h.Forget(t.Context(), 7, 3)
	assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeUnavailable)
	server.Restart(t)
	within(t, 5*time.Second, "it is used again", func() bool {
		h.Put(t.Context(), hotEntry(4))
		_, ok := h.Get(t.Context(), 7, 4, 4, 0)
		return ok
	})
	_, ok := h.Get(t.Context(), 7, 2, 4, 0)
	assert.True(t, "what was lost is a miss", !ok)
}
