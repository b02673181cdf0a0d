package pebble

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
)

// storageError translates what the engine said while nothing was written.
func storageError(err error, doing string) error {
	var known *chat.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, pebble.ErrClosed):
		return errClosed()
	case errors.Is(err, syscall.ENOSPC):
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageFull, "%s: the disk is full", doing)
	case pebble.IsCorruptionError(err):
		return chat.Wrap(err, chat.CodeInternal, chat.ReasonInternal, "%s: stored data is damaged; run throng check", doing)
	default:
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: the storage does not answer", doing)
	}
}

// inDoubt is the answer where a write was cut off: it may or may not be stored.
func inDoubt(err error) error {
	return chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the write may or may not be stored; send it again with the same client id")
}

func errClosed() error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the store is closed; try again later")
}

func errNoConversation() error {
	return chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no such conversation for you")
}
