package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Credentials are what somebody signs in with.
type Credentials struct {
	Handle   string
	Password string
	Device   NewDevice
}

// SignUp makes an account. Name is the display name, Invitation a code where one is needed, or the bootstrap token.
type SignUp struct {
	Credentials
	Name       string
	Invitation string
}

// Grant is a device that has just been signed in.
type Grant struct {
	User   User
	Device chat.DeviceID
	Tokens Tokens
}

// Tokens of one device.
type Tokens struct {
	Access           string
	AccessExpiresMS  uint64
	Refresh          string
	RefreshExpiresMS uint64
}

// SignUp makes an account and signs its first device in.
func (s *Service) SignUp(ctx context.Context, r SignUp) (Grant, error) {
	handle, err := NormalizeHandle(r.Handle)
	if err != nil {
		return Grant{}, err
	}
	password, err := newPassword(r.Password)
	if err != nil {
		return Grant{}, err
	}
	name := strings.TrimSpace(r.Name)
	if name == "" {
		name = strings.TrimSpace(r.Handle) // others see the profile, not the handle: it should say something
	}
	if err := errors.Join(checkText("name", name, chat.MaxNameRunes), r.Device.validate()); err != nil {
		return Grant{}, chat.AsError(err)
	}
	if wait := s.deps.SignUpAddress.Take(r.Device.Address, 1); wait > 0 {
		return Grant{}, errRateLimited(wait)
	}
	// Both are decided again when the account is made; asked here, they save a hash.
	invitation, err := s.admit(ctx, r.Invitation)
	if err != nil {
		return Grant{}, err
	}
	if _, err := s.deps.Users.ByHandle(ctx, handle); err == nil {
		return Grant{}, ErrHandleTaken()
	} else if !notFound(err) {
		return Grant{}, fmt.Errorf("looking for the name: %w", err)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return Grant{}, err
	}
	a := Account{User: User{Handle: handle, Name: name, Version: 1, CreatedMS: s.nowMS()}, Password: hash, PasswordSet: 1}
	made, err := s.deps.Users.Create(ctx, []Account{a}, Terms{Fresh: true, Invitation: invitation, NowMS: s.nowMS()})
	if err != nil {
		return Grant{}, fmt.Errorf("making an account: %w", err)
	}
	a.ID, a.Admin = made[0].ID, made[0].Admin
	return s.grant(ctx, a.User, r.Device)
}

// admit decides whether somebody may sign up, and returns the invitation to spend.
func (s *Service) admit(ctx context.Context, code string) (Hash, error) {
	if code == "" {
		if s.cfg.SignUp != SignUpOpen {
			return Hash{}, chat.Errorf(chat.CodeForbidden, chat.ReasonSignUpClosed,
				"not everybody may make an account here; ask an administrator for one, or for an invitation")
		}
		return Hash{}, nil
	}
	hash := hashCode(code)
	i, err := s.deps.Invitations.Invitation(ctx, hash)
	if err != nil {
		return hash, fmt.Errorf("reading an invitation: %w", err)
	}
	if !i.Bootstrap && s.cfg.SignUp == SignUpClosed {
		return hash, chat.Errorf(chat.CodeForbidden, chat.ReasonSignUpClosed, "accounts are made by administrators here")
	}
	if i.ExpiresMS <= s.nowMS() {
		return hash, ErrInvitationInvalid()
	}
	if i.Uses == 0 {
		return hash, ErrInvitationSpent()
	}
	return hash, nil
}

func hashCode(code string) Hash { return sha256.Sum256([]byte(strings.TrimSpace(code))) }

// SignIn checks a password and adds a device. An unknown name and a wrong password cost the same and are answered the same.
func (s *Service) SignIn(ctx context.Context, c Credentials) (Grant, error) {
	g, err := s.signIn(ctx, c)
	result := "ok"
	switch {
	case err == nil:
	case errors.Is(err, errRateLimited(0)):
		result = "limited"
	case errors.Is(err, errOverloaded()):
		result = "overloaded"
	default:
		result = "failed"
	}
	s.metrics.signIns.WithLabelValues(result).Inc()
	return g, err
}

