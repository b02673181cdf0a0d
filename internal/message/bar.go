package message

import "github.com/throng-im/throng/internal/chat"

// bar puts up or takes away what keeps the sender from writing in a direct conversation. It is no entry, and nobody is told. An older bar
// changes nothing; one that is as old as the one that stands may open its gate and not shut it, because the other one may have opened it by
// writing.
func (c *change) bar() (Effect, *chat.Error) {
	part := c.st.Part(c.draft.Conversation, c.draft.Sender)
	if len(part.Spans) == 0 || c.head.Kind != chat.KindDirect {
		return Effect{}, errNotFound()
	}
	e := Effect{Head: c.head, Result: chat.Result{Seq: c.head.Seq, Ordinal: c.head.Ordinal, TimeMS: c.head.TimeMS, Read: part.Read}}
	bar := c.draft.Bars[c.draft.Sender]
	switch {
	case bar == part.Bar, bar.Version < part.Bar.Version:
		return e, nil
	case bar.Version == part.Bar.Version && bar.Gate != chat.GateOpen && part.Bar.Gate == chat.GateOpen:
		return e, nil
	}
	part.User, part.Bar = c.draft.Sender, bar
	e.Parts = []Part{part}
	if other := c.other(); other.User != c.draft.Sender && other.Holds != (bar.Gate != chat.GateOpen) {
		other.Holds = bar.Gate != chat.GateOpen
		e.Parts = append(e.Parts, other)
	}
	return e, nil
}

// lift opens the gate for the other one, to whom the sender writes. It returns both parts.
func (c *change) lift() []Part {
	mine, other := c.part, c.other()
	mine.Holds, other.Bar.Gate = false, chat.GateOpen
	return []Part{mine, other}
}

// other is the part of the other member of a direct conversation; the sender's own in a conversation with oneself.
func (c *change) other() Part {
	about := c.st.Conversation(c.draft.Conversation)
	user := about.Peer(c.draft.Sender)
	p := c.st.Part(c.draft.Conversation, user)
	p.User = user
	return p
}
