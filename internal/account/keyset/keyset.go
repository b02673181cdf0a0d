package keyset

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeySetBytes = 256 << 10
	maxPublicKeys  = 100
	maxKeyTries    = 8 // signature checks per token
	minRSABits     = 2_048
	fetchTimeout   = 5 * time.Second
	// fetchPause is the least time between two fetches, whatever strangers put into their tokens.
	fetchPause = 30 * time.Second
)

// Config says where the keys are; one of File and URL is set.
type Config struct {
	// File is a file with keys.
	File string
	// URL is where they are fetched.
	URL string
	// MaxAge is how long fetched keys are used while the URL does not answer.
	MaxAge time.Duration
	// Client fetches; nil is one that follows no redirects.
	Client *http.Client
	// Now is the wall clock.
	Now func() time.Time
	// Log is told of keys that could not be loaded.
	Log *slog.Logger
	// Changed is called after the keys became others, from the goroutine that found it; it must not call back.
	Changed func()
}

// Set holds public keys. All methods may be called from any goroutine; Find may wait for one fetch.
type Set struct {
	// immutable after construction
	cfg Config

	// guarded by mu
	mu       sync.Mutex
	keys     []publicKey
	fetched  time.Time     // of keys
	tried    time.Time     // last fetch, successful or not
	fetching chan struct{} // closed when the fetch under way ends; nil where there is none
}

// New makes a set that has no keys yet.
func New(cfg Config) *Set {
	if cfg.Client == nil {
		cfg.Client = &http.Client{
			Timeout:       fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Set{cfg: cfg}
}

// Read reads the keys of a file before anybody asks for one: a file that is wrong at the start is a mistake of the operator. A URL
// may come up later than we do.
func (k *Set) Read(ctx context.Context) error {
	if k.cfg.File == "" {
		return nil
	}
	keys, err := k.load(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	return nil
}

type publicKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       any
}

// Find returns the keys that a token with this header may be checked with, the few that there are.
func (k *Set) Find(ctx context.Context, algorithm jose.SignatureAlgorithm, id string) []any {
	if found := k.known(algorithm, id); len(found) > 0 || k.cfg.URL == "" {
		return found
	}
	k.refresh(ctx, fetchPause)
	return k.known(algorithm, id)
}

func (k *Set) known(algorithm jose.SignatureAlgorithm, id string) []any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cfg.URL != "" && k.cfg.Now().Sub(k.fetched) > k.cfg.MaxAge {
		return nil
	}
	var found []any
	for _, key := range k.keys {
		if key.algorithm == algorithm && (id == "" || key.id == "" || key.id == id) && len(found) < maxKeyTries {
			found = append(found, key.key)
		}
	}
	return found
}

// Refresh loads the keys again.
func (k *Set) Refresh(ctx context.Context) { k.refresh(ctx, 0) }

// refresh loads the keys, unless somebody has tried within pause. Of several callers one fetches and the others wait.
func (k *Set) refresh(ctx context.Context, pause time.Duration) {
	k.mu.Lock()
	if under := k.fetching; under != nil {
		k.mu.Unlock()
		select {
		case <-under:
		case <-ctx.Done():
		}
		return
	}
	if !k.tried.IsZero() && k.cfg.Now().Sub(k.tried) < pause {
		k.mu.Unlock()
		return
	}
	done := make(chan struct{})
	k.fetching = done
	k.mu.Unlock()

	// Others wait for this fetch, so it does not end with the caller who happened to start it.
	fetchCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	keys, err := k.load(fetchCtx)
	cancel()

	k.mu.Lock()
	k.tried, k.fetching = k.cfg.Now(), nil
	different := false
	if err == nil {
		different = !slices.EqualFunc(k.keys, keys, samePublicKey)
		k.keys, k.fetched = keys, k.tried
	}
	k.mu.Unlock()
	close(done)
	if err != nil {
		k.cfg.Log.Warn("the company's public keys could not be loaded; the old ones stay in use for a while", "error", err)
	} else if different {
		k.cfg.Changed()
	}
}

func (k *Set) load(ctx context.Context) ([]publicKey, error) {
	if k.cfg.File != "" {
		f, err := os.Open(k.cfg.File)
		if err != nil {
			return nil, fmt.Errorf("opening company.jwks_file: %w", err)
		}
		defer func() { _ = f.Close() }()
		return readKeys(f)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.cfg.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("asking company.jwks_url: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := k.cfg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking company.jwks_url: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("company.jwks_url answered %s", res.Status)
	}
	return readKeys(res.Body)
}

func readKeys(r io.Reader) ([]publicKey, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxKeySetBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading public keys: %w", err)
	}
	if len(b) > maxKeySetBytes {
		return nil, fmt.Errorf("the key set has more than %d bytes", maxKeySetBytes)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("reading public keys: %w", err)
	}
	if len(set.Keys) > maxPublicKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxPublicKeys)
	}
	keys := make([]publicKey, 0, len(set.Keys))
	for _, raw := range set.Keys {
		// Sets hold keys for other purposes too; what we cannot use is passed over.
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(raw) != nil {
			continue
		}
		if algorithm, ok := usableAs(jwk); ok {
			keys = append(keys, publicKey{id: jwk.KeyID, algorithm: algorithm, key: jwk.Key})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no public key for RS256, ES256 or EdDSA")
	}
	return keys, nil
}

// usableAs returns the one algorithm that a public key may check. Shared secrets and private keys in a set are not usable.
func usableAs(k jose.JSONWebKey) (jose.SignatureAlgorithm, bool) {
	var algorithm jose.SignatureAlgorithm
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return "", false
		}
		algorithm = jose.RS256
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return "", false
		}
		algorithm = jose.ES256
	case ed25519.PublicKey:
		algorithm = jose.EdDSA
	default:
		return "", false
	}
	return algorithm, k.Valid() && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == string(algorithm))
}

func samePublicKey(a, b publicKey) bool {
	if a.id != b.id || a.algorithm != b.algorithm {
		return false
	}
	switch key := a.key.(type) {
	case *rsa.PublicKey:
		other, ok := b.key.(*rsa.PublicKey)
		return ok && key.Equal(other)
	case *ecdsa.PublicKey:
		other, ok := b.key.(*ecdsa.PublicKey)
		return ok && key.Equal(other)
	case ed25519.PublicKey:
		other, ok := b.key.(ed25519.PublicKey)
		return ok && key.Equal(other)
	default:
		return false
	}
}
