package message

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message/content"
)

// target finds the message that the draft amends or answers, for a sender who may see it.
func (c *change) target(seq chat.Seq) (chat.Entry, *chat.Error) {
	if seq > c.head.Seq || c.draft.Sender != 0 && !c.part.Sees(seq) {
		return chat.Entry{}, errNoMessage()
	}
	found := c.st.Entries(c.draft.Conversation, seq)
	if len(found) != 1 {
		return chat.Entry{}, errNoMessage() // or the engine could not read it, and throws the append away
	}
	e := found[0]
	_, gone := e.Body.(chat.Tombstone)
	switch {
	case gone && c.draft.TimeMS == 0:
		return e, errMessageGone()
	case !gone && !chat.Content(e.Body):
		return e, errNoMessage()
	}
	return e, nil
}

// within reports whether the time in which a message can be amended has not passed. A message of the future is from before the clock was
// set back.
func (c *change) within(e *chat.Entry, most time.Duration) bool {
	return most == 0 || c.draft.Sender == 0 || c.draft.TimeMS != 0 || c.nowMS <= e.TimeMS || c.nowMS-e.TimeMS <= uint64(most.Milliseconds())
}

// edit gives a message of the sender another content.
func (c *change) edit(body chat.Edit) (Effect, *chat.Error) {
	e, err := c.target(body.Target)
	if err != nil {
		return Effect{}, err
	}
	if e.Sender != c.draft.Sender {
		return Effect{}, errNotYours("people edit their own messages only")
	}
	if err := c.silenced(); err != nil {
		return Effect{}, err
	}
	if _, gone := e.Body.(chat.Tombstone); gone || body.Body == nil {
		return c.amendment(chat.Edit{Target: body.Target}), nil // an import repeats what is gone already
	}
	if body.Body, err = content.Replaced(e.Body, body.Body); err != nil {
		return Effect{}, err
	}
	if most := c.rules.amending().EditWithin; !c.within(&e, most) {
		return Effect{}, errTooLate(most, "edited")
	}
	if e.Edited != nil && len(e.Edited.Seqs) >= chat.MaxEdits {
		return Effect{}, chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonTooManyEdits, "a message can be edited %d times", chat.MaxEdits)
	}
	if err := c.paced(); err != nil {
		return Effect{}, err
	}
	switch {
	case c.draft.TimeMS != 0 && body.Was != nil: // what is imported says already what it said last
	case e.Edited == nil:
		body.Was = e.Body
	default:
		body.Was = nil
	}
	effect := c.amendment(body)
	effect.amend(&e)
	return effect, nil
}

// recall takes a message back: the sender's own, or, by an admin of a group, anybody's. Who is muted may.
func (c *change) recall(body chat.Recall) (Effect, *chat.Error) {
	e, err := c.target(body.Target)
	if err != nil {
		return Effect{}, err
	}
	manages := c.rank() == rankServer || c.head.Kind == chat.KindGroup && c.rank() >= chat.RoleAdmin
	own := e.Sender == c.draft.Sender
	switch {
	case manages, c.draft.TimeMS != 0:
	case !own && c.head.Kind == chat.KindGroup:
		return Effect{}, errNotYours("only admins take back what others wrote")
	case !own:
		return Effect{}, errNotYours("people take back their own messages only")
	case !c.within(&e, c.rules.amending().RecallWithin):
		return Effect{}, errTooLate(c.rules.amending().RecallWithin, "taken back")
	}
	body.Ordinal, body.Edits = e.Ordinal, nil
	if e.Edited != nil {
		body.Edits = e.Edited.Seqs
	}
	c.official = !own && c.head.Kind == chat.KindGroup
	effect := c.amendment(body)
	effect.Head.Recalled = effect.Head.Recalled.Add(e.Ordinal)
	effect.amend(&e)
	c.unpin(&effect, body.Target)
	if len(body.Edits) > 0 {
		edits := c.st.Entries(c.draft.Conversation, body.Edits...)
		for i := range edits {
			effect.amend(&edits[i])
		}
	}
	return effect, nil
}

// amendment appends an entry that amends another one.
func (c *change) amendment(body chat.Body) Effect {
	e := c.append(body, 0)
	e.Head.Amended = e.Entry.Seq
	return e
}

// amend adds what the effect's entry makes of an earlier one.
func (e *Effect) amend(target *chat.Entry) {
	if now, changed := chat.Amend(*target, e.Entry); changed {
		e.Amended = append(e.Amended, &now)
	}
}
