package gateway

import (
	"context"
	"time"
)

const (
	// drainSlices is in how many parts the connections are told to go.
	drainSlices = 10
	// drainPause is the time between two parts.
	drainPause = 200 * time.Millisecond
	// drainSpread is within what time the clients are told to come back, each at its own moment.
	drainSpread = 5 * time.Second
)

// Drain refuses new connections and asks those that there are to go, slice by slice, each once its requests are answered
// (S-30). It returns when none is left, or with ctx, which should leave a moment for the close frames: what is left a second
// before ctx's deadline is not waited for any more.
func (s *Server) Drain(ctx context.Context) error {
	s.admission.stop()
	hurry := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		hurry, cancel = context.WithDeadline(ctx, end.Add(-time.Second))
		defer cancel()
	}
	pause := time.NewTicker(drainPause)
	defer pause.Stop()
	for i := 0; ; i++ {
		share := 1.0
		if i < drainSlices {
			share = 1 / float64(drainSlices-i)
		}
		left, err := s.drainSlice(ctx, share, hurry.Err() != nil)
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

// drainSlice asks a share of the connections of each loop to go and returns how many are left.
func (s *Server) drainSlice(ctx context.Context, share float64, hurried bool) (left int, err error) {
	answers := make(chan int, len(s.loops))
	slice := &drainSlice{share: share, spread: uint32(drainSpread.Milliseconds()), left: answers, hurried: hurried}
	for _, l := range s.loops {
		l.inbox.Put(op{kind: opDrain, drain: slice})
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
