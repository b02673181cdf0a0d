package message

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Mentioning is who may mention how many.
type Mentioning struct {
	// AllMembers is the most members of a group in which every member may mention all of them; in larger ones only its admins and the owner
	// do. 0 is nobody else anywhere.
	AllMembers uint32
}

// DefaultMentioning returns the defaults.
func DefaultMentioning() Mentioning { return Mentioning{AllMembers: 200} }

func (r Rules) mentioning() Mentioning {
	if r.Mentioning == nil {
		return DefaultMentioning()
	}
	return *r.Mentioning
}

// refers is what a message refers to, as its entry has it: nothing that is not the sender's to see, and nobody who is no member. An import
// repeats what was decided.
func (c *change) refers() (*chat.Refers, *chat.Error) {
	r := c.draft.Refers
	if r.Empty() {
		return nil, nil //nolint:nilnil // most messages refer to nothing
	}
	if c.draft.TimeMS != 0 && r.ReplyTo <= c.head.Seq {
		return r, nil
	}
	if r.ReplyTo != 0 {
		if c.part.Hidden.Contains(r.ReplyTo) {
			return nil, errNoMessage()
		}
		if _, err := c.target(r.ReplyTo); err != nil {
			return nil, err
		}
	}
	if most := c.rules.mentioning().AllMembers; r.All && c.head.Kind == chat.KindGroup && c.rank() < chat.RoleAdmin && c.head.Members > most {
		return nil, chat.Errorf(chat.CodeForbidden, chat.ReasonMentionAll, "in a group with more than %d members only admins mention all", most)
	}
	if len(r.Mentions) == 0 {
		return r, nil
	}
	now := *r
	now.Mentions = nil
	for _, user := range r.Mentions {
		if !slices.Contains(now.Mentions, user) && c.st.Part(c.draft.Conversation, user).Current() {
			now.Mentions = append(now.Mentions, user)
		}
	}
	now.Passed = len(now.Mentions) < len(r.Mentions)
	return &now, nil
}
