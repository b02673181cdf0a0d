package message

import (
	"math"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message/content"
)

// rankServer is above all roles: drafts without a sender come from the server itself or from a back end.
const rankServer chat.Role = math.MaxUint8

// Decide says what a draft changes in a state, or why it is refused; nothing is stored then. It is pure, [Rules.Admit] apart, and its
// steps are in this order, of which callers may rely on: body, existence, repeat, membership, life, role, precondition, pace. A repeat
// is answered before membership, so that a sender who was removed after the first send still learns what became of it.
func (r Rules) Decide(st State, d *chat.Draft, nowMS uint64) (Effect, *chat.Error) {
	if err := content.Check(d); err != nil {
		return Effect{}, err
	}
	if d.TimeMS != 0 {
		nowMS = d.TimeMS
	}
	c := change{rules: r, st: st, draft: d, nowMS: nowMS, head: st.Head(d.Conversation)}
	if d.At != 0 && d.At != c.head.Seq+1 {
		return c.placed()
	}
	if body, ok := d.Body.(chat.Created); ok {
		return c.create(body)
	}
	if !c.head.Exists() {
		return Effect{}, errNotFound()
	}
	if d.Body == nil {
		switch {
		case d.Bars != nil:
			return c.bar()
		case d.Got != 0:
			return c.got()
		case len(d.Hide) > 0:
			return c.hide()
		}
		return c.mark()
	}
	if !d.ClientID.IsZero() {
		c.print = content.Print(d.Body, d.Refers)
		if effect, found, err := c.repeat(); found || err != nil {
			return effect, err
		}
	}
	if d.Sender != 0 {
		c.part = st.Part(d.Conversation, d.Sender)
	}
	if m, ok := d.Body.(chat.MembersChanged); ok && m.Action == chat.MemberJoined {
		return c.join()
	}
	if err := c.admit(); err != nil {
		return Effect{}, err
	}
	return c.apply()
}

// change is one decision under way.
type change struct {
	rules Rules
	st    State
	draft *chat.Draft
	nowMS uint64
	head  chat.Head
	part  Part // of the sender; empty for the server
	print content.Fingerprint
	// official: it is an act of an admin, which its body does not tell.
	official bool
}

// repeat answers a draft that stands already.
func (c *change) repeat() (Effect, bool, *chat.Error) {
	if mutant == mutantNoRepeatCheck {
		return Effect{}, false, nil
	}
	first, ok := c.st.Repeat(c.draft.Conversation, c.draft.Sender, c.draft.ClientID)
	if !ok {
		return Effect{}, false, nil
	}
	if first.Print != c.print {
		return Effect{}, true, chat.Errorf(chat.CodeConflict, chat.ReasonIdempotencyConflict,
			"this client id was used for another content; choose a new one")
	}
	result := chat.Result{Seq: first.Seq, Ordinal: first.Ordinal, TimeMS: first.TimeMS, Count: first.Count, Repeat: true}
	if c.draft.Sender != 0 {
		result.Read = c.st.Part(c.draft.Conversation, c.draft.Sender).Read
	}
	return Effect{Result: result, Head: c.head}, true, nil
}

// admit checks that the sender is a member of a conversation that goes on.
func (c *change) admit() *chat.Error {
	if c.draft.Sender != 0 && mutant != mutantMembershipUnchecked {
		switch {
		case len(c.part.Spans) == 0:
			return errNotFound()
		case !c.part.Current():
			return errNotAMember()
		}
	}
	if c.head.Dissolved {
		return errDissolved()
	}
	if c.draft.TimeMS == 0 && !content.TakesBack(c.draft.Body) { // what is imported was sent already
		if err := c.part.Bar.Refusal(); err != nil {
			return err
		}
	}
	if after := c.draft.After; !after.IsZero() {
		if _, ok := c.st.Repeat(c.draft.Conversation, c.draft.Sender, after); !ok {
			return chat.Errorf(chat.CodeConflict, chat.ReasonAfterMissing, "the message that must stand before this one is not there; send that one first")
		}
	}
	return nil
}

// rank is what the sender may do.
func (c *change) rank() chat.Role {
	if c.draft.Sender == 0 {
		return rankServer
	}
	if c.part.Role > chat.RoleOwner {
		return chat.RoleMember // a role of a later version; what it may is not known here
	}
	return c.part.Role
}

func (c *change) apply() (Effect, *chat.Error) {
	switch body := c.draft.Body.(type) {
	case chat.MembersChanged:
		return c.members(body)
	case chat.Changed:
		return c.settings(body)
	case chat.Dissolved:
		return c.dissolve()
	case chat.Edit:
		return c.edit(body)
	case chat.Recall:
		return c.recall(body)
	case chat.Pin:
		return c.pin(body)
	default:
		return c.content()
	}
}

// content appends a message. Who answers has read: the sender's read position moves to the message's own seq.
func (c *change) content() (Effect, *chat.Error) {
	if err := c.silenced(); err != nil {
		return Effect{}, err
	}
	refers, err := c.refers()
	if err != nil {
		return Effect{}, err
	}
	if err := c.slow(); err != nil {
		return Effect{}, err
	}
	if err := c.paced(); err != nil {
		return Effect{}, err
	}
	e := c.append(c.draft.Body, 0)
	e.Entry.Refers = refers
	if c.draft.Sender != 0 && mutant != mutantSendReadsNothing {
		c.part.User = c.draft.Sender
		c.part.Read = chat.Read{Seq: e.Entry.Seq, Ordinal: e.Entry.Ordinal}
		e.Parts = []Part{c.part}
		if c.part.Holds && c.draft.TimeMS == 0 {
			e.Parts = c.lift()
		}
		e.Result.Read, e.Moved = c.part.Read, true
	}
	return e, nil
}