func (s *Service) signIn(ctx context.Context, c Credentials) (Grant, error) {
	handle, err := NormalizeHandle(c.Handle)
	if err != nil {
		return Grant{}, err
	}
	password, err := normalizePassword(c.Password)
	if err != nil {
		return Grant{}, err
	}
	if err := c.Device.validate(); err != nil {
		return Grant{}, err
	}
	if err := s.attempt(handle, c.Device.Address); err != nil {
		return Grant{}, err
	}
	a, err := s.deps.Users.ByHandle(ctx, handle)
	if err != nil && !notFound(err) {
		return Grant{}, fmt.Errorf("finding an account: %w", err)
	}
	if err := s.checkPassword(ctx, a, password); err != nil {
		return Grant{}, err
	}
	s.deps.SignInHandle.Give(handle, 1)
	s.deps.SignInAddress.Give(c.Device.Address, 1)
	if a.Disabled {
		return Grant{}, errDisabled()
	}
	g, err := s.grant(ctx, a.User, c.Device)
	if err != nil {
		return Grant{}, err
	}
	if err := s.stillThere(ctx, a, g.Device); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// stillThere takes a grant back if the password was changed while it was made: the change has ended the devices that it
// saw, and this one may have come after it.
func (s *Service) stillThere(ctx context.Context, checked Account, device chat.DeviceID) error {
	now, err := s.account(ctx, checked.ID)
	if err != nil {
		return err
	}
	if now.PasswordSet == checked.PasswordSet {
		return nil
	}
	if _, err := s.SignOut(ctx, checked.ID, device, false); err != nil && !notFound(err) {
		return err
	}
	return errSignInFailed()
}

// attempt counts one try to guess a password.
func (s *Service) attempt(handle, address string) error {
	if wait := s.deps.SignInAddress.Take(address, 1); wait > 0 {
		return errRateLimited(wait)
	}
	if wait := s.deps.SignInHandle.Take(handle, 1); wait > 0 {
		s.deps.SignInAddress.Give(address, 1)
		return errRateLimited(wait)
	}
	return nil
}

// checkPassword answers sign_in_failed for the zero account, for one without a password, and for a wrong one, always after
// one hash. A hash of lower costs than today's is made again.
func (s *Service) checkPassword(ctx context.Context, a Account, password string) error {
	ok, weak, err := s.hasher.verify(ctx, a.Password, password)
	if err != nil {
		return err
	}
	if !ok {
		return errSignInFailed()
	}
	if weak {
		s.upgrade(ctx, a, password)
	}
	return nil
}

func (s *Service) upgrade(ctx context.Context, a Account, password string) {
	hash, err := s.hasher.hash(ctx, password)
	if err == nil {
		_, _, err = s.deps.Users.Update(ctx, a.ID, func(now *Account) error {
			if now.PasswordSet == a.PasswordSet {
				now.Password = hash
			}
			return nil
		}, Ending{})
	}
	if err != nil {
		s.log.Warn("a weak password hash stays for now", "user", a.ID, "error", err)
	}
}

// grant adds a device and gives it tokens.
func (s *Service) grant(ctx context.Context, u User, d NewDevice) (Grant, error) {
	secret, err := drawSecret(s.deps.Rand)
	if err != nil {
		return Grant{}, err
	}
	now := s.nowMS()
	address := d.Address
	if len(address) > maxAddress {
		address = ""
	}
	device, gone, err := s.deps.Devices.Add(ctx, Device{
		User: u.ID, Name: strings.TrimSpace(d.Name), Platform: d.Platform, CreatedMS: now, LastUsedMS: now, Address: address,
		Refresh: Rotation{Number: 1, Current: sha256.Sum256(secret[:]), ExpiresMS: now + ms(s.cfg.RefreshTokenTTL)},
	}, s.cfg.room(d.Platform))
	if err != nil {
		return Grant{}, fmt.Errorf("adding a device: %w", err)
	}
	s.displaced(u.ID, gone)
	tokens, err := s.tokensOf(device, secret)
	if err != nil {
		return Grant{}, err
	}
	return Grant{User: u, Device: device.ID, Tokens: tokens}, nil
}

// tokensOf writes the tokens of a device whose current refresh secret is given.
func (s *Service) tokensOf(d Device, secret [secretBytes]byte) (Tokens, error) {
	now := s.now()
	expires := now.Add(s.cfg.AccessTokenTTL)
	access, err := s.issuer.issue(d, now, expires)
	if err != nil {
		return Tokens{}, err
	}
	refresh := refreshToken{user: d.User, device: d.ID, number: d.Refresh.Number, secret: secret}
	return Tokens{
		Access:           access,
		AccessExpiresMS:  uint64(expires.Unix()) * 1_000,
		Refresh:          refresh.encode(s.issuer.keys[0].refresh),
		RefreshExpiresMS: d.Refresh.ExpiresMS,
	}, nil
}

func ms(d time.Duration) uint64 { return uint64(d.Milliseconds()) }
