package account

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/throng-im/throng/internal/chat"
)

// hasher hashes passwords, as many at once as there are cores; a bounded number waits, and more are refused: a crowd that
// signs in must neither take the memory nor starve the senders.
type hasher struct {
	// immutable after construction
	costs argon
	rand  io.Reader
	// dummy is verified for who has no password, so that the answer takes as long.
	dummy storedHash

	gate
	hashes atomic.Uint64
}

// gate lets as many through at once as it has slots; a bounded number waits.
type gate struct {
	// immutable after construction
	slots chan struct{}
	queue int64

	// atomic
	waiting atomic.Int64
}

func newHasher(concurrency, queue int, random io.Reader) (*hasher, error) {
	h := &hasher{costs: currentArgon(), rand: random, gate: gate{slots: make(chan struct{}, concurrency), queue: int64(queue)}}
	h.dummy = storedHash{argon: h.costs, salt: make([]byte, saltBytes), key: make([]byte, hashBytes)}
	for _, b := range [][]byte{h.dummy.salt, h.dummy.key} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("drawing random bytes: %w", err)
		}
	}
	return h, nil
}

// enter waits for a slot; leave gives it back.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return errOverloaded()
	}
	defer g.waiting.Add(-1)
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return chat.Wrap(ctx.Err(), chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
}

func (g *gate) leave() { <-g.slots }

// hash returns the PHC form of a normalised password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("drawing a salt: %w", err)
	}
	h.hashes.Add(1)
	return h.costs.phc(salt, h.costs.key(password, salt, hashBytes)), nil
}

// verify compares a normalised password with a stored hash. An empty hash costs the same and never fits. weak says that
// the hash should be made again with today's costs.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, weak bool, err error) {
	known := h.dummy
	if stored != "" {
		if known, err = parsePHC(stored); err != nil {
			return false, false, err
		}
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	h.hashes.Add(1)
	fits := known.matches(password)
	return fits && stored != "", known.weaker(h.costs), nil
}
