package message

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

func errTextTooLarge() *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonMessageTooLarge, "a text has at most %d characters and %d bytes; send it in parts",
		chat.MaxTextRunes, chat.MaxTextBytes)
}

func errNotUTF8() *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonTextNotUTF8, "text must be valid UTF-8")
}

func errTooLarge(name string, limit int) *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "%s has at most %d bytes", name, limit)
}

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
