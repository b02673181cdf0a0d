package social

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

func errSelf() error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "this is about another user than yourself")
}

func errNoRequest() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonRequestNotFound, "there is no such request, or it was withdrawn")
}

func errFriends() error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonAlreadyFriends, "you are friends already")
}

func errTooMany(what string, most uint32) error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyRelations, "a user has at most %d %s; remove some first", most, what)
}

func errFull() error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonRequestsFull, "too many requests wait for this user's answer; try again another day")
}

func errDay(most uint32, wait time.Duration) error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "at most %d requests a day; try again tomorrow", most)
	e.RetryAfter = wait
	return e
}