// paced holds people to the pace of a busy conversation. What is imported was sent already.
func (c *change) paced() *chat.Error {
	if c.rules.Admit != nil && c.draft.Sender != 0 && c.draft.TimeMS == 0 {
		if wait := c.rules.Admit(c.head); wait > 0 {
			return Busy(wait)
		}
	}
	return nil
}

// slow holds plain members to the group's slow mode, and notes when they sent. The note stands in the member's row, so every
// node and every start of a server knows it. A note of the future is from before the clock was set back: it holds nobody, who
// would wait for longer than slow mode otherwise. Imports repeat what was decided already.
func (c *change) slow() *chat.Error {
	slow := uint64(c.head.SlowModeMS)
	last := c.part.SentMS
	c.part.SentMS = 0
	if slow == 0 || c.draft.Sender == 0 || c.part.Role > chat.RoleMember {
		return nil
	}
	c.part.SentMS = c.nowMS
	if last == 0 || c.draft.TimeMS != 0 || last > c.nowMS || c.nowMS-last >= slow {
		return nil
	}
	wait := time.Duration(last+slow-c.nowMS) * time.Millisecond
	err := chat.Errorf(chat.CodeRateLimited, chat.ReasonSlowMode, "slow mode: a member sends one message in %s here; wait", time.Duration(slow)*time.Millisecond)
	err.RetryAfter = wait
	return err
}

// mark moves the sender's read position. Result's Seq and Ordinal are the head as the sender may see it, so that the
// unread count follows from the result alone.
func (c *change) mark() (Effect, *chat.Error) {
	part := c.st.Part(c.draft.Conversation, c.draft.Sender)
	if len(part.Spans) == 0 {
		return Effect{}, errNotFound()
	}
	last, ordinal := part.Last(c.head.Seq), c.head.Ordinal
	if last != c.head.Seq {
		ordinal = c.st.Ordinal(c.draft.Conversation, last)
	}
	if c.draft.Mark > last {
		return Effect{}, chat.Errorf(chat.CodeInvalid, chat.ReasonReadBeyondHead, "the conversation ends at %d for you, before the position", last)
	}
	e := Effect{Head: c.head, Result: chat.Result{Seq: last, Ordinal: ordinal, TimeMS: c.head.TimeMS, Read: part.Read}}
	if c.draft.Mark <= part.Read.Seq {
		return e, nil
	}
	part.User = c.draft.Sender
	part.Read = chat.Read{Seq: c.draft.Mark, Ordinal: ordinal}
	if c.draft.Mark != last {
		part.Read.Ordinal = c.st.Ordinal(c.draft.Conversation, c.draft.Mark)
	}
	e.Parts = []Part{part}
	e.Result.Read, e.Moved = part.Read, true
	return e, nil
}

// got notes what a member's devices have. What is beyond the end is not believed: it is taken as the end. Result's Seq is what stands then,
// and Repeat says that it stood before.
func (c *change) got() (Effect, *chat.Error) {
	part := c.st.Part(c.draft.Conversation, c.draft.Sender)
	if !part.Current() {
		return Effect{}, errNotFound()
	}
	e := Effect{Head: c.head, Result: chat.Result{Seq: part.Got, Ordinal: c.head.Ordinal, TimeMS: c.head.TimeMS, Read: part.Read, Repeat: true}}
	if to := min(c.draft.Got, c.head.Seq); to > part.Got {
		part.User, part.Got = c.draft.Sender, to
		e.Parts, e.Result.Seq, e.Result.Repeat = []Part{part}, to, false
	}
	return e, nil
}

// append gives the next seq to a body. count is how many members it is about.
func (c *change) append(body chat.Body, count int) Effect {
	head := c.head
	head.Conversation = c.draft.Conversation
	head.Seq++
	if _, gone := body.(chat.Tombstone); gone || chat.Countable(body) {
		head.Ordinal++ // a tombstone stands where a message counted
	}
	head.TimeMS = c.nowMS
	e := Effect{
		Head: head, Was: c.head.Tier, MemberWas: c.head.MemberSeq,
		Entry: &chat.Entry{
			Conversation: head.Conversation, Seq: head.Seq, Ordinal: head.Ordinal,
			Sender: c.draft.Sender, TimeMS: c.nowMS, ClientID: c.draft.ClientID, Body: body,
		},
		Result: chat.Result{Seq: head.Seq, Ordinal: head.Ordinal, TimeMS: c.nowMS, Count: count, Read: c.part.Read},
	}
	if c.official || chat.Official(c.draft.Sender, body) {
		e.Entry.Act = chat.Act{N: c.head.Acts.N + 1, Prev: c.head.Acts.Last}
		e.Head.Acts = chat.Acts{N: e.Entry.Act.N, Last: head.Seq}
	}
	if !c.draft.ClientID.IsZero() {
		e.Keep = true
		e.Repeat = Repeat{Seq: head.Seq, Ordinal: head.Ordinal, TimeMS: c.nowMS, Count: count, Print: c.print}
	}
	return e
}

// placed answers a draft of an import whose seq is not the next one.
func (c *change) placed() (Effect, *chat.Error) {
	if c.draft.At <= c.head.Seq {
		return c.unchanged(), nil
	}
	return Effect{}, chat.Errorf(chat.CodeConflict, chat.ReasonVersionConflict, "entry %d would leave a gap after %d; import what lies between first",
		c.draft.At, c.head.Seq)
}

// unchanged answers a draft that asks for what stands already.
func (c *change) unchanged() Effect {
	return Effect{
		Head:   c.head,
		Result: chat.Result{Seq: c.head.Seq, Ordinal: c.head.Ordinal, TimeMS: c.head.TimeMS, Repeat: true, Read: c.part.Read},
	}
}
