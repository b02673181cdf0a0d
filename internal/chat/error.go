package chat

import (
	"errors"
	"fmt"
	"time"
)

// Code says what the caller can do about an error. The set is closed; its numbers are those of the wire.
type Code uint8

// The codes.
const (
	CodeUnknown            Code = iota + 1 // in doubt: it may or may not have happened; repeat with the same client id
	CodeInvalid                            // the request is wrong as it is
	CodeUnauthenticated                    // a new token is needed
	CodeForbidden                          // the caller may not
	CodeNotFound                           // it is not there, or its existence is not the caller's to know
	CodeConflict                           // it contradicts what is there
	CodeAlreadyExists                      // somebody else has that name
	CodeTooLarge                           // beyond a documented bound
	CodeRateLimited                        // too often; wait
	CodeGone                               // it was there and will not come back
	CodeFailedPrecondition                 // not in this state
	CodeUnsupported                        // not understood or not offered here
	CodeCanceled                           // the caller gave up
	CodeUnavailable                        // nothing was stored; try again later
	CodeInternal                           // our fault
)

// Retryable reports whether the same request may succeed later without any change.
func (c Code) Retryable() bool {
	return c == CodeUnknown || c == CodeRateLimited || c == CodeUnavailable
}

// Error is a failure that is told to the caller. Anything that is not one is internal.
type Error struct {
	Code Code
	// Reason is a stable word, one of the Reason constants.
	Reason Reason
	// Message is a sentence for a person, safe for strangers.
	Message string
	// RetryAfter is how long to wait before the next try; 0 where the caller may choose.
	RetryAfter time.Duration
	cause      error
}

// Errorf makes an error whose message says what to do next.
func Errorf(code Code, reason Reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error with a cause, which goes to logs and never to strangers.
func Wrap(cause error, code Code, reason Reason, format string, args ...any) *Error {
	e := Errorf(code, reason, format, args...)
	e.cause = cause
	return e
}

// Error implements error; it includes the cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Reason, e.Message, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Reason, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is compare by reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// AsError returns err as an *Error; what is none becomes internal, with err as its cause. Nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(err, CodeInternal, ReasonInternal, "internal error")
}
