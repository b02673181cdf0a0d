package account_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// publishedSecret stands in the key set, where everybody can read it.
const publishedSecret = "a secret in a key set that everybody can read"

// keys are a company's private keys.
type keys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newKeys(t testing.TB) keys {
	t.Helper()
	var k keys
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	assert.NoError(t, "make an RSA key", err)
	k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, "make an EC key", err)
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	assert.NoError(t, "make an Ed25519 key", err)
	return k
}

// set is what the company publishes, with things in it that must not be taken for signing keys.
func (k keys) set(t testing.TB) []byte {
	t.Helper()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	assert.NoError(t, "make a weak key", err)
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: []byte(publishedSecret), KeyID: "shared", Algorithm: "HS256"},
		{Key: &weak.PublicKey, KeyID: "weak"},
		{Key: &k.rsa.PublicKey, KeyID: "encryption", Use: "enc"},
		{Key: &k.rsa.PublicKey, KeyID: "rsa", Use: "sig", Algorithm: "RS256"},
		{Key: &k.ec.PublicKey, KeyID: "ec"},
		{Key: k.ed.Public(), KeyID: "ed"},
	}})
	assert.NoError(t, "write the key set", err)
	// A key of a kind that nobody knows is passed over.
	return []byte(strings.Replace(string(b), `{"keys":[`, `{"keys":[{"kty":"XYZ","kid":"odd"},`, 1))
}

func (k keys) sign(t testing.TB, alg, kid string, claims any) string {
	t.Helper()
	signed := part(t, object{"alg": alg, "typ": "JWT", "kid": kid}) + "." + part(t, claims)
	digest := sha256.Sum256([]byte(signed))
	var sig []byte
	var err error
	switch alg {
	case "RS256":
		sig, err = rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, digest[:])
	case "ES256":
		r, s, e := ecdsa.Sign(rand.Reader, k.ec, digest[:])
		sig, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), e
	case "EdDSA":
		sig = ed25519.Sign(k.ed, []byte(signed))
	default:
		t.Fatalf("no key for %s", alg)
	}
	assert.NoError(t, "sign", err)
	return signed + "." + b64(sig)
}

func withCompany(change func(*account.Company)) func(*account.Config, *account.Deps) {
	return func(c *account.Config, _ *account.Deps) {
		c.Company.HS256Secrets = []account.Secret{"an older secret of the company, still in use", companySecret}
		if change != nil {
			change(&c.Company)
		}
	}
}

func (w *world) companyClaims(sub string) object {
	return object{"sub": sub, "exp": w.clock().Unix() + 600, "iat": w.clock().Unix()}
}

func (w *world) companyToken(t testing.TB, sub string) string {
	t.Helper()
	return hs256(t, []byte(companySecret), object{"alg": "HS256"}, w.companyClaims(sub))
}

func TestCompanyUserIsMadeOnFirstSight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCompany(nil))
	claims := with(with(w.companyClaims("emp/7"), "name", " Grace "), "avatar", "https://x/1.png")
	token := hs256(t, []byte(companySecret), object{"alg": "HS256", "typ": "JWT", "kid": "any"}, claims)

	var wg sync.WaitGroup
	ids := make([]account.Identity, 16)
	for i := range ids {
		wg.Go(func() {
			ids[i], _ = w.Authenticate(context.WithoutCancel(t.Context()), token, "laptop")
		})
	}
	wg.Wait()
	for _, id := range ids {
		assert.True(t, "one user and one device", id.User != 0 && id.Device != 0 && id.User == ids[0].User && id.Device == ids[0].Device)
	}
	u, err := w.Get(t.Context(), ids[0].User)
	assert.NoError(t, "read the user", err)
	assert.True(t, "as the token says", u.ExternalID == "emp/7" && u.Name == "Grace" && u.Avatar == "https://x/1.png" && u.Handle == "" && !u.Admin)

	other, err := w.Authenticate(t.Context(), token, "phone")
	assert.NoError(t, "another device", err)
	assert.True(t, "same user, other device", other.User == ids[0].User && other.Device != ids[0].Device)
	none, err := w.Authenticate(t.Context(), token, "")
	assert.NoError(t, "no device", err)
	assert.Equal(t, "device", none.Device, 0)
	for label, reason := range map[string]chat.Reason{strings.Repeat("x", 65): chat.ReasonFieldTooLarge, "a\nb": chat.ReasonFieldInvalid, "\xff": chat.ReasonFieldInvalid} {
		_, err := w.Authenticate(t.Context(), token, label)
		refused(t, fmt.Sprintf("device %q", label), err, reason)
	}
}

