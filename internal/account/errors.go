package account

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Answers to who is not let in say as little as the caller needs: which of several checks failed goes to the log.

func errSignInFailed() error {
	return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonSignInFailed, "this name and password do not fit")
}

func errTokenMissing() error {
	return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenMissing, "send a token in the header Authorization: Bearer …")
}

func errTokenInvalid(cause error) error {
	return chat.Wrap(cause, chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "this token is not valid here; sign in again")
}

func errTokenExpired() error {
	return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenExpired, "this token has expired; refresh it")
}

func errSignedOut() error {
	return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonSignedOut, "this device was signed out; sign in again")
}

func errDisabled() error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonUserDisabled, "this account is disabled; ask an administrator")
}

// ErrUserNotFound is what [Users] answers for an account that is not there.
func ErrUserNotFound() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonUserNotFound, "there is no such user")
}

// ErrDeviceNotFound is what [Devices] answers for a device that is not there.
func ErrDeviceNotFound() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonDeviceNotFound, "there is no such device")
}

// ErrTooManyDevices is what [Devices] answers where a class is full and the operator wants the new one refused.
func ErrTooManyDevices() error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonTooManyDevices,
		"you are signed in on as many devices of this kind as one may be; sign out on one of them first")
}

// ErrHandleTaken is what [Users] answers where a fresh account meets one of the same handle or external id.
func ErrHandleTaken() error {
	return chat.Errorf(chat.CodeAlreadyExists, chat.ReasonHandleTaken, "somebody has this name already; choose another one")
}

// ErrInvitationInvalid is what [Invitations] and [Users] answer for a code that was never given out or is past its time.
func ErrInvitationInvalid() error {
	return chat.Errorf(chat.CodeForbidden, chat.ReasonInvitationInvalid, "this invitation is not valid; ask for another one")
}

// ErrInvitationSpent is what [Users] answers for an invitation without uses left.
func ErrInvitationSpent() error {
	return chat.Errorf(chat.CodeGone, chat.ReasonInvitationSpent, "this invitation was used already; ask for another one")
}

// ErrEnded is what [Users] answers where an account with the external id was deleted after the token was issued.
func ErrEnded() error { return errSignedOut() }

func errRateLimited(wait time.Duration) error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too many attempts; try again in %s", (wait + time.Second).Truncate(time.Second))
	e.RetryAfter = wait
	return e
}

func errOverloaded() error {
	e := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many people are signing in; try again in a moment")
	e.RetryAfter = time.Second
	return e
}

func errField(field, rule string) error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "%s %s", field, rule)
}

func errTooLarge(field, rule string) error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "%s %s", field, rule)
}
