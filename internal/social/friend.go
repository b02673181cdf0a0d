package social

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

const day = 24 * time.Hour

// Request asks somebody to be friends, or accepts where that one has asked. To ask again changes nothing, a new note apart.
func (s *Service) Request(ctx context.Context, user, other chat.UserID, note string) (View, error) {
	if err := checkText("the note", note, chat.MaxRequestNote); err != nil {
		return View{}, err
	}
	if strings.ContainsFunc(note, func(r rune) bool { return r != '\n' && chat.Unprintable(r) }) {
		return View{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "the note must not hold control characters")
	}
	if err := s.there(ctx, user, other); err != nil {
		return View{}, err
	}
	theirs, err := s.rows.Owner(ctx, other)
	if err != nil {
		return View{}, fmt.Errorf("requesting: %w", err)
	}
	return s.view(s.say(ctx, user, other, func(o *Owner, r *Relation) error {
		mine, answers := r.Mine.Stands(r.Theirs), r.Theirs.Stands(r.Mine)
		switch {
		case mine && (answers || r.Mine.Note == note):
			return nil
		case !mine && !answers:
			if int(theirs.Waiting) >= s.cfg.RequestsWaiting {
				return errFull()
			}
			if err := s.ask(o); err != nil {
				return err
			}
		}
		r.say(true, note, s.nowMS())
		return nil
	}))
}

// ask counts a request of the day. A clock that was set back gives nobody a second day.
func (s *Service) ask(o *Owner) error {
	now := s.now()
	today := uint32(max(0, now.Unix()) / int64(day/time.Second))
	if today > o.Day {
		o.Day, o.Asked = today, 0
	}
	if int(o.Asked) >= s.cfg.RequestsPerDay {
		return errDay(uint32(s.cfg.RequestsPerDay), max(time.Unix(int64(o.Day+1)*int64(day/time.Second), 0).Sub(now), time.Second))
	}
	o.Asked++
	return nil
}

// Accept answers a request that waits.
func (s *Service) Accept(ctx context.Context, user, other chat.UserID) (View, error) {
	if user == other {
		return View{}, errSelf()
	}
	v, err := s.view(s.say(ctx, user, other, func(_ *Owner, r *Relation) error {
		switch r.View().Friendship {
		case Friends:
			return nil
		case Incoming:
			r.say(true, "", s.nowMS())
			return nil
		default:
			return errNoRequest()
		}
	}))
	if err == nil && v.Friendship != Friends {
		return View{}, errNoRequest() // it was withdrawn meanwhile
	}
	return v, err
}

// Refuse answers a request that waits with no. Where none does, that is as if it had been.
func (s *Service) Refuse(ctx context.Context, user, other chat.UserID) (View, error) {
	return s.end(ctx, user, other, Incoming)
}

// Withdraw takes a request back. Where it was accepted already it says so.
func (s *Service) Withdraw(ctx context.Context, user, other chat.UserID) (View, error) {
	return s.end(ctx, user, other, Requested)
}

// Unfriend ends a friendship, for both. Where there is none, nothing happens.
func (s *Service) Unfriend(ctx context.Context, user, other chat.UserID) (View, error) {
	return s.end(ctx, user, other, Friends)
}

// end ends what is between two where it is as far as that.
func (s *Service) end(ctx context.Context, user, other chat.UserID, from Friendship) (View, error) {
	if user == other {
		return View{}, errSelf()
	}
	return s.view(s.say(ctx, user, other, func(_ *Owner, r *Relation) error {
		switch r.View().Friendship { //nolint:exhaustive // where there is nothing to end nothing happens
		case from:
			r.say(false, "", s.nowMS())
		case Friends:
			return errFriends()
		}
		return nil
	}))
}

// Follow has a user follow another one, or no longer. The other one is not told.
func (s *Service) Follow(ctx context.Context, user, other chat.UserID, on bool) (View, error) {
	return s.own(ctx, user, other, on, func(r *Relation) { r.Follow = on })
}

// Remark gives another one a name that the user alone sees; an empty one takes it away.
func (s *Service) Remark(ctx context.Context, user, other chat.UserID, name string) (View, error) {
	name = strings.TrimSpace(name)
	if err := checkText("the remark", name, chat.MaxNameRunes); err != nil {
		return View{}, err
	}
	if strings.ContainsFunc(name, chat.Unprintable) {
		return View{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "the remark must not hold control characters")
	}
	return s.own(ctx, user, other, name != "", func(r *Relation) { r.Remark = name })
}

// own changes what is the user's alone. Who puts something down does it about somebody who is there.
func (s *Service) own(ctx context.Context, user, other chat.UserID, on bool, fn func(r *Relation)) (View, error) {
	if on {
		if err := s.there(ctx, user, other); err != nil {
			return View{}, err
		}
	} else if user == other {
		return View{}, errSelf()
	}
	return s.view(s.say(ctx, user, other, func(_ *Owner, r *Relation) error {
		fn(r)
		return nil
	}))
}

func (s *Service) view(r Relation, err error) (View, error) {
	if err != nil {
		return View{}, err
	}
	return r.View(), nil
}

// checkText holds what a user wrote to a length.
func checkText(what, text string, most int) error {
	if !utf8.ValidString(text) {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonTextNotUTF8, "%s is not UTF-8", what)
	}
	if n := utf8.RuneCountInString(text); n > most {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "%s has %d characters, at most %d are allowed", what, n, most)
	}
	return nil
}
