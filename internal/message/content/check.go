package content

import (
	"slices"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// Bounds of bodies that the protocol does not name one by one.
const (
	maxWord      = 128      // bytes of a custom type or a system event
	maxMIME      = 255      // bytes
	maxFileName  = 1_024    // bytes
	maxPreview   = 4_096    // bytes
	maxFallback  = 4_096    // bytes of the sentence for clients that do not know a custom type
	maxSystem    = 16 << 10 // bytes of all arguments
	maxArguments = 64       // of a system notice
	maxMembers   = 1 + chat.MaxMembersAtOnce
)

// Check refuses what can be seen to be wrong without looking at any state: malformed ids, bodies outside of their bounds.
// It is the first step of a decision; callers use it earlier too, so that bad input never waits in a queue.
func Check(d *chat.Draft) *chat.Error {
	if d.Conversation == 0 || d.Conversation > chat.MaxID || d.Sender > chat.MaxID {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
	}
	if d.Body == nil && d.Mark == 0 && d.Bars != nil {
		if _, ok := d.Bars[d.Sender]; !ok || d.Sender == 0 || len(d.Bars) != 1 {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a bar is about its sender alone")
		}
		return nil
	}
	if d.Body == nil {
		if len(d.Hide) > 0 {
			return checkHide(d)
		}
		if (d.Mark == 0) == (d.Got == 0) || d.Sender == 0 {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "the request says nothing: a message has a body, a read mark a position and a reader")
		}
		return nil
	}
	if _, gone := d.Body.(chat.Tombstone); gone && d.TimeMS != 0 {
		return nil // an import repeats what is gone already
	}
	if d.ClientID.IsZero() && (chat.Countable(d.Body) || Amends(d.Body) && d.TimeMS == 0) {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonClientIDInvalid, "a message needs a client id, a UUID that makes it repeatable")
	}
	if err := checkRefers(d); err != nil {
		return err
	}
	switch b := d.Body.(type) {
	case chat.Text:
		return checkText(b.Text)
	case chat.Media:
		return checkMedia(b)
	case chat.Custom:
		return checkCustom(b)
	case chat.System:
		return checkSystem(d.Sender, b)
	case chat.Created:
		return checkCreated(d.Sender, b)
	case chat.MembersChanged:
		return checkMembers(d.Sender, b)
	case chat.Changed:
		return checkChanged(b)
	case chat.Dissolved:
		return nil
	case chat.Edit:
		return checkEdit(d, b)
	case chat.Recall:
		if b.Target == 0 {
			return errNoTarget()
		}
		return checkFields(field{"note", b.Note, chat.MaxNoteBytes})
	case chat.Pin:
		if b.Target == 0 {
			return errNoTarget()
		}
		return nil
	default:
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a body of this kind cannot be sent")
	}
}

func checkText(s string) *chat.Error {
	switch {
	case s == "":
		return chat.Errorf(chat.CodeInvalid, chat.ReasonTextEmpty, "a text has at least one character")
	case len(s) > chat.MaxTextBytes:
		return errTextTooLarge()
	case !utf8.ValidString(s):
		return errNotUTF8()
	case len(s) > chat.MaxTextRunes && utf8.RuneCountInString(s) > chat.MaxTextRunes:
		return errTextTooLarge()
	default:
		return nil
	}
}

func checkMedia(m chat.Media) *chat.Error {
	if m.Type < chat.MediaImage || m.Type > chat.MediaFile {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "media is an image, a video, a voice or a file")
	}
	if m.Ref == "" {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "media needs a reference to its content")
	}
	if len(m.Preview) > maxPreview {
		return errTooLarge("preview", maxPreview)
	}
	if m.Caption != "" {
		if err := checkText(m.Caption); err != nil {
			return err
		}
	}
	return checkFields(field{"ref", m.Ref, chat.MaxRefBytes}, field{"mime", m.MIME, maxMIME}, field{"name", m.Name, maxFileName})
}

func checkCustom(c chat.Custom) *chat.Error {
	if c.Type == "" {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a custom message needs a type")
	}
	if len(c.Data) > chat.MaxCustomBytes {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonMessageTooLarge, "a custom message has at most %d bytes", chat.MaxCustomBytes)
	}
	return checkFields(field{"type", c.Type, maxWord}, field{"fallback", c.Fallback, maxFallback})
}

func checkSystem(sender chat.UserID, s chat.System) *chat.Error {
	if sender != 0 {
		return chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "only back ends write notices")
	}
	if s.Event == "" || len(s.Args) > maxArguments {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a notice names its event and has at most %d arguments", maxArguments)
	}
	size := 0
	for name, value := range s.Args {
		size += len(name) + len(value)
		if err := checkFields(field{"args", name, maxSystem}, field{"args", value, maxSystem}); err != nil {
			return err
		}
	}
	if size > maxSystem {
		return errTooLarge("args", maxSystem)
	}
	return checkFields(field{"event", s.Event, maxWord})
}

