package message

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// maxSpans bounds how often a user's coming and going is remembered. Beyond it the oldest stay is forgotten: its entries
// are withheld from the user then.
const maxSpans = 64

// join lets the sender in. Strangers learn nothing of a group that nobody joins unasked.
func (c *change) join() (Effect, *chat.Error) {
	if c.part.Current() {
		return c.unchanged(), nil
	}
	if err := c.admitted(); err != nil {
		return Effect{}, err
	}
	e := c.append(c.draft.Body, 1)
	part := c.entered(c.part, c.draft.Sender, chat.RoleMember, &e)
	e.Parts = []Part{part}
	e.Head.Members++
	e.Result.Read = part.Read
	return c.changed(e), nil
}

// members decides the changes that one member makes to others, and leaving.
func (c *change) members(body chat.MembersChanged) (Effect, *chat.Error) {
	least, who := chat.RoleMember, "members"
	switch body.Action {
	case chat.MemberAdded, chat.MemberRemoved, chat.MemberMuted, chat.MemberBanned, chat.MemberUnbanned:
		least, who = chat.RoleAdmin, "admins"
	case chat.MemberRole, chat.MemberTransferred:
		least, who = chat.RoleOwner, "the owner"
	case chat.MemberLeft, chat.MemberJoined, chat.MemberNamed:
	}
	if body.Action == chat.MemberAdded && body.Role == chat.RoleAdmin {
		least, who = chat.RoleOwner, "the owner"
	}
	if err := c.manage(least, who); err != nil {
		return Effect{}, err
	}
	body.Users = distinct(body.Users)
	switch body.Action {
	case chat.MemberAdded:
		return c.add(body)
	case chat.MemberRemoved:
		if body.Ban {
			return c.ban(body)
		}
		return c.remove(body)
	case chat.MemberBanned, chat.MemberUnbanned:
		return c.ban(body)
	case chat.MemberNamed:
		return c.nickname(body)
	case chat.MemberLeft:
		return c.leave(body)
	case chat.MemberTransferred:
		return c.transfer(body)
	case chat.MemberRole, chat.MemberMuted, chat.MemberJoined:
	}
	return c.alter(body)
}

// add takes users in; who is a member already is passed over.
func (c *change) add(body chat.MembersChanged) (Effect, *chat.Error) {
	if body.Role == 0 {
		body.Role = chat.RoleMember
	}
	var parts []Part
	parts, body.Users = c.pick(body.Users, func(p Part) bool { return !p.Current() })
	if len(parts) == 0 {
		return c.unchanged(), nil
	}
	for _, p := range parts {
		if c.banned(p) {
			return Effect{}, chat.Errorf(chat.CodeForbidden, chat.ReasonBanned, "user %d is banned from this group; lift the ban first", p.User)
		}
	}
	e := c.append(body, len(parts))
	for i := range parts {
		parts[i] = c.entered(parts[i], body.Users[i], body.Role, &e)
	}
	e.Parts = parts
	e.Head.Members += uint32(len(parts))
	return c.changed(e), nil
}

// remove takes members out; who is none is passed over. Nobody removes one of the own rank or above.
func (c *change) remove(body chat.MembersChanged) (Effect, *chat.Error) {
	var parts []Part
	parts, body.Users = c.pick(body.Users, Part.Current)
	if len(parts) == 0 {
		return c.unchanged(), nil
	}
	for _, p := range parts {
		if p.Role >= c.rank() {
			return Effect{}, errRoleTooLow("who ranks above a member")
		}
	}
	return c.end(body, parts), nil
}

// leave ends the sender's own membership.
func (c *change) leave(body chat.MembersChanged) (Effect, *chat.Error) {
	if c.part.Role == chat.RoleOwner {
		return Effect{}, chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonOwnerMustTransfer, "transfer the group to another member or dissolve it first")
	}
	return c.end(body, []Part{c.part}), nil
}

