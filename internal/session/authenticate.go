package session

import (
	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Authenticated takes the answer of a CallAuthenticate. wallMS is the wall clock, which tokens are stamped by; the time
// that the token has left is then counted on the session's own clock. It reports whether the session is new: the shell
// registers its routes then, before it makes the CallSubscribe that follows.
func (s *Session) Authenticated(now int64, wallMS uint64, id uint64, who account.Identity, err error) (opened bool) {
	if s.state == stateEnded {
		return false
	}
	if err == nil && (who.User == 0 || who.Device == 0) {
		err = chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "a session needs the token of a user's device")
	}
	if err == nil && who.ExpiresMS != 0 && who.ExpiresMS <= wallMS {
		err = chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenExpired, "the token has ended; get a new one")
	}
	if s.state != stateAuthenticating {
		s.prolong(now, wallMS, id, who, err)
		return false
	}
	if err != nil { // S-8
		s.fail(id, err)
		e := chat.AsError(err)
		s.End(wire.CloseCode(e), string(e.Reason), uint32(min(e.RetryAfter.Milliseconds(), 1<<31)))
		return false
	}
	s.who = wire.Actor{User: who.User, Device: who.Device}
	s.setExpiry(now, wallMS, who.ExpiresMS)
	s.state = stateSubscribing
	s.call(Call{Kind: CallSubscribe})
	return true
}

// prolong takes a new token for an open session (S-9).
func (s *Session) prolong(now int64, wallMS, id uint64, who account.Identity, err error) {
	s.reading = false
	switch {
	case err != nil:
		s.fail(id, err)
	case who.User != s.who.User || who.Device != s.who.Device:
		s.fail(id, chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "the token belongs to another user or device"))
	default:
		s.setExpiry(now, wallMS, who.ExpiresMS)
		if id != 0 {
			s.answer(s.welcome(id, wallMS, who.ExpiresMS))
		}
	}
	s.pump()
	s.settle()
}

func (s *Session) setExpiry(now int64, wallMS, expiresMS uint64) {
	s.endsAt = 0
	if expiresMS != 0 {
		s.endsAt = now + int64(min(expiresMS-wallMS, 1<<50))
	}
}

// Subscribed tells that the routes and subscriptions stand: from now on nothing is missed, and the device may sync. An error
// ends the session, since it would stay deaf.
func (s *Session) Subscribed(now int64, wallMS, epoch uint64, err error) {
	if s.state != stateSubscribing {
		return
	}
	if err != nil {
		s.fail(s.authID, err)
		s.End(throngv1.CloseCode_CLOSE_CODE_OVERLOAD, string(chat.AsError(err).Reason), 1_000)
		return
	}
	s.state, s.epoch = stateOpen, epoch
	var expires uint64
	if s.endsAt != 0 {
		expires = wallMS + uint64(max(s.endsAt-now, 0))
	}
	s.answer(s.welcome(s.authID, wallMS, expires)) // S-7; with id 0 it comes unasked (S-5)
	s.Degrade()
	if s.tasks == nil {
		return
	}
	waiting := s.tasks.waiting
	s.tasks.waiting = nil
	for _, env := range waiting {
		s.begin(now, env)
	}
}

func (s *Session) welcome(id, wallMS, expiresMS uint64) []byte {
	return encode(s.out.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
		Id: id, Result: &throngv1.Response_Authenticate{Authenticate: &throngv1.AuthenticateResponse{
			User: uint64(s.who.User), Device: uint64(s.who.Device), HeartbeatMs: uint32(s.out.env.cfg.Heartbeat.Milliseconds()),
			ExpiresMs: expiresMS, TimeMs: wallMS, Epoch: s.epoch,
			Limits: &throngv1.Limits{
				TextChars: chat.MaxTextRunes, TextBytes: chat.MaxTextBytes, FrameBytes: chat.MaxFrameBytes,
				RangeEntries: chat.MaxRangeEntries, RequestsInFlight: uint32(s.out.env.cfg.InFlight), FocusConversations: chat.MaxFocus,
			},
		}},
	}}})
}
