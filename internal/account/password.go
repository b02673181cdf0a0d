package account

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// maxPasswordBytes is checked before anything is done with a password: hashing must not cost what a stranger chooses.
	maxPasswordBytes = 1_024
	minPasswordRunes = 8
)

// normalizePassword bounds a password and gives it one form, so that it can be typed on any keyboard.
func normalizePassword(password string) (string, error) {
	if len(password) > maxPasswordBytes {
		return "", errPassword("has at most 1,024 bytes")
	}
	if !utf8.ValidString(password) {
		return "", errPassword("is not valid UTF-8")
	}
	p := norm.NFC.String(password)
	if len(p) > maxPasswordBytes {
		return "", errPassword("has at most 1,024 bytes")
	}
	return p, nil
}

// newPassword is normalizePassword for a password that somebody chooses.
func newPassword(password string) (string, error) {
	p, err := normalizePassword(password)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(p) < minPasswordRunes {
		return "", errPassword("has at least 8 characters")
	}
	return p, nil
}

func errPassword(rule string) error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonPasswordInvalid, "a password %s", rule)
}

// argon are the costs of a hash.
type argon struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// currentArgon is OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 25 ms of a core.
func currentArgon() argon { return argon{memory: 19 << 10, passes: 2, lanes: 1} }

const (
	saltBytes = 16
	hashBytes = 32
	// Bounds of stored costs, so that an imported hash cannot take the server's memory.
	maxArgonMemory = 256 << 10
	maxArgonPasses = 16
	maxArgonLanes  = 8
)

// weaker reports whether a hash with these costs should be made again.
func (a argon) weaker(than argon) bool {
	return uint64(a.memory)*uint64(a.passes) < uint64(than.memory)*uint64(than.passes)
}

func (a argon) key(password string, salt []byte, bytes uint32) []byte {
	return argon2.IDKey([]byte(password), salt, a.passes, a.memory, a.lanes, bytes)
}

// phc writes a hash in the format of the password hashing competition.
func (a argon) phc(salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.passes, a.lanes, b.EncodeToString(salt), b.EncodeToString(key))
}

// storedHash is a hash as it was read.
type storedHash struct {
	argon
	salt []byte
	key  []byte
}

var errNotPHC = errors.New("stored password is not an argon2id hash")

func parsePHC(text string) (storedHash, error) {
	var h storedHash
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errNotPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, errNotPHC
	}
	if h.memory < 8 || h.memory > maxArgonMemory || h.passes < 1 || h.passes > maxArgonPasses || h.lanes < 1 || h.lanes > maxArgonLanes {
		return h, errNotPHC
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, errNotPHC
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(h.key) < 16 || len(h.key) > 64 {
		return h, errNotPHC
	}
	return h, nil
}

func (h storedHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.argon.key(password, h.salt, uint32(len(h.key))), h.key) == 1
}
