package chat

// Refers is what a message refers to beside what it says. It is fixed when the message is sent: an edit leaves it, and it goes with the
// content.
type Refers struct {
	// ReplyTo is the message that it answers, in the same conversation; 0 for none. What that one says is nowhere but there, so that
	// readers see its present state, and nothing of it where it is not for them.
	ReplyTo Seq
	// Mentions are users whom it names, each once, at most [MaxMentions]: of an entry members of the conversation at its seq.
	Mentions []UserID
	// All: it names all members.
	All bool
	// Passed says of an entry that what was sent named others as well: no members, or somebody twice.
	Passed bool
}

// Empty reports whether it is nothing.
func (r *Refers) Empty() bool { return r == nil || r.ReplyTo == 0 && len(r.Mentions) == 0 && !r.All }

// Reply is the seq that a message answers; 0 for none.
func (r *Refers) Reply() Seq {
	if r == nil {
		return 0
	}
	return r.ReplyTo
}

// referBytes is about how many bytes what a message refers to takes in an answer.
func referBytes(r *Refers) int {
	if r == nil {
		return 0
	}
	const number = 32 // name and figure in JSON
	return number * (1 + len(r.Mentions))
}
