package social

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Users knows who there is.
type Users interface {
	// Exist returns those of the ids that are no user, or no longer one.
	Exist(ctx context.Context, ids []chat.UserID) ([]chat.UserID, error)
}

// Doors are the direct conversations of users.
type Doors interface {
	// Settle brings the bars in the conversation of two users, if any, to what [Service.Bar] says. Later appends are held to it.
	Settle(ctx context.Context, a, b chat.UserID) error
	// Peers are the other users of a user's direct conversations.
	Peers(ctx context.Context, user chat.UserID) ([]chat.UserID, error)
}

// Groups are those that users are members of.
type Groups interface {
	// Common reports whether two users are members of one group. It may be a moment behind.
	Common(ctx context.Context, a, b chat.UserID) (bool, error)
}

// Deps is what the relations work with.
type Deps struct {
	Rows  Rows
	Users Users
	// Doors are the direct conversations; nil is none.
	Doors Doors
	// Groups are those that users are in; nil is none.
	Groups Groups
	// Tell says that a user's list has come to a version. It must not block, and may be lost: devices ask by themselves when they
	// connect. Nil tells nobody.
	Tell func(user chat.UserID, version uint64)
	// Mine reports whether this node looks after rows that are due; nil is always. Two that do the same do it twice, which changes nothing.
	Mine   func() bool
	Logger *slog.Logger
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
}

// Service is the relations. All methods may be called from any goroutine.
type Service struct {
	// immutable after construction
	cfg  Config
	rows Rows
	deps Deps
	log  *slog.Logger
	now  func() time.Time
	wake chan struct{} // the sweeper
}

// New builds the service.
func New(cfg Config, d Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Tell == nil {
		d.Tell = func(chat.UserID, uint64) {}
	}
	if d.Mine == nil {
		d.Mine = func() bool { return true }
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Service{cfg: cfg, rows: d.Rows, deps: d, log: d.Logger, now: d.Now, wake: make(chan struct{}, 1)}, nil
}

func (s *Service) nowMS() uint64 { return uint64(max(0, s.now().UnixMilli())) }

// there refuses an id that is the user's own, or nobody's.
func (s *Service) there(ctx context.Context, user, other chat.UserID) error {
	if user == other {
		return errSelf()
	}
	missing, err := s.deps.Users.Exist(ctx, []chat.UserID{other})
	if err != nil {
		return fmt.Errorf("looking for a user: %w", err)
	}
	if len(missing) > 0 {
		return chat.Errorf(chat.CodeNotFound, chat.ReasonUserNotFound, "there is no such user")
	}
	return nil
}

// say changes what a user wants of another one, which is step 1, and mirrors it. Where the mirror has to wait, the change stands all the
// same, and the sweeper completes it.
func (s *Service) say(ctx context.Context, user, other chat.UserID, fn func(o *Owner, r *Relation) error) (Relation, error) {
	r, err := s.change(ctx, user, other, fn)
	if err != nil || !r.Due {
		return r, err
	}
	after, err := s.mirror(ctx, user, r)
	if err != nil {
		s.log.Warn("a change between two users is not mirrored yet; it will be", "user", user, "error", err)
		return r, nil
	}
	return after, nil
}

// change is Change with what every change of a row brings along: counts, bounds, versions, and that the owner's devices are told.
func (s *Service) change(ctx context.Context, user, other chat.UserID, fn func(o *Owner, r *Relation) error) (Relation, error) {
	seen := false
	_, r, err := s.rows.Change(ctx, user, other, func(o *Owner, r *Relation) error {
		before, counted := *r, *o
		if err := fn(o, r); err != nil {
			return err
		}
		o.count(&before, ^uint32(0))
		o.count(r, 1)
		if err := bounds(&counted, o); err != nil {
			return err
		}
		if seen = r.View() != before.View(); seen {
			o.Version++
			r.Version = o.Version
		}
		if *r != before && !r.Met || r.Mine.Turn != before.Mine.Turn || r.Block != before.Block {
			r.Due = true
		}
		return nil
	})
	if err != nil {
		return Relation{}, fmt.Errorf("changing a relation: %w", err)
	}
	if seen {
		s.deps.Tell(user, r.Version)
	}
	return r, nil
}

// bounds refuses what makes one of the owner's own counts too large.
func bounds(before, after *Owner) error {
	for _, c := range []struct {
		what        string
		before, now uint32
	}{
		{"friends and requests", before.Wants, after.Wants},
		{"people who are followed", before.Follows, after.Follows},
		{"people who are blocked", before.Blocks, after.Blocks},
		{"remarks", before.Remarks, after.Remarks},
	} {
		if c.now > c.before && c.now > chat.MaxRelations {
			return errTooMany(c.what, chat.MaxRelations)
		}
	}
	return nil
}

// mirror completes what a user said: step 2, what it means for their direct conversation, and step 3.
func (s *Service) mirror(ctx context.Context, user chat.UserID, r Relation) (Relation, error) {
	said, version := r.Mine, r.Version
	theirs, err := s.change(ctx, r.Other, user, func(_ *Owner, r *Relation) error {
		r.Met = true
		r.hear(said)
		return nil
	})
	if err != nil {
		return Relation{}, err
	}
	if s.deps.Doors != nil {
		if err := s.deps.Doors.Settle(ctx, user, r.Other); err != nil {
			return Relation{}, fmt.Errorf("settling a conversation: %w", err)
		}
	}
	return s.change(ctx, user, r.Other, func(_ *Owner, r *Relation) error {
		r.Met = true
		settled := r.Version <= version // else something changed after the conversation was settled
		r.hear(theirs.Mine)
		if r.Mine.Turn == said.Turn && settled {
			r.Due = false
		}
		return nil
	})
}
