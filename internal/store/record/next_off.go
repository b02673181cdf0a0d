//go:build !next

package record

import "github.com/throng-im/throng/internal/chat"

// The build tag next makes of this version what the one after it may be (docs/decisions/0027-mixed-versions.md): it writes into records what this one
// does not know. Tests upgrade to it, and go back.

// laterOf is the block that is written where a record has this one.
func laterOf(has chat.Later) chat.Later { return has }

// textKind is the kind of an entry's body that is a text.
func textKind(string) byte { return bodyText }

// kindOf is the kind by which a body of a stored kind is read.
func kindOf(stored byte) byte { return stored }

// LaterEvent is an event of an unknown kind that goes with another one; ok is false for none.
func LaterEvent(chat.Event) (ev chat.Event, ok bool) { return chat.Event{}, false }

// LaterDelivery is a delivery of an unknown kind that goes in front of each other one; empty for none.
const LaterDelivery = ""
