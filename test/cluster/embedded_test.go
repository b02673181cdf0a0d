package cluster_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/test/process"
)

// TestEmbedded tells the stories on one node that needs nothing else.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	run(t, []node{start(t, settingsOf(t))})
}

// settingsOf are those of a node of a story: no limits, small tiers, and a key for the test.
func settingsOf(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.Server.Listen, cfg.Metrics.Listen = "127.0.0.1:0", ""
	cfg.Account.ServerKeys = []account.Secret{account.Secret(process.Key)}
	cfg.Account.Sessions.Tablet = 1
	cfg.Tiers.SmallMembers, cfg.Tiers.MediumMembers = 8, 1_000
	for _, r := range []*limit.Bucket{&cfg.Limit.ConnectAddress, &cfg.Limit.RequestUser, &cfg.Limit.SendUser, &cfg.Limit.SendConversation} {
		r.Rate = 0
	}
	return cfg
}

// inside is a node in the test's own process.
type inside struct{ app *app.App }

// URL implements node.
func (i inside) URL() string { return i.app.URL() }

// start runs a node until the test ends.
func start(t *testing.T, cfg *config.Config) inside {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, app.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	<-a.Ready()
	return inside{a}
}
