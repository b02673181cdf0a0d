package social

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Block has a user take no messages of another one, or take them again. Nobody tells the other one, who finds nothing changed but that
// messages in their direct conversation are refused; friendship, follows and remarks stay as they are. When it returns, no later
// message of the other one is appended there. An error may leave the block standing, and in force a little later.
func (s *Service) Block(ctx context.Context, user, other chat.UserID, on bool) (View, error) {
	if on {
		if err := s.there(ctx, user, other); err != nil {
			return View{}, err
		}
	} else if user == other {
		return View{}, errSelf()
	}
	r, err := s.change(ctx, user, other, func(_ *Owner, r *Relation) error {
		r.Block = on
		return nil
	})
	if err != nil || !r.Due {
		return r.View(), err
	}
	if r, err = s.mirror(ctx, user, r); err != nil {
		return View{}, chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "this is stored, and not in force everywhere yet; ask again")
	}
	return r.View(), nil
}

// Blockers returns those of some users who have blocked another one.
func (s *Service) Blockers(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	rows, err := s.rows.Toward(ctx, of, user)
	if err != nil {
		return nil, err //nolint:wrapcheck // the rows say what they were doing
	}
	var out []chat.UserID
	for i := range rows {
		if rows[i].Block {
			out = append(out, of[i])
		}
	}
	return out, nil
}

// Blocked returns those of some users whom a user has blocked.
func (s *Service) Blocked(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	rows, err := s.rows.Relations(ctx, user, of)
	if err != nil {
		return nil, err //nolint:wrapcheck // the rows say what they were doing
	}
	var out []chat.UserID
	for i := range rows {
		if rows[i].Block {
			out = append(out, of[i])
		}
	}
	return out, nil
}
