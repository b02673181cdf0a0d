package message

import "github.com/throng-im/throng/internal/chat"

// pin puts a message among the pinned ones of the conversation, or takes it out: in a direct conversation either one may, elsewhere admins.
func (c *change) pin(body chat.Pin) (Effect, *chat.Error) {
	group := c.head.Kind != chat.KindDirect
	if group && c.rank() < chat.RoleAdmin && c.draft.TimeMS == 0 {
		return Effect{}, errRoleTooLow("admins")
	}
	if err := c.silenced(); err != nil {
		return Effect{}, err
	}
	if c.draft.TimeMS == 0 && c.part.Hidden.Contains(body.Target) {
		return Effect{}, errNoMessage()
	}
	about := c.st.Conversation(c.draft.Conversation)
	if body.On {
		if _, err := c.target(body.Target); err != nil {
			return Effect{}, err
		}
	} else if err := c.pinned(about, body.Target); err != nil {
		return Effect{}, err
	}
	if err := c.paced(); err != nil {
		return Effect{}, err
	}
	c.official = group
	effect := c.append(body, 0)
	about.Pins = about.Pins.After(effect.Entry)
	effect.Conversation = &about
	return effect, nil
}

// pinned refuses to unpin what is not pinned, as far as the sender may know. What has gone can be unpinned.
func (c *change) pinned(about chat.Conversation, target chat.Seq) *chat.Error {
	switch {
	case c.draft.TimeMS != 0:
		return nil // imports repeat what was decided
	case target > c.head.Seq, c.draft.Sender != 0 && !c.part.Sees(target):
		return errNoMessage()
	case !about.Pins.Has(target):
		return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonNotPinned, "this message is not pinned")
	default:
		return nil
	}
}

// unpin takes what an effect takes back out of the pinned messages, in the same append.
func (c *change) unpin(effect *Effect, target chat.Seq) {
	about := c.st.Conversation(c.draft.Conversation)
	if about.Pins.Has(target) {
		about.Pins = about.Pins.After(effect.Entry)
		effect.Conversation = &about
	}
}
