package pebble

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
)

const (
	guardInterval = 250 * time.Millisecond // between looks at the disk while something is written
	guardBytes    = 4 << 20                // written since the last look, after which it looks at once
)

// guard keeps a reserve of free disk: the engine cannot go on after a log write that failed for want of space, so sends are
// refused before that. It looks only when somebody wants to write, and sends are taken again by themselves.
type guard struct {
	// immutable after construction
	fs      vfs.FS
	dir     string
	reserve uint64

	// guarded by mu
	mu      sync.Mutex
	looked  time.Time // monotonic
	written int
	full    bool
}

func newGuard(fs vfs.FS, dir string, reserve uint64) *guard {
	return &guard{fs: fs, dir: dir, reserve: reserve}
}

// check refuses with storage_full while the disk has less than the reserve.
func (g *guard) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); g.looked.IsZero() || now.Sub(g.looked) >= guardInterval || g.written >= guardBytes {
		g.looked, g.written = now, 0
		usage, err := g.fs.GetDiskUsage(g.dir)
		g.full = err == nil && usage.AvailBytes < g.reserve // a file system that cannot tell is not guarded
	}
	if g.full {
		return &chat.Error{
			Code: chat.CodeUnavailable, Reason: chat.ReasonStorageFull, RetryAfter: 4 * guardInterval,
			Message: "the server's disk is full; nothing was stored, try again later",
		}
	}
	return nil
}

// wrote counts what was written, so that a burst is noticed in time.
func (g *guard) wrote(bytes int) {
	g.mu.Lock()
	g.written += bytes
	g.mu.Unlock()
}
