package echo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/websocket"
)

// headTimeout is how long a request may take.
const headTimeout = 5 * time.Second

// Options say what carries the echo.
type Options struct {
	// Address is host:port; port 0 is any.
	Address string
	// Largest is the most bytes of a message.
	Largest int
	// Streams has a goroutine for each connection, as systems without loops have; otherwise the loops read sockets.
	Streams bool
	// TLS is spoken where it is set, on goroutines.
	TLS *tls.Config
	// Logger is told what goes wrong.
	Logger *slog.Logger
}

// Echo is an echo that listens.
type Echo struct {
	// immutable after construction
	gateway  *gateway.Server
	web      *http.Server
	listener net.Listener
}

// Listen opens the port.
func Listen(ctx context.Context, o Options) (*Echo, error) {
	cfg := gateway.Default()
	deps := gateway.Deps{Logger: o.Logger}
	err := errors.ErrUnsupported // as on systems without loops
	if !o.Streams && o.TLS == nil {
		var doors []*eventloop.Listener
		doors, err = eventloop.Listen(ctx, o.Address, cfg.LoopCount(), eventloop.Options{SendBuffer: cfg.SendBuffer})
		deps.Door = &gateway.Door{Listeners: doors, HeadTimeout: headTimeout}
	}
	var listener net.Listener
	if errors.Is(err, errors.ErrUnsupported) {
		deps.Door = nil
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", o.Address, err)
	}
	s, err := gateway.NewEcho(cfg, deps, o.Largest)
	if err != nil {
		return nil, err
	}
	if listener == nil {
		listener = s.Strangers()
	}
	if o.TLS != nil {
		listener = tls.NewListener(listener, o.TLS)
	}
	return &Echo{gateway: s, listener: listener, web: &http.Server{
		Handler: s, ReadHeaderTimeout: headTimeout, MaxHeaderBytes: websocket.MaxHead,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}}, nil
}

// Address is where it listens.
func (e *Echo) Address() string { return e.listener.Addr().String() }

// Run serves until ctx ends.
func (e *Echo) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.gateway.Run(ctx) })
	group.Go(func() error {
		if err := e.web.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return e.web.Close()
	})
	return group.Wait()
}
