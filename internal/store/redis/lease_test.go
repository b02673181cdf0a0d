package redis

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// TestTagsAreSpread: each 64th of the slots has a tag in it.
func TestTagsAreSpread(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "the slot that the specification of Redis Cluster names", slotOf("123456789"), 0x31c3)
	for i, tag := range spread() {
		assert.Equal(t, "part of "+tag, slotOf(tag)*watches/clusterSlots, i)
	}
}
