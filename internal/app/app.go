package app

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/app/way"
	"github.com/throng-im/throng/internal/certificate"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/trace/otlp"
)

// Options of an app besides its configuration.
type Options struct {
	// Logger gets what the process says about itself; nil drops it.
	Logger *slog.Logger
	// Version is told to operators.
	Version string
	// Fatal is called when the storage can no longer promise durability. The process must end; nil panics.
	Fatal func(err error)
	// MetricsExplicit: the operator named the metrics' address, so that a taken one is an error and not a warning.
	MetricsExplicit bool
	// Offline starts no listeners: the operator's commands use it where no server runs.
	Offline bool
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Listener serves clients instead of the configured address; operators' commands then come through [App.Operator] alone.
	Listener net.Listener
	// Registry is where the node announces itself and finds the others; nil is the engine's. Servers of one process may share one.
	Registry cluster.Registry
	// FS is where the database is, under the data folder's path; nil is the disk.
	FS vfs.FS
}

// App is a whole server. New builds it, Run serves until its context ends, Close gives everything back; each is called once.
type App struct {
	// immutable after construction
	cfg          *config.Config
	options      Options
	log          *slog.Logger
	folder       *Folder
	closers      closers
	registry     *prometheus.Registry
	health       *health
	announcer    *announcer
	drainer      *drainer
	core         *core
	api          *api.Server
	tracer       *trace.Tracer  // nil where tracing is off
	spans        *otlp.Exporter // nil where nothing is exported
	ways         *way.Finder
	localKey     string
	doors        []*eventloop.Listener  // for clients, one for each of the gateway's loops; nil where net/http accepts them
	listener     net.Listener           // for net/http; nil where offline
	tls          *tls.Config            // nil where TLS does not end here
	certificates *certificate.Automatic // nil where there are none of that kind
	ops          net.Listener           // for operators; nil for none
	local        net.Listener           // for the operator's commands
	pipe         *pipeListener
	bootstrap    string
	ready        chan struct{}

	// atomic
	live atomic.Pointer[live]
}

// live are the settings that may change while the app runs.
type live struct {
	origins   []string
	retention time.Duration
	weight    int
	grayscale cluster.Policy
}

// New opens the data folder and builds the server on it. It listens already, so that URL is known; clients are answered
// once Run runs.
func New(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{cfg: cfg, options: o, log: o.Logger, registry: newRegistry(), ready: make(chan struct{})}
	a.live.Store(liveOf(cfg))
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func liveOf(c *config.Config) *live {
	return &live{
		origins: c.Server.AllowedOrigins, retention: c.Retention.Messages,
		weight: c.Access.Weight, grayscale: c.Access.Grayscale.Policy(),
	}
}

// build opens and wires everything. What it opened is closed by Close, also where it fails.
func (a *App) build(ctx context.Context) error {
	var err error
	if a.listener = a.options.Listener; a.listener != nil {
		a.closers.add(closeListener(a.listener))
	} else if a.serves() { // a taken port is noticed before the folder is touched
		if err = a.listen(ctx); err != nil {
			return err
		}
	}
	if a.folder, err = OpenFolder(a.cfg.Data); err != nil {
		return err
	}
	a.closers.add(a.folder.Close)
	if _, err := os.Stat(filepath.Join(a.cfg.Data, backupMark)); err == nil {
		return fmt.Errorf("%s is a backup; make a data folder from it with: throng restore %s --data DIR", a.cfg.Data, a.cfg.Data)
	}
	if err := a.wireTLS(); err != nil {
		return err
	}
	if err := a.wire(ctx); err != nil {
		return err
	}
	if a.options.Offline || a.options.Listener != nil {
		a.pipe = newPipeListener()
		a.local = a.pipe
		return nil
	}
	if a.local, err = listenLocal(ctx, a.cfg.Data); err != nil {
		return err
	}
	a.closers.add(func() error { _ = os.Remove(filepath.Join(a.cfg.Data, socketName)); return closeListener(a.local)() })
	if a.cfg.Metrics.Listen != "" {
		if a.ops, err = listenOps(ctx, a.cfg.Metrics.Listen, a.options.MetricsExplicit); err != nil {
			return err
		}
	}
	if a.ops != nil {
		a.closers.add(closeListener(a.ops))
	} else if a.cfg.Metrics.Listen != "" {
		a.log.Warn("no metrics: the address is taken; name another one in metrics.listen", "address", a.cfg.Metrics.Listen)
	}
	if !a.serves() {
		return nil
	}
	token, fresh, err := a.core.accounts.Bootstrap(ctx)
	if err != nil {
		return fmt.Errorf("preparing the first administrator: %w", err)
	}
	if fresh {
		a.bootstrap = token
	}
	return nil
}

func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("closing a listener: %w", err)
		}
		return nil
	}
}

// Close stops what New opened. Run must have returned, or never have been called.
func (a *App) Close() error { return a.closers.close() }

// Ready is closed when the app answers clients.
func (a *App) Ready() <-chan struct{} { return a.ready }

// serves reports whether the app takes clients.
func (a *App) serves() bool { return !a.options.Offline && a.cfg.Serves() }

// URL is where clients reach the server; empty where it takes none.
func (a *App) URL() string {
	if a.listener == nil {
		return ""
	}
	return publicURL(a.cfg.Server, a.listener)
}

// MetricsURL is where the metrics are; empty for nowhere.
func (a *App) MetricsURL() string {
	if a.ops == nil {
		return ""
	}
	return publicURL(config.Server{}, a.ops) + "/metrics"
}

// BootstrapURL is the link that makes the first administrator; empty where there is one. The token stands behind the #,
// which browsers keep to themselves.
func (a *App) BootstrapURL() string {
	if a.bootstrap == "" {
		return ""
	}
	return a.URL() + "/#invitation=" + a.bootstrap
}

// BootstrapToken is the token of BootstrapURL.
func (a *App) BootstrapToken() string { return a.bootstrap }

// Reload takes over the settings that may change while the app runs. It may be called from any goroutine.
func (a *App) Reload(next *config.Config) { a.live.Store(liveOf(next)) }

// origins are the web origins that may use the server besides its own.
func (a *App) origins() []string { return a.live.Load().origins }

// fatal is what the storage calls when it cannot go on.
func (a *App) fatal(err error) {
	a.log.Error("the storage cannot go on", "error", err)
	if a.health != nil {
		a.health.set("storage", "the storage failed; the server has to be started again")
	}
	if a.options.Fatal != nil {
		a.options.Fatal(err)
		return
	}
	panic(err) //nolint:forbidigo // going on would break promises
}

// secret is the random one of that name, drawn at the first start.
func (a *App) secret(name string) (string, error) {
	b, err := a.folder.Secret(name)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}
