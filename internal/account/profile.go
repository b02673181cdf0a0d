package account

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// maxAtOnce bounds the users of one question.
const maxAtOnce = 1_000

// Get returns a user.
func (s *Service) Get(ctx context.Context, id chat.UserID) (User, error) {
	a, err := s.account(ctx, id)
	return a.User, err
}

// ByHandle finds a user by the exact handle, without regard to case.
func (s *Service) ByHandle(ctx context.Context, handle string) (User, error) {
	h, err := NormalizeHandle(handle)
	if err != nil {
		return User{}, err
	}
	a, err := s.deps.Users.ByHandle(ctx, h)
	if err != nil {
		return User{}, fmt.Errorf("finding a user: %w", err)
	}
	return a.User, nil
}

// ByExternal finds a user by the company's id.
func (s *Service) ByExternal(ctx context.Context, external string) (User, error) {
	if err := checkExternalID(external); err != nil {
		return User{}, err
	}
	a, err := s.deps.Users.ByExternal(ctx, external)
	if err != nil {
		return User{}, fmt.Errorf("finding a user: %w", err)
	}
	return a.User, nil
}

// Profiles returns what others see of up to 1,000 users, in the order asked. Users that never were are left out; of one
// that was deleted an empty profile with a newer version is left, which clears what others remember.
func (s *Service) Profiles(ctx context.Context, ids []chat.UserID) ([]Profile, error) {
	accounts, err := s.accounts(ctx, ids)
	if err != nil {
		return nil, err
	}
	profiles := make([]Profile, 0, len(ids))
	for _, a := range accounts {
		if a.ID != 0 {
			profiles = append(profiles, a.Profile())
		}
	}
	return profiles, nil
}

// Exist returns those of up to 1,000 ids that are no user, or no longer one.
func (s *Service) Exist(ctx context.Context, ids []chat.UserID) ([]chat.UserID, error) {
	accounts, err := s.accounts(ctx, ids)
	if err != nil {
		return nil, err
	}
	var missing []chat.UserID
	for i, a := range accounts {
		if a.ID == 0 || a.Deleted {
			missing = append(missing, ids[i])
		}
	}
	return missing, nil
}

func (s *Service) accounts(ctx context.Context, ids []chat.UserID) ([]Account, error) {
	if len(ids) > maxAtOnce {
		return nil, errTooLarge("users", "are more than 1,000")
	}
	if len(ids) == 0 {
		return nil, nil
	}
	accounts, err := s.deps.Users.Accounts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	return accounts, nil
}

// UpdateProfile changes what others see of a user.
func (s *Service) UpdateProfile(ctx context.Context, user chat.UserID, c ProfileChange) (User, error) {
	return s.UpdateUser(ctx, user, UserChange{ProfileChange: c})
}

// SetPrivacy changes what a user does not tell others.
func (s *Service) SetPrivacy(ctx context.Context, user chat.UserID, change func(p *Privacy)) (Privacy, error) {
	a, _, err := s.deps.Users.Update(ctx, user, func(a *Account) error {
		change(&a.Privacy)
		return nil
	}, Ending{})
	if err != nil {
		return Privacy{}, fmt.Errorf("changing what others see: %w", err)
	}
	s.users.drop(user)
	return a.Privacy, nil
}

// Private returns those of up to 1,000 users who send no read receipts.
func (s *Service) Private(ctx context.Context, users []chat.UserID) ([]chat.UserID, error) {
	accounts, err := s.accounts(ctx, users)
	if err != nil {
		return nil, err
	}
	var private []chat.UserID
	for _, a := range accounts {
		if a.Privacy.NoReceipts {
			private = append(private, a.ID)
		}
	}
	return private, nil
}

// List returns at most limit users with ids above after, ascending.
func (s *Service) List(ctx context.Context, after chat.UserID, limit int) ([]User, error) {
	if limit < 1 || limit > maxAtOnce {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "limit is from 1 to %d", maxAtOnce)
	}
	accounts, err := s.deps.Users.List(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	users := make([]User, 0, len(accounts))
	for _, a := range accounts {
		users = append(users, a.User)
	}
	return users, nil
}
