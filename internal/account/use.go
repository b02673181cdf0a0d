package account

import (
	"context"
	"strings"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// useBook gathers when devices were used, so that a busy one costs one write in a while. It is bounded: what does not fit is
// not noted, and comes again with the next use.
type useBook struct {
	// immutable after construction
	size int

	// guarded by mu
	mu      sync.Mutex
	pending map[chat.DeviceID]Use
}

func newUseBook(size int) *useBook {
	return &useBook{size: size, pending: map[chat.DeviceID]Use{}}
}

func (b *useBook) note(u Use) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.pending[u.Device]
	if !ok && len(b.pending) >= b.size {
		return
	}
	if u.Address == "" {
		u.Address = known.Address
	}
	b.pending[u.Device] = u
}

func (b *useBook) take() []Use {
	b.mu.Lock()
	defer b.mu.Unlock()
	uses := make([]Use, 0, len(b.pending))
	for _, u := range b.pending {
		uses = append(uses, u)
	}
	clear(b.pending)
	return uses
}

// Seen notes that a device was used from an address. It never blocks; the write comes later.
func (s *Service) Seen(id Identity, address string) {
	if id.Device == 0 || len(address) > maxAddress {
		return
	}
	s.uses.note(Use{User: id.User, Device: id.Device, AtMS: s.nowMS(), Address: strings.Clone(address)})
}

func (s *Service) writeUses(ctx context.Context) {
	uses := s.uses.take()
	if len(uses) == 0 {
		return
	}
	if err := s.deps.Devices.Touch(ctx, uses); err != nil && ctx.Err() == nil {
		s.log.Warn("uses of devices could not be written", "error", err)
	}
}