// end closes memberships: the entry that says so is the last one that they may read.
func (c *change) end(body chat.MembersChanged, parts []Part) Effect {
	e := c.append(body, len(parts))
	about := c.st.Conversation(c.draft.Conversation)
	// Who left goes on seeing which conversation it was, as it looked then and not as it will look.
	left := &chat.Farewell{Name: about.Name, Avatar: about.Avatar}
	for i := range parts {
		if parts[i].Role == chat.RoleOwner { // only the server removes one
			about.Owner = 0
			e.Conversation = &about
		}
		parts[i].Left = left // SentMS stays: slow mode holds for who leaves and comes back
		parts[i].Spans = slices.Clone(parts[i].Spans)
		parts[i].Spans[len(parts[i].Spans)-1].To = e.Head.Seq
	}
	e.Parts = parts
	e.Head.Members -= uint32(len(parts))
	return c.changed(e)
}

// transfer makes a member the owner, and the owner so far an admin: there is one owner at most.
func (c *change) transfer(body chat.MembersChanged) (Effect, *chat.Error) {
	heir := c.st.Part(c.draft.Conversation, body.Users[0])
	if !heir.Current() {
		return Effect{}, errNoSuchMember()
	}
	if heir.Role == chat.RoleOwner {
		return c.unchanged(), nil
	}
	about := c.st.Conversation(c.draft.Conversation)
	e := c.append(body, 1)
	heir.User, heir.Role = body.Users[0], chat.RoleOwner
	e.Parts = []Part{heir}
	if about.Owner != 0 {
		was := c.st.Part(c.draft.Conversation, about.Owner)
		was.User, was.Role = about.Owner, chat.RoleAdmin
		e.Parts = append(e.Parts, was)
	}
	about.Owner = heir.User
	e.Conversation = &about
	return c.changed(e), nil
}

// alter gives members another role or mutes them. Who has it already is passed over.
func (c *change) alter(body chat.MembersChanged) (Effect, *chat.Error) {
	for _, u := range body.Users {
		p := c.st.Part(c.draft.Conversation, u)
		if !p.Current() {
			return Effect{}, errNoSuchMember()
		}
		if p.Role >= c.rank() {
			return Effect{}, errRoleTooLow("who ranks above a member")
		}
	}
	role := body.Action == chat.MemberRole
	var parts []Part
	parts, body.Users = c.pick(body.Users, func(p Part) bool {
		return role && p.Role != body.Role || !role && p.MutedUntilMS != body.UntilMS
	})
	if len(parts) == 0 {
		return c.unchanged(), nil
	}
	e := c.append(body, len(parts))
	for i := range parts {
		if role {
			parts[i].Role = body.Role
		} else {
			parts[i].MutedUntilMS = body.UntilMS
		}
	}
	e.Parts = parts
	return c.changed(e), nil
}

// pick returns the parts of the users that match, and those users.
func (c *change) pick(users []chat.UserID, match func(Part) bool) ([]Part, []chat.UserID) {
	parts, kept := make([]Part, 0, len(users)), make([]chat.UserID, 0, len(users))
	for _, u := range users {
		p := c.st.Part(c.draft.Conversation, u)
		if match(p) {
			p.User = u
			parts, kept = append(parts, p), append(kept, u)
		}
	}
	return parts, kept
}

// entered returns the part of a user who becomes a member with the effect's entry: it has read up to there, and may read from there on, or from where
// the group's history is open.
func (c *change) entered(p Part, user chat.UserID, role chat.Role, e *Effect) Part {
	p.User, p.Role, p.JoinedMS, p.Left, p.BannedUntilMS = user, role, c.nowMS, nil, 0
	p.Enter(e.Head.Seq, e.Head.Terms.HistoryFrom, maxSpans)
	p.Read = chat.Read{Seq: e.Head.Seq, Ordinal: e.Head.Ordinal}
	return p
}

// changed finishes the head of an effect that changed members.
func (c *change) changed(e Effect) Effect {
	e.Head.MemberSeq = e.Head.Seq
	e.Head.Tier = c.rules.tier(c.head.Tier, c.head.Fixed, e.Head.Members)
	return e
}
