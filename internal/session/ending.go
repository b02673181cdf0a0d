package session

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Ending is how a session ended: the shell sends what waits, then closes the connection with the code.
type Ending struct {
	Code   throngv1.CloseCode
	Reason string
}

// Ended tells how the session ended; ok is false while it lasts.
func (s *Session) Ended() (e Ending, ok bool) {
	if s.end != nil {
		e = *s.end
	}
	return e, s.state == stateEnded
}

// Draining reports that the session was asked to go.
func (s *Session) Draining() bool { return s.draining }

// Drain asks the session to end once its requests are answered; the client is told to come back after retryMS.
func (s *Session) Drain(retryMS uint32) {
	if s.state == stateEnded || s.draining {
		return
	}
	s.draining = true
	s.closing(throngv1.CloseCode_CLOSE_CODE_DRAIN, string(chat.ReasonDraining), retryMS)
	if s.state != stateOpen {
		s.end, s.state = &Ending{throngv1.CloseCode_CLOSE_CODE_DRAIN, string(chat.ReasonDraining)}, stateEnded
		return
	}
	s.settle()
}

// End ends the session: the notice is the last envelope (S-29).
func (s *Session) End(code throngv1.CloseCode, reason string, retryMS uint32) {
	if s.state == stateEnded {
		return
	}
	s.out.end()
	if !s.draining {
		s.closing(code, reason, retryMS)
	}
	s.end, s.state = &Ending{Code: code, Reason: reason}, stateEnded
	s.forget()
}

// Cut ends the session without a word: the connection is gone, or broke the framing.
func (s *Session) Cut() {
	s.state = stateEnded
	s.forget()
	s.out.Drop()
}

func (s *Session) closing(code throngv1.CloseCode, reason string, retryMS uint32) {
	s.out.Add(encode(s.out.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Closing{Closing: &throngv1.Closing{
		CloseCode: uint32(code), Reason: reason, RetryAfterMs: retryMS,
	}}}))
}
