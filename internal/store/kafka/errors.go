package kafka

import (
	"context"
	"errors"

	"github.com/throng-im/throng/internal/chat"
)

// failure translates an error of a call after which nothing is stored. Nothing of the client's leaves the package otherwise.
func failure(err error, doing string) error {
	var e *chat.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "%s: the caller gave up", doing)
	default:
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: kafka does not do it now", doing)
	}
}

// doubt translates an error of a call that may have had its effect.
func doubt(err error, doing string) error {
	return chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "%s: it may or may not have happened", doing)
}

func errClosed() error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the queue is closed")
}

func errGone(position, first int64) error {
	return chat.Errorf(chat.CodeGone, chat.ReasonCursorInvalid, "the events behind position %d are gone; the first ones are behind %d", position, first)
}

func errBeyond(position, tail int64) error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonCursorInvalid, "position %d is beyond the last event, at %d", position, tail)
}

// errSettings is an error that time does not mend.
func errSettings(format string, args ...any) error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonUnsupported, format, args...)
}
