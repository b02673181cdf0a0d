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
	st := userStateOf(a, now)
	st.found = err == nil
	s.users.put(id, st, mark)
	return st, nil
}

// userStateOf is what an account says that was read at a time.
func userStateOf(a Account, readMS uint64) userState {
	return userState{readMS: readMS, tokensFromMS: a.TokensFromMS, found: true, admin: a.Admin, disabled: a.Disabled}
}

// deviceStateOf is what a device says that was read at a time.
func deviceStateOf(d Device, readMS uint64) deviceState {
	return deviceState{
		readMS: readMS, usedMS: d.LastUsedMS, endedMS: d.EndedMS, rotation: d.Refresh.Number, pending: d.Refresh.Pending, found: true,
	}
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
	st := deviceStateOf(d, now)
	st.found = err == nil
	s.devices.put(who.Device, st, mark)
	return st, nil
}
