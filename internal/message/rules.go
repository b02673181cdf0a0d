package message

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Rules are the settings of the decision. The zero value is not usable; start from [DefaultRules].
type Rules struct {
	// SmallMembers is the most members of a small conversation, whose members are told of each change. A conversation grows into the
	// next tier above its bound and falls back a tenth below it, so that one who comes and goes does not switch it.
	SmallMembers uint32
	// MediumMembers is the most members of a medium one. Above, it is large: its content goes to those who have it open, in chunks when
	// it is busy, and the others get hints.
	MediumMembers uint32
	// Amending says for how long messages can be changed; nil is [DefaultAmending].
	Amending *Amending
	// Mentioning says who may mention all; nil is [DefaultMentioning].
	Mentioning *Mentioning
	// Admit, if any, is asked for the message of a member when nothing else speaks against it, and returns 0 or how long the sender
	// should wait. It must not block. Where an engine decides a draft again it is asked again.
	Admit func(head chat.Head) time.Duration
}

// DefaultRules returns the defaults.
func DefaultRules() Rules {
	return Rules{SmallMembers: 100, MediumMembers: 10_000}
}

// Amending is for how long messages can be changed.
type Amending struct {
	// EditWithin is for how long after it was sent people may edit their message; 0 is for ever.
	EditWithin time.Duration
	// RecallWithin is for how long after it was sent people may take their message back; 0 is for ever. Admins of a group may take back any
	// message at any time.
	RecallWithin time.Duration
}

// DefaultAmending returns the defaults.
func DefaultAmending() Amending {
	return Amending{EditWithin: 48 * time.Hour, RecallWithin: 48 * time.Hour}
}

// Validate says what is wrong with the settings.
func (a Amending) Validate() error {
	if a.EditWithin < 0 || a.RecallWithin < 0 {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "edit_within and recall_within are times, or 0 for no end")
	}
	return nil
}

func (r Rules) amending() Amending {
	if r.Amending == nil {
		return DefaultAmending()
	}
	return *r.Amending
}

// Validate says what is wrong with the settings.
func (r Rules) Validate() error {
	if r.SmallMembers > r.MediumMembers {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid,
			"the small tier (%d members) must not be larger than the medium one (%d)", r.SmallMembers, r.MediumMembers)
	}
	return nil
}

// tier returns the tier of a conversation of n members that was of tier was (0: it is new). One that an administrator fixed is
// of that tier whatever its size; only small is not for more members than a medium one has, because each change of a small
// conversation is noted with each of its members.
func (r Rules) tier(was, fixed chat.Tier, n uint32) chat.Tier {
	if fixed == chat.TierSmall && n > r.MediumMembers {
		return chat.TierMedium
	}
	if fixed != 0 {
		return fixed
	}
	small, medium := r.SmallMembers, r.MediumMembers
	if was >= chat.TierLarge {
		medium -= medium / 10
	}
	if was >= chat.TierMedium {
		small -= small / 10
	}
	switch {
	case n > medium:
		return chat.TierLarge
	case n > small:
		return chat.TierMedium
	default:
		return chat.TierSmall
	}
}
