package chat

// Draft is a change that somebody wants in a conversation's log: a message, a member change, or (with a [Read] mark) a
// read position, which is no entry but rides in the same append.
type Draft struct {
	Conversation ConversationID
	Sender       UserID   // who acts; 0 is the server, which passes every membership rule
	Device       DeviceID // of the sender; 0 for back ends
	ClientID     ClientID // required for content; makes the draft repeatable
	// Body is the entry's body. Created begins the conversation. Nil where Mark, Got, Hide or Bars is set.
	Body Body
	// Refers is what the message refers to; nil for nothing.
	Refers *Refers
	// Mark moves the sender's read position up to this seq; 0 for none.
	Mark Seq
	// Hide deletes spans of entries for the sender alone, without a body, a mark and Got. It is no entry, and no event.
	Hide []Span
	// Got notes, without a body and a mark, that a device of the sender's has what is up to this seq; 0 for none. It is no entry, and no event.
	Got Seq
	// Bars of a [Created] are those of members of a direct conversation. Without a body it is the sender's alone, and takes the place of an
	// older one.
	Bars map[UserID]Bar
	// Password is the hash of the password that a [Changed] gives the group, or, of one who joins, the one that the password given was
	// compared with. Entries do not have it.
	Password string
	// Invited: an invitation stands for the sender, who joins with it.
	Invited bool
	// After is the client id of the sender's entry in this conversation that must stand already; zero for none.
	After ClientID
	// Caller is the trace context (W3C traceparent) of the call that the draft came with; empty for none. It is not stored, and decides
	// nothing.
	Caller string
	// TimeMS is the time that the entry gets; 0 is the server's clock. Only imports set it: they repeat what was decided once,
	// as of its own time, and may then write a [Tombstone] too.
	TimeMS uint64
	// At is the seq that the entry must get; 0 is any. Only imports set it, so that nothing is put behind a gap: where that seq
	// stands already the draft counts as a repeat, where it is not the next one it is refused.
	At Seq
}

// Result is what became of a draft.
type Result struct {
	Seq     Seq
	Ordinal Ordinal
	TimeMS  uint64
	// Repeat: the entry stood already; the figures are the first send's.
	Repeat bool
	// Read is the sender's read position after the draft.
	Read Read
	// Count is how many members an entry of members was really about.
	Count int
	// Err is why it was refused; nothing was stored then. Nil otherwise.
	Err *Error
}

// Event is what followers of the log receive: a committed entry, or a read position that moved (Entry is nil then).
type Event struct {
	Entry *Entry
	// Head as of the entry, or as of the read.
	Head Head
	// Was is the tier before the entry; 0 for a new conversation, for reads, and for what an earlier version wrote.
	Was Tier
	// MemberWas is the seq of the last member change before the entry ([Head.MemberSeq] then); 0 for a new conversation, for reads, and
	// for what an earlier version wrote.
	MemberWas Seq
	// Reader, Device and Read: who read where, and on which device.
	Reader UserID
	Device DeviceID
	Read   Read
	// Later is what this version does not know of it; with neither Entry nor Reader the event is of a kind that it does not know.
	Later Later
}

// Known reports whether the event is of a kind that this version knows; others are passed on, and passed over.
func (e *Event) Known() bool { return e.Entry != nil || e.Reader != 0 }

// Position is a follower's place in the events of one shard: everything up to it was handled.
type Position uint64
