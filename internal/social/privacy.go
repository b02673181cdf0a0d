package social

import (
	"context"
	"fmt"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// Privacy is what a user says about who may do what.
type Privacy struct {
	// From is whom the user takes messages of in direct conversations.
	From chat.Gate
}

// PrivacyPatch names what gets a new value; nil stays as it is.
type PrivacyPatch struct {
	From *chat.Gate
}

// Privacy returns a user's settings.
func (s *Service) Privacy(ctx context.Context, user chat.UserID) (Privacy, error) {
	o, err := s.rows.Owner(ctx, user)
	if err != nil {
		return Privacy{}, fmt.Errorf("reading settings: %w", err)
	}
	return o.privacy(), nil
}

func (o Owner) privacy() Privacy { return Privacy{From: o.From} }

// SetPrivacy changes a user's settings. Conversations that begin after it returns are held to them. Those that are there already are as
// soon as the sweeper has come to them, which a row about nobody (Other is 0) has it do: it is due until then.
func (s *Service) SetPrivacy(ctx context.Context, user chat.UserID, p PrivacyPatch) (Privacy, error) {
	if p == (PrivacyPatch{}) {
		return Privacy{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "nothing was named that is to change; name at least one setting")
	}
	if p.From != nil && *p.From > chat.GateCommon {
		return Privacy{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "messages are taken of all, of friends, or of members of a common group")
	}
	changed := false
	o, _, err := s.rows.Change(ctx, user, 0, func(o *Owner, r *Relation) error {
		was := o.privacy()
		if p.From != nil {
			o.From = *p.From
		}
		if changed = o.privacy() != was; changed {
			o.Version++
			r.Due = true
		}
		return nil
	})
	if err != nil {
		return Privacy{}, fmt.Errorf("changing settings: %w", err)
	}
	if changed {
		s.deps.Tell(user, o.Version)
		s.hurry()
	}
	return o.privacy(), nil
}

// RestorePrivacy is what an import has a user say. What was said already stays, and so does what has a word of a later version.
func (s *Service) RestorePrivacy(ctx context.Context, user chat.UserID, from string) error {
	now, err := s.Privacy(ctx, user)
	gate, ok := chat.GateOf(from)
	if err != nil || !ok || now.From != chat.GateOpen {
		return err
	}
	_, err = s.SetPrivacy(ctx, user, PrivacyPatch{From: &gate})
	return err
}

// hurry has the sweeper look at once.
func (s *Service) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// settle brings all direct conversations of a user to the user's terms.
func (s *Service) settle(ctx context.Context, user chat.UserID) error {
	o, err := s.rows.Owner(ctx, user)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if s.deps.Doors != nil {
		peers, err := s.deps.Doors.Peers(ctx, user)
		if err != nil {
			return fmt.Errorf("looking for conversations: %w", err)
		}
		if err := s.settleAll(ctx, user, peers); err != nil {
			return fmt.Errorf("settling conversations: %w", err)
		}
	}
	_, _, err = s.rows.Change(ctx, user, 0, func(now *Owner, r *Relation) error {
		r.Due = now.privacy() != o.privacy()
		return nil
	})
	if err != nil {
		return fmt.Errorf("changing settings: %w", err)
	}
	return nil
}

// settlers is how many conversations of a user are settled at once.
const settlers = 8

// settleAll settles a user's conversations with others. Its goroutines end with it.
func (s *Service) settleAll(ctx context.Context, user chat.UserID, peers []chat.UserID) error {
	work, failed := make(chan chat.UserID), make(chan error, settlers)
	var all sync.WaitGroup
	for range min(settlers, len(peers)) {
		all.Go(func() {
			var first error
			for peer := range work {
				if err := s.deps.Doors.Settle(ctx, user, peer); err != nil && first == nil {
					first = err
				}
			}
			failed <- first
		})
	}
	for _, peer := range peers {
		work <- peer
	}
	close(work)
	all.Wait()
	close(failed)
	var first error
	for err := range failed {
		if err != nil {
			first = err
		}
	}
	return first
}

// Bar is what keeps the sender from writing to the receiver, as of now.
func (s *Service) Bar(ctx context.Context, sender, receiver chat.UserID) (bar chat.Bar, err error) {
	// Changing nothing shows both rows as of one moment.
	friends := false
	_, _, err = s.rows.Change(ctx, receiver, sender, func(o *Owner, r *Relation) error {
		bar = chat.Bar{On: r.Block, Gate: o.From, Version: o.Version}
		friends = r.View().Friendship == Friends
		return nil
	})
	if err != nil || bar.Gate == chat.GateOpen {
		return bar, err //nolint:wrapcheck // the rows say what they were doing
	}
	if friends {
		bar.Gate = chat.GateOpen
		return bar, nil
	}
	if bar.Gate == chat.GateCommon && s.deps.Groups != nil {
		common, err := s.deps.Groups.Common(ctx, sender, receiver)
		if err != nil {
			return chat.Bar{}, fmt.Errorf("looking for a common group: %w", err)
		}
		if common {
			bar.Gate = chat.GateOpen
		}
	}
	return bar, nil
}
