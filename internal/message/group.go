package message

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message/content"
)

// create begins a conversation. It is idempotent under the conversation's id: whoever lost a race or repairs one asks
// again and gets the first one's answer.
func (c *change) create(body chat.Created) (Effect, *chat.Error) {
	c.print = content.Print(body, nil)
	if c.head.Exists() {
		return c.createAgain(body)
	}
	d := c.draft
	about := &chat.Conversation{
		ID: d.Conversation, Kind: body.Kind, Name: body.Name, Avatar: body.Avatar, Description: body.Description,
		Open: body.Open, CreatedMS: c.nowMS,
	}
	body.Members = distinct(body.Members)
	roles := func(int) chat.Role { return chat.RoleMember }
	switch {
	case body.Kind == chat.KindDirect:
		about.Pair = pair(body.Members)
	case len(body.Members) > 0:
		about.Owner = body.Members[0]
		roles = func(i int) chat.Role {
			if i == 0 {
				return chat.RoleOwner
			}
			return chat.RoleMember
		}
	}
	e := c.append(body, len(body.Members))
	e.Head.Kind, e.Head.Open = body.Kind, body.Open
	e.Head.Members = uint32(len(body.Members))
	e.Head.MemberSeq = e.Head.Seq
	e.Head.Tier = c.rules.tier(0, 0, e.Head.Members)
	e.Conversation = about
	e.Parts = make([]Part, len(body.Members))
	for i, user := range body.Members {
		e.Parts[i] = c.entered(Part{}, user, roles(i), &e)
		if body.Kind == chat.KindDirect {
			e.Parts[i].Bar = d.Bars[user]
			for other, bar := range d.Bars {
				e.Parts[i].Holds = e.Parts[i].Holds || other != user && bar.Gate != chat.GateOpen
			}
		}
		if user == d.Sender {
			e.Result.Read = e.Parts[i].Read
		}
	}
	e.Keep = true // also without a client id, to tell a repetition from another creation
	e.Repeat = Repeat{Seq: e.Head.Seq, TimeMS: c.nowMS, Count: len(body.Members), Print: c.print}
	return e, nil
}

// createAgain answers for a conversation that stands already.
func (c *change) createAgain(body chat.Created) (Effect, *chat.Error) {
	if effect, found, err := c.repeat(); found {
		return effect, err
	}
	about := c.st.Conversation(c.draft.Conversation)
	if body.Kind != chat.KindDirect || about.Kind != chat.KindDirect || about.Pair != pair(body.Members) {
		return Effect{}, chat.Errorf(chat.CodeAlreadyExists, chat.ReasonConversationThere, "there is another conversation under this id")
	}
	e := c.unchanged()
	e.Result.Seq, e.Result.Ordinal, e.Result.TimeMS, e.Result.Count = 1, 0, about.CreatedMS, len(distinct(body.Members))
	return e, nil
}

// settings changes what stands about a group.
func (c *change) settings(body chat.Changed) (Effect, *chat.Error) {
	if err := c.manage(chat.RoleAdmin, "admins"); err != nil {
		return Effect{}, err
	}
	if body.Tier != nil {
		if err := c.fix(*body.Tier); err != nil {
			return Effect{}, err
		}
	}
	about := c.st.Conversation(c.draft.Conversation)
	was, head := about, c.head
	if body.Joining != nil {
		open := *body.Joining == chat.JoiningOpen // for who knows of nothing else
		body.Open = &open
	}
	body.Apply(c.head.Seq+1, &head, &about)
	if head.Joining() == chat.JoiningPassword && c.draft.TimeMS == 0 { // an import has none: until another one is set nobody knows it
		if c.draft.Password != "" {
			about.Password = c.draft.Password
		} else if about.Password == "" {
			return Effect{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a group that is joined with a password needs one")
		}
	}
	// An import keeps the place of a change, also where nothing is left of it once its names were cleaned.
	if about == was && head == c.head && c.draft.At == 0 {
		return c.unchanged(), nil
	}
	e := c.append(body, 0)
	e.Head.Open, e.Head.SlowModeMS, e.Head.Terms = head.Open, head.SlowModeMS, head.Terms
	if head.Fixed != c.head.Fixed {
		e.Head.Fixed = head.Fixed
		e.Head.Tier = c.rules.tier(c.head.Tier, head.Fixed, c.head.Members)
	}
	if about != was {
		e.Conversation = &about
	}
	return e, nil
}

// fix checks a tier that is to hold whatever the size. Imports repeat what was decided where other bounds may hold; a group
// beyond them is medium all the same.
func (c *change) fix(tier chat.Tier) *chat.Error {
	if c.rank() < rankServer {
		return chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "the tier of a group is set by the administrators of the server")
	}
	if tier == chat.TierSmall && c.head.Members > c.rules.MediumMembers && c.draft.TimeMS == 0 {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMembers, "a group with more than %d members is medium or large", c.rules.MediumMembers)
	}
	return nil
}

// dissolve ends a group. Its members keep reading what they could read.
func (c *change) dissolve() (Effect, *chat.Error) {
	if err := c.manage(chat.RoleOwner, "the owner"); err != nil {
		return Effect{}, err
	}
	e := c.append(c.draft.Body, 0)
	e.Head.Dissolved = true
	return e, nil
}

// manage checks that there is a group and that the sender's role suffices; who names those who may, for the error.
func (c *change) manage(least chat.Role, who string) *chat.Error {
	if c.head.Kind != chat.KindGroup {
		return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonNotAGroup, "a direct conversation has two members for ever and no settings")
	}
	if c.rank() < least {
		return errRoleTooLow(who)
	}
	return nil
}

// pair returns the lower and the higher member of a direct conversation; one who talks to itself is both.
func pair(members []chat.UserID) [2]chat.UserID {
	return [2]chat.UserID{slices.Min(members), slices.Max(members)}
}

// distinct returns the users without repetitions, in order; a list without any is returned as it is.
func distinct(users []chat.UserID) []chat.UserID {
	if len(users) < 2 {
		return users
	}
	seen := make(map[chat.UserID]struct{}, len(users))
	out := make([]chat.UserID, 0, len(users))
	for _, u := range users {
		if _, ok := seen[u]; !ok {
			seen[u] = struct{}{}
			out = append(out, u)
		}
	}
	return out
}
