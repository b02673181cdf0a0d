package client

import (
	"slices"

	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Edit is a body that gives an earlier message of the user's another text; of media, another caption, which may be empty. It goes through
// the outbox as messages do.
func Edit(target uint64, text string) Body {
	return Body{edit: &throngv1.Edit{Target: target, Body: &throngv1.Edit_Text{Text: text}}}
}

// EditCustom is [Edit] for a custom message, whose type stays. It takes c.
func EditCustom(target uint64, c *throngv1.Custom) Body {
	return Body{edit: &throngv1.Edit{Target: target, Body: &throngv1.Edit_Custom{Custom: c}}}
}

// Recall is a body that takes an earlier message back: the user's own, or, for admins of a group, anybody's. The note says why; it may be
// empty.
func Recall(target uint64, note string) Body {
	return Body{recall: &throngv1.Recall{Target: target, Note: note}}
}

// Target is the seq of the message that the body edits, takes back, pins or unpins; 0 for a message.
func (b Body) Target() uint64 {
	return max(b.edit.GetTarget(), b.recall.GetTarget(), b.pin.GetTarget())
}

// amends reports whether the body is about an earlier message instead of being one.
func (b Body) amends() bool { return b.edit != nil || b.recall != nil || b.pin != nil }

// amends reports whether an entry changes an earlier one.
func amends(e *throngv1.Entry) bool { return e.GetEdit() != nil || e.GetRecall() != nil }

// Target is the seq of the message that an entry edits or takes back; 0 for every other entry.
func Target(e *throngv1.Entry) uint64 {
	if t := e.GetEdit().GetTarget(); t != 0 {
		return t
	}
	return e.GetRecall().GetTarget()
}

// Amend returns what an entry looks like once another one of the same conversation, which the log has behind it, has edited it or taken it
// back; changed is false where it looks the same. Neither of them is written to. Entries that a server gives show what amended them already:
// applied again, late, or in another order it comes to the same.
func Amend(e, by *throngv1.Entry) (now *throngv1.Entry, changed bool) {
	switch b := by.GetBody().(type) {
	case *throngv1.Entry_Edit:
		return edited(e, by, b.Edit)
	case *throngv1.Entry_Recall:
		return recalled(e, by, b.Recall)
	default:
		return e, false
	}
}

func edited(e, by *throngv1.Entry, edit *throngv1.Edit) (now *throngv1.Entry, changed bool) {
	if edit.GetTarget() != e.GetSeq() || by.GetSeq() <= e.GetEditedSeq() {
		return e, false
	}
	now = proto.CloneOf(e)
	switch b := edit.GetBody().(type) {
	case *throngv1.Edit_Text:
		switch was := now.GetBody().(type) {
		case *throngv1.Entry_Text:
			was.Text = b.Text
		case *throngv1.Entry_Media:
			was.Media.Caption = b.Text
		default:
			return e, false
		}
	case *throngv1.Edit_Media:
		if now.GetMedia() == nil {
			return e, false
		}
		now.Body = &throngv1.Entry_Media{Media: b.Media}
	case *throngv1.Edit_Custom:
		if now.GetCustom() == nil {
			return e, false
		}
		now.Body = &throngv1.Entry_Custom{Custom: b.Custom}
	default:
		return e, false // the message has gone; its recall follows
	}
	now.EditedSeq, now.EditedMs = by.GetSeq(), by.GetTimeMs()
	now.Edits++
	return now, true
}

func recalled(e, by *throngv1.Entry, recall *throngv1.Recall) (now *throngv1.Entry, changed bool) {
	switch b := e.GetBody().(type) {
	case *throngv1.Entry_Edit:
		if b.Edit.GetTarget() != recall.GetTarget() || b.Edit.GetBody() == nil {
			return e, false
		}
		now = proto.CloneOf(e)
		now.GetEdit().Body = nil
		return now, true
	case *throngv1.Entry_Tombstone:
		if e.GetSeq() != recall.GetTarget() || b.Tombstone.GetReason() != throngv1.Tombstone_REASON_RECALLED || b.Tombstone.GetSeq() != 0 {
			return e, false
		}
	default:
		if e.GetSeq() != recall.GetTarget() {
			return e, false
		}
	}
	now = proto.CloneOf(e)
	now.Body = &throngv1.Entry_Tombstone{Tombstone: &throngv1.Tombstone{
		Reason: throngv1.Tombstone_REASON_RECALLED, Seq: by.GetSeq(), By: by.GetSender(), Note: recall.GetNote(),
	}}
	now.EditedSeq, now.EditedMs, now.Edits = 0, 0, 0
	unrefer(now)
	return now, true
}

// Enters reports whether an entry makes a user a member. What an application has kept of the conversation from before, when the user was one
// already, may have been taken back in between without a word to the user: Range reads it anew.
func Enters(e *throngv1.Entry, user UserID) bool {
	m := e.GetMembersChanged()
	switch m.GetAction() {
	case throngv1.MembersChanged_ACTION_ADDED, throngv1.MembersChanged_ACTION_JOINED:
		return slices.Contains(m.GetUsers(), uint64(user))
	default:
		return false
	}
}

// amend has what is kept of the conversation show what an entry makes of it, and returns the message as it is now; nil where it is not kept.
func (cv *conversation) amend(by *throngv1.Entry) *throngv1.Entry {
	var target *throngv1.Entry
	cloned := false
	for i, e := range cv.window {
		now, changed := Amend(e, by)
		if !changed {
			continue
		}
		if !cloned { // what was told stays as it is
			cv.window, cloned = slices.Clone(cv.window), true
		}
		cv.window[i] = now
		if now.GetSeq() == Target(by) {
			target = now
		}
	}
	if last := cv.view.Last; last != nil {
		if now, changed := Amend(last, by); changed {
			cv.view.Last = now
			if now.GetSeq() == Target(by) {
				target = now
			}
		}
	}
	return target
}

// discount takes a message that counts no longer, for whom it was unread.
func (cv *conversation) discount(by *throngv1.Entry) {
	if n := by.GetRecall().GetTargetOrdinal(); n != 0 && by.GetSeq() > cv.recalledSeq && !slices.Contains(cv.recalled, n) {
		cv.recalled = append(cv.recalled, n)
	}
}

// discounted takes what the head at a seq says of messages that count no longer.
func (cv *conversation) discounted(seq uint64, ordinals []uint64) {
	if seq >= cv.recalledSeq {
		cv.recalledSeq, cv.recalled = seq, ordinals
	}
}
