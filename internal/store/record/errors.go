package record

import "github.com/throng-im/throng/internal/chat"

// ErrDamaged says that a row does not decode, which no crash can bring about.
func ErrDamaged(what string) error {
	return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "a stored %s is damaged; run throng check", what)
}
