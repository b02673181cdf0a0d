package app_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

// I19: where a sync fails, who waits is told that it is in doubt, the process is told to end, and the server stops.
func TestFailedSyncEndsTheServer(t *testing.T) {
	t.Parallel()
	broken := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			return syscall.EIO
		}
		return nil
	})}
	told := make(chan error, 8)
	a, err := app.New(t.Context(), settings(t), app.Options{
		Version: "test", MetricsExplicit: true, FS: errorfs.Wrap(vfs.Default, &broken), Fatal: func(err error) { told <- err },
	})
	assert.NoError(t, "new", err)
	ctx, stop := context.WithCancel(context.Background())
	s := &server{App: a, stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- a.Run(ctx) }()
	<-a.Ready()
	token, _ := signUp(t, s, "lin", "")

	broken.On()
	status, out := call(t, s, token, "ConversationService/CreateGroup", map[string]any{"clientId": "AAAAAAAAAAAAAAAAAAAAAQ==", "name": "crowd"})
	assert.Equal(t, "status", status, http.StatusInternalServerError)
	assert.Equal(t, "in doubt", out["code"], any("unknown"))
	err = <-told
	assert.True(t, "the process learns why: "+err.Error(), errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), syscall.EIO.Error()))
	err = <-s.ended // by itself: its parts cannot go on
	assert.True(t, "how it ended", err != nil && !errors.Is(err, context.Canceled))
	t.Logf("it ended with: %v", err)
	stop()
	_ = s.Close() // what is left to write cannot be
}
