package chat

import "slices"

// Edit gives a message another content. It is an entry of its own, which no unread count knows.
type Edit struct {
	// Target is the message.
	Target Seq
	// Body is all that the message says from then on; nil where it has gone, since the message has. In a draft the text of a [Media] is
	// its caption.
	Body Body
	// Was is what the message said before, with its first edit only; nil for others and where it has gone. No client is told it with
	// the entry.
	Was Body
}

// Recall takes a message back: its content goes, and that of its edits.
type Recall struct {
	// Target is the message, Ordinal its ordinal: it counts no longer for who had not read it.
	Target  Seq
	Ordinal Ordinal
	// Edits are the entries that had edited it.
	Edits []Seq
	// Note says why, in words; empty for nothing.
	Note string
}

// Edited is what is kept with a message that was edited.
type Edited struct {
	// Seqs are the entries that edited it, ascending: its history. There are at most [MaxEdits].
	Seqs []Seq
	// TimeMS is the time of the last one.
	TimeMS uint64
}

// Last is the entry that edited the message last; 0 for one that was not edited.
func (e *Edited) Last() Seq {
	if e == nil || len(e.Seqs) == 0 {
		return 0
	}
	return e.Seqs[len(e.Seqs)-1]
}

// Amends lists the entries whose records an entry changes, the target first; nil for most entries.
func (e *Entry) Amends() []Seq {
	switch b := e.Body.(type) {
	case Edit:
		return []Seq{b.Target}
	case Recall:
		return append([]Seq{b.Target}, b.Edits...)
	default:
		return nil
	}
}

// Amend says what an entry looks like once another one of the same conversation has amended it, and whether it looks different then. It is
// the one place that says so: logs rewrite the records of what is amended by it, and whoever holds entries applies what comes later.
// It is right for those who are late and those who do it again: what an entry knows already changes it no more, and nothing
// comes back that has gone.
func Amend(e Entry, by *Entry) (Entry, bool) {
	if !Content(e.Body) {
		return amendGone(e, by)
	}
	switch b := by.Body.(type) {
	case Edit:
		if b.Target != e.Seq || by.Seq <= e.Edited.Last() || b.Body == nil {
			return e, false
		}
		edited := &Edited{TimeMS: by.TimeMS}
		if e.Edited != nil {
			edited.Seqs = slices.Clip(e.Edited.Seqs)
		}
		edited.Seqs = append(edited.Seqs, by.Seq)
		e.Body, e.Edited = b.Body, edited
		return e, true
	case Recall:
		if b.Target != e.Seq {
			return e, false
		}
		return Bury(e, recalled(b, by)), true
	default:
		return e, false
	}
}

// amendGone is Amend of an entry that is no message: of an edit the content goes with that of its target, and a message that is shown as
// recalled, without by whom, gets to say so.
func amendGone(e Entry, by *Entry) (Entry, bool) {
	recall, ok := by.Body.(Recall)
	if !ok {
		return e, false
	}
	switch b := e.Body.(type) {
	case Edit:
		if recall.Target != b.Target || b.Body == nil && b.Was == nil {
			return e, false
		}
		return Emptied(e), true
	case Tombstone:
		if recall.Target != e.Seq || b.Reason != TombstoneRecalled || b.Seq != 0 {
			return e, false
		}
		return Bury(e, recalled(recall, by)), true
	default:
		return e, false
	}
}

func recalled(b Recall, by *Entry) Tombstone {
	return Tombstone{Reason: TombstoneRecalled, Seq: by.Seq, By: by.Sender, Note: b.Note}
}

// Content reports whether a body is one that people wrote to be read: it can be edited, recalled and removed.
func Content(b Body) bool { return Countable(b) }

// Bury returns an entry without its content. What a later version wrote with it goes too.
func Bury(e Entry, t Tombstone) Entry {
	e.Body, e.Edited, e.Refers, e.Later = t, nil, nil, ""
	return e
}

// Emptied returns the entry of an edit without what it said; others stay as they are.
func Emptied(e Entry) Entry {
	if edit, ok := e.Body.(Edit); ok {
		e.Body, e.Later = Edit{Target: edit.Target}, ""
	}
	return e
}

// Version is one of the contents that a message had.
type Version struct {
	// Seq is the entry that gave it: the message itself, or an edit.
	Seq    Seq
	TimeMS uint64
	Body   Body
}

// Versions are the contents of a message, the first one first, as its edits tell them: the entries that [Edited] names, ascending, those
// of them at least that are visible to the reader. Without the first edit it is not known what was there before it.
func Versions(e *Entry, edits []Entry) []Version {
	if !Content(e.Body) {
		return nil
	}
	if e.Edited == nil {
		return []Version{{Seq: e.Seq, TimeMS: e.TimeMS, Body: e.Body}}
	}
	out := make([]Version, 0, 1+len(edits))
	for i := range edits {
		edit, ok := edits[i].Body.(Edit)
		if !ok || edit.Target != e.Seq {
			continue
		}
		if edit.Was != nil {
			out = append(out, Version{Seq: e.Seq, TimeMS: e.TimeMS, Body: edit.Was})
		}
		if edit.Body != nil {
			out = append(out, Version{Seq: edits[i].Seq, TimeMS: edits[i].TimeMS, Body: edit.Body})
		}
	}
	return out
}

// Shown has an entry say no more than who sees some seqs only may know, where that can be said without what it was before: of a recall that
// is not for the reader the content is gone all the same, but not by whom. It is false where an earlier version is to be shown instead.
func Shown(e *Entry, sees func(Seq) bool) bool {
	if t, ok := e.Body.(Tombstone); ok && t.Seq != 0 && !sees(t.Seq) {
		e.Body = Tombstone{Reason: t.Reason}
	}
	last := e.Edited.Last()
	return last == 0 || sees(last)
}

// Needs is the edit that says what an edited message was for who sees some of its edits only: the last of those, or, where that is none, the
// first one, which has what was there before.
func (e *Entry) Needs(sees func(Seq) bool) Seq {
	seqs := e.Edited.Seqs
	for i := len(seqs) - 1; i >= 0; i-- {
		if sees(seqs[i]) {
			return seqs[i]
		}
	}
	return seqs[0]
}

// AsOf returns an edited message as it was for who sees some of its edits only; by is the edit that [Entry.Needs] names.
func AsOf(e Entry, by *Entry, sees func(Seq) bool) Entry {
	edit, ok := by.Body.(Edit)
	seqs := e.Edited.Seqs
	e.Body, e.Edited = edit.Was, nil
	if !ok || !sees(by.Seq) {
		return e
	}
	seen := &Edited{TimeMS: by.TimeMS}
	for _, s := range seqs {
		if sees(s) {
			seen.Seqs = append(seen.Seqs, s)
		}
	}
	e.Body, e.Edited = edit.Body, seen
	return e
}

// Ahead reports whether an entry shows more than what the log held up to a seq: it was edited, or recalled, by a later entry.
func (e *Entry) Ahead(of Seq) bool {
	t, _ := e.Body.(Tombstone)
	return e.Edited.Last() > of || t.Seq > of
}
