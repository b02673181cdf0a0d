package people

import "github.com/throng-im/throng/internal/chat"

// errAgain ends a transaction whose caller is going to begin another one, having done what was missing.
func errAgain() error {
	return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonInternal, "something is to be done before this")
}

// errHalf says that a deletion was begun: the account is gone, its names are not free yet. It is completed by a repeat.
func errHalf(err error) error {
	return chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the account is deleted, and its names are not free yet; delete it again")
}
