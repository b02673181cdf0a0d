package account_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

const (
	signingSecret = "a signing secret that is long enough to be one"
	companySecret = "a company's secret that is long enough to be one"
	serverKey     = "server-key-of-a-back-end-0123456789"
	password      = "correct horse battery"
)

// world is a service on a store in memory, with a clock that stands still until it is moved.
type world struct {
	*account.Service
	store *pebble.Accounts

	mu      sync.Mutex
	now     time.Time
	revoked []account.Revocation
}

func newWorld(t testing.TB, change func(*account.Config, *account.Deps)) *world {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open the store", err)
	t.Cleanup(func() { _ = s.Close() })
	w := &world{store: s.Accounts(), now: time.Date(2026, 5, 6, 7, 8, 9, 500_000_000, time.UTC)}
	cfg := account.Default()
	cfg.SigningSecrets = []account.Secret{signingSecret}
	cfg.ServerKeys = []account.Secret{serverKey}
	deps := account.Deps{Users: w.store, Devices: w.store, Invitations: w.store, Now: w.clock}
	if change != nil {
		change(&cfg, &deps)
	}
	w.Service, err = account.New(cfg, deps)
	assert.NoError(t, "make the service", err)
	w.OnRevoke(func(r account.Revocation) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.revoked = append(w.revoked, r)
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) revocations() []account.Revocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.revoked
	w.revoked = nil
	return out
}

// join signs somebody up.
func (w *world) join(t testing.TB, handle string) account.Grant {
	t.Helper()
	g, err := w.SignUp(t.Context(), account.SignUp{Credentials: credentials(handle, password), Name: handle})
	assert.NoError(t, "sign up", err)
	return g
}

func credentials(handle, password string) account.Credentials {
	return account.Credentials{Handle: handle, Password: password, Device: account.NewDevice{Name: "phone", Platform: account.PlatformPhone}}
}

// refused fails the test unless err has the reason.
func refused(t testing.TB, what string, err error, reason chat.Reason) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error, want %s", what, reason)
	}
	if e := chat.AsError(err); e.Reason != reason {
		t.Fatalf("%s: got %v, want %s", what, err, reason)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// part encodes one part of a token: JSON of a value, or a string as it is.
func part(t testing.TB, v any) string {
	t.Helper()
	if s, ok := v.(string); ok {
		return b64([]byte(s))
	}
	b, err := json.Marshal(v)
	assert.NoError(t, "encode", err)
	return b64(b)
}

// hs256 signs a token by hand, so that it may be as wrong as a test needs it.
func hs256(t testing.TB, key []byte, header, claims any) string {
	t.Helper()
	signed := part(t, header) + "." + part(t, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

type object = map[string]any

// with returns a copy of an object with one field changed; nil removes it.
func with(o object, field string, value any) object {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	if value == nil {
		delete(out, field)
	} else {
		out[field] = value
	}
	return out
}

// raw is with for a value that JSON encoding would not write: 1e308, NaN, duplicates.
func raw(t testing.TB, o object, field, value string) string {
	t.Helper()
	b, err := json.Marshal(with(o, field, nil))
	assert.NoError(t, "encode", err)
	return strings.TrimSuffix(string(b), "}") + fmt.Sprintf(",%q:%s}", field, value)
}
