package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// userState is what a token check needs to know of a user.
type userState struct {
	readMS       uint64
	tokensFromMS uint64
	found        bool // false: deleted, or never there
	admin        bool
	disabled     bool
}

// deviceState is what a token check needs to know of a device.
type deviceState struct {
	readMS   uint64
	usedMS   uint64
	endedMS  uint64
	rotation uint64 // number of the current refresh token
	pending  bool   // nothing that came with it was used yet
	found    bool
}

// deviceLabel finds the device that a company's client calls by a name of its own.
type deviceLabel struct {
	user  chat.UserID
	label string
}

// believed reports whether what was read then still counts. On this node every change drops what is remembered at once; the bound is
// for changes that other nodes make.
func (s *Service) believed(readMS, nowMS uint64) bool {
	keep := ms(s.cfg.CacheFor)
	return keep == 0 || readMS+keep > nowMS
}

func (s *Service) userState(ctx context.Context, id chat.UserID) (userState, error) {
	now := s.nowMS()
	if st, ok := s.users.get(id); ok && s.believed(st.readMS, now) {
		return st, nil
	}
	mark := s.users.mark()
	a, err := s.account(ctx, id)
	if err != nil && !notFound(err) {
		return userState{}, err
	}
	st := userState{readMS: now, tokensFromMS: a.TokensFromMS, found: err == nil, admin: a.Admin, disabled: a.Disabled}
	s.users.put(id, st, mark)
	return st, nil
}

func (s *Service) deviceState(ctx context.Context, who Identity) (deviceState, error) {
	now := s.nowMS()
	// A token that came after what is remembered was given out by another node.
	if st, ok := s.devices.get(who.Device); ok && s.believed(st.readMS, now) && st.rotation >= who.rotation {
		return st, nil
	}
	mark := s.devices.mark()
	d, err := s.deps.Devices.Device(ctx, who.User, who.Device)
	if err != nil && !errors.Is(err, ErrDeviceNotFound()) {
		return deviceState{}, fmt.Errorf("reading a device: %w", err)
	}
	st := deviceState{
		readMS: now, usedMS: d.LastUsedMS, endedMS: d.EndedMS, rotation: d.Refresh.Number, pending: d.Refresh.Pending, found: err == nil,
	}
	s.devices.put(who.Device, st, mark)
	return st, nil
}
