//go:build next

package record

import (
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// nextMark is in every block that the next version writes.
const nextMark = "\x64\x13of the next version" // field 100

// nextText begins the texts that the next version stores as a body of a kind of its own.
const nextText = "poll:"

const bodyPoll = 200

// laterOf gives every record that has none a block.
func laterOf(has chat.Later) chat.Later {
	if has == "" {
		return nextMark
	}
	return has
}

func textKind(text string) byte {
	if strings.HasPrefix(text, nextText) {
		return bodyPoll
	}
	return bodyText
}

func kindOf(stored byte) byte {
	if stored == bodyPoll {
		return bodyText
	}
	return stored
}

// LaterEvent goes with every fourth entry. Its ticket differs from the entry's by the position.
func LaterEvent(of chat.Event) (ev chat.Event, ok bool) {
	return chat.Event{Head: of.Head, Read: chat.Read{Seq: 1}, Later: nextMark}, of.Entry != nil && of.Head.Seq%4 == 0
}

// LaterDelivery is a delivery of kind 100 about conversation 1, with a field.
const LaterDelivery = "\x01\x64\x01\x7f\x01x"
