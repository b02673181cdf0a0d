package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/throng-im/throng/internal/account/keyset"
	"github.com/throng-im/throng/internal/chat"
)

// company checks tokens that a company signs for its own users.
type company struct {
	cfg     Company
	secrets [][]byte
	keys    *keyset.Set // nil where there are no public keys
}

func newCompany(cfg Company, keys *keyset.Set) *company {
	c := &company{cfg: cfg, keys: keys}
	for _, s := range cfg.HS256Secrets {
		c.secrets = append(c.secrets, []byte(s.Reveal()))
	}
	return c
}

// companyClaims are those that a company may add.
type companyClaims struct {
	claims
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
}

// verify checks a token; errors are for the log. A shared secret is only ever tried with HS256 and a public key only with
// the one algorithm of its kind, so a public key cannot pass as a secret.
func (c *company) verify(ctx context.Context, p parsedToken, now time.Time) (verified, error) {
	var v verified
	if !c.cfg.enabled() {
		return v, errors.New("token that is not ours, and no company is configured")
	}
	if p.typ != "" && p.typ != "jwt" {
		return v, fmt.Errorf("company token of type %q", p.typ)
	}
	if p.algorithm == jose.HS256 {
		for _, secret := range c.secrets {
			var say companyClaims
			if err := p.claims(secret, &say); err == nil {
				return c.accept(say, now)
			}
		}
		return v, errors.New("company token with a wrong signature")
	}
	if c.keys == nil {
		return v, fmt.Errorf("company token with %s, but there are no public keys", p.algorithm)
	}
	for _, key := range c.keys.Find(ctx, p.algorithm, p.keyID) {
		var say companyClaims
		if err := p.claims(key, &say); err == nil {
			return c.accept(say, now)
		}
	}
	return v, errors.New("company token with an unknown key or a wrong signature")
}

func (c *company) accept(say companyClaims, now time.Time) (verified, error) {
	var v verified
	if c.cfg.Issuer != "" && say.Issuer != c.cfg.Issuer {
		return v, errors.New("company token of another issuer")
	}
	if c.cfg.Audience != "" && !say.Audience.Contains(c.cfg.Audience) {
		return v, errors.New("company token for another audience")
	}
	if err := checkExternalID(say.Subject); err != nil {
		return v, fmt.Errorf("subject: %w", err)
	}
	issued, expires, err := say.times(now, c.cfg.Leeway, c.cfg.MaxTTL)
	if err != nil {
		return v, err
	}
	v = verified{external: say.Subject, issuedMS: issued, expiresMS: expires}
	// A name that we would not take is no reason to keep somebody out.
	if name := strings.TrimSpace(say.Name); checkText("name", name, chat.MaxNameRunes) == nil {
		v.name = name
	}
	if checkAvatar(say.Avatar) == nil {
		v.avatar = say.Avatar
	}
	return v, nil
}
