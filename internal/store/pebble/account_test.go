package pebble_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/pebble"
)

func openAccounts(t testing.TB, fs *vfs.MemFS) porttest.AccountStore {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open", err)
	a := s.Accounts()
	return porttest.AccountStore{
		Users: a, Devices: a, Invitations: a, Close: s.Close,
		Crash: func(t testing.TB) porttest.AccountStore {
			seed := uint64(time.Now().UnixNano())
			t.Logf("power loss with seed %d", seed)
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 0))})
			after := openAccounts(t, clone)
			t.Cleanup(func() { _ = after.Close() })
			return after
		},
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	porttest.Accounts(t, func(t testing.TB) porttest.AccountStore { return openAccounts(t, vfs.NewCrashableMem()) })
}

// BenchmarkCreateUsers makes accounts as a bulk import does, 1,000 a call, on the disk.
func BenchmarkCreateUsers(b *testing.B) {
	s, err := pebble.Open(b.TempDir(), pebble.Options{})
	assert.NoError(b, "open", err)
	defer func() { _ = s.Close() }()
	a := s.Accounts()
	n := 0
	for b.Loop() {
		users := make([]account.Account, 1_000)
		for i := range users {
			n++
			users[i].User = account.User{Handle: fmt.Sprintf("user%d", n), ExternalID: fmt.Sprintf("ext-%d", n), Name: "Somebody", Version: 1}
		}
		_, err := a.Create(context.Background(), users, account.Terms{})
		assert.NoError(b, "create", err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "users/s")
}

func openRelations(t testing.TB, fs *vfs.MemFS) porttest.RelationStore {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open", err)
	return porttest.RelationStore{
		Rows: s.Relations(), Close: s.Close,
		Crash: func(t testing.TB) porttest.RelationStore {
			seed := uint64(time.Now().UnixNano())
			t.Logf("power loss with seed %d", seed)
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 0))})
			after := openRelations(t, clone)
			t.Cleanup(func() { _ = after.Close() })
			return after
		},
	}
}

func openLinks(t testing.TB, fs *vfs.MemFS) porttest.LinkStore {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open", err)
	return porttest.LinkStore{
		Links: s.Links(), Close: s.Close,
		Crash: func(t testing.TB) porttest.LinkStore {
			seed := uint64(time.Now().UnixNano())
			t.Logf("power loss with seed %d", seed)
			after := openLinks(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 0))}))
			t.Cleanup(func() { _ = after.Close() })
			return after
		},
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	porttest.Links(t, func(t testing.TB) porttest.LinkStore { return openLinks(t, vfs.NewCrashableMem()) })
}

func TestRelations(t *testing.T) {
	t.Parallel()
	porttest.Relations(t, func(t testing.TB) porttest.RelationStore { return openRelations(t, vfs.NewCrashableMem()) })
}
