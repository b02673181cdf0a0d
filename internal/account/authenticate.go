package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// Identity is who a token speaks for.
type Identity struct {
	User   chat.UserID
	Device chat.DeviceID // 0 for server keys, and for a company's tokens without a device
	// ExpiresMS is when the token ends; 0 for server keys, which do not.
	ExpiresMS uint64
	Admin     bool
	// Server: a back end with a server key, which may act for anybody.
	Server bool

	issuedMS uint64
	rotation uint64 // of the refresh token that came with an access token
	company  bool
}

// Authenticate says who holds a token: an access token, a company's token or a server key. device is what a company's
// client calls itself, up to 64 bytes; empty for none, and without meaning for other tokens. Users and devices of a
// company are made on first sight. A token that was seen before costs no read and no signature check.
func (s *Service) Authenticate(ctx context.Context, token, device string) (Identity, error) {
	if token == "" {
		return Identity{}, errTokenMissing()
	}
	if len(token) > maxTokenBytes {
		s.metrics.tokens.WithLabelValues("refused").Inc()
		return Identity{}, errTokenInvalid(errors.New("token too long"))
	}
	hash := Hash(sha256.Sum256([]byte(token)))
	if s.isServerKey(hash) {
		return Identity{Server: true}, nil
	}
	v, err := s.verified(ctx, hash, token)
	if err != nil {
		s.metrics.tokens.WithLabelValues("refused").Inc()
		return Identity{}, err
	}
	if v.external != "" {
		return s.companyIdentity(ctx, v, device)
	}
	id := Identity{User: v.user, Device: v.device, ExpiresMS: v.expiresMS, issuedMS: v.issuedMS, rotation: v.rotation}
	return s.current(ctx, id)
}

// Check asks again whether an identity still holds; it is cheap. Who registers a live connection calls it once after the
// registration, so that a revocation between [Service.Authenticate] and the registration is not missed.
func (s *Service) Check(ctx context.Context, id Identity) error {
	if id.Server {
		return nil
	}
	if id.ExpiresMS <= s.nowMS() {
		return errTokenExpired()
	}
	_, err := s.current(ctx, id)
	return err
}

// verified checks a token's signature and claims, or remembers that they were checked.
func (s *Service) verified(ctx context.Context, hash Hash, token string) (verified, error) {
	if v, ok := s.tokens.get(hash); ok {
		if v.expiresMS <= s.nowMS() {
			return v, errTokenExpired()
		}
		s.metrics.tokens.WithLabelValues("cached").Inc()
		return v, nil
	}
	mark := s.tokens.mark()
	p, err := s.headers.parse(token)
	if err != nil {
		return verified{}, errTokenInvalid(err)
	}
	var v verified
	if p.typ == accessType {
		v, err = s.issuer.verify(p, s.now())
	} else {
		v, err = s.company.verify(ctx, p, s.now())
	}
	if err != nil {
		if errors.Is(err, errTokenExpired()) {
			return verified{}, errTokenExpired()
		}
		return verified{}, errTokenInvalid(err)
	}
	s.metrics.tokens.WithLabelValues("verified").Inc()
	s.headers.learn(token, p)
	s.tokens.put(hash, v, mark)
	return v, nil
}

// current fills in what stands about the user and the device now, and refuses who was signed out, disabled or deleted.
func (s *Service) current(ctx context.Context, id Identity) (Identity, error) {
	user, err := s.userState(ctx, id.User)
	if err != nil {
		return Identity{}, err
	}
	switch {
	case !user.found:
		return Identity{}, errSignedOut()
	case user.disabled:
		return Identity{}, errDisabled()
	case id.company && stale(id.issuedMS, user.tokensFromMS):
		return Identity{}, errSignedOut()
	}
	id.Admin = user.admin
	if id.Device == 0 {
		return id, nil
	}
	device, err := s.deviceState(ctx, id)
	if err != nil {
		return Identity{}, err
	}
	if !device.found || device.endedMS != 0 {
		return Identity{}, errSignedOut()
	}
	if device.pending && id.rotation == device.rotation {
		s.settle(ctx, id)
	}
	if now := s.nowMS(); device.usedMS+ms(s.cfg.UseResolution) < now {
		s.uses.note(Use{User: id.User, Device: id.Device, AtMS: now})
		s.devices.change(id.Device, func(d *deviceState) { d.usedMS = now })
	}
	return id, nil
}

// errSettled stops an update that would change nothing.
var errSettled = errors.New("the rotation is settled")

