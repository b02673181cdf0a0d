package account

import (
	"context"

	"golang.org/x/text/unicode/norm"
)

// HashSecret hashes a secret that people share, such as a group's password, as passwords are hashed. The caller has bounded it.
func (s *Service) HashSecret(ctx context.Context, secret string) (string, error) {
	return s.hasher.hash(ctx, norm.NFC.String(secret))
}

// CheckSecret compares a secret with what HashSecret made; nothing fits an empty hash.
func (s *Service) CheckSecret(ctx context.Context, hash, secret string) (bool, error) {
	ok, _, err := s.hasher.verify(ctx, hash, norm.NFC.String(secret))
	return ok, err
}
