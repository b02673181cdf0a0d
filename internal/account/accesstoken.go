package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/throng-im/throng/internal/chat"
)

// accessType is the typ of access tokens (RFC 9068): no other token of ours or of anybody has it.
const accessType = "at+jwt"

// maxTokenBytes bounds a token before anything is done with it; company tokens with many claims are about 2 KiB.
const maxTokenBytes = 8 << 10

// signingKey is made of one signing secret: a key for each use, so that no signature of one can pass as the other.
type signingKey struct {
	id      string
	access  []byte
	refresh []byte
}

func newSigningKey(s Secret) signingKey {
	derive := func(use string) []byte {
		mac := hmac.New(sha256.New, []byte(s.Reveal()))
		mac.Write([]byte(use))
		return mac.Sum(nil)
	}
	id := derive("throng key id")
	return signingKey{id: hex.EncodeToString(id[:6]), access: derive("throng access token"), refresh: derive("throng refresh token")}
}

// issuer signs access tokens and checks them.
type issuer struct {
	name   string
	keys   []signingKey
	signer jose.Signer
}

func newIssuer(name string, secrets []Secret) (*issuer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("signing_secrets: at least one is needed to sign access tokens")
	}
	i := &issuer{name: name}
	for _, s := range secrets {
		i.keys = append(i.keys, newSigningKey(s))
	}
	options := (&jose.SignerOptions{}).WithType(accessType).WithHeader("kid", i.keys[0].id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: i.keys[0].access}, options)
	if err != nil {
		return nil, fmt.Errorf("making the signer of access tokens: %w", err)
	}
	i.signer = signer
	return i, nil
}

// claims are what all tokens say, ours and a company's.
type claims struct {
	Issuer    string           `json:"iss,omitempty"`
	Subject   string           `json:"sub,omitempty"`
	Audience  jwt.Audience     `json:"aud,omitempty"`
	Expiry    *jwt.NumericDate `json:"exp,omitempty"`
	NotBefore *jwt.NumericDate `json:"nbf,omitempty"`
	IssuedAt  *jwt.NumericDate `json:"iat,omitempty"`
}

// ownClaims are those of our access tokens.
type ownClaims struct {
	claims
	Device string `json:"did"`
	// Rotation is the number of the refresh token that came with it: its first use shows that the answer has arrived.
	Rotation uint64 `json:"rot,omitempty"`
}

// issue signs a token for a device, to be sent along with its current refresh token.
func (i *issuer) issue(d Device, now, expires time.Time) (string, error) {
	token, err := jwt.Signed(i.signer).Claims(ownClaims{
		claims: claims{
			Issuer:   i.name,
			Audience: jwt.Audience{i.name},
			Subject:  strconv.FormatUint(uint64(d.User), 10),
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(expires),
		},
		Device:   strconv.FormatUint(uint64(d.ID), 10),
		Rotation: d.Refresh.Number,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return token, nil
}

// verified is what a token with a good signature says. It is cached: nothing in it depends on the time of the check.
type verified struct {
	user   chat.UserID // 0 where external is set
	device chat.DeviceID
	// A company's user; name and avatar are taken when the user is made.
	external, name, avatar string
	issuedMS, expiresMS    uint64
	rotation               uint64 // 0 in a company's tokens
}

// verify checks one of our own tokens; errors are for the log.
func (i *issuer) verify(p parsedToken, now time.Time) (verified, error) {
	var v verified
	if p.algorithm != jose.HS256 {
		return v, fmt.Errorf("access token with algorithm %s", p.algorithm)
	}
	for _, k := range i.keys {
		if k.id != p.keyID {
			continue
		}
		var c ownClaims
		if err := p.claims(k.access, &c); err != nil {
			return v, fmt.Errorf("checking an access token: %w", err)
		}
		return i.accept(c, now)
	}
	return v, fmt.Errorf("access token with unknown key id")
}

func (i *issuer) accept(c ownClaims, now time.Time) (verified, error) {
	var v verified
	if c.Issuer != i.name || !c.Audience.Contains(i.name) {
		return v, errors.New("access token of another issuer or for another audience")
	}
	user, err := chat.ParseID(c.Subject)
	if err != nil {
		return v, fmt.Errorf("subject: %w", err)
	}
	device, err := chat.ParseID(c.Device)
	if err != nil {
		return v, fmt.Errorf("device: %w", err)
	}
	issued, expires, err := c.times(now, 0, 24*time.Hour)
	if err != nil {
		return v, err
	}
	return verified{user: chat.UserID(user), device: chat.DeviceID(device), issuedMS: issued, expiresMS: expires, rotation: c.Rotation}, nil
}

// times checks exp, nbf and iat, and returns iat (0 where missing) and exp with the leeway, in milliseconds.
func (c claims) times(now time.Time, leeway, maxTTL time.Duration) (issuedMS, expiresMS uint64, err error) {
	if c.Expiry == nil {
		return 0, 0, errors.New("token without exp")
	}
	expires := c.Expiry.Time().Add(leeway)
	if !now.Before(expires) {
		return 0, 0, errTokenExpired()
	}
	// Compared as seconds: the difference of far dates does not fit a duration.
	if int64(*c.Expiry) > now.Add(maxTTL+leeway).Unix()+1 {
		return 0, 0, errors.New("token whose exp is too far ahead")
	}
	if c.NotBefore != nil && now.Add(leeway).Unix() < int64(*c.NotBefore) {
		return 0, 0, errors.New("token that is not valid yet")
	}
	if c.IssuedAt != nil {
		if int64(*c.IssuedAt) > now.Add(leeway+time.Second).Unix() || int64(*c.IssuedAt) < 0 {
			return 0, 0, errors.New("token issued at an impossible time")
		}
		issuedMS = uint64(*c.IssuedAt) * 1_000
	}
	return issuedMS, uint64(expires.UnixMilli()), nil
}

// parsedToken is a signed token in compact form whose signature nobody has checked yet.
type parsedToken struct {
	token     *jwt.JSONWebToken // nil where the header was known; its parts are there instead
	algorithm jose.SignatureAlgorithm
	keyID     string
	typ       string

	signed, payload, signature string // of a token whose header was known: header and payload, then these two by themselves
}

// algorithms are all that are taken from anybody. Which of them a key may be used with is fixed by the key.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA}
}

// parseToken takes a token apart and refuses every header that could change what is checked, or how: compression,
// encryption, critical extensions, keys brought along.
func parseToken(text string) (parsedToken, error) {
	var p parsedToken
	if strings.Count(text, ".") != 2 || strings.ContainsFunc(text, notCompact) {
		return p, errors.New("not a signed token in compact form")
	}
	token, err := jwt.ParseSigned(text, algorithms())
	if err != nil {
		return p, fmt.Errorf("parsing a token: %w", err)
	}
	if len(token.Headers) != 1 {
		return p, errors.New("token without exactly one header")
	}
	h := token.Headers[0]
	if h.JSONWebKey != nil {
		return p, errors.New("token that brings its own key")
	}
	for name, value := range h.ExtraHeaders {
		switch name {
		case "zip", "enc", "crit", "b64", "cty", "jku", "x5u":
			return p, fmt.Errorf("token with the header %s", name)
		case jose.HeaderType:
			typ, ok := value.(string)
			if !ok {
				return p, errors.New("token whose typ is not a string")
			}
			p.typ = strings.ToLower(typ)
		}
	}
	p.token, p.algorithm, p.keyID = token, jose.SignatureAlgorithm(h.Algorithm), h.KeyID
	return p, nil
}

func notCompact(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}
