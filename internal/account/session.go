package account

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// Refresh gives a device new tokens for its refresh token. The old one is spent when one of the new ones is first used:
// until then its coming again is the question after a lost answer. A spent token ends the device, since two hold it.
func (s *Service) Refresh(ctx context.Context, token, address string) (Grant, error) {
	t, err := parseRefresh(token)
	if err != nil {
		return Grant{}, errTokenInvalid(err)
	}
	a, err := s.account(ctx, t.user)
	switch {
	case notFound(err):
		return Grant{}, errTokenInvalid(err)
	case err != nil:
		return Grant{}, err
	case a.Disabled:
		return Grant{}, errDisabled()
	}
	fresh, err := drawSecret(s.deps.Rand)
	if err != nil {
		return Grant{}, err
	}
	at := spendTimes{nowMS: s.nowMS(), ttlMS: ms(s.cfg.RefreshTokenTTL), graceMS: ms(s.cfg.RefreshGrace)}
	var was spending
	var secret [secretBytes]byte
	device, err := s.deps.Devices.UpdateDevice(ctx, t.user, t.device, func(d *Device) error {
		was, secret = d.spend(t, s.issuer.keys, fresh, at)
		if was == spendRotated || was == spendReplaced {
			d.LastUsedMS = at.nowMS
			if address != "" && len(address) <= maxAddress {
				d.Address = address
			}
		}
		return nil
	})
	switch {
	case notFound(err):
		return Grant{}, errSignedOut()
	case err != nil:
		return Grant{}, fmt.Errorf("spending a refresh token: %w", err)
	}
	switch was {
	case spendRotated, spendRepeated, spendReplaced:
		if was != spendRotated {
			s.metrics.repeated.Inc()
		}
		s.devices.drop(device.ID) // what is remembered of it does not know of the new token yet
		tokens, err := s.tokensOf(device, secret)
		return Grant{User: a.User, Device: device.ID, Tokens: tokens}, err
	case spendReused:
		return Grant{}, s.endReused(ctx, t)
	case spendExpired:
		return Grant{}, errSignedOut()
	case spendRefused:
		fallthrough
	default:
		return Grant{}, errTokenInvalid(errNotRefresh)
	}
}

// endReused ends a device of which a refresh token was stolen: nobody knows by whom, so both have to sign in again.
func (s *Service) endReused(ctx context.Context, t refreshToken) error {
	s.metrics.reused.Inc()
	s.log.Warn("a spent refresh token came again; the device is signed out", "user", t.user, "device", t.device)
	_, gone, err := s.deps.Users.Update(ctx, t.user, nil, Ending{Devices: []chat.DeviceID{t.device}, AtMS: s.nowMS()})
	if err != nil {
		return fmt.Errorf("ending a device: %w", err)
	}
	s.ended(t.user, gone)
	return errSignedOut()
}

// SignOut ends one device of a user, or all. It returns how many ended; their connections are told to close.
func (s *Service) SignOut(ctx context.Context, user chat.UserID, device chat.DeviceID, all bool) (int, error) {
	now := s.nowMS()
	if all {
		_, gone, err := s.deps.Users.Update(ctx, user, func(a *Account) error {
			a.TokensFromMS = max(a.TokensFromMS, now)
			return nil
		}, Ending{All: true, AtMS: now})
		if err != nil {
			return 0, fmt.Errorf("signing out: %w", err)
		}
		s.endedAll(user, gone)
		return len(gone), nil
	}
	_, gone, err := s.deps.Users.Update(ctx, user, nil, Ending{Devices: []chat.DeviceID{device}, AtMS: now})
	if err != nil {
		return 0, fmt.Errorf("signing out: %w", err)
	}
	if len(gone) == 0 {
		return 0, ErrDeviceNotFound()
	}
	s.ended(user, gone)
	return len(gone), nil
}

// SignOutOthers ends all devices of a user but the one that asks. A company's tokens that name no device stay good, the caller's among
// them; [Service.SignOut] of all ends those too.
func (s *Service) SignOutOthers(ctx context.Context, user chat.UserID, keep chat.DeviceID) (int, error) {
	_, gone, err := s.deps.Users.Update(ctx, user, nil, Ending{All: true, Keep: keep, AtMS: s.nowMS()})
	if err != nil {
		return 0, fmt.Errorf("signing others out: %w", err)
	}
	s.ended(user, gone)
	return len(gone), nil
}

// Devices returns where a user is signed in, by id.
func (s *Service) Devices(ctx context.Context, user chat.UserID) ([]Device, error) {
	devices, err := s.deps.Devices.Devices(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("reading devices: %w", err)
	}
	for i := range devices {
		devices[i].Refresh = Rotation{} // nobody outside needs it
	}
	return devices, nil
}

// ChangePassword sets a new password and ends all devices but the one that asks; it returns how many ended.
func (s *Service) ChangePassword(ctx context.Context, user chat.UserID, device chat.DeviceID, old, fresh string) (int, error) {
	oldForm, err := normalizePassword(old)
	if err != nil {
		return 0, err
	}
	freshForm, err := newPassword(fresh)
	if err != nil {
		return 0, err
	}
	a, err := s.confirmed(ctx, user, oldForm)
	if err != nil {
		return 0, err
	}
	hash, err := s.hasher.hash(ctx, freshForm)
	if err != nil {
		return 0, err
	}
	_, gone, err := s.deps.Users.Update(ctx, user, func(now *Account) error {
		// Only the password that was checked may be replaced: of two changes at once the second one fails.
		if now.PasswordSet != a.PasswordSet {
			return errSignInFailed()
		}
		now.Password = hash
		now.PasswordSet++
		return nil
	}, Ending{All: true, Keep: device, AtMS: s.nowMS()})
	if err != nil {
		return 0, fmt.Errorf("changing a password: %w", err)
	}
	s.ended(user, gone)
	return len(gone), nil
}

// confirmed returns the account of a user who has just proved to know its password. Somebody with a stolen token guesses
// no faster here than at sign-in.
func (s *Service) confirmed(ctx context.Context, user chat.UserID, password string) (Account, error) {
	a, err := s.account(ctx, user)
	if err != nil {
		return a, err
	}
	key := a.Handle
	if wait := s.deps.SignInHandle.Take(key, 1); wait > 0 {
		return a, errRateLimited(wait)
	}
	ok, _, err := s.hasher.verify(ctx, a.Password, password)
	if err != nil {
		return a, err
	}
	if !ok {
		return a, errSignInFailed()
	}
	s.deps.SignInHandle.Give(key, 1)
	return a, nil
}

// DeleteAccount ends a user's account for good, after its password was given; users without one need none.
func (s *Service) DeleteAccount(ctx context.Context, user chat.UserID, password string) error {
	a, err := s.account(ctx, user)
	if err != nil {
		return err
	}
	if a.Password != "" {
		form, err := normalizePassword(password)
		if err != nil {
			return err
		}
		if _, err := s.confirmed(ctx, user, form); err != nil {
			return err
		}
	}
	return s.DeleteUser(ctx, user)
}
