package social

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// sweepRows is how many rows are looked at together.
const sweepRows = 200

// Run completes what was left half done until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.SweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wake:
		}
		if !s.deps.Mine() {
			continue
		}
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("not all relations could be mirrored; they will be next time", "error", err)
		}
	}
}

// Sweep mirrors all rows that are due. Those that fail hold up none behind them.
func (s *Service) Sweep(ctx context.Context) error {
	var first error
	failed := 0
	for after := (Pair{}); ; {
		due, err := s.rows.Due(ctx, after, sweepRows)
		if err != nil {
			return fmt.Errorf("looking for what is due: %w", err)
		}
		for _, p := range due {
			after = p
			err := s.complete(ctx, p)
			if err == nil {
				continue
			}
			if failed++; first == nil {
				first = err
			}
			if ctx.Err() != nil {
				return first
			}
		}
		if len(due) < sweepRows {
			break
		}
	}
	if first != nil {
		return fmt.Errorf("%d of them, the first one: %w", failed, first)
	}
	return nil
}

// complete mirrors one row. One about somebody who has gone goes, too. One about nobody stands for the user's own settings.
func (s *Service) complete(ctx context.Context, p Pair) error {
	if p.Other == 0 {
		return s.settle(ctx, p.User)
	}
	missing, err := s.deps.Users.Exist(ctx, []chat.UserID{p.User, p.Other})
	if err != nil {
		return fmt.Errorf("looking for users: %w", err)
	}
	if len(missing) > 0 {
		return s.forget(ctx, p.User, p.Other)
	}
	rows, err := s.rows.Relations(ctx, p.User, []chat.UserID{p.Other})
	if err != nil || !rows[0].Due {
		return err //nolint:wrapcheck // it says what it was about
	}
	_, err = s.mirror(ctx, p.User, rows[0])
	return err
}

// forget removes a user's row about another one, and has the user's devices read the list anew where they saw it.
func (s *Service) forget(ctx context.Context, user, other chat.UserID) error {
	var told uint64
	_, _, err := s.rows.Change(ctx, user, other, func(o *Owner, r *Relation) error {
		o.count(r, ^uint32(0))
		if told = 0; r.Version != 0 {
			o.Version++
			o.Floor = o.Version
			told = o.Version
		}
		*r = Relation{Other: r.Other}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing a relation: %w", err)
	}
	if told != 0 {
		s.deps.Tell(user, told)
	}
	return nil
}

// Erase removes everything about a user, with the user and with others. It may be repeated. While the account is there others may
// put down something new about it, so it is called once more when the account has gone.
func (s *Service) Erase(ctx context.Context, user chat.UserID) error {
	for after := chat.UserID(0); ; {
		rows, err := s.rows.About(ctx, user, after, sweepRows)
		if err != nil {
			return fmt.Errorf("erasing relations: %w", err)
		}
		for _, r := range rows {
			if err := s.forget(ctx, r.Other, user); err != nil {
				return err
			}
			after = r.Other
		}
		if len(rows) < sweepRows {
			break
		}
	}
	if err := s.rows.Erase(ctx, user); err != nil {
		return fmt.Errorf("erasing relations: %w", err)
	}
	return nil
}
