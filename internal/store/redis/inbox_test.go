package redis

import (
	"context"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

func TestAnInboxIsBounded(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1_000-inboxOverhead)
	b := newInbox(10_500)
	for range 50 {
		b.put(text)
	}
	assert.True(t, "its bytes", b.bytes <= b.bound)
	for range 10 {
		got, missed, ok := b.take(t.Context())
		assert.True(t, "what fitted", got == text && !missed && ok)
	}
	_, missed, ok := b.take(t.Context())
	assert.True(t, "what did not, told once, in its place", missed && ok)
	b.put("after")
	got, missed, ok := b.take(t.Context())
	assert.True(t, "there is room again", got == "after" && !missed && ok)
	assert.Equal(t, "bytes of an empty one", b.bytes, 0)
	b.miss()
	_, missed, _ = b.take(t.Context())
	assert.True(t, "a hole", missed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, ok = b.take(ctx)
	assert.True(t, "the end", !ok)
}
