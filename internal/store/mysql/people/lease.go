package people

import (
	"context"
	"errors"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// Ranges grow from one to the next, so that a node that makes a few users leaves no hole of a thousand behind.
const (
	firstRange = 8
	maxRange   = 1_000
)

// lease gives out ids of a range that is this node's: the end of all ranges stands in the home database before the first id of one is
// given. What is left of a range when the node ends is lost.
type lease struct {
	// immutable after construction
	home *mysql.Database
	name string // of the number in the table meta: the last id of all ranges

	// guarded by mu, which is held while a range is drawn: who comes meanwhile needs it as well
	mu          sync.Mutex
	next, limit uint64 // what is left, limit excluded
	size        uint64 // of the next range
}

func newLease(home *mysql.Database, name string) *lease {
	return &lease{home: home, name: name, next: 1, limit: 1, size: firstRange}
}

// take gives out n ids, and returns the first.
func (l *lease) take(ctx context.Context, n uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit-l.next < n {
		if err := l.draw(ctx, max(n, l.size)); err != nil {
			return 0, err
		}
		l.size = min(2*l.size, maxRange)
	}
	first := l.next
	l.next += n
	return first, nil
}

func (l *lease) draw(ctx context.Context, n uint64) error {
	var last uint64
	err := l.home.Transact(ctx, "lease", func(t *mysql.Tx) (err error) {
		last, err = raise(ctx, t, l.name, n)
		return err
	})
	var e *chat.Error
	if errors.As(err, &e) && e.Code == chat.CodeUnknown {
		// The range may be stored, and then it is nobody's: of what the caller wants nothing is.
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "reserving ids; try again")
	}
	if err != nil {
		return err
	}
	l.next, l.limit = last-n+1, last+1
	return nil
}

// raise adds to a number of the table meta, and returns what it is then.
func raise(ctx context.Context, t *mysql.Tx, name string, n uint64) (last uint64, err error) {
	var q mysql.Text
	q.Add("INSERT INTO meta (name, number) VALUES (").Blob([]byte(name)).Add(",").Number(n).Add(") ON DUPLICATE KEY UPDATE number = number + ")
	q.Number(n).Add("; SELECT number FROM meta WHERE name = ").Blob([]byte(name))
	err = t.Query(ctx, q.String(), func(r *mysql.Rows) error {
		for more := true; more; more = r.More() {
			if err := r.Each(func(scan func(...any)) error { scan(&last); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && last > chat.MaxID {
		return 0, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "no ids are left")
	}
	return last, err
}
