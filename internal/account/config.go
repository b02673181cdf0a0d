package account

import (
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"time"
)

// The ways to sign up.
const (
	SignUpOpen       = "open"
	SignUpInvitation = "invitation"
	SignUpClosed     = "closed"
)

// Config is how people get in.
type Config struct {
	// SignUp says who may make an account: open (everybody), invitation (who has a code), closed (administrators make them).
	SignUp string
	// AccessTokenTTL is how long an access token lasts before its device has to refresh it.
	AccessTokenTTL time.Duration
	// RefreshTokenTTL is how long a device stays signed in without being used.
	RefreshTokenTTL time.Duration
	// RefreshGrace is how long a refresh token that was just used is answered again with the same new one, even if that is
	// in use already: the tabs of a browser ask at once. Lost answers need none of it; an old token stays good until a
	// new one is first used.
	RefreshGrace time.Duration
	// Issuer stands in access tokens as iss and aud; servers that share users share it.
	Issuer string
	// SigningSecrets sign access tokens, 32 bytes at least: the first signs, all verify. Empty makes one in the data folder.
	// Put a new one in front, wait for RefreshTokenTTL, then remove the old one.
	SigningSecrets []Secret `config:"signing_secrets,secret"`
	// ServerKeys let back ends act for anybody, 22 characters at least (128 random bits). Several allow a change without a pause.
	ServerKeys []Secret `config:"server_keys,secret"`
	// MaxDevices of one user; a further one ends the device that was unused the longest.
	MaxDevices int
	// Sessions bounds the devices of one user by what they are.
	Sessions Sessions
	// HashConcurrency is how many passwords are hashed at once, 19 MiB each; 0 is the number of cores.
	HashConcurrency int
	// HashQueue is how many more may wait; beyond it sign-in answers overloaded. As many passwords of groups wait apart from them.
	HashQueue int
	// CacheSize is how many tokens, users and devices are remembered each, so that a request needs no read and no signature check.
	CacheSize int
	// CacheFor is how long what is remembered of a user or a device is believed before it is read again; 0 is until something changes
	// it. What this node changes it forgets at once, so this bounds for how long another node's changes may be unknown here: a ban
	// or a sign-out has to be known everywhere within 5 s.
	CacheFor time.Duration
	// UseResolution is how exact the last use of a device is: one within it is not written again. Where very many devices come back at once,
	// each writes a row; an hour spares most of them that.
	UseResolution time.Duration
	// InvitationTTL is how long an invitation lasts that says nothing else.
	InvitationTTL time.Duration
	// Company is for companies that sign tokens for their own users.
	Company Company
}

// Company says which foreign tokens are taken. Users are made when they are first seen; their sub is the external id.
type Company struct {
	// HS256Secrets are shared secrets for tokens with HS256, 32 bytes at least.
	HS256Secrets []Secret `config:"hs256_secrets,secret"`
	// JWKSFile is a file with public keys (RS256, ES256, EdDSA).
	JWKSFile string
	// JWKSURL is where public keys are fetched; https, or http on this machine.
	JWKSURL string
	// JWKSRefresh is how often they are fetched again; an unknown key id fetches them at once, twice a minute at most.
	JWKSRefresh time.Duration
	// JWKSMaxAge is how long fetched keys are used while their URL does not answer.
	JWKSMaxAge time.Duration
	// Issuer must equal iss; empty takes any.
	Issuer string
	// Audience must be in aud; empty takes any.
	Audience string
	// MaxTTL bounds how far ahead exp may lie. A token without exp is never taken.
	MaxTTL time.Duration
	// Leeway is how far the company's clock may be off.
	Leeway time.Duration
}

// Default lets everybody sign up, and takes no foreign tokens.
func Default() Config {
	return Config{
		SignUp:          SignUpOpen,
		AccessTokenTTL:  15 * time.Minute,
		RefreshTokenTTL: 60 * 24 * time.Hour,
		RefreshGrace:    30 * time.Second,
		Issuer:          "throng",
		MaxDevices:      100,
		Sessions:        Sessions{Above: AboveEndOldest},
		HashQueue:       256,
		CacheSize:       100_000,
		CacheFor:        4 * time.Second,
		UseResolution:   time.Minute,
		InvitationTTL:   7 * 24 * time.Hour,
		Company: Company{
			JWKSRefresh: 10 * time.Minute,
			JWKSMaxAge:  24 * time.Hour,
			MaxTTL:      24 * time.Hour,
			Leeway:      30 * time.Second,
		},
	}
}

