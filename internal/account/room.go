package account

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Class is what the sessions of a user are counted by.
type Class uint8

// The classes. Devices that do not say what they are, those of a company's own users among them, count only with all the others.
const (
	ClassNone Class = iota
	ClassPhone
	ClassTablet
	ClassDesktop
	ClassWeb
	ClassBot
)

// Class returns what a platform is counted as; a platform of a later version counts as none.
func (p Platform) Class() Class {
	switch p {
	case PlatformPhone:
		return ClassPhone
	case PlatformTablet:
		return ClassTablet
	case PlatformDesktop, PlatformTerminal:
		return ClassDesktop
	case PlatformWeb:
		return ClassWeb
	case PlatformServer:
		return ClassBot
	case PlatformUnspecified:
	}
	return ClassNone
}

// What happens where a class is full.
const (
	AboveEndOldest = "end_oldest"
	AboveRefuse    = "refuse"
)

// Sessions says on how many devices of a class a user may be signed in; 0 is as many as MaxDevices lets. Who has more when a bound is
// lowered keeps them until the next sign-in.
type Sessions struct {
	// Phone bounds the phones.
	Phone int
	// Tablet bounds the tablets.
	Tablet int
	// Desktop bounds programs on computers, those in a terminal among them.
	Desktop int
	// Web bounds browsers.
	Web int
	// Bot bounds programs without a person, which sign in as PLATFORM_SERVER.
	Bot int
	// Above says what happens to one more: end_oldest (the one of its class that was unused the longest is signed out) or refuse (the
	// new one is refused).
	Above string
}

func (s Sessions) validate() error {
	var problems []error
	for _, b := range []struct {
		name string
		most int
	}{{"phone", s.Phone}, {"tablet", s.Tablet}, {"desktop", s.Desktop}, {"web", s.Web}, {"bot", s.Bot}} {
		problems = append(problems, within("sessions."+b.name, b.most, 0, 1_000))
	}
	if s.Above != AboveEndOldest && s.Above != AboveRefuse {
		problems = append(problems, fmt.Errorf("sessions.above must be end_oldest or refuse, it is %q", s.Above))
	}
	return errors.Join(problems...)
}

// room is how many devices there may be, for a new one of a platform.
func (c Config) room(p Platform) Room {
	s := c.Sessions
	r := Room{Most: c.MaxDevices, Refuse: s.Above == AboveRefuse}
	switch p.Class() {
	case ClassPhone:
		r.OfClass = s.Phone
	case ClassTablet:
		r.OfClass = s.Tablet
	case ClassDesktop:
		r.OfClass = s.Desktop
	case ClassWeb:
		r.OfClass = s.Web
	case ClassBot:
		r.OfClass = s.Bot
	case ClassNone:
	}
	return r
}

// Room is how many devices of a user there may be.
type Room struct {
	// Most is how many altogether, 1 at least.
	Most int
	// OfClass is how many of the new one's class; 0 for no bound of its own.
	OfClass int
	// Refuse refuses a new one whose class is full; otherwise the oldest of the class goes. Where only Most is reached the oldest goes.
	Refuse bool
}

// Make returns which of a user's devices have to go for a new one, or [ErrTooManyDevices]. It is pure, so that all stores decide alike.
func (r Room) Make(devices []Device, fresh Device) (gone []Device, err error) {
	left := slices.Clone(devices)
	// Who goes first stands first: those that ended, then by last use.
	slices.SortFunc(left, func(x, y Device) int {
		return cmp.Or(-cmp.Compare(min(x.EndedMS, 1), min(y.EndedMS, 1)), cmp.Compare(x.LastUsedMS, y.LastUsedMS), cmp.Compare(x.ID, y.ID))
	})
	class := fresh.Platform.Class()
	if r.OfClass > 0 && class != ClassNone {
		same := func(d Device) bool { return d.EndedMS == 0 && d.Platform.Class() == class }
		excess := 1 - r.OfClass
		for _, d := range left {
			if same(d) {
				excess++
			}
		}
		if excess > 0 && r.Refuse {
			return nil, ErrTooManyDevices()
		}
		left = slices.DeleteFunc(left, func(d Device) bool {
			if excess <= 0 || !same(d) {
				return false
			}
			excess--
			gone = append(gone, d)
			return true
		})
	}
	if excess := len(left) + 1 - r.Most; excess > 0 {
		gone = append(gone, left[:min(excess, len(left))]...)
	}
	return gone, nil
}

// Spent is what devices that went leave behind: those that were in use, and up to when tokens stay refused because an ended one refused
// them; fromMS is up to when they are refused already.
func Spent(gone []Device, fromMS uint64) (inUse []chat.DeviceID, tokensFromMS uint64) {
	for _, d := range gone {
		if d.EndedMS == 0 {
			inUse = append(inUse, d.ID)
		}
		fromMS = max(fromMS, d.EndedMS)
	}
	return inUse, fromMS
}
