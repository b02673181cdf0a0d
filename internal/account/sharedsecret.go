package account

import (
	"context"

	"golang.org/x/text/unicode/norm"
)

// HashSecret hashes a secret that people share, such as a group's password, as passwords are hashed. The caller has bounded it. All secrets
// together take half of the hasher, or one of its slots, and wait in a queue of their own: sign-ins are not sent away for them.
func (s *Service) HashSecret(ctx context.Context, secret string) (string, error) {
	if err := s.shared.enter(ctx); err != nil {
		return "", err
	}
	defer s.shared.leave()
	return s.hasher.hash(ctx, norm.NFC.String(secret))
}

// CheckSecret compares a secret with what HashSecret made, and waits like it; nothing fits an empty hash.
func (s *Service) CheckSecret(ctx context.Context, hash, secret string) (bool, error) {
	if err := s.shared.enter(ctx); err != nil {
		return false, err
	}
	defer s.shared.leave()
	ok, _, err := s.hasher.verify(ctx, hash, norm.NFC.String(secret))
	return ok, err
}
