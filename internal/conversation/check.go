package conversation

import (
	"strings"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// checkMemberPage allows any limit that is not negative: 0 stands for the default, what is above the bound for the bound. A
// role of 0 stands for any.
func checkMemberPage(after chat.UserID, limit int, role chat.Role) error {
	if limit < 0 {
		return invalid("a page of members has 1 to %d", maxMembers)
	}
	if after > chat.MaxID {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonPageTokenInvalid, "the page token is not one of ours; start from the first page")
	}
	if role > chat.RoleOwner {
		return invalid("there is no such role")
	}
	return nil
}

func notFound() *chat.Error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation; check the id")
}

func invalid(format string, args ...any) *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, format, args...)
}

func tooMany() *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMembers, "at most %d members at a time; add the rest with further calls", chat.MaxMembersAtOnce)
}

// checkID returns a nil error, not a nil *chat.Error, for ids that can exist.
func checkID(id uint64, what string) error {
	if id == 0 || id > chat.MaxID {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "a %s id is a number from 1 to %d", what, uint64(chat.MaxID))
	}
	return nil
}

// checkGivenRole allows the roles that can be given; a group changes its owner by Transfer.
func checkGivenRole(r chat.Role) error {
	if r != chat.RoleMember && r != chat.RoleAdmin {
		return invalid("the role to give is member or admin; transfer makes another owner")
	}
	return nil
}

// distinct drops repeats and keeps the order. There must be at least one user.
func distinct(users []chat.UserID) ([]chat.UserID, error) {
	if len(users) == 0 {
		return nil, invalid("no users were named; name at least one")
	}
	seen := make(map[chat.UserID]struct{}, len(users))
	out := make([]chat.UserID, 0, len(users))
	for _, u := range users {
		if err := checkID(uint64(u), "user"); err != nil {
			return nil, err
		}
		if _, ok := seen[u]; !ok {
			seen[u] = struct{}{}
			out = append(out, u)
		}
	}
	return out, nil
}

// checkChanged checks what a group is to be called and how it is to be shown; nil fields pass.
func checkChanged(c chat.Changed) error {
	if c.Name != nil {
		if err := checkName(*c.Name); err != nil {
			return err
		}
	}
	if c.Avatar != nil {
		if err := checkText(*c.Avatar, "avatar", chat.MaxRefBytes, false); err != nil {
			return err
		}
		if !chat.SafeRef(*c.Avatar) {
			return invalid("the avatar refers to a blob or to an https URL")
		}
	}
	if c.SlowModeMS != nil && *c.SlowModeMS > chat.MaxSlowModeMS {
		return invalid("slow mode is from 0 (off) to %d milliseconds, a day", chat.MaxSlowModeMS)
	}
	for _, t := range []struct {
		text  *string
		what  string
		bytes int
	}{{c.Announcement, "announcement", chat.MaxAnnouncement}} {
		if t.text == nil {
			continue
		}
		if err := checkText(*t.text, t.what, t.bytes, true); err != nil {
			return err
		}
	}
	if c.Description != nil {
		return checkText(*c.Description, "description", chat.MaxDescription, true)
	}
	return nil
}

func checkName(name string) error {
	if err := checkText(name, "name", chat.MaxNameRunes*utf8.UTFMax, false); err != nil {
		return err
	}
	if strings.TrimSpace(name) == "" {
		return invalid("a group needs a name")
	}
	if utf8.RuneCountInString(name) > chat.MaxNameRunes {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "a name has at most %d characters", chat.MaxNameRunes)
	}
	return nil
}

func checkText(s, what string, maxBytes int, lines bool) error {
	if len(s) > maxBytes {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "the %s has at most %d bytes", what, maxBytes)
	}
	if !utf8.ValidString(s) {
		return invalid("the %s is not UTF-8", what)
	}
	for _, r := range s {
		if chat.Unprintable(r) && (!lines || (r != '\n' && r != '\t')) {
			return invalid("the %s holds control characters", what)
		}
	}
	return nil
}
