package account_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
)

func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	c := account.Default()
	c.SigningSecrets = []account.Secret{"hunter2hunter2"}
	hidden := struct{ secret account.Secret }{"hunter2hunter2"}
	asJSON, err := json.Marshal(c)
	assert.NoError(t, "encode", err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "config", c, "secret", c.SigningSecrets[0])
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c.SigningSecrets, c.SigningSecrets[0], c.SigningSecrets[0], c.SigningSecrets),
		string(asJSON), log.String(), fmt.Sprintf("%v", &hidden.secret),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	assert.Equal(t, "revealed", c.SigningSecrets[0].Reveal(), "hunter2hunter2")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	assert.NoError(t, "the default", account.Default().Validate())
	pem := account.Secret("-----BEGIN PUBLIC KEY-----" + strings.Repeat("A", 100))
	for name, change := range map[string]func(*account.Config){
		"sign_up":           func(c *account.Config) { c.SignUp = "maybe" },
		"access_token_ttl":  func(c *account.Config) { c.AccessTokenTTL = time.Second },
		"refresh_token_ttl": func(c *account.Config) { c.RefreshTokenTTL = time.Minute },
		"max_devices":       func(c *account.Config) { c.MaxDevices = 0 },
		"cache_size":        func(c *account.Config) { c.CacheSize = 0 },
		"issuer":            func(c *account.Config) { c.Issuer = "" },
		"signing_secrets":   func(c *account.Config) { c.SigningSecrets = []account.Secret{"short"} },
		"server_keys":       func(c *account.Config) { c.ServerKeys = []account.Secret{"short"} },
		"hs256_secrets":     func(c *account.Config) { c.Company.HS256Secrets = []account.Secret{"short"} },
		"PEM":               func(c *account.Config) { c.Company.HS256Secrets = []account.Secret{pem} },
		"a signing secret": func(c *account.Config) {
			c.SigningSecrets = []account.Secret{signingSecret}
			c.Company.HS256Secrets = c.SigningSecrets
		},
		"exclude each other":  func(c *account.Config) { c.Company.JWKSFile, c.Company.JWKSURL = "a", "https://b.example/" },
		"must be https":       func(c *account.Config) { c.Company.JWKSURL = "http://sso.example/keys" },
		"not a URL":           func(c *account.Config) { c.Company.JWKSURL = "https://user:pass@sso.example/keys" },
		"jwks_max_age":        func(c *account.Config) { c.Company.JWKSMaxAge = 0 },
		"company.max_ttl":     func(c *account.Config) { c.Company.MaxTTL = 0 },
		"company.leeway":      func(c *account.Config) { c.Company.Leeway = time.Hour },
		"hash_queue":          func(c *account.Config) { c.HashQueue = -1 },
		"invitation_ttl":      func(c *account.Config) { c.InvitationTTL = 0 },
		"number of server_ke": func(c *account.Config) { c.ServerKeys = make([]account.Secret, 65) },
	} {
		c := account.Default()
		change(&c)
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s shows a secret: %v", name, err)
		}
	}
	_, err := account.New(account.Default(), account.Deps{})
	assert.True(t, "no signing secret", err != nil && strings.Contains(err.Error(), "signing_secrets"))
}

func TestHandles(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada":                   "ada",
		"Ada":                   "ada",
		"ＡＤＡ":                   "ada",
		"Straße":                "strasse",
		"ΣΊΣΥΦΟΣ":               "σίσυφοσ",
		"a.b-c_d+e@f":           "a.b-c_d+e@f",
		"7":                     "7",
		"日本":                    "日本",
		"ﬁne":                   "fine",
		"e\u0301":               "é",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		got, err := account.NormalizeHandle(in)
		assert.NoError(t, in, err)
		assert.Equal(t, in, got, want)
	}
	for _, bad := range []string{
		"", " ", "a b", "-a", "@ada", ".", "a\u200bb", "a\u200d", "a/b", "a\x00", "\xff", "a:b", "\u0301a", strings.Repeat("x", 65),
		strings.Repeat("ﷺ", 20), strings.Repeat("x", 1<<20), "a\u202eb", "💥",
	} {
		if got, err := account.NormalizeHandle(bad); err == nil {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
}

// Every letter and its upper case are one handle, where the upper case is its own.
func TestHandlesOfEveryLetter(t *testing.T) {
	t.Parallel()
	for r := range unicode.MaxRune {
		upper := unicode.ToUpper(r)
		if upper == r || unicode.ToLower(upper) != r {
			continue
		}
		h, err := account.NormalizeHandle(string(r))
		other, failed := account.NormalizeHandle(string(upper))
		if err == nil && (failed != nil || h != other) {
			t.Errorf("%q becomes %q, and %q %q (%v)", r, h, upper, other, failed)
		}
	}
}

func FuzzHandle(f *testing.F) {
	for _, s := range []string{"Ada", "ꭳ", "Straße", "ﬁ", "İ", "ǅ", "ᾳ", "ς", "\u0345a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := account.NormalizeHandle(s)
		if err != nil {
			return
		}
		again, err := account.NormalizeHandle(h)
		if err != nil || again != h {
			t.Fatalf("%q becomes %q, which becomes %q (%v)", s, h, again, err)
		}
		if upper, err := account.NormalizeHandle(strings.ToUpper(h)); err == nil && strings.ToLower(strings.ToUpper(h)) == h && upper != h {
			t.Fatalf("%q and its upper case %q are two handles", h, strings.ToUpper(h))
		}
	})
}
