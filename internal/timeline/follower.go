package timeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
)

// retryAfter is how long the follower waits where the storage does not answer.
const retryAfter = 200 * time.Millisecond

// Follower writes timelines from the events of the log. It is the only writer of rows, settings apart. Events are collected
// while a pass is written or rests; a pass writes what its events left of each conversation, so that a busy follower does
// less per event, not more.
//
//	events → handle → pending ─┐ (bounded: a full one holds the events back)
//	                           └→ pass: changes by the coalescing rule → Store.Apply with the position → passed
type Follower struct {
	// immutable after construction
	cfg    Config
	store  Store
	logs   Logs
	events Events
	log    *slog.Logger
	count  *metrics
	marks  *marks                                         // nil where the store has them
	tell   func(ctx context.Context, users []chat.UserID) // of memberships; nil where nobody needs to know
	wake   chan struct{}                                  // capacity 1: something is pending
	urgent chan struct{}                                  // capacity 1: somebody waits, do not rest

	// owned by the pass loop
	members *roster
	stored  chat.Position // the position that Apply was last given

	// guarded by mu
	mu      sync.Mutex
	pending *pass
	room    chan struct{} // closed and replaced when pending was taken
	passed  chat.Position
	moved   chan struct{} // closed and replaced when passed moved
}

// FollowerOption is a part that a follower may have.
type FollowerOption func(f *Follower)

// WithMetrics registers the follower's metrics.
func WithMetrics(reg prometheus.Registerer) FollowerOption {
	return func(f *Follower) { f.count.register(reg) }
}

// WithStoreMarks leaves it to the store which changes are spared, by rule TML-9: where cursors are given out by others than those who
// have this follower.
func WithStoreMarks() FollowerOption { return func(f *Follower) { f.marks = nil } }

// WithMoved has tell called with the users whose rows show another membership than before, once they are written: a device that synced just
// before hears of it then. It is for nodes that do not wait for one another's followers; it may block for a moment.
func WithMoved(tell func(ctx context.Context, users []chat.UserID)) FollowerOption {
	return func(f *Follower) { f.tell = tell }
}

// NewFollower makes the follower. The configuration must be valid. It does nothing until Run.
func NewFollower(cfg Config, store Store, logs Logs, events Events, log *slog.Logger, options ...FollowerOption) *Follower {
	f := &Follower{
		cfg: cfg, store: store, logs: logs, events: events, log: log, count: newMetrics(),
		marks:   newMarks(cfg.Marks),
		wake:    make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
		members: newRoster(logs, cfg.Marks),
		pending: newPass(),
		room:    make(chan struct{}),
		moved:   make(chan struct{}),
	}
	for _, o := range options {
		o(f)
	}
	return f
}

// Run follows until ctx ends, and then returns nil. An error means that timelines stand still; Run may be called again.
func (f *Follower) Run(ctx context.Context) error {
	from, err := f.store.Position(ctx)
	if err != nil {
		return fmt.Errorf("reading the timelines' position: %w", err)
	}
	f.restart(from)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	var followed error
	go func() { // ends with inner, which ends before Run returns
		defer close(done)
		followed = f.events.Follow(inner, from, f.handle)
	}()
	err = f.loop(inner, done)
	cancel()
	<-done
	switch {
	case err != nil:
		return fmt.Errorf("writing timelines: %w", err)
	case followed != nil && ctx.Err() == nil:
		return fmt.Errorf("following the log: %w", followed)
	default:
		return nil
	}
}

func (f *Follower) restart(from chat.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.stored = newPass(), from
	f.setPassed(from)
}

// loop runs passes until the events end, which closes done, or a pass fails.
func (f *Follower) loop(ctx context.Context, done <-chan struct{}) error {
	save := time.NewTimer(f.cfg.Save)
	save.Stop()
	defer save.Stop()
	unsaved := false
	for {
		select {
		case <-done:
			return nil
		case <-save.C:
			unsaved = false
			if err := f.insist(ctx, f.save); err != nil {
				return err
			}
			continue
		case <-f.wake:
		}
		began := time.Now()
		wrote, err := f.pass(ctx)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			continue // done follows
		case wrote:
			f.rest(ctx, time.Since(began))
		}
		if !unsaved {
			unsaved = true
			save.Reset(f.cfg.Save)
		}
	}
}

// rest keeps the follower at a fifth of its time where passes take long, so that more events fall into the next one. Who
// waits for the follower ends it.
func (f *Follower) rest(ctx context.Context, took time.Duration) {
	t := time.NewTimer(min(4*took, f.cfg.Stretch))
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.urgent:
	case <-ctx.Done():
	}
}