// TestForgedCompanyTokens holds guarantees 3.9 nos. 23, 24, 26, 27 and 29 against a company's tokens.
func TestForgedCompanyTokens(t *testing.T) {
	t.Parallel()
	k, stranger := newKeys(t), newKeys(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	assert.NoError(t, "write the key set", os.WriteFile(file, k.set(t), 0o600))
	w := newWorld(t, withCompany(func(c *account.Company) {
		c.JWKSFile, c.Issuer, c.Audience = file, "https://sso.example", "chat"
	}))
	secret := []byte(companySecret)
	claims := with(with(w.companyClaims("emp/7"), "iss", "https://sso.example"), "aud", []string{"mail", "chat"})
	header := object{"alg": "HS256"}
	good := map[string]string{
		"HS256":          hs256(t, secret, header, claims),
		"RS256":          k.sign(t, "RS256", "rsa", claims),
		"ES256":          k.sign(t, "ES256", "ec", claims),
		"EdDSA":          k.sign(t, "EdDSA", "ed", claims),
		"RS256, no kid":  k.sign(t, "RS256", "", claims),
		"within leeway":  hs256(t, secret, header, with(claims, "exp", w.clock().Unix()-20)),
		"nbf in leeway":  hs256(t, secret, header, with(claims, "nbf", w.clock().Unix()+20)),
		"fraction":       hs256(t, secret, header, raw(t, claims, "exp", fmt.Sprintf("%d.5", w.clock().Unix()+60))),
		"odd name":       hs256(t, secret, header, with(claims, "name", strings.Repeat("x", 1_000))),
		"their own did":  hs256(t, secret, header, with(claims, "did", 7)),
		"typ lower case": hs256(t, secret, with(header, "typ", "jwt"), claims),
	}
	for name, token := range good {
		_, err := w.Authenticate(t.Context(), token, "")
		assert.NoError(t, name, err)
	}
	public := x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	assert.NoError(t, "encode the public key", err)
	now := w.clock().Unix()
	rows := map[string]string{
		"RS key as HS secret, DER":    hs256(t, public, with(header, "kid", "rsa"), claims),
		"RS key as HS secret, SPKI":   hs256(t, spki, with(header, "kid", "rsa"), claims),
		"RS key as HS secret, PEM":    hs256(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), header, claims),
		"RS key as HS secret, PKCS1":  hs256(t, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: public}), header, claims),
		"RS modulus as HS secret":     hs256(t, k.rsa.N.Bytes(), with(header, "kid", "rsa"), claims),
		"Ed key as HS secret":         hs256(t, k.ed.Public().(ed25519.PublicKey), with(header, "kid", "ed"), claims), //nolint:forcetypeassert,errcheck // a test
		"key set as HS secret":        hs256(t, k.set(t), header, claims),
		"shared key of the set":       hs256(t, []byte(publishedSecret), with(header, "kid", "shared"), claims),
		"signing secret of ours":      hs256(t, []byte(signingSecret), header, claims),
		"server key":                  hs256(t, []byte(serverKey), header, claims),
		"stranger's RS256":            stranger.sign(t, "RS256", "rsa", claims),
		"stranger's ES256":            stranger.sign(t, "ES256", "ec", claims),
		"stranger's EdDSA":            stranger.sign(t, "EdDSA", "ed", claims),
		"unknown kid":                 k.sign(t, "RS256", "other", claims),
		"kid of another algorithm":    k.sign(t, "RS256", "ec", claims),
		"kid of an encryption key":    k.sign(t, "RS256", "encryption", claims),
		"ours by type":                hs256(t, secret, with(header, "typ", "at+jwt"), claims),
		"refresh by type":             hs256(t, secret, with(header, "typ", "refresh+jwt"), claims),
		"zip":                         hs256(t, secret, with(header, "zip", "DEF"), claims),
		"none":                        part(t, with(header, "alg", "none")) + "." + part(t, claims) + ".",
		"issuer":                      hs256(t, secret, header, with(claims, "iss", "https://sso.example/")),
		"no issuer":                   hs256(t, secret, header, with(claims, "iss", nil)),
		"audience":                    hs256(t, secret, header, with(claims, "aud", "mail")),
		"no audience":                 hs256(t, secret, header, with(claims, "aud", nil)),
		"no sub":                      hs256(t, secret, header, with(claims, "sub", nil)),
		"sub a number":                hs256(t, secret, header, with(claims, "sub", 7)),
		"sub of 129 bytes":            hs256(t, secret, header, with(claims, "sub", strings.Repeat("x", 129))),
		"sub of two lines":            hs256(t, secret, header, with(claims, "sub", "a\nb")),
		"no exp":                      hs256(t, secret, header, with(claims, "exp", nil)),
		"exp a string":                hs256(t, secret, header, with(claims, "exp", fmt.Sprint(now+60))),
		"exp 1e308":                   hs256(t, secret, header, raw(t, claims, "exp", "1e308")),
		"exp in two days":             hs256(t, secret, header, with(claims, "exp", now+2*24*3600)),
		"nbf in the future":           hs256(t, secret, header, with(claims, "nbf", now+60)),
		"iat in the future":           hs256(t, secret, header, with(claims, "iat", now+60)),
		"signature of other contents": strings.Join([]string{good["RS256"][:strings.LastIndex(good["RS256"], ".")] + "x", "AAAA"}, "."),
	}
	for name, token := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.Authenticate(t.Context(), token, "phone")
			refused(t, "forged token", err, chat.ReasonTokenInvalid)
		})
	}
	for _, exp := range []int64{now - 31, 0, -1} {
		_, err := w.Authenticate(t.Context(), hs256(t, secret, header, with(claims, "exp", exp)), "")
		refused(t, fmt.Sprintf("exp %d", exp), err, chat.ReasonTokenExpired)
	}
}

func TestCompanyTokensNeedACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, secret := range []string{companySecret, ""} {
		_, err := w.Authenticate(t.Context(), hs256(t, []byte(secret), object{"alg": "HS256"}, w.companyClaims("x")), "")
		refused(t, "no company", err, chat.ReasonTokenInvalid)
	}
}

// keyServer serves a key set and counts.
type keyServer struct {
	url   string
	asked atomic.Int32
	set   atomic.Pointer[[]byte]
	down  atomic.Bool
}

func newKeyServer(t *testing.T, set []byte) *keyServer {
	t.Helper()
	k := &keyServer{}
	k.set.Store(&set)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.asked.Add(1)
		if k.down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(*k.set.Load())
	}))
	t.Cleanup(s.Close)
	k.url = s.URL
	return k
}

func TestKeysFromURL(t *testing.T) {
	t.Parallel()
	old, fresh := newKeys(t), newKeys(t)
	server := newKeyServer(t, old.set(t))
	w := newWorld(t, withCompany(func(c *account.Company) { c.JWKSURL = server.url }))
	claims := w.companyClaims("emp/7")
	ctx := t.Context()
	auth := func(k keys, kid string, n int) error {
		_, err := w.Authenticate(ctx, k.sign(t, "RS256", kid, with(claims, "n", n)), "")
		return err
	}
	assert.NoError(t, "the first token fetches", auth(old, "rsa", 1))
	assert.NoError(t, "the second does not", auth(old, "rsa", 2))
	assert.Equal(t, "fetches", server.asked.Load(), 1)

	for i := range 20 {
		refused(t, "unknown kid", auth(fresh, fmt.Sprint("guess", i), i), chat.ReasonTokenInvalid)
	}
	assert.Equal(t, "fetches after guesses within the pause", server.asked.Load(), 1)

	set := []byte(strings.ReplaceAll(string(fresh.set(t)), `"kid":"rsa"`, `"kid":"rsa2"`))
	server.set.Store(&set)
	w.pass(31 * time.Second)
	assert.NoError(t, "a key id that came later", auth(fresh, "rsa2", 3))
	assert.Equal(t, "fetches", server.asked.Load(), 2)
	refused(t, "a remembered token of a key that was taken back", auth(old, "rsa", 1), chat.ReasonTokenInvalid)

	server.down.Store(true)
	w.pass(31 * time.Second)
	claims["exp"] = w.clock().Unix() + 3600
	refused(t, "unknown kid while down", auth(fresh, "other", 4), chat.ReasonTokenInvalid)
	assert.NoError(t, "known keys while down", auth(fresh, "rsa2", 5))
	w.pass(25 * time.Hour)
	claims["exp"], claims["iat"] = w.clock().Unix()+600, w.clock().Unix()
	refused(t, "keys that are too old", auth(fresh, "rsa2", 6), chat.ReasonTokenInvalid)
}

func TestKeySetsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"empty":      `{"keys":[]}`,
		"not JSON":   `<html>`,
		"too many":   `{"keys":[` + strings.Repeat(`{},`, 200) + `{}]}`,
		"too large":  `{"keys":[]}` + strings.Repeat(" ", 300<<10),
		"only odd":   `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		"a number":   `7`,
		"EC P-384":   `{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}`,
		"weak RSA":   `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		"RSA as HS":  `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"HS256"}]}`,
		"null entry": `{"keys":[null]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "jwks.json")
			assert.NoError(t, "write", os.WriteFile(file, []byte(set), 0o600))
			c := account.Default()
			c.SigningSecrets = []account.Secret{signingSecret}
			c.Company.JWKSFile = file
			if _, err := account.New(c, account.Deps{}); err == nil {
				t.Error("a service was made with it")
			}
		})
	}
}

func TestSignOutHoldsAgainstCompanyTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCompany(nil))
	ctx := t.Context()
	token := w.companyToken(t, "emp/7")
	phone, err := w.Authenticate(ctx, token, "phone")
	assert.NoError(t, "phone", err)
	laptop, err := w.Authenticate(ctx, token, "laptop")
	assert.NoError(t, "laptop", err)

	n, err := w.SignOut(ctx, phone.User, phone.Device, false)
	assert.NoError(t, "sign the phone out", err)
	assert.Equal(t, "ended", n, 1)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: phone.User, Devices: []chat.DeviceID{phone.Device}, Reason: chat.ReasonSignedOut}})
	_, err = w.Authenticate(ctx, token, "phone")
	refused(t, "the phone with its old token", err, chat.ReasonSignedOut)
	_, err = w.Authenticate(ctx, token, "laptop")
	assert.NoError(t, "the laptop", err)
	refused(t, "the phone's live connection", w.Check(ctx, phone), chat.ReasonSignedOut)
	assert.NoError(t, "the laptop's live connection", w.Check(ctx, laptop))

	w.pass(time.Second)
	again, err := w.Authenticate(ctx, w.companyToken(t, "emp/7"), "phone")
	assert.NoError(t, "the phone with a new token", err)
	assert.Equal(t, "device", again.Device, phone.Device)
	_, err = w.Authenticate(ctx, token, "laptop")
	assert.NoError(t, "the laptop", err)

	_, err = w.SignOut(ctx, phone.User, 0, true)
	assert.NoError(t, "sign all out", err)
	for _, label := range []string{"phone", "laptop", "never seen", ""} {
		_, err = w.Authenticate(ctx, token, label)
		refused(t, "an old token on "+label, err, chat.ReasonSignedOut)
	}
	w.pass(time.Second)
	_, err = w.Authenticate(ctx, w.companyToken(t, "emp/7"), "laptop")
	assert.NoError(t, "a token after that", err)
	noTime := hs256(t, []byte(companySecret), object{"alg": "HS256"}, with(w.companyClaims("emp/7"), "iat", nil))
	_, err = w.Authenticate(ctx, noTime, "laptop")
	refused(t, "a token without iat after a sign-out", err, chat.ReasonSignedOut)
}

func TestDeletedCompanyUserStaysDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCompany(nil))
	ctx := t.Context()
	token := w.companyToken(t, "emp/7")
	id, err := w.Authenticate(ctx, token, "phone")
	assert.NoError(t, "first sight", err)
	w.pass(2 * time.Second)
	assert.NoError(t, "delete", w.DeleteUser(ctx, id.User))
	for range 3 {
		_, err = w.Authenticate(ctx, token, "phone")
		refused(t, "the old token", err, chat.ReasonSignedOut)
	}
	w.pass(time.Second)
	again, err := w.Authenticate(ctx, w.companyToken(t, "emp/7"), "phone")
	assert.NoError(t, "a new token", err)
	assert.True(t, "another account", again.User != id.User && again.Device != id.Device)
}
