package message

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// admitted checks what a group asks of who joins. A ban comes before everything but what strangers may know: that the group is there.
func (c *change) admitted() *chat.Error {
	joining := c.head.Joining()
	if c.head.Kind != chat.KindGroup || joining == chat.JoiningInvited && !c.draft.Invited && len(c.part.Spans) == 0 && c.draft.TimeMS == 0 {
		return errNotFound()
	}
	if c.head.Dissolved {
		return errDissolved()
	}
	if c.draft.TimeMS != 0 { // what is imported was decided already, by what an import does not have
		return nil
	}
	if c.banned(c.part) {
		return until(chat.ReasonBanned, "you are banned from this group", c.part.BannedUntilMS, c.nowMS)
	}
	if c.draft.Invited {
		return nil
	}
	switch joining {
	case chat.JoiningOpen:
		return nil
	case chat.JoiningPassword:
		// The password was compared with what stood then: another one may have been set since.
		if p := c.st.Conversation(c.draft.Conversation).Password; p == "" || p != c.draft.Password {
			return chat.Errorf(chat.CodeForbidden, chat.ReasonPasswordNeeded, "this group is joined with its password, and this is not it")
		}
		return nil
	case chat.JoiningInvited:
	}
	return chat.Errorf(chat.CodeForbidden, chat.ReasonNotOpen, "this group is not open; an admin can add you")
}

// banned reports whether somebody may not become a member. Imports repeat what was decided.
func (c *change) banned(p Part) bool { return p.BannedUntilMS > c.nowMS && c.draft.TimeMS == 0 }

// silenced checks that the sender may send at all. Imports repeat what was decided.
func (c *change) silenced() *chat.Error {
	if c.draft.Sender == 0 || c.draft.TimeMS != 0 {
		return nil
	}
	if c.part.MutedUntilMS > c.nowMS {
		return until(chat.ReasonMuted, "an admin has muted you here", c.part.MutedUntilMS, c.nowMS)
	}
	if c.rank() > chat.RoleMember {
		return nil
	}
	if c.head.Terms.QuietUntilMS > c.nowMS {
		return until(chat.ReasonQuiet, "the admins have asked for quiet in this group", c.head.Terms.QuietUntilMS, c.nowMS)
	}
	if c.head.Terms.Posting == chat.PostingAdmins {
		return chat.Errorf(chat.CodeForbidden, chat.ReasonAdminsOnly, "only admins send messages into this group")
	}
	return nil
}

// longest is what somebody is told to wait at most, before asking again.
const longest = 30 * 24 * time.Hour

// until refuses for a time, which it tells: waiting helps unless it is for ever.
func until(reason chat.Reason, what string, endMS, nowMS uint64) *chat.Error {
	if endMS >= chat.Forever {
		return chat.Errorf(chat.CodeForbidden, reason, "%s", what)
	}
	e := chat.Errorf(chat.CodeForbidden, reason, "%s until %s", what, time.UnixMilli(int64(endMS)).UTC().Format(time.RFC3339))
	e.RetryAfter = time.Duration(min(endMS-nowMS, uint64(longest/time.Millisecond))) * time.Millisecond
	return e
}

// ban keeps a user from becoming a member again, who is removed where it is one; or lifts that. It is about who was a member once: of
// others nothing stands here.
func (c *change) ban(body chat.MembersChanged) (Effect, *chat.Error) {
	p := c.st.Part(c.draft.Conversation, body.Users[0])
	p.User = body.Users[0]
	if len(p.Spans) == 0 {
		return Effect{}, errNoSuchMember()
	}
	end := body.UntilMS
	switch {
	case body.Action == chat.MemberUnbanned:
		end, body.UntilMS = 0, 0
	case p.Current():
		if p.Role >= c.rank() {
			return Effect{}, errRoleTooLow("who ranks above a member")
		}
		body.Action, p.BannedUntilMS = chat.MemberRemoved, body.UntilMS
		return c.end(body, []Part{p}), nil
	default:
		body.Action, body.Ban = chat.MemberBanned, false
	}
	if p.BannedUntilMS == end || p.Current() {
		return c.unchanged(), nil
	}
	p.BannedUntilMS = end
	e := c.append(body, 1)
	e.Parts = []Part{p}
	return e, nil
}

// nickname gives members a name in the group: the sender, or others of a lower rank.
func (c *change) nickname(body chat.MembersChanged) (Effect, *chat.Error) {
	own := c.draft.Sender != 0 && len(body.Users) == 1 && body.Users[0] == c.draft.Sender
	if !own && c.rank() < chat.RoleAdmin {
		return Effect{}, errRoleTooLow("admins")
	}
	if own && c.draft.TimeMS == 0 && c.part.Nickname != body.Name {
		if ready := c.part.NamedMS + chat.NicknameEveryMS; c.part.NamedMS != 0 && c.part.NamedMS <= c.nowMS && ready > c.nowMS {
			err := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "a nickname may be changed every %d seconds; wait", chat.NicknameEveryMS/1_000)
			err.RetryAfter = time.Duration(ready-c.nowMS) * time.Millisecond
			return Effect{}, err
		}
	}
	for _, u := range body.Users {
		p := c.st.Part(c.draft.Conversation, u)
		if !p.Current() {
			return Effect{}, errNoSuchMember()
		}
		if !own && p.Role >= c.rank() {
			return Effect{}, errRoleTooLow("who ranks above a member")
		}
	}
	var parts []Part
	parts, body.Users = c.pick(body.Users, func(p Part) bool { return p.Nickname != body.Name })
	if len(parts) == 0 {
		return c.unchanged(), nil
	}
	e := c.append(body, len(parts))
	for i := range parts {
		parts[i].Nickname = body.Name
		if own {
			parts[i].NamedMS = c.nowMS
		}
	}
	e.Parts = parts
	return e, nil
}
