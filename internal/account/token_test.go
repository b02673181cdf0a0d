package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// TestForgedAccessTokens holds guarantees 3.9 nos. 23, 26, 27 and 29 against our own tokens: each row differs from a good
// token in one thing.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	kid, key := w.SigningKey()
	now := w.clock().Unix()
	header := object{"alg": "HS256", "typ": "at+jwt", "kid": kid}
	claims := object{
		"iss": "throng", "aud": "throng", "sub": fmt.Sprint(g.User.ID), "did": fmt.Sprint(g.Device), "iat": now, "exp": now + 600,
	}
	id, err := w.Authenticate(t.Context(), hs256(t, key, header, claims), "")
	assert.NoError(t, "the good token", err)
	assert.True(t, "its user and device", id.User == g.User.ID && id.Device == g.Device)

	parts := strings.Split(g.Tokens.Access, ".")
	rows := map[string]string{
		"no signature":          parts[0] + "." + parts[1] + ".",
		"signature of another":  parts[0] + "." + part(t, with(claims, "sub", "1")) + "." + parts[2],
		"one part":              parts[0],
		"four parts":            g.Tokens.Access + ".x",
		"five parts (JWE)":      strings.Repeat("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.", 4) + "x",
		"refresh token":         g.Tokens.Refresh,
		"spaces":                " " + g.Tokens.Access,
		"padding":               g.Tokens.Access + "=",
		"JSON serialization":    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"9 KiB":                 strings.Repeat("a", 9<<10),
		"1 MiB":                 strings.Repeat("a.", 1<<19),
		"not UTF-8":             "\xff\xfe.\x00.\xff",
		"another key":           hs256(t, []byte(strings.Repeat("k", 32)), header, claims),
		"the secret itself":     hs256(t, []byte(signingSecret), header, claims),
		"an empty key":          hs256(t, nil, header, claims),
		"header is no object":   hs256(t, key, `[]`, claims),
		"claims are no object":  hs256(t, key, header, `"x"`),
		"claims with more":      hs256(t, key, header, string(mustRaw(t, claims))+`{}`),
		"exp twice":             hs256(t, key, header, strings.TrimSuffix(string(mustRaw(t, claims)), "}")+`,"exp":9999999999}`),
		"unprotected no header": "." + parts[1] + "." + parts[2],
	}
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "noNE", "", "HS384", "HS512", "hs256", "RS256", "ES256", "EdDSA", "PS256", 1, nil} {
		h := with(header, "alg", alg)
		rows[fmt.Sprintf("alg %v, signed", alg)] = hs256(t, key, h, claims)
		rows[fmt.Sprintf("alg %v, unsigned", alg)] = part(t, h) + "." + part(t, claims) + "."
	}
	for _, h := range []struct {
		field string
		value any
	}{
		{"typ", "JWT"},
		{"typ", "rt+jwt"},
		{"typ", "pt+jwt"},
		{"typ", nil},
		{"typ", 1},
		{"kid", nil},
		{"kid", "other"},
		{"kid", "../../etc/passwd"},
		{"zip", "DEF"},
		{"enc", "A256GCM"},
		{"cty", "JWT"},
		{"crit", []string{"b64"}},
		{"crit", []string{"exp"}},
		{"b64", false},
		{"jku", "https://evil.example/keys"},
		{"x5u", "https://evil.example/keys"},
		{"jwk", object{"kty": "oct", "k": b64(key)}},
	} {
		rows[fmt.Sprintf("header %s=%v", h.field, h.value)] = hs256(t, key, with(header, h.field, h.value), claims)
	}
	for _, c := range []struct {
		field string
		value any
	}{
		{"iss", "other"},
		{"iss", nil},
		{"iss", 5},
		{"aud", "other"},
		{"aud", nil},
		{"aud", []string{}},
		{"aud", []any{1}},
		{"sub", nil},
		{"sub", "0"},
		{"sub", "-1"},
		{"sub", "01"},
		{"sub", "ada"},
		{"sub", "9007199254740992"},
		{"sub", uint64(g.User.ID)},
		{"did", nil},
		{"did", "x"},
		{"exp", nil},
		{"exp", fmt.Sprint(now + 600)},
		{"exp", true},
		{"exp", now + 3*24*3600},
		{"exp", int64(1) << 62},
		{"nbf", now + 60},
		{"nbf", "soon"},
		{"nbf", int64(1) << 61},
		{"iat", now + 60},
		{"iat", -5},
	} {
		rows[fmt.Sprintf("claim %s=%v", c.field, c.value)] = hs256(t, key, header, with(claims, c.field, c.value))
	}
	for _, exp := range []string{"1e308", "-1e308", "1e400", "null", "[]", "{}", "9223372036854775807", "1e30"} {
		rows["exp "+exp] = hs256(t, key, header, raw(t, claims, "exp", exp))
	}
	for name, token := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // refusals are not remembered as anything else
				_, err := w.Authenticate(t.Context(), token, "")
				if name == "exp -1e308" && chat.AsError(err).Reason == chat.ReasonTokenExpired {
					continue
				}
				refused(t, "forged token", err, chat.ReasonTokenInvalid)
				assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeUnauthenticated)
			}
		})
	}
	for _, exp := range []int64{now, now - 1, 0, -1, -1 << 40} {
		_, err := w.Authenticate(t.Context(), hs256(t, key, header, with(claims, "exp", exp)), "")
		refused(t, fmt.Sprintf("exp %d", exp), err, chat.ReasonTokenExpired)
	}
	_, err = w.Authenticate(t.Context(), "", "")
	refused(t, "no token", err, chat.ReasonTokenMissing)
}

