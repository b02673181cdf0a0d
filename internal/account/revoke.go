package account

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Revocation says that devices of a user lost their right to be connected. It is told after it is durable.
type Revocation struct {
	User chat.UserID
	// Devices are the ones, 0 among them where a company's tokens that name no device ended too; none is everything of the user.
	Devices []chat.DeviceID
	Reason  chat.Reason // signed_out, displaced, or user_disabled where the user is disabled or gone
}

// OnRevoke adds a function that is told of every revocation, this node's in the goroutine that causes it and other nodes' in that
// of [Service.Forget]; it must not block. The gateway closes connections there.
func (s *Service) OnRevoke(fn func(Revocation)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRevoke = append(s.onRevoke, fn)
}

// revoked forgets what is known of the user, and tells who wants to know. The change is durable already.
func (s *Service) revoked(r Revocation) {
	s.forget(r)
	s.tell(r)
	if s.deps.Announce != nil {
		s.deps.Announce(r)
	}
}

func (s *Service) forget(r Revocation) {
	s.users.drop(r.User)
	for _, d := range r.Devices {
		s.devices.drop(d)
	}
}

func (s *Service) tell(r Revocation) {
	s.mu.Lock()
	tell := s.onRevoke
	s.mu.Unlock()
	for _, fn := range tell {
		fn(r)
	}
}

// ended is revoked for devices that an [Ending] ended.
func (s *Service) ended(user chat.UserID, devices []chat.DeviceID) {
	if len(devices) > 0 {
		s.revoked(Revocation{User: user, Devices: devices, Reason: chat.ReasonSignedOut})
	}
}

// displaced is revoked for devices that went to make room for another one.
func (s *Service) displaced(user chat.UserID, devices []chat.DeviceID) {
	if len(devices) > 0 {
		s.revoked(Revocation{User: user, Devices: devices, Reason: chat.ReasonDisplaced})
	}
}

// endedAll is ended for all devices of a user, and for tokens of a company that name none.
func (s *Service) endedAll(user chat.UserID, devices []chat.DeviceID) {
	s.revoked(Revocation{User: user, Devices: append(slices.Clone(devices), 0), Reason: chat.ReasonSignedOut})
}

// Forget takes what another node revoked: what is remembered of it here is dropped, and who is told by [Service.OnRevoke] is told. It
// may come late, and more than once. So the store is asked who is signed in again or enabled meanwhile: they are left alone.
func (s *Service) Forget(ctx context.Context, r Revocation) {
	s.forget(r)
	if r, ok := s.holds(ctx, r); ok {
		s.tell(r)
	}
}

// holds reports what of a revocation is still so. Where the store does not answer, all of it is.
func (s *Service) holds(ctx context.Context, r Revocation) (Revocation, bool) {
	if len(r.Devices) == 0 {
		a, err := s.account(ctx, r.User)
		return r, err != nil || a.Disabled
	}
	if slices.Equal(r.Devices, []chat.DeviceID{0}) {
		return r, true
	}
	live, err := s.deps.Devices.Devices(ctx, r.User)
	if err != nil {
		return r, true
	}
	r.Devices = slices.DeleteFunc(slices.Clone(r.Devices), func(id chat.DeviceID) bool {
		return slices.ContainsFunc(live, func(d Device) bool { return d.ID == id })
	})
	return r, len(r.Devices) > 0
}
