package session

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// presence is how a device is there (PRE-10, PRE-12).
type presence struct {
	state     throngv1.PresenceState // unspecified is online
	suspended bool
	missed    bool // while it was suspended something was not told
	moved     bool // the shell has not seen to it yet
}

// setPresence takes how the device is there. One that is suspended no more is told to sync, where it has missed something.
func (s *Session) setPresence(id uint64, req *throngv1.SetPresenceRequest) {
	p := &s.presence
	switch req.GetState() {
	case throngv1.PresenceState_PRESENCE_STATE_AWAY, throngv1.PresenceState_PRESENCE_STATE_BUSY,
		throngv1.PresenceState_PRESENCE_STATE_ONLINE, throngv1.PresenceState_PRESENCE_STATE_UNSPECIFIED:
		p.state = req.GetState()
	case throngv1.PresenceState_PRESENCE_STATE_OFFLINE:
		fallthrough
	default:
		s.fail(id, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a device is away, online or busy; one that cannot show anything is suspended"))
		return
	}
	p.suspended, p.moved = req.GetSuspended(), true
	if id != 0 {
		s.answer(encode(s.out.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
			Id: id, Result: &throngv1.Response_SetPresence{SetPresence: &throngv1.SetPresenceResponse{}},
		}}}))
	}
	if p.missed && !p.suspended {
		p.missed = false
		s.out.lagAll()
	}
}

// misses notes that something is not told to a device that is suspended; false where it is not.
func (s *Session) misses() bool {
	s.presence.missed = s.presence.missed || s.presence.suspended
	return s.presence.suspended
}

// Suspended reports that the device cannot show anything: it is told nothing but answers, and messages to it are due for push.
func (s *Session) Suspended() bool { return s.presence.suspended }

// Moved reports, once, that the device is there in another way than before: state is offline while it is suspended.
func (s *Session) Moved() (state throngv1.PresenceState, moved bool) {
	moved, s.presence.moved = s.presence.moved, false
	switch {
	case s.presence.suspended:
		state = throngv1.PresenceState_PRESENCE_STATE_OFFLINE
	case s.presence.state == throngv1.PresenceState_PRESENCE_STATE_UNSPECIFIED:
		state = throngv1.PresenceState_PRESENCE_STATE_ONLINE
	default:
		state = s.presence.state
	}
	return state, moved
}

// Behind reports that the receiver takes less than it is given: what can wait waits elsewhere.
func (s *Session) Behind() bool {
	return s.state != stateOpen || s.presence.suspended || s.out.held > 0 || s.out.lag != nil || s.out.shared != nil
}
