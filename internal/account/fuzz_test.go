package account_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// FuzzToken is F9: what is accepted carries a signature that the standard library accepts as well, with the one algorithm
// that the key is for, over these very bytes. What is refused is refused with a typed error.
func FuzzToken(f *testing.F) {
	k := newKeys(f)
	file := filepath.Join(f.TempDir(), "jwks.json")
	assert.NoError(f, "write the key set", os.WriteFile(file, k.set(f), 0o600))
	w := newWorld(f, withCompany(func(c *account.Company) { c.JWKSFile = file }))
	g := w.join(f, "ada")
	kid, own := w.SigningKey()
	claims := w.companyClaims("emp/7")
	seeds := []string{
		g.Tokens.Access, g.Tokens.Refresh, serverKey, w.companyToken(f, "emp/7"),
		k.sign(f, "RS256", "rsa", claims), k.sign(f, "ES256", "ec", claims), k.sign(f, "EdDSA", "ed", claims),
		part(f, object{"alg": "none", "typ": "at+jwt", "kid": kid}) + "." + part(f, claims) + ".",
		"..", "a.b.c", "{}", "",
	}
	for _, s := range seeds {
		f.Add(s, "", "", uint16(0), byte(0))
		f.Add(s, `{"alg":"none"}`, "", uint16(3), byte(1))
		f.Add(s, "", `{"sub":"1","exp":99999999999}`, uint16(9), byte(255))
	}
	signers := map[string]func(signed, sig []byte) bool{
		"HS256": func(signed, sig []byte) bool {
			return validMAC(own, signed, sig) || validMAC([]byte(companySecret), signed, sig)
		},
		"RS256": func(signed, sig []byte) bool {
			digest := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(&k.rsa.PublicKey, crypto.SHA256, digest[:], sig) == nil
		},
		"ES256": func(signed, sig []byte) bool {
			digest := sha256.Sum256(signed)
			return len(sig) == 64 && ecdsa.Verify(&k.ec.PublicKey, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
		},
		"EdDSA": func(signed, sig []byte) bool {
			public, ok := k.ed.Public().(ed25519.PublicKey)
			return ok && ed25519.Verify(public, signed, sig)
		},
	}
	f.Fuzz(func(t *testing.T, token, header, claims string, at uint16, flip byte) {
		token = mutate(token, header, claims, at, flip)
		id, err := w.Authenticate(t.Context(), token, "phone")
		if err != nil {
			if code := chat.AsError(err).Code; code != chat.CodeUnauthenticated {
				t.Fatalf("%q is refused with %v", token, err)
			}
			return
		}
		if id.Server {
			assert.Equal(t, "server key", token, serverKey)
			return
		}
		parts := strings.Split(token, ".")
		assert.Equal(t, "parts", len(parts), 3)
		raw, err := base64.RawURLEncoding.DecodeString(parts[0])
		assert.NoError(t, "header", err)
		var h struct{ Alg string }
		assert.NoError(t, "header", json.Unmarshal(raw, &h))
		sig, err := base64.RawURLEncoding.DecodeString(parts[2])
		assert.NoError(t, "signature", err)
		check, ok := signers[h.Alg]
		if !ok || !check([]byte(parts[0]+"."+parts[1]), sig) {
			t.Fatalf("accepted as %s: %q", fmt.Sprint(id.User), token)
		}
	})
}

// FuzzRefreshToken: what the service did not give out is refused as no token, whatever it is.
func FuzzRefreshToken(f *testing.F) {
	w := newWorld(f, nil)
	g := w.join(f, "ada")
	f.Add(g.Tokens.Refresh, uint16(0), byte(1))
	f.Add(g.Tokens.Access, uint16(3), byte(0))
	f.Add(g.Tokens.Refresh[:40]+strings.Repeat("\n", len(g.Tokens.Refresh)-40), uint16(0), byte(0)) // base64 passes over line ends
	f.Fuzz(func(t *testing.T, token string, at uint16, flip byte) {
		token = mutate(token, "", "", at, flip)
		if token == g.Tokens.Refresh {
			return
		}
		_, err := w.Refresh(t.Context(), token, "192.0.2.7")
		if code := chat.AsError(err).Code; code != chat.CodeUnauthenticated {
			t.Fatalf("%q is refused with %v", token, err)
		}
	})
}

func validMAC(key, signed, sig []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	return hmac.Equal(mac.Sum(nil), sig)
}

// mutate puts other parts into a token and flips bits of one byte.
func mutate(token, header, claims string, at uint16, flip byte) string {
	parts := strings.Split(token, ".")
	if header != "" {
		parts[0] = b64([]byte(header))
	}
	if claims != "" && len(parts) > 1 {
		parts[1] = b64([]byte(claims))
	}
	b := []byte(strings.Join(parts, "."))
	if len(b) > 0 {
		b[int(at)%len(b)] ^= flip
	}
	return string(b)
}
