package gateway

import (
	"context"
	"time"
)

// Pace is how fast connections are told to go.
type Pace struct {
	// Over is the time over which they are told, a few at a time.
	Over time.Duration
	// Back is within what time clients are told to come back, each at its own moment.
	Back time.Duration
}

// drainPause is the time between two slices.
const drainPause = 200 * time.Millisecond

// Drain refuses new connections, until Resume, and asks those that there are to go, slice by slice, each once its requests are
// answered (S-30). It returns when none is left, or with ctx, which should leave a moment for the close frames: what is left a second
// before ctx's deadline is not waited for any more.
func (s *Server) Drain(ctx context.Context, pace Pace) error {
	s.admission.stop()
	hurry := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		hurry, cancel = context.WithDeadline(ctx, end.Add(-time.Second))
		defer cancel()
	}
	pause := time.NewTicker(drainPause)
	defer pause.Stop()
	for slices := int(pace.Over / drainPause); ; slices-- {
		slice := drainSlice{
			share: 1 / float64(max(slices, 1)), spread: uint32(max(pace.Back.Milliseconds(), 0)), hurried: hurry.Err() != nil,
		}
		left, err := s.drainSlice(ctx, slice)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Resume lets connections in again after a drain, which has returned.
func (s *Server) Resume() { s.admission.resume() }

// Connections is how many connections there are, those without a checked token included.
func (s *Server) Connections() int { return s.admission.count() }

// drainSlice asks a share of the connections of each loop to go and returns how many are left.
func (s *Server) drainSlice(ctx context.Context, slice drainSlice) (left int, err error) {
	answers := make(chan int, len(s.loops))
	slice.left = answers
	for _, l := range s.loops {
		l.inbox.Put(op{kind: opDrain, drain: &slice})
	}
	for range s.loops {
		select {
		case n := <-answers:
			left += n
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
	return left, nil
}
