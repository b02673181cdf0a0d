package check

import (
	"context"
	"time"
)

// doubts are findings between rows of different moments.
type doubts struct {
	rows    map[string]struct{} // what showed them (audit.Finding.At)
	shelves map[standing]part   // with the list as it was
	taken   bool                // whatever is found now counts
}

func (d *doubts) reset() {
	d.rows, d.shelves = map[string]struct{}{}, map[standing]part{}
}

// add puts a finding aside; it reports false where it counts at once.
func (d *doubts) add(at []byte) bool {
	if d.taken || len(at) == 0 || len(d.rows) >= doubtsBound {
		return false
	}
	d.rows[string(at)] = struct{}{}
	return true
}

// again looks at what is in doubt until it is right, or for long enough. What is left then is damage.
func (c *checker) again(ctx context.Context) error {
	for rest, end := firstRest, time.Now().Add(c.o.Patience); len(c.doubts.rows)+len(c.doubts.shelves) > 0 && !c.doubts.taken; rest = min(2*rest, mostRest) {
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		before := c.doubts
		c.doubts.reset()
		c.doubts.taken = time.Now().After(end)
		if err := c.look(ctx, before); err != nil {
			return err
		}
	}
	return nil
}

// look looks at doubts as of now. What is still not as it should be is in doubt again, or told.
func (c *checker) look(ctx context.Context, at doubts) error {
	if err := c.rows.renew(ctx); err != nil {
		return err
	}
	seen := c.audit.Report // looking twice is not seeing more
	defer func() { c.audit.Report = seen }()
	for key := range at.rows {
		if err := c.audit.Again(ctx, []byte(key)); err != nil {
			return err //nolint:wrapcheck // the rows say what they were doing
		}
	}
	return c.shelvesAgain(ctx, at.shelves)
}
