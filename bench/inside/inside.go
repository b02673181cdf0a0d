package inside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
)

// App is the server.
type App struct {
	app   *app.App
	stop  context.CancelFunc
	ended chan error
	gc    *app.Collector
}

// Start starts it with settings as environment variables say them, and the garbage collector as throng serve sets it.
func Start(ctx context.Context, settings []string) (*App, error) {
	l, err := config.Load(config.Options{Env: settings})
	if err != nil {
		return nil, err
	}
	a, err := app.New(ctx, l.Config, app.Options{Version: "bench"})
	if err != nil {
		return nil, err
	}
	sizes := l.Config.Sizes()
	s := &App{app: a, ended: make(chan error, 1), gc: app.NewCollector(&sizes, slog.New(slog.DiscardHandler))}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() { s.ended <- a.Run(ctx) }() // ends with Close
	select {
	case <-a.Ready():
		return s, nil
	case err := <-s.ended:
		s.ended <- nil
		return nil, errors.Join(fmt.Errorf("it ended: %w", errors.Join(err, errors.New("before it was ready"))), s.Close())
	}
}

// URL is where its HTTP services are.
func (s *App) URL() string { return s.app.URL() }

// MetricsURL is where its metrics are.
func (s *App) MetricsURL() string { return s.app.MetricsURL() }

// Open opens a connection for the client key of a fleet, with the token of its handshake.
func (s *App) Open(token, device string, sink load.Sink, key uint64) (load.Line, error) {
	m, err := s.app.OpenMemory(gateway.Hello{Subprotocol: wire.Proto, Address: "127.0.0.1", Token: token, Device: device}, sink, key)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Close stops it.
func (s *App) Close() error {
	s.stop()
	err := errors.Join(<-s.ended, s.app.Close())
	s.gc.Close()
	return err
}
