package account

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// NewUser is an account that an administrator or a back end makes: with a handle, an external id, or both.
type NewUser struct {
	Handle     string
	ExternalID string
	Name       string
	Avatar     string
	Attributes map[string]string
	// Password is optional, for users with a handle. Each costs a hash of about 25 ms.
	Password string
	Admin    bool
}

// CreateUsers makes up to 1,000 accounts, all or none. Who exists by the same handle or external id is answered as it is.
// It returns the ids in order and how many are new.
func (s *Service) CreateUsers(ctx context.Context, users []NewUser) ([]chat.UserID, int, error) {
	if len(users) > maxAtOnce {
		return nil, 0, errTooLarge("users", "are more than 1,000")
	}
	if len(users) == 0 {
		return nil, 0, nil
	}
	accounts := make([]Account, len(users))
	for i, u := range users {
		a, err := s.newAccount(u)
		if err != nil {
			e := *chat.AsError(err)
			if len(users) > 1 {
				e.Message = fmt.Sprintf("user %d of the list: %s", i+1, e.Message)
			}
			return nil, 0, &e
		}
		accounts[i] = a
	}
	// Hashed after everything was found good, so that a mistake at the end does not cost a minute.
	for i := range accounts {
		if users[i].Password == "" {
			continue
		}
		password, err := newPassword(users[i].Password)
		if err != nil {
			return nil, 0, err
		}
		if accounts[i].Password, err = s.hasher.hash(ctx, password); err != nil {
			return nil, 0, err
		}
		accounts[i].PasswordSet = 1
	}
	made, err := s.deps.Users.Create(ctx, accounts, Terms{NowMS: s.nowMS()})
	if err != nil {
		return nil, 0, fmt.Errorf("making accounts: %w", err)
	}
	ids, created := make([]chat.UserID, len(made)), 0
	for i, m := range made {
		ids[i] = m.ID
		if m.New {
			created++
		}
	}
	return ids, created, nil
}

func (s *Service) newAccount(u NewUser) (Account, error) {
	a := Account{User: User{
		ExternalID: u.ExternalID, Name: strings.TrimSpace(u.Name), Avatar: u.Avatar,
		Attributes: maps.Clone(u.Attributes), Version: 1, Admin: u.Admin, CreatedMS: s.nowMS(),
	}}
	if u.Handle == "" && u.ExternalID == "" {
		return a, errField("user", "needs a handle or an external id")
	}
	var err error
	if u.Handle != "" {
		if a.Handle, err = NormalizeHandle(u.Handle); err != nil {
			return a, err
		}
	} else if u.Password != "" {
		return a, errField("password", "needs a handle to sign in with")
	}
	if u.ExternalID != "" {
		if err := checkExternalID(u.ExternalID); err != nil {
			return a, err
		}
	}
	if u.Password != "" {
		if _, err := newPassword(u.Password); err != nil {
			return a, err
		}
	}
	profile := ProfileChange{Name: &a.Name, Avatar: &a.Avatar, Attributes: a.Attributes}
	return a, profile.validate()
}

// UserChange is a change by an administrator; nil stays as it is.
type UserChange struct {
	ProfileChange
	Admin    *bool
	Disabled *bool
}

// UpdateUser changes an account. Who is disabled keeps devices and tokens, but nothing works until that ends.
func (s *Service) UpdateUser(ctx context.Context, user chat.UserID, c UserChange) (User, error) {
	if err := c.validate(); err != nil {
		return User{}, err
	}
	if c.empty() && c.Admin == nil && c.Disabled == nil {
		return s.Get(ctx, user)
	}
	a, _, err := s.deps.Users.Update(ctx, user, func(a *Account) error {
		c.apply(&a.User)
		if c.Admin != nil {
			a.Admin = *c.Admin
		}
		if c.Disabled != nil {
			a.Disabled = *c.Disabled
		}
		return nil
	}, Ending{})
	if err != nil {
		return User{}, fmt.Errorf("changing an account: %w", err)
	}
	s.users.drop(user)
	if c.Disabled != nil && *c.Disabled {
		s.revoked(Revocation{User: user, Reason: chat.ReasonUserDisabled})
	}
	return a.User, nil
}

