package sim

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/test/memnet"
)

// serverKey is what the world itself signs in with.
const serverKey = "simulation-key-0123456789abcdef0123456789"

// node is the server and its disk.
type node struct {
	// immutable after construction
	dir   string
	net   *memnet.Network
	log   *slog.Logger
	shape shape

	// owned by the world's goroutine
	fs    *vfs.MemFS
	app   *app.App
	stop  context.CancelFunc
	ended chan error

	// atomic: how far the wall clock is off
	skew atomic.Int64
}

func newNode(dir string, net *memnet.Network, log *slog.Logger, s shape) *node {
	return &node{dir: dir, net: net, log: log, shape: s, fs: vfs.NewCrashableMem()}
}

func (n *node) now() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) }

func (n *node) config() *config.Config {
	c := config.Default()
	c.Data = n.dir
	c.Metrics.Listen = ""
	c.Account.ServerKeys = []account.Secret{serverKey}
	c.Store.ReserveBytes = 0 // the disk of the machine is not this one
	c.Pressure.Interval = 0  // nor is its memory
	n.shape.apply(c)
	return c
}

func (n *node) start(ctx context.Context) error {
	a, err := app.New(ctx, n.config(), app.Options{
		Logger: n.log, Now: n.now, Listener: n.net.Listen(), FS: n.fs,
		Fatal: func(err error) { panic(fmt.Sprintf("the engine gave up: %v", err)) }, //nolint:forbidigo // ends the simulation at the spot
	})
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.app, n.stop, n.ended = a, stop, make(chan error, 1)
	go func() { n.ended <- a.Run(runCtx) }() // ends with shut
	select {
	case <-a.Ready():
		return nil
	case err := <-n.ended:
		n.ended <- nil
		return fmt.Errorf("running the server: %w", err)
	}
}

// shut ends the server the polite way.
func (n *node) shut() error {
	n.stop()
	err := <-n.ended
	if closeErr := n.app.Close(); err == nil {
		err = closeErr
	}
	return err
}