// settle notes that the answer of the last refresh has arrived, which spends the token that was shown for it. It is durable
// on return, else a crash would make a stolen one good again. Where it cannot be stored, on a full disk, the holder is let
// in nevertheless, and the next use tries again.
func (s *Service) settle(ctx context.Context, id Identity) {
	_, err := s.deps.Devices.UpdateDevice(ctx, id.User, id.Device, func(d *Device) error {
		if !d.Refresh.Pending || d.Refresh.Number != id.rotation {
			return errSettled
		}
		d.Refresh.Pending = false
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errSettled), notFound(err):
		s.devices.drop(id.Device)
	case ctx.Err() == nil:
		if held, ok := s.unspent.pass(s.now()); ok { // each request of each such device comes by here
			s.log.Warn("a spent refresh token stays good for now", "user", id.User, "device", id.Device, "error", err, "held_back", held)
		}
	}
}

// stale reports whether a company's token was issued before its holder was signed out. Such tokens count in seconds, so
// one of the same second is refused: the next one is a second away. One without iat is refused after any sign-out.
func stale(issuedMS, signedOutMS uint64) bool {
	return signedOutMS != 0 && issuedMS <= signedOutMS
}

// companyIdentity finds or makes the user and the device that a company's token and its client name.
func (s *Service) companyIdentity(ctx context.Context, v verified, label string) (Identity, error) {
	if len(label) > maxDeviceLabel {
		return Identity{}, errTooLarge("device", "has more than 64 bytes")
	}
	if err := checkText("device", label, maxDeviceLabel); err != nil {
		return Identity{}, err
	}
	id := Identity{ExpiresMS: v.expiresMS, issuedMS: v.issuedMS, company: true}
	// What is remembered may have been deleted since: then it is looked up once more.
	for attempt := 0; ; attempt++ {
		var err error
		if id.User, err = s.companyUser(ctx, v); err != nil {
			return Identity{}, err
		}
		id.Device = 0
		who, err := s.current(ctx, id)
		if err == nil && label != "" {
			if id.Device, err = s.companyDevice(ctx, id, label); err == nil {
				who, err = s.current(ctx, id)
			}
		}
		if err == nil {
			return who, nil
		}
		if attempt == 1 || (!errors.Is(err, errSignedOut()) && !notFound(err)) {
			return Identity{}, err
		}
		s.externals.drop(v.external)
		s.labels.drop(deviceLabel{user: id.User, label: label})
		s.users.drop(id.User)
		s.devices.drop(id.Device)
	}
}

func (s *Service) companyUser(ctx context.Context, v verified) (chat.UserID, error) {
	if id, ok := s.externals.get(v.external); ok {
		return id, nil
	}
	mark, userMark, now := s.externals.mark(), s.users.mark(), s.nowMS()
	a, err := s.deps.Users.ByExternal(ctx, v.external)
	if err == nil {
		s.externals.put(v.external, a.ID, mark)
		s.users.put(a.ID, userStateOf(a, now), userMark)
		return a.ID, nil
	}
	if !notFound(err) {
		return 0, fmt.Errorf("finding a company's user: %w", err)
	}
	fresh := Account{User: User{ExternalID: v.external, Name: v.name, Avatar: v.avatar, Version: 1, CreatedMS: s.nowMS()}}
	made, err := s.deps.Users.Create(ctx, []Account{fresh}, Terms{NowMS: s.nowMS(), IssuedMS: max(v.issuedMS, 1)})
	if err != nil {
		return 0, fmt.Errorf("making a company's user: %w", err)
	}
	if made[0].New {
		s.metrics.firstUse.Inc()
	}
	s.externals.put(v.external, made[0].ID, mark)
	return made[0].ID, nil
}

func (s *Service) companyDevice(ctx context.Context, id Identity, label string) (chat.DeviceID, error) {
	key := deviceLabel{user: id.User, label: strings.Clone(label)}
	if d, ok := s.labels.get(key); ok {
		return d, nil
	}
	mark, deviceMark := s.labels.mark(), s.devices.mark()
	now := s.nowMS()
	d, gone, err := s.deps.Devices.Add(ctx, Device{
		User: id.User, Name: key.label, Label: key.label, CreatedMS: now, LastUsedMS: now,
	}, s.cfg.room(PlatformUnspecified))
	if err != nil {
		return 0, fmt.Errorf("making a company's device: %w", err)
	}
	s.displaced(id.User, gone)
	if d.EndedMS != 0 {
		if d, err = s.revive(ctx, id, d.ID); err != nil {
			return 0, err
		}
		s.devices.drop(d.ID)
	} else {
		s.devices.put(d.ID, deviceStateOf(d, now), deviceMark)
	}
	s.labels.put(key, d.ID, mark)
	return d.ID, nil
}

// revive lets a device that was signed out back in with a token that was issued after that.
func (s *Service) revive(ctx context.Context, id Identity, device chat.DeviceID) (Device, error) {
	d, err := s.deps.Devices.UpdateDevice(ctx, id.User, device, func(d *Device) error {
		if stale(id.issuedMS, d.EndedMS) {
			return errSignedOut()
		}
		d.EndedMS = 0
		return nil
	})
	if err != nil {
		return Device{}, fmt.Errorf("signing a company's device in again: %w", err)
	}
	return d, nil
}
