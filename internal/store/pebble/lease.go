package pebble

import (
	"context"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/store/record"
)

// leaseBlock is how many ids are stored as given out at once. What is left of a block when the process ends is lost.
const leaseBlock = 1_000

// leases give out ids from blocks that were stored, durably, before the first id of them.
type leases struct {
	// guarded by mu, which is held while a block is stored: who comes meanwhile needs it as well
	mu     sync.Mutex
	blocks map[string]block
}

// block is what is left of one: next to limit, the latter excluded.
type block struct{ next, limit uint64 }

func newLeases() *leases { return &leases{blocks: make(map[string]block)} }

// reserve gives out n ids that were never given out before, and returns the first. Ids begin at 1. The name is that of the row
// which holds the end of what is given out.
func (s *Store) reserve(ctx context.Context, name string, n uint64) (uint64, error) {
	l := s.lease
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.blocks[name]
	if left.limit-left.next < n {
		var err error
		if left, err = s.leaseBlock(ctx, name, max(n, leaseBlock)); err != nil {
			return 0, err
		}
	}
	l.blocks[name] = block{next: left.next + n, limit: left.limit}
	return left.next, nil
}

func (s *Store) leaseBlock(ctx context.Context, name string, n uint64) (block, error) {
	failpoint.Hit(failpoint.LeaseBefore)
	var fresh block
	g, err := s.apply(func(b *pebble.Batch) error {
		next, err := s.counter(name)
		if err != nil {
			return err
		}
		fresh = block{next: max(next, 1), limit: max(next, 1) + n}
		return storageError(b.Set(record.KeyMeta(name), record.Number(fresh.limit), nil), "reserving ids")
	})
	if err != nil {
		return block{}, err
	}
	if err := s.wait(ctx, g); err != nil {
		return block{}, err
	}
	failpoint.Hit(failpoint.LeaseAfter)
	return fresh, nil
}