// handle collects events. It blocks while too much is pending.
func (f *Follower) handle(ctx context.Context, events []chat.Event, pos chat.Position) error {
	for {
		f.mu.Lock()
		if f.pending.size < f.cfg.Pending {
			f.pending.add(events)
			f.pending.pos = pos
			f.mu.Unlock()
			signal(f.wake)
			return nil
		}
		room := f.room
		f.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass writes what is pending. wrote is whether any row was.
func (f *Follower) pass(ctx context.Context) (wrote bool, err error) {
	f.mu.Lock()
	p := f.pending
	f.pending = newPass()
	close(f.room)
	f.room = make(chan struct{})
	f.mu.Unlock()
	if p.pos == 0 {
		return false, nil
	}
	failpoint.Hit(failpoint.PassBefore)
	var changes []Change
	err = f.insist(ctx, func(ctx context.Context) error {
		if changes, err = f.changes(ctx, p); err != nil {
			return err
		}
		return f.write(ctx, changes, p.pos)
	})
	if err != nil || ctx.Err() != nil {
		return false, err
	}
	f.count.passes.Inc()
	f.count.rows.Add(float64(len(changes)))
	f.count.events.Add(float64(p.events))
	failpoint.Hit(failpoint.PassAfter)
	f.mu.Lock()
	f.setPassed(p.pos)
	f.mu.Unlock()
	return len(changes) > 0, nil
}

// insist repeats what fails for a while only: a disk that is full. It gives up, without an error, when ctx ends. What it
// repeats may be done in part.
func (f *Follower) insist(ctx context.Context, do func(ctx context.Context) error) error {
	for told := false; ; {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !chat.AsError(err).Code.Retryable() {
			return err
		}
		if !told {
			f.log.Warn("timelines stand still until the storage answers", "error", err)
			told = true
		}
		t := time.NewTimer(retryAfter)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// write applies changes in parts, so that no part holds up the store's other writers for long. Only the last one moves the
// position; a crash between them repeats the earlier ones, which changes nothing but a few pts.
func (f *Follower) write(ctx context.Context, changes []Change, pos chat.Position) error {
	for len(changes) > 0 {
		part := changes[:min(len(changes), f.cfg.Part)]
		changes = changes[len(part):]
		at := f.stored
		if len(changes) == 0 {
			at = pos
		}
		f.marks.begin(part)
		given, err := f.store.Apply(ctx, part, at)
		if err != nil {
			return fmt.Errorf("applying %d changes: %w", len(part), err)
		}
		f.marks.end(part, given)
		f.stored = at
		if users := movedIn(part); f.tell != nil && len(users) > 0 {
			f.tell(ctx, users)
		}
	}
	return nil
}

// movedIn are the users whose memberships changed.
func movedIn(changes []Change) []chat.UserID {
	var users []chat.UserID
	for _, c := range changes {
		if c.Membership != None {
			users = append(users, c.User)
		}
	}
	return users
}

// save stores the position where passes moved it without writing rows, and lets go of the events before it.
func (f *Follower) save(ctx context.Context) error {
	f.mu.Lock()
	passed := f.passed
	f.mu.Unlock()
	if passed != f.stored {
		failpoint.Hit(failpoint.PositionBefore)
		if _, err := f.store.Apply(ctx, nil, passed); err != nil {
			return fmt.Errorf("storing the position: %w", err)
		}
		f.stored = passed
	}
	durable, err := f.store.Position(ctx)
	if err != nil {
		return fmt.Errorf("reading the position: %w", err)
	}
	if err := f.events.Trim(ctx, durable); err != nil {
		return fmt.Errorf("trimming the events: %w", err)
	}
	return nil
}

// setPassed must be called with mu held.
func (f *Follower) setPassed(p chat.Position) {
	f.passed = p
	close(f.moved)
	f.moved = make(chan struct{})
}

// Passed waits until the rows of everything up to pos are written, or ctx ends. They are durable by the time that a cursor
// shows them.
func (f *Follower) Passed(ctx context.Context, pos chat.Position) error {
	for {
		f.mu.Lock()
		if f.passed >= pos {
			f.mu.Unlock()
			return nil
		}
		moved := f.moved
		f.mu.Unlock()
		signal(f.urgent)
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("waiting for timelines: %w", ctx.Err())
		}
	}
}

// Settle waits until timelines show everything that is committed now, for at most Config.Settle: a caller that changed who
// is in a conversation calls it so that its next answers show the change. It reports whether they do; if not, they
// will, and nothing is lost meanwhile.
func (f *Follower) Settle(ctx context.Context) bool { return f.settle(ctx, f.cfg.Settle) }

func (f *Follower) settle(ctx context.Context, most time.Duration) bool {
	tail := f.events.Tail()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := f.Passed(ctx, tail)
	if errors.Is(err, context.DeadlineExceeded) {
		f.count.behind.Inc()
		f.log.Debug("timelines are behind", "position", uint64(tail))
	}
	return err == nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