// Lengths that make guessing pointless.
const (
	minSecretBytes    = 32 // HS256: as long as its hash
	minServerKeyBytes = 22 // 128 bits in base64
	maxSecrets        = 8  // each costs a hash per unknown token
	maxServerKeys     = 64
)

// Validate reports every setting that cannot work. Signing secrets may still be missing; [New] needs one.
func (c Config) Validate() error {
	problems := []error{c.Company.validate(), c.Sessions.validate()}
	switch c.SignUp {
	case SignUpOpen, SignUpInvitation, SignUpClosed:
	default:
		problems = append(problems, fmt.Errorf("sign_up must be open, invitation or closed, it is %q", c.SignUp))
	}
	problems = append(problems,
		within("access_token_ttl", c.AccessTokenTTL, time.Minute, 24*time.Hour),
		within("refresh_token_ttl", c.RefreshTokenTTL, c.AccessTokenTTL, 2*365*24*time.Hour),
		within("refresh_grace", c.RefreshGrace, 0, 5*time.Minute),
		within("use_resolution", c.UseResolution, time.Second, 24*time.Hour),
		within("invitation_ttl", c.InvitationTTL, time.Minute, 365*24*time.Hour),
		within("max_devices", c.MaxDevices, 1, 1_000),
		within("hash_concurrency", c.HashConcurrency, 0, 256),
		within("hash_queue", c.HashQueue, 0, 100_000),
		within("cache_size", c.CacheSize, 1, 10_000_000),
		within("cache_for", c.CacheFor, 0, time.Minute),
		within("number of server_keys", len(c.ServerKeys), 0, maxServerKeys),
		secrets("signing_secrets", c.SigningSecrets, minSecretBytes),
		secrets("server_keys", c.ServerKeys, minServerKeyBytes),
	)
	if c.Issuer == "" {
		problems = append(problems, errors.New("issuer must not be empty"))
	}
	for _, own := range c.SigningSecrets {
		for _, foreign := range c.Company.HS256Secrets {
			if own == foreign {
				problems = append(problems, errors.New("company.hs256_secrets must not hold a signing secret: make another one"))
			}
		}
	}
	return errors.Join(problems...)
}

func (c Company) validate() error {
	problems := []error{
		secrets("company.hs256_secrets", c.HS256Secrets, minSecretBytes),
		within("number of company.hs256_secrets", len(c.HS256Secrets), 0, maxSecrets),
		within("company.jwks_refresh", c.JWKSRefresh, 10*time.Second, 24*time.Hour),
		within("company.jwks_max_age", c.JWKSMaxAge, c.JWKSRefresh, 30*24*time.Hour),
		within("company.max_ttl", c.MaxTTL, time.Minute, 365*24*time.Hour),
		within("company.leeway", c.Leeway, 0, 5*time.Minute),
	}
	if c.JWKSFile != "" && c.JWKSURL != "" {
		problems = append(problems, errors.New("company.jwks_file and company.jwks_url exclude each other: set one"))
	}
	if c.JWKSURL != "" {
		problems = append(problems, checkKeysURL(c.JWKSURL))
	}
	return errors.Join(problems...)
}

// enabled reports whether foreign tokens are taken at all.
func (c Company) enabled() bool {
	return len(c.HS256Secrets) > 0 || c.JWKSFile != "" || c.JWKSURL != ""
}

// checkKeysURL refuses addresses from which somebody on the way could hand us keys.
func checkKeysURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("company.jwks_url is not a URL: %q", text)
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("company.jwks_url must be https, since whoever changes its answer may sign in as anybody; it is %q", text)
	}
	return nil
}

func within[T int | time.Duration](name string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s must be from %v to %v, it is %v", name, low, high, value)
	}
	return nil
}

func secrets(name string, list []Secret, bytes int) error {
	for i, s := range list {
		text := s.Reveal()
		switch {
		case len(text) < bytes:
			return fmt.Errorf("%s: number %d has %d bytes, %d are needed; make one with: openssl rand -base64 33", name, i+1, len(text), bytes)
		case strings.Contains(text, "-----BEGIN"):
			// A public key as a shared secret would let everybody sign.
			return fmt.Errorf("%s: number %d is a PEM file, not a secret; public keys belong into company.jwks_file", name, i+1)
		}
	}
	return nil
}

func (c Config) hashers() int {
	if c.HashConcurrency > 0 {
		return c.HashConcurrency
	}
	return runtime.GOMAXPROCS(0)
}
