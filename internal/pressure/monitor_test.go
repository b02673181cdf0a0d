package pressure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/pressure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// felt are signals that a test sets.
type felt struct {
	mu sync.Mutex
	s  pressure.Signals
}

func (f *felt) set(s pressure.Signals) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s = s
}

func (f *felt) read() pressure.Signals {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.s
}

// watched is a monitor that runs in a bubble.
type watched struct {
	*pressure.Monitor
	felt

	log  bytes.Buffer // read while nothing runs
	reg  *prometheus.Registry
	told []pressure.Level
	stop func()
}

func watch(t *testing.T, cfg pressure.Config) *watched {
	t.Helper()
	w := &watched{reg: prometheus.NewRegistry()}
	w.Monitor = pressure.NewMonitor(cfg, pressure.Deps{
		Read: w.read, Metrics: w.reg, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	w.OnChange(func(l pressure.Level) { w.told = append(w.told, l) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }() // ends with cancel
	w.stop = func() {
		cancel()
		assert.NoError(t, "run", <-done)
	}
	synctest.Wait()
	return w
}

// gauges are the registry's, by name and label.
func gauges(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	assert.NoError(t, "gather", err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			out[name] = m.GetGauge().GetValue()
		}
	}
	return out
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// Each step shows in the level, a metric and a line of the log, and is told.
func TestMonitorTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, pressure.Default())
		w.set(pressure.Signals{Queue: 0.7})
		pass(5 * time.Second)
		assert.Equal(t, "level", w.Level(), pressure.ReceiptsOff)
		w.set(pressure.Signals{})
		pass(15 * time.Second)
		w.stop()
		assert.Equal(t, "level", w.Level(), pressure.PresenceCounts)
		assert.Equal(t, "told", w.told, []pressure.Level{1, 2, 3, 2})
		for _, want := range []string{
			`level=WARN msg="what the server leaves out has changed" level=receipts_off was=presence_counts because="queue 0.70 of 0.70"`,
			`level=INFO msg="what the server leaves out has changed" level=presence_counts was=receipts_off because="calm for 10s"`,
		} {
			assert.True(t, want, strings.Contains(w.log.String(), want))
		}
		assert.Equal(t, "lines", strings.Count(w.log.String(), "\n"), 4)
		shown := gauges(t, w.reg)
		assert.Equal(t, "level as a metric", shown["throng_pressure_level"], 2)
		for l := pressure.TypingOff; l <= pressure.Highest; l++ {
			want := 0.0
			if l <= pressure.PresenceCounts {
				want = 1
			}
			assert.Equal(t, l.String()+" as a metric", shown["throng_pressure_step/"+l.String()], want)
		}
	})
}

// An operator's level holds for its time, whatever the signals say; then they decide again, where they stand by then.
func TestForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, pressure.Default())
		w.Force(pressure.AdmissionClosed, time.Minute)
		pass(0)
		assert.Equal(t, "up, at once", w.Level(), pressure.AdmissionClosed)
		w.Force(pressure.Calm, time.Minute)
		w.set(pressure.Signals{Queue: 0.7})
		pass(30 * time.Second)
		st := w.Status()
		assert.Equal(t, "down", w.Level(), pressure.Calm)
		assert.Equal(t, "what the signals ask for", st.Measured, pressure.ReceiptsOff)
		assert.True(t, "it says until when", st.Forced && time.Until(st.Until) == 30*time.Second)
		pass(31 * time.Second)
		assert.Equal(t, "afterwards", w.Level(), pressure.ReceiptsOff)
		assert.True(t, "it says that it is over", !w.Status().Forced)
		w.Force(pressure.TypingOff, time.Minute)
		pass(time.Second)
		w.Release()
		pass(0)
		assert.Equal(t, "released", w.Level(), pressure.ReceiptsOff)
		w.stop()
		assert.Equal(t, "told", w.told, []pressure.Level{5, 0, 3, 1, 3})
		assert.True(t, "the log says who", strings.Contains(w.log.String(), `because="held by an operator"`) &&
			strings.Contains(w.log.String(), `because="released by an operator"`))
	})
}

// With an interval of 0 nothing is read; an operator still may force a level.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := pressure.Default()
		cfg.Interval = 0
		w := watch(t, cfg)
		w.set(pressure.Signals{Queue: 1, Memory: 1})
		pass(24 * time.Hour)
		assert.Equal(t, "level", w.Level(), pressure.Calm)
		w.Force(pressure.TypingOff, 90*time.Minute)
		pass(time.Hour)
		assert.Equal(t, "forced", w.Level(), pressure.TypingOff)
		pass(time.Hour)
		assert.Equal(t, "over", w.Level(), pressure.Calm)
		w.stop()
	})
}

// A status survives its own JSON: it is how an operator's command gets it.
func TestStatusTravels(t *testing.T) {
	t.Parallel()
	st := pressure.Status{
		Level: pressure.ContentAsHints, Measured: pressure.TypingOff, Forced: true,
		Since: time.Unix(1, 0).UTC(), Until: time.Unix(2, 0).UTC(), Signals: pressure.Signals{Lag: time.Second, Memory: 0.5},
	}
	text, err := json.Marshal(st)
	assert.NoError(t, "encode", err)
	var back pressure.Status
	assert.NoError(t, "decode", json.Unmarshal(text, &back))
	assert.Equal(t, "back", back, st)
	assert.True(t, "in words", strings.Contains(string(text), `"level":"content_as_hints"`))
}

func BenchmarkLevel(b *testing.B) {
	m := pressure.NewMonitor(pressure.Default(), pressure.Deps{})
	b.ReportAllocs()
	for b.Loop() {
		if m.Level() != pressure.Calm {
			b.Fatal("it never ran")
		}
	}
}
