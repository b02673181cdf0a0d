package pebble_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/record"
)

// smallDisk is a disk with as much room as a test says.
type smallDisk struct {
	vfs.FS
	free *atomic.Uint64
}

func (d smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

// I19: sends are refused while the disk has less than the reserve, and taken again by themselves.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := new(atomic.Uint64)
		free.Store(1 << 30)
		s, err := pebble.Open("data", pebble.Options{FS: smallDisk{vfs.NewMem(), free}})
		assert.NoError(t, "opening", err)
		defer func() { assert.NoError(t, "closing", s.Close()) }()
		_, err = s.Append(t.Context(), []*chat.Draft{created(0)})
		assert.NoError(t, "append with room", err)
		assert.NoError(t, "ready", s.Ready())

		free.Store(64<<20 - 1)
		<-time.After(time.Second) // virtual
		_, err = s.Append(t.Context(), []*chat.Draft{created(1)})
		e := chat.AsError(err)
		assert.Equal(t, "full", e.Reason, chat.ReasonStorageFull)
		assert.True(t, "retryable, with a time", e.Code.Retryable() && e.RetryAfter > 0)
		assert.ErrorIs(t, "ready", s.Ready(), e)
		heads, err := s.Heads(t.Context(), []chat.ConversationID{1, 2})
		assert.NoError(t, "reads go on", err)
		assert.True(t, "nothing was stored", heads[0].Exists() && !heads[1].Exists())

		free.Store(1 << 30)
		<-time.After(time.Second)
		_, err = s.Append(t.Context(), []*chat.Draft{created(1)})
		assert.NoError(t, "append with room again", err)
	})
}

// I19: a sync that fails is the end. Nothing that waited for it was promised, and the process is told to end.
func TestFailedSyncIsFatal(t *testing.T) {
	t.Parallel()
	mem, broken := vfs.NewCrashableMem(), errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			return syscall.EIO
		}
		return nil
	})}
	told := make(chan error, 1)
	s, err := pebble.Open("data", pebble.Options{FS: errorfs.Wrap(mem, &broken), Fatal: func(err error) { told <- err }})
	assert.NoError(t, "opening", err)
	a, err := s.Append(t.Context(), []*chat.Draft{created(0)})
	assert.NoError(t, "append", err)
	assert.NoError(t, "wait", a.Wait(t.Context()))

	broken.On()
	a, err = s.Append(t.Context(), []*chat.Draft{created(1)})
	assert.NoError(t, "append", err)
	err = a.Wait(t.Context())
	assert.Equal(t, "what waited is in doubt", chat.AsError(err).Code, chat.CodeUnknown)
	assert.True(t, "the process is told", <-told != nil)
	broken.Off()
	_, err = s.Append(t.Context(), []*chat.Draft{created(2)})
	assert.True(t, "no write is taken any more", err != nil && s.Ready() != nil)
	assert.NoError(t, "closing", s.Close())
}

// I25: what a newer version wrote is not touched.
func TestNewerFormatIsRefused(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening", err)
	assert.NoError(t, "closing", s.Close())
	raw(t, fs, func(db *engine.DB) error { return db.Set([]byte("zformat"), []byte{99}, engine.Sync) })
	_, err = pebble.Open("data", pebble.Options{FS: fs})
	assert.True(t, "an error that says what to do", err != nil && strings.Contains(err.Error(), "install the newer version"))
}

// I25: what an older version wrote is upgraded, and its programs do not open it again.
func TestOlderFormatIsUpgraded(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening", err)
	assert.NoError(t, "closing", s.Close())
	raw(t, fs, func(db *engine.DB) error {
		return db.Set(record.KeyMeta(record.MetaFormat), record.Number(1), engine.Sync)
	})
	s, err = pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening an older one", err)
	assert.NoError(t, "closing", s.Close())
	raw(t, fs, func(db *engine.DB) error {
		value, closer, err := db.Get(record.KeyMeta(record.MetaFormat))
		assert.NoError(t, "reading the format", err)
		assert.Equal(t, "format", string(value), string(record.Number(record.Format)))
		return closer.Close()
	})
}

func TestFolderInUseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	assert.NoError(t, "opening", err)
	defer func() { assert.NoError(t, "closing", s.Close()) }()
	_, err = pebble.Open(dir, pebble.Options{})
	assert.True(t, "an error that says why", err != nil && strings.Contains(err.Error(), "another server"))
}

func TestEpochIsRaised(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening", err)
	was := s.Epoch()
	assert.NoError(t, "raising", s.RaiseEpoch())
	assert.NoError(t, "closing", s.Close())
	s, err = pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening", err)
	assert.True(t, "epoch", s.Epoch() > was)
	assert.NoError(t, "closing", s.Close())
}

// A store with the smallest caches decides as one with the largest: what a batch changed is not forgotten within it.
func TestSmallCachesDecideAlike(t *testing.T) {
	t.Parallel()
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), CacheHeads: 1, CacheMembers: 1, Rules: message.Rules{}})
	assert.NoError(t, "opening", err)
	defer func() { assert.NoError(t, "closing", s.Close()) }()
	const conversations, rounds = 20, 5
	for round := range rounds {
		var drafts []*chat.Draft
		for i := range conversations {
			if round == 0 {
				drafts = append(drafts, created(i))
			}
			for n := range 3 {
				drafts = append(drafts, &chat.Draft{
					Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 1 + n%2),
					ClientID: chat.ClientID{byte(round), byte(n), 1}, Body: chat.Text{Text: "x"},
				})
			}
		}
		a, err := s.Append(t.Context(), drafts)
		assert.NoError(t, "append", err)
		for _, r := range a.Results() {
			assert.True(t, "nothing is refused", r.Err == nil)
		}
	}
	for i := range conversations {
		heads, err := s.Heads(t.Context(), []chat.ConversationID{chat.ConversationID(i + 1)})
		assert.NoError(t, "head", err)
		assert.Equal(t, "ordinal", heads[0].Ordinal, chat.Ordinal(3*rounds))
		read, err := s.Read(t.Context(), heads[0].Conversation, chat.UserID(2*i+1))
		assert.NoError(t, "read", err)
		assert.Equal(t, "read", read.Ordinal, heads[0].Ordinal)
	}
}

// Reads that wait for the disk end with their context.
func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	slow := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			<-stuck
		}
		return nil
	})}
	s, err := pebble.Open("data", pebble.Options{FS: errorfs.Wrap(vfs.NewMem(), &slow)})
	assert.NoError(t, "opening", err)
	done, err := s.Append(t.Context(), []*chat.Draft{created(0)})
	assert.NoError(t, "append", err)
	assert.NoError(t, "wait", done.Wait(t.Context()))
	slow.On()
	a, err := s.Append(t.Context(), []*chat.Draft{created(1)})
	assert.NoError(t, "append", err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, "wait", chat.AsError(a.Wait(ctx)).Code, chat.CodeUnknown)
	_, err = s.Heads(ctx, []chat.ConversationID{2})
	assert.True(t, "a read of what is not durable", errors.Is(err, context.Canceled))
	heads, err := s.Heads(t.Context(), []chat.ConversationID{1})
	assert.True(t, "a read of another conversation does not wait", err == nil && heads[0].Exists())
	close(stuck)
	assert.NoError(t, "wait", a.Wait(t.Context()))
	assert.NoError(t, "closing", s.Close())
}
