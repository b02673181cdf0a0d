package keyset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/throng-im/throng/internal/account/keyset"
	"github.com/throng-im/throng/internal/assert"
)

// draw makes a public key for an algorithm.
func draw(t *testing.T, algorithm jose.SignatureAlgorithm) crypto.PublicKey {
	t.Helper()
	var key crypto.PublicKey
	var err error
	switch algorithm {
	case jose.RS256:
		var k *rsa.PrivateKey
		if k, err = rsa.GenerateKey(rand.Reader, 2_048); err == nil {
			key = k.Public()
		}
	case jose.ES256:
		var k *ecdsa.PrivateKey
		if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			key = k.Public()
		}
	default:
		key, _, err = ed25519.GenerateKey(rand.Reader)
	}
	assert.NoError(t, "drawing a key", err)
	return key
}

// Whoever remembers checked tokens forgets them when a key is another one, of whatever kind, and only then.
func TestChangedKeysAreTold(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "jwks.json")
			changes := 0
			set := keyset.New(keyset.Config{
				File: name, MaxAge: time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler), Changed: func() { changes++ },
			})
			publish := func(id string, key crypto.PublicKey) {
				t.Helper()
				text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: id}}})
				assert.NoError(t, "encoding", err)
				assert.NoError(t, "writing", os.WriteFile(name, text, 0o600))
			}
			assert.True(t, "a file that is not there", set.Read(t.Context()) != nil)
			first := draw(t, algorithm)
			publish("1", first)
			assert.NoError(t, "reading", set.Read(t.Context()))
			set.Refresh(t.Context())
			assert.Equal(t, "the same key again", changes, 0)
			assert.Equal(t, "the key", set.Find(t.Context(), algorithm, "1"), []any{first})
			publish("1", draw(t, algorithm))
			set.Refresh(t.Context())
			assert.Equal(t, "another key under the same name", changes, 1)
			publish("2", first)
			set.Refresh(t.Context())
			assert.Equal(t, "another name", changes, 2)
			assert.Equal(t, "the old name", len(set.Find(t.Context(), algorithm, "1")), 0)
			for _, other := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA, jose.HS256} {
				if other != algorithm {
					assert.Equal(t, "a key is for one algorithm", len(set.Find(t.Context(), other, "2")), 0)
				}
			}
			assert.NoError(t, "writing", os.WriteFile(name, []byte("{"), 0o600))
			set.Refresh(t.Context())
			assert.True(t, "a file that broke keeps the keys", changes == 2 && len(set.Find(t.Context(), algorithm, "2")) == 1)
		})
	}
}
