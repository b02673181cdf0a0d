package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
)

// An engine that is away is told of once, however long that lasts, and once when it is back.
func TestAnEngineThatIsAwayIsToldOfOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		var said bytes.Buffer
		reg := prometheus.NewRegistry()
		d := newDependencies(slog.New(slog.NewTextHandler(&said, nil)), reg, dependency{
			name: "Redis", without: "devices look for messages",
			probe: func(ctx context.Context) error {
				if !away.Load() {
					return nil
				}
				<-ctx.Done() // it hangs
				return errors.New("no answer")
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		lived := func(want float64) {
			time.Sleep(time.Minute) //nolint:forbidigo // virtual time
			synctest.Wait()
			families, err := reg.Gather()
			assert.NoError(t, "gathering", err)
			assert.Equal(t, "up", families[0].GetMetric()[0].GetGauge().GetValue(), want)
		}
		lived(1)
		away.Store(true)
		lived(0)
		away.Store(false)
		lived(1)
		cancel()
		assert.NoError(t, "run", <-ended)
		assert.Equal(t, "lines", strings.Count(said.String(), "\n"), 2)
		assert.True(t, said.String(), strings.Contains(said.String(), "does not answer") && strings.Contains(said.String(), "devices look for messages") &&
			strings.Contains(said.String(), "answers again"))
	})
}
