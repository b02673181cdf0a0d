package client

import (
	"slices"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// maxPins is how many messages of a conversation are pinned at a time (PIN-3).
const maxPins = 50

// Pin is a body that pins an earlier message: in a direct conversation by either one, in a group by its admins. It goes through the outbox as
// messages do.
func Pin(target uint64) Body { return Body{pin: &throngv1.Pin{Target: target, On: true}} }

// Unpin is a body that takes a message out of the pinned ones.
func Unpin(target uint64) Body { return Body{pin: &throngv1.Pin{Target: target}} }

// Pins are the seqs of the conversation's pinned messages that the user may see, the one that was pinned last first. Each change comes with a
// [ConversationChanged]. The content of one may have gone; the call ListPins of the API reads those that have some.
func (c *Client) Pins(conv ConversationID) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	cv := c.conversations[conv]
	if cv == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(cv.pins), func(seq uint64) bool { return cv.hid(seq) })
}

// pinned takes what an entry makes of the pinned messages, and reports whether they are others then.
func (cv *conversation) pinned(e *throngv1.Entry) bool {
	target, on := e.GetPin().GetTarget(), e.GetPin().GetOn()
	if e.GetPin() == nil {
		target = e.GetRecall().GetTarget()
	}
	if target == 0 {
		return false
	}
	was := cv.pins
	cv.pins = slices.DeleteFunc(slices.Clone(was), func(seq uint64) bool { return seq == target })
	if on && target >= cv.view.First {
		cv.pins = slices.Insert(cv.pins, 0, target)
		cv.pins = cv.pins[:min(len(cv.pins), maxPins)]
	}
	return !slices.Equal(was, cv.pins)
}

// about is the seq of the message that an entry amends or pins; 0 for every other entry.
func about(e *throngv1.Entry) uint64 { return max(Target(e), e.GetPin().GetTarget()) }
