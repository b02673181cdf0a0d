package message

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// errNotFound is the answer for what does not exist and for what the asker may not know to exist: they must not differ.
func errNotFound() *chat.Error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation for you")
}

func errNotAMember() *chat.Error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonNotAMember, "you are no longer a member of this conversation")
}

func errDissolved() *chat.Error {
	return chat.Errorf(chat.CodeGone, chat.ReasonDissolved, "this group was dissolved")
}

func errRoleTooLow(who string) *chat.Error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonRoleTooLow, "only %s may do this", who)
}

func errNoSuchMember() *chat.Error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonUserNotFound, "that user is not a member of this group")
}

// Busy is the answer to who has to wait because what is sent into the conversation goes to many (SEND-20).
func Busy(wait time.Duration) *chat.Error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonConversationBusy, "so many follow this conversation that messages take turns; wait")
	e.RetryAfter = wait
	return e
}

// errOverloaded refuses a draft for which the queue has no room; wait is how long what is there takes.
func errOverloaded(wait time.Duration) *chat.Error {
	e := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too much waits to be stored; send again in a moment")
	e.RetryAfter = min(max(wait, minRetry), maxRetry)
	return e
}

// Bounds of what a sender is told to wait for room in the queue.
const (
	minRetry = 250 * time.Millisecond
	maxRetry = 10 * time.Second
)

func errDraining() *chat.Error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "the server is stopping; connect again and send once more")
}

// errNoMessage is the answer for what is not there, is no message, and is not for the asker to see: they must not differ.
func errNoMessage() *chat.Error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonMessageNotFound, "there is no such message for you")
}

func errMessageGone() *chat.Error {
	return chat.Errorf(chat.CodeGone, chat.ReasonMessageGone, "this message has gone")
}

func errNotYours(may string) *chat.Error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonNotYourMessage, "%s", may)
}

func errTooLate(within time.Duration, what string) *chat.Error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonTooLate, "a message can be %s for %s after it was sent", what, within)
}
