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
	"github.com/throng-im/throng/internal/chat"
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

// An engine whose settings cannot work is told of as that, and once; it is not checked again after it has passed.
func TestAnEngineThatIsSetWronglyIsToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var away, right atomic.Bool
		away.Store(true) // a node may be there before Kafka
		var checks, probes atomic.Int64
		var said bytes.Buffer
		d := newDependencies(slog.New(slog.NewTextHandler(&said, nil)), prometheus.NewRegistry(), dependency{
			name: "Kafka", without: "nodes deliver by themselves",
			probe: checked(func(context.Context) error {
				checks.Add(1)
				if away.Load() {
					return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "no answer")
				}
				if right.Load() {
					return nil
				}
				return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonUnsupported, "set partitions to 16")
			}, func(context.Context) error { probes.Add(1); return nil }),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.run(ctx) }()
		time.Sleep(time.Minute) //nolint:forbidigo // virtual time
		synctest.Wait()
		away.Store(false)
		time.Sleep(time.Minute) //nolint:forbidigo // virtual time
		synctest.Wait()
		assert.Equal(t, "probes of what did not pass", probes.Load(), 0)
		right.Store(true)
		time.Sleep(probeEvery) //nolint:forbidigo // virtual time
		synctest.Wait()
		passed := checks.Load()
		time.Sleep(time.Minute) //nolint:forbidigo // virtual time
		synctest.Wait()
		cancel()
		assert.NoError(t, "run", <-ended)
		assert.Equal(t, "checks after it has passed", checks.Load(), passed)
		assert.True(t, "probed", probes.Load() > 1)
		assert.Equal(t, "errors", strings.Count(said.String(), "level=ERROR"), 1)
		assert.True(t, said.String(), strings.Contains(said.String(), "set partitions to 16") && strings.Contains(said.String(), "answers again"))
	})
}
