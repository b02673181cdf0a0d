package session

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// focus is what the user has open. A session has one from its first request on.
type focus struct {
	// owned by the loop
	open   []chat.ConversationID
	before []chat.ConversationID // what was open before the request that is being answered
	asked  bool                  // there is such a request
	moved  bool                  // the shell has not seen to open yet
}

// Focus is what the user has open (S-33). The slice is valid until the next request.
func (s *Session) Focus() []chat.ConversationID {
	if s.focus == nil {
		return nil
	}
	return s.focus.open
}

// Focused reports that the user has a conversation open.
func (s *Session) Focused(id chat.ConversationID) bool {
	return s.focus != nil && mutant != mutantFocusIgnored && slices.Contains(s.focus.open, id)
}

// Refocused reports, once, that what the user has open has changed.
func (s *Session) Refocused() bool {
	moved := s.focus != nil && s.focus.moved
	if moved {
		s.focus.moved = false
	}
	return moved
}

// focusOn puts a focus in force before the heads are read (S-34).
func (s *Session) focusOn(req *throngv1.FocusRequest) error {
	ids, err := wire.Focus(req)
	if err != nil {
		return err
	}
	if s.focus == nil {
		s.focus = new(focus)
	}
	f := s.focus
	f.before, f.open, f.asked, f.moved = f.open, ids, true, true
	return nil
}

// focusAnswered ends the request for a focus. What is refused changes nothing (S-33).
func (s *Session) focusAnswered(err error) {
	f := s.focus
	if f == nil || !f.asked {
		return
	}
	if err != nil {
		f.open, f.moved = f.before, true
	}
	f.before, f.asked = nil, false
}

// Shared is content of a large conversation: it is encoded once, and all receivers get the same.
type Shared interface {
	// Piece is its envelopes. Nobody writes to it.
	Piece(sub wire.Subprotocol) []byte
	// End is how far the conversation has got with it; without a seq where it tells nothing of that.
	End() chat.Head
}

// Share takes content of a large conversation that the user has open. It reports whether nothing waits for the receiver: then
// the session leaves it to the shell, which writes the whole message that it has made for everybody.
func (s *Session) Share(r Shared) (write bool) {
	if s.state != stateOpen || s.misses() {
		return false
	}
	return s.out.share(r)
}

// Hint tells how far a conversation has got whose content the session does not get; piece is the hint for the session's subprotocol.
func (s *Session) Hint(h chat.Head, piece []byte) {
	if s.state == stateOpen && !s.misses() {
		s.out.Push(piece, h.Conversation, placeOf(h))
	}
}

// Missed tells that the session may have missed anything: one sync hint has the device look for itself.
func (s *Session) Missed() {
	if s.state == stateOpen && !s.misses() {
		s.out.lagAll()
	}
}

// Tell takes an event that is no delivery. Where too much waits already, a sync hint stands for it.
func (s *Session) Tell(piece []byte) {
	if s.state == stateOpen && !s.misses() {
		s.notify(piece)
	}
}

// Degrade tells what the server leaves out from now on (DLV-23), each change once. The shell calls it when the level has changed; a
// session that opens tells by itself.
func (s *Session) Degrade() {
	level := s.out.env.cfg.level()
	if s.state != stateOpen || s.level == level {
		return
	}
	s.level = level
	s.notify(encode(s.out.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Degraded{Degraded: &throngv1.Degraded{
		Level: uint32(level), TypingOff: level >= pressure.TypingOff, PresenceCounts: level >= pressure.PresenceCounts,
		ReceiptsOff: level >= pressure.ReceiptsOff, ContentAsHints: level >= pressure.ContentAsHints,
		AdmissionClosed: level >= pressure.AdmissionClosed,
	}}}))
}