// ResetPassword sets a password, or makes one where it is empty, and ends all of the user's devices. It returns the
// password.
func (s *Service) ResetPassword(ctx context.Context, user chat.UserID, password string) (string, error) {
	if password == "" {
		code, err := s.drawCode()
		if err != nil {
			return "", err
		}
		password = code
	}
	form, err := newPassword(password)
	if err != nil {
		return "", err
	}
	a, err := s.account(ctx, user)
	if err != nil {
		return "", err
	}
	if a.Handle == "" {
		return "", errField("user", "has no handle to sign in with")
	}
	hash, err := s.hasher.hash(ctx, form)
	if err != nil {
		return "", err
	}
	now := s.nowMS()
	_, gone, err := s.deps.Users.Update(ctx, user, func(a *Account) error {
		a.Password, a.TokensFromMS = hash, max(a.TokensFromMS, now)
		a.PasswordSet++
		return nil
	}, Ending{All: true, AtMS: now})
	if err != nil {
		return "", fmt.Errorf("resetting a password: %w", err)
	}
	s.endedAll(user, gone)
	return password, nil
}

// IssueToken signs a device of a user in without a password.
func (s *Service) IssueToken(ctx context.Context, user chat.UserID, d NewDevice) (Grant, error) {
	if err := d.validate(); err != nil {
		return Grant{}, err
	}
	a, err := s.account(ctx, user)
	if err != nil {
		return Grant{}, err
	}
	if a.Disabled {
		return Grant{}, errDisabled()
	}
	return s.grant(ctx, a.User, d)
}

// DeleteUser ends an account for good and erases what is personal in it; the id is never given to anybody else.
func (s *Service) DeleteUser(ctx context.Context, user chat.UserID) error {
	if err := s.deps.Users.Delete(ctx, user, s.nowMS()); err != nil {
		return fmt.Errorf("deleting an account: %w", err)
	}
	s.revoked(Revocation{User: user, Reason: chat.ReasonUserDisabled})
	return nil
}

const (
	maxInvitationUses = 100_000
	bootstrapTTL      = 7 * 24 * time.Hour
)

// CreateInvitation makes a code for sign-up. Uses 0 is one, expiry 0 the configured time from now. It returns the code,
// which is stored as a hash only, and its expiry.
func (s *Service) CreateInvitation(ctx context.Context, uses uint32, expiresMS uint64) (string, uint64, error) {
	now := s.nowMS()
	if uses == 0 {
		uses = 1
	}
	if expiresMS == 0 {
		expiresMS = now + ms(s.cfg.InvitationTTL)
	}
	if uses > maxInvitationUses {
		return "", 0, errField("uses", "are at most 100,000")
	}
	if expiresMS <= now || expiresMS > now+ms(10*365*24*time.Hour) {
		return "", 0, errField("expires_ms", "lies in the future, within ten years")
	}
	code, err := s.drawCode()
	if err != nil {
		return "", 0, err
	}
	if err := s.deps.Invitations.Invite(ctx, Invitation{Code: hashCode(code), Uses: uses, ExpiresMS: expiresMS}); err != nil {
		return "", 0, fmt.Errorf("storing an invitation: %w", err)
	}
	return code, expiresMS, nil
}

// Bootstrap makes the token that lets its holder sign up as the first administrator; ok is false where there is one
// already. Only the newest token works, of each of the nodes that share a store, once, for a week, and only while there is no
// administrator.
func (s *Service) Bootstrap(ctx context.Context) (token string, ok bool, err error) {
	n, err := s.deps.Users.Administrators(ctx)
	if err != nil || n > 0 {
		return "", false, err
	}
	if token, err = s.drawCode(); err != nil {
		return "", false, err
	}
	i := Invitation{Code: hashCode(token), Uses: 1, ExpiresMS: s.nowMS() + ms(bootstrapTTL), Bootstrap: true}
	if err := s.deps.Invitations.Invite(ctx, i); err != nil {
		return "", false, fmt.Errorf("storing the bootstrap token: %w", err)
	}
	return token, true, nil
}

// drawCode makes a code of 130 random bits that a person can read out.
func (s *Service) drawCode() (string, error) {
	b := make([]byte, 20)
	if _, err := io.ReadFull(s.deps.Rand, b); err != nil {
		return "", fmt.Errorf("drawing a code: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))[:26], nil
}