func checkCreated(sender chat.UserID, c chat.Created) *chat.Error {
	if err := checkUsers(c.Members, maxMembers); err != nil {
		return err
	}
	switch c.Kind {
	case chat.KindDirect:
		if n := len(c.Members); n == 0 || n > 2 || c.Open {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a direct conversation has two members, or one who talks to itself")
		}
		if sender != 0 && !slices.Contains(c.Members, sender) {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a direct conversation is made by one of its members")
		}
	case chat.KindGroup:
		if sender != 0 && (len(c.Members) == 0 || c.Members[0] != sender) {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "who makes a group is its first member")
		}
	case chat.KindSupport:
		return chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "support conversations are not offered yet")
	default:
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a conversation is direct or a group")
	}
	return checkAbout(c.Name, c.Avatar, c.Description)
}

func checkMembers(sender chat.UserID, m chat.MembersChanged) *chat.Error {
	if len(m.Users) == 0 {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a member change names at least one user")
	}
	if err := checkUsers(m.Users, chat.MaxMembersAtOnce); err != nil {
		return err
	}
	alone := len(m.Users) == 1
	switch m.Action {
	case chat.MemberAdded:
		if m.Role > chat.RoleAdmin {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "users are added as members or admins")
		}
	case chat.MemberJoined, chat.MemberLeft:
		if sender == 0 || !alone || m.Users[0] != sender {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a user joins and leaves alone and by itself")
		}
	case chat.MemberRole:
		if m.Role != chat.RoleMember && m.Role != chat.RoleAdmin {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a role that can be set is member or admin")
		}
	case chat.MemberTransferred:
		if !alone {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a group is transferred to one user")
		}
	case chat.MemberBanned, chat.MemberUnbanned:
		if !alone {
			return errOneBan()
		}
	case chat.MemberRemoved:
		if m.Ban && !alone {
			return errOneBan()
		}
	case chat.MemberMuted, chat.MemberNamed:
	default:
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "there is no such change of members")
	}
	if (m.Ban || m.Action == chat.MemberBanned) && m.UntilMS == 0 {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a ban has an end, or %d for none", chat.Forever)
	}
	if utf8.RuneCountInString(m.Name) > chat.MaxNicknameRunes {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "a nickname has at most %d characters", chat.MaxNicknameRunes)
	}
	return checkFields(field{"nickname", m.Name, chat.MaxNicknameRunes * utf8.UTFMax}, field{"reason", m.Reason, chat.MaxActReason})
}

func errOneBan() *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "bans are about one user at a time")
}

func checkUsers(users []chat.UserID, limit int) *chat.Error {
	if len(users) > limit {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMembers, "one change names at most %d users", limit)
	}
	for _, u := range users {
		if u == 0 || u > chat.MaxID {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
		}
	}
	return nil
}

func checkChanged(c chat.Changed) *chat.Error {
	value := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	if c == (chat.Changed{}) {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "the change names nothing to change")
	}
	if c.SlowModeMS != nil && *c.SlowModeMS > chat.MaxSlowModeMS {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "slow mode is from 0 (off) to %d milliseconds, a day", chat.MaxSlowModeMS)
	}
	if c.Tier != nil && *c.Tier > chat.TierLarge {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "there is no such tier")
	}
	if c.Joining != nil && *c.Joining > chat.JoiningPassword || c.Posting != nil && *c.Posting > chat.PostingAdmins {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "there is no such way to join, or to post")
	}
	if c.QuietUntilMS != nil && *c.QuietUntilMS > chat.Forever {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a time is in milliseconds since 1970, at most %d", chat.Forever)
	}
	if err := checkFields(field{"announcement", value(c.Announcement), chat.MaxAnnouncement}); err != nil {
		return err
	}
	return checkAbout(value(c.Name), value(c.Avatar), value(c.Description))
}

func checkAbout(name, avatar, description string) *chat.Error {
	if utf8.RuneCountInString(name) > chat.MaxNameRunes {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "name has at most %d characters", chat.MaxNameRunes)
	}
	return checkFields(field{"name", name, chat.MaxNameRunes * utf8.UTFMax}, field{"avatar", avatar, chat.MaxRefBytes},
		field{"description", description, chat.MaxDescription})
}

// field is a named string with its bound in bytes.
type field struct {
	name  string
	value string
	limit int
}

func checkFields(fields ...field) *chat.Error {
	for _, f := range fields {
		if len(f.value) > f.limit {
			return errTooLarge(f.name, f.limit)
		}
		if !utf8.ValidString(f.value) {
			return errNotUTF8()
		}
	}
	return nil
}

func checkHide(d *chat.Draft) *chat.Error {
	if d.Sender == 0 || d.Mark != 0 || d.Got != 0 || len(d.Hide) > chat.MaxHidden {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a member hides at most %d spans of entries at once, and does nothing else with it", chat.MaxHidden)
	}
	for _, s := range d.Hide {
		if s.From == 0 || s.To < s.From || s.To > chat.MaxID {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "a span begins with an entry, at 1 or later, and ends with that one or a later one")
		}
	}
	return nil
}
