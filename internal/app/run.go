package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// part is something that runs: it is started in order, ends when its context does, and is stopped in reverse order.
type part struct {
	name string
	// run blocks until its context ends; an earlier return, or an error, stops everything.
	run func(ctx context.Context) error
	// drain, if any, is called before run's context ends, in reverse order of the start.
	drain func(ctx context.Context) error
	// patience is how long the part gets for drain, and for run to return after it.
	patience time.Duration
}

// runner starts parts in order, waits for the context or for the first that fails, and stops them in reverse order: each
// drains, is told to end, and has ended before the one below it is touched. What does not end in its time is left
// behind with an error; the process is about to exit.
type runner struct {
	log   *slog.Logger
	parts []part
	// limit is how long stopping may take in all.
	limit time.Duration
	// stopping is called when stopping begins.
	stopping func()
}

// grace is what a part gets to return in after its time, or all of it, is over.
const grace = 500 * time.Millisecond

// stopLimit is below the 15 s after which a process that was told to end is late.
const stopLimit = 13 * time.Second

type running struct {
	part
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *runner) run(ctx context.Context, ready func()) error {
	failed := make(chan error, len(r.parts))
	stack := make([]*running, 0, len(r.parts))
	for _, p := range r.parts {
		partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := &running{part: p, cancel: cancel, done: make(chan struct{})}
		stack = append(stack, s)
		go func() { // ends with its context, which stop ends
			defer close(s.done)
			err := p.run(partCtx)
			if partCtx.Err() == nil {
				failed <- fmt.Errorf("%s ended: %w", p.name, orEarly(err))
			} else if err != nil && !errors.Is(err, context.Canceled) {
				r.log.Warn("a part ended with an error", "part", p.name, "error", err)
			}
		}()
	}
	ready()
	var err error
	select {
	case <-ctx.Done():
		r.log.Info("stopping")
	case err = <-failed:
		r.log.Error("stopping because a part failed", "error", err)
	}
	began := time.Now()
	r.stopping()
	all, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.limit)
	defer cancel()
	for i := len(stack) - 1; i >= 0; i-- {
		err = errors.Join(err, r.stop(all, stack[i]))
	}
	if err == nil {
		r.log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

func orEarly(err error) error {
	if err == nil {
		return errors.New("it returned without being told to")
	}
	return err
}

func (r *runner) stop(ctx context.Context, s *running) error {
	begin := time.Now()
	limit, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if s.drain != nil {
		if err := s.drain(limit); err != nil {
			r.log.Warn("draining was cut short", "part", s.name, "error", err)
		}
	}
	s.cancel()
	select {
	case <-s.done:
		r.log.Debug("stopped", "part", s.name, "took", time.Since(begin).Round(time.Millisecond))
		return nil
	case <-limit.Done():
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(grace):
		return fmt.Errorf("%s did not end within %s", s.name, time.Since(begin).Round(time.Millisecond))
	}
}

// closers are closed in reverse order, once.
type closers struct {
	once sync.Once
	list []func() error
	err  error
}

func (c *closers) add(fn func() error) { c.list = append(c.list, fn) }

func (c *closers) close() error {
	c.once.Do(func() {
		for i := len(c.list) - 1; i >= 0; i-- {
			c.err = errors.Join(c.err, c.list[i]())
		}
	})
	return c.err
}
