package message

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message/content"
)

// State is what a decision may look at: everything that was applied, the drafts decided just before in the same append
// included. An adapter gives one to [Rules.Decide]. Its methods cannot fail in the eyes of the decision: an adapter that
// cannot read remembers the error, answers with zero values and throws the whole append away.
type State interface {
	// Head of the conversation; the zero Head where there is none.
	Head(id chat.ConversationID) chat.Head
	// Conversation is what stands about one that exists.
	Conversation(id chat.ConversationID) chat.Conversation
	// Part is the user's part; one without spans where the user never was a member. It is shared: nobody writes to its Spans.
	Part(id chat.ConversationID, user chat.UserID) Part
	// Repeat looks up an earlier draft.
	Repeat(id chat.ConversationID, sender chat.UserID, client chat.ClientID) (Repeat, bool)
	// Ordinal of an entry that stands.
	Ordinal(id chat.ConversationID, seq chat.Seq) chat.Ordinal
	// Entries returns those of the seqs that stand, in order, as they look now.
	Entries(id chat.ConversationID, seqs ...chat.Seq) []chat.Entry
}

// Part is a member with the read position, which is written in the same row.
type Part struct {
	chat.Member
	Read chat.Read
}

// Repeat is what is kept of an applied draft, to answer it again: the first answer, and what the body was.
type Repeat struct {
	Seq     chat.Seq
	Ordinal chat.Ordinal
	TimeMS  uint64
	Count   int
	Print   content.Fingerprint
}

// Effect is what a decided draft changes. Everything in it is written in one batch, or none of it.
type Effect struct {
	Result chat.Result
	// Head after the draft.
	Head chat.Head
	// Was is the tier before the draft, where there is an entry; 0 for a new conversation.
	Was chat.Tier
	// MemberWas is the seq of the last member change before the draft, where there is an entry; 0 for a new conversation.
	MemberWas chat.Seq
	// Entry to be written; nil for read positions, repeats and changes that change nothing.
	Entry *chat.Entry
	// Amended are entries from before, as they look from now on: what the log has of them is replaced.
	Amended []*chat.Entry
	// Conversation is the new state of what stands about it; nil where that stays.
	Conversation *chat.Conversation
	// Parts are the members that got another role, span, mute or read position.
	Parts []Part
	// Repeat to be kept under (conversation, sender, client id), where Keep is set.
	Repeat Repeat
	Keep   bool
	// Moved: the sender's read position moved.
	Moved bool
}

// Event returns what followers get of the effect; ok is false where they get nothing.
func (e *Effect) Event(d *chat.Draft) (ev chat.Event, ok bool) {
	if e.Entry == nil && !e.Moved {
		return chat.Event{}, false
	}
	ev = chat.Event{Entry: e.Entry, Head: e.Head, Was: e.Was, MemberWas: e.MemberWas, Device: d.Device}
	if e.Moved {
		ev.Reader, ev.Read = d.Sender, e.Result.Read
	}
	return ev, true
}
