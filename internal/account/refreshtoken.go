package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// A refresh token is
//
//	throng_rt_ base64url( user 8 | device 8 | number 8 | secret 32 | mac 16 )
//
// The device row holds the SHA-256 of the current secret and of the one before. The mac tells a token that was once
// given out and is spent, which ends the device, from one that somebody made up, which must not.
//
// When an answer gets lost, the client comes back with the token that it has just shown. Until the new token, or an access
// token that came with it, is used, nobody is known to have it, and the old one stays good:
//
//	          Refresh(old)                  first use of new
//	settled ───────────────▶ pending ──────────────────────────▶ settled
//	                          │    ▲                                │
//	                          └────┘ Refresh(old)                   │ Refresh(old): within the grace the same new one again,
//	          within the grace the same new one,                    ▼ after it the device ends
//	          after it another one in its place
//
// Within the grace the answer is the same, because the tabs of a browser share one token and ask at once. After it the
// first answer counts as lost, and what stood in it is spent: whoever has it is not who comes back with the old token. For
// the repetition the row keeps the new secret sealed: XORed with an HMAC whose key is the old one, so that reading the
// database does not give it away. docs/decisions/0012 says which thefts this shows and when.
const (
	refreshPrefix = "throng_rt_"
	secretBytes   = 32
	macBytes      = 16
	refreshBytes  = 8 + 8 + 8 + secretBytes + macBytes
)

// refreshToken is one, taken apart.
type refreshToken struct {
	user   chat.UserID
	device chat.DeviceID
	number uint64
	secret [secretBytes]byte
	mac    [macBytes]byte
}

var errNotRefresh = errors.New("not a refresh token")

func parseRefresh(text string) (refreshToken, error) {
	var t refreshToken
	body, ok := strings.CutPrefix(text, refreshPrefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(refreshBytes) {
		return t, errNotRefresh
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(b) != refreshBytes { // line ends are passed over
		return t, errNotRefresh
	}
	t.user = chat.UserID(binary.BigEndian.Uint64(b))
	t.device = chat.DeviceID(binary.BigEndian.Uint64(b[8:]))
	t.number = binary.BigEndian.Uint64(b[16:])
	copy(t.secret[:], b[24:])
	copy(t.mac[:], b[24+secretBytes:])
	if t.user == 0 || t.user > chat.MaxID || t.device == 0 || t.device > chat.MaxID {
		return t, errNotRefresh
	}
	return t, nil
}

func (t refreshToken) signed() []byte {
	b := make([]byte, 0, refreshBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(t.user))
	b = binary.BigEndian.AppendUint64(b, uint64(t.device))
	b = binary.BigEndian.AppendUint64(b, t.number)
	return append(b, t.secret[:]...)
}

// encode signs the token with the key and writes it.
func (t refreshToken) encode(key []byte) string {
	b := t.signed()
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(b, mac.Sum(nil)[:macBytes]...))
}

// genuine reports whether one of the keys signed the token.
func (t refreshToken) genuine(keys []signingKey) bool {
	ok := false
	for _, k := range keys {
		mac := hmac.New(sha256.New, k.refresh)
		mac.Write(t.signed())
		ok = hmac.Equal(mac.Sum(nil)[:macBytes], t.mac[:]) || ok
	}
	return ok
}

func (t refreshToken) hash() Hash { return sha256.Sum256(t.secret[:]) }

func drawSecret(random io.Reader) ([secretBytes]byte, error) {
	var b [secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return b, fmt.Errorf("drawing a secret: %w", err)
	}
	return b, nil
}

// seal hides next behind the secret that was spent for it; applied again, it shows it.
func seal(spent, next [secretBytes]byte) Hash {
	mac := hmac.New(sha256.New, spent[:])
	mac.Write([]byte("throng next refresh token"))
	var out Hash
	subtle.XORBytes(out[:], mac.Sum(nil), next[:])
	return out
}

// spending is what a refresh token turned out to be.
type spending uint8

const (
	spendRefused  spending = iota // never given out, or of a device that is gone
	spendReused                   // given out, and spent before
	spendExpired                  // the device was away for too long
	spendRotated                  // the current one: a new one was drawn
	spendRepeated                 // the one before, within the grace: the current one is answered again
	spendReplaced                 // the one before, after it, and the current one was never used: another one was drawn
)

// spend decides on a token by the state of its device, and changes the state where a token is drawn: next becomes the
// current secret then. The secret to answer with comes back.
func (d *Device) spend(t refreshToken, keys []signingKey, next [secretBytes]byte, at spendTimes) (spending, [secretBytes]byte) {
	r := &d.Refresh
	hash := t.hash()
	current := t.number == r.Number && subtle.ConstantTimeCompare(hash[:], r.Current[:]) == 1
	previous := t.number < r.Number && subtle.ConstantTimeCompare(hash[:], r.Previous[:]) == 1
	switch {
	case d.EndedMS != 0 || r.Current.IsZero():
		return spendRefused, next
	case (current || previous && r.Pending) && at.nowMS >= r.ExpiresMS:
		return spendExpired, next
	case current:
		r.turn(t, next, at)
		return spendRotated, next
	case previous && at.nowMS < r.DrawnMS+at.graceMS:
		return spendRepeated, seal(t.secret, r.Sealed)
	case previous && r.Pending:
		r.turn(t, next, at)
		return spendReplaced, next
	case previous, t.genuine(keys):
		return spendReused, next
	default:
		return spendRefused, next
	}
}

// turn makes next the current secret, drawn for the token t.
func (r *Rotation) turn(t refreshToken, next [secretBytes]byte, at spendTimes) {
	*r = Rotation{
		Number:    r.Number + 1,
		Current:   sha256.Sum256(next[:]),
		Previous:  t.hash(),
		DrawnMS:   at.nowMS,
		ExpiresMS: at.nowMS + at.ttlMS,
		Sealed:    seal(t.secret, next),
		Pending:   true,
	}
}

// spendTimes are the clock and the settings that a spending depends on, in milliseconds.
type spendTimes struct{ nowMS, ttlMS, graceMS uint64 }
