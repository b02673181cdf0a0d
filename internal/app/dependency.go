package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// probeEvery is how often an engine is asked whether it answers, and probeLimit how long it may take.
	probeEvery = 2 * time.Second
	probeLimit = 3 * time.Second
)

// dependency is an engine that the node goes on without for a while.
type dependency struct {
	name  string
	probe func(ctx context.Context) error
	// without is what it is like until it is back, for people.
	without string
}

// dependencies watches engines, and says once when one stops answering and once when it is back: whoever is called at night reads
// that, and not what each call met.
type dependencies struct {
	// immutable after construction
	list []dependency
	log  *slog.Logger
	up   *prometheus.GaugeVec
}

func newDependencies(log *slog.Logger, reg prometheus.Registerer, list ...dependency) *dependencies {
	d := &dependencies{list: list, log: log, up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "throng_dependency_up", Help: "Whether an engine that the node can do without for a while answers, by engine.",
	}, []string{"engine"})}
	reg.MustRegister(d.up)
	return d
}

// run watches until ctx ends.
func (d *dependencies) run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, each := range d.list {
		wg.Go(func() { d.watch(ctx, each) })
	}
	wg.Wait()
	return nil
}

func (d *dependencies) watch(ctx context.Context, one dependency) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	answered, since := true, time.Now()
	wrong := false // it is set wrongly, and that was said
	for {
		call, cancel := context.WithTimeout(ctx, probeLimit)
		err := one.probe(call)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && chat.AsError(err).Code == chat.CodeFailedPrecondition: // waiting does not mend it; somebody has to
			if answered {
				answered, since = false, time.Now()
			}
			if !wrong {
				wrong = true
				d.log.Error("an engine is not set as it has to be; the node goes on without it", "engine", one.name, "meanwhile", one.without, "error", err)
			}
		case err != nil && answered:
			answered, since = false, time.Now()
			d.log.Warn("an engine does not answer; the node goes on without it", "engine", one.name, "meanwhile", one.without, "error", err)
		case err == nil && !answered:
			answered, wrong = true, false
			d.log.Info("an engine answers again", "engine", one.name, "after", time.Since(since).Round(time.Second))
		}
		up := 0.0
		if answered {
			up = 1
		}
		d.up.WithLabelValues(one.name).Set(up)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// checked is a probe that also passes check, once: what is wrong with the settings of an engine is found, and said, as soon as it answers.
func checked(check, probe func(ctx context.Context) error) func(ctx context.Context) error {
	passed := false
	return func(ctx context.Context) error {
		if !passed {
			if err := check(ctx); err != nil {
				return err
			}
			passed = true
		}
		return probe(ctx)
	}
}
