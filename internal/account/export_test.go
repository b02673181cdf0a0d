package account

import "encoding/base64"

// Hashes is how many passwords were hashed or compared.
func (s *Service) Hashes() uint64 { return s.hasher.hashes.Load() }

// SigningKey is what signs access tokens.
func (s *Service) SigningKey() (id string, key []byte) {
	return s.issuer.keys[0].id, s.issuer.keys[0].access
}

// WeakHash hashes a password with lower costs than today's.
func WeakHash(password string) string {
	a := argon{memory: 8 << 10, passes: 1, lanes: 1}
	salt := make([]byte, saltBytes)
	return a.phc(salt, a.key(password, salt, hashBytes))
}

// IsCurrentHash reports whether a stored hash has today's costs.
func IsCurrentHash(stored string) bool {
	h, err := parsePHC(stored)
	return err == nil && !h.weaker(currentArgon())
}

// ParsePHC reports whether a stored hash can be read.
func ParsePHC(text string) error {
	_, err := parsePHC(text)
	return err
}

// HoldHashers takes every slot of the hasher until release is called.
func (s *Service) HoldHashers() (release func()) {
	for range cap(s.hasher.slots) {
		s.hasher.slots <- struct{}{}
	}
	return func() {
		for range cap(s.hasher.slots) {
			s.hasher.leave()
		}
	}
}

// WaitingSecrets is how many secrets that people share wait before the hasher's queue.
func (s *Service) WaitingSecrets() int64 { return s.shared.waiting.Load() }

// Waiting is how many hashes wait for a slot.
func (s *Service) Waiting() int64 { return s.hasher.waiting.Load() }

// WriteUses writes what is known of uses of devices.
var WriteUses = (*Service).writeUses

// ForgeRefresh makes up a refresh token for a device, with a number and without a good mac.
func ForgeRefresh(token string, number byte) string {
	body, err := base64.RawURLEncoding.DecodeString(token[len(refreshPrefix):])
	if err != nil {
		return token
	}
	body[23] = number
	body[30] ^= 1
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(body)
}