func mustRaw(t *testing.T, o object) []byte {
	t.Helper()
	return []byte(raw(t, with(o, "iss", nil), "iss", `"throng"`))
}

func TestAccessTokenExpiresAlsoWhenRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	id, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "a fresh token", err)
	assert.Equal(t, "its end", id.ExpiresMS, g.Tokens.AccessExpiresMS)
	w.pass(15*time.Minute - time.Second)
	_, err = w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "a second before its end", err)
	assert.NoError(t, "checked again", w.Check(t.Context(), id))
	w.pass(time.Second)
	_, err = w.Authenticate(t.Context(), g.Tokens.Access, "")
	refused(t, "at its end", err, chat.ReasonTokenExpired)
	refused(t, "checked at its end", w.Check(t.Context(), id), chat.ReasonTokenExpired)
}

func TestSigningSecretsCanBeReplaced(t *testing.T) {
	t.Parallel()
	const fresh = "another signing secret, younger than the other"
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	both := account.Default()
	both.SigningSecrets = []account.Secret{fresh, signingSecret}
	s, err := account.New(both, account.Deps{Users: w.store, Devices: w.store, Invitations: w.store, Now: w.clock})
	assert.NoError(t, "a service with both", err)
	_, err = s.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "a token of the old secret", err)
	next, err := s.Refresh(t.Context(), g.Tokens.Refresh, "")
	assert.NoError(t, "a refresh token of the old secret", err)
	_, err = w.Authenticate(t.Context(), next.Tokens.Access, "")
	refused(t, "a token of the new secret where only the old one is known", err, chat.ReasonTokenInvalid)
}

func TestServerKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	id, err := w.Authenticate(t.Context(), serverKey, "")
	assert.NoError(t, "the key", err)
	assert.Equal(t, "identity", id, account.Identity{Server: true})
	for _, wrong := range []string{serverKey + "x", serverKey[:len(serverKey)-1], strings.ToUpper(serverKey), " " + serverKey} {
		_, err := w.Authenticate(t.Context(), wrong, "")
		refused(t, wrong, err, chat.ReasonTokenInvalid)
	}
}

func TestAuthenticateRemembers(t *testing.T) { //nolint:paralleltest // counts allocations
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	_, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "first", err)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := w.Authenticate(t.Context(), g.Tokens.Access, ""); err != nil {
			t.Error(err)
		}
	})
	if allocs > 3 {
		t.Errorf("a token that is known costs %.0f allocations", allocs)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b, nil)
	g := w.join(b, "ada")
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Authenticate(b.Context(), g.Tokens.Access, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("fresh", func(b *testing.B) {
		kid, key := w.SigningKey()
		now := w.clock().Unix()
		i := 0
		for b.Loop() {
			b.StopTimer()
			i++
			token := hs256(b, key, object{"alg": "HS256", "typ": "at+jwt", "kid": kid}, object{
				"iss": "throng", "aud": "throng", "sub": fmt.Sprint(g.User.ID), "did": fmt.Sprint(g.Device), "exp": now + 600, "n": i,
			})
			b.StartTimer()
			if _, err := w.Authenticate(b.Context(), token, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
}
