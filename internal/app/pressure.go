package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/metrics"
	"time"

	"github.com/throng-im/throng/internal/pressure"
)

// wirePressure builds the monitor of what the server leaves out while it has too much to do, with what it feels. Who leaves
// something out asks it for the level, or is told of it.
func (a *App) wirePressure() *pressure.Monitor {
	memory := newMemory(a.cfg.Sizes().Budget)
	m := pressure.NewMonitor(a.cfg.Pressure, pressure.Deps{
		Read: func() pressure.Signals {
			lag, inbox := a.core.gateway.Load()
			return pressure.Signals{Lag: lag, Inbox: inbox, Queue: a.core.messages.Fill(), Memory: memory.taken()}
		},
		Metrics: a.registry, Logger: a.log,
	})
	m.OnChange(func(l pressure.Level) {
		problem := ""
		if l >= pressure.AdmissionClosed { // less than that, and a balancer's other nodes would only get the same load on top of theirs
			problem = "the server has too much to do and turns new connections away"
		}
		a.health.set("pressure", problem)
	})
	return m
}

// memory tells how much of the budget is taken. It is for one goroutine.
type memory struct {
	budget  float64
	samples []metrics.Sample
}

// What a memory reads of the runtime, by place in its samples.
const (
	memoryTotal = iota
	memoryReleased
	memoryObjects
	memoryUnused
	memoryFree
	memoryLive
)

func newMemory(budget int64) *memory {
	return &memory{budget: float64(budget), samples: []metrics.Sample{
		memoryTotal:    {Name: "/memory/classes/total:bytes"},
		memoryReleased: {Name: "/memory/classes/heap/released:bytes"},
		memoryObjects:  {Name: "/memory/classes/heap/objects:bytes"},
		memoryUnused:   {Name: "/memory/classes/heap/unused:bytes"},
		memoryFree:     {Name: "/memory/classes/heap/free:bytes"},
		memoryLive:     {Name: "/gc/heap/live:bytes"},
	}}
}

// taken is the part of the budget that is taken by what cannot be freed: all that the process holds, of the heap only what the last
// collection found alive. What lies between that and the heap's size is garbage, or room, and may be most of the budget in a
// healthy process: the collector takes its time while it has space.
func (m *memory) taken() float64 {
	metrics.Read(m.samples)
	n := func(i int) float64 {
		if m.samples[i].Value.Kind() != metrics.KindUint64 { // of a runtime that does not know it
			return 0
		}
		return float64(m.samples[i].Value.Uint64())
	}
	heap := n(memoryObjects) + n(memoryUnused) + n(memoryFree)
	held := n(memoryTotal) - n(memoryReleased)
	if rss := residentBytes(); rss > 0 { // the engine's memory is not all the runtime's
		held = float64(rss)
	}
	return max(held-heap, 0)/m.budget + min(n(memoryLive), heap)/m.budget
}

// pressureDefault is how long a level is forced where the operator does not say.
const pressureDefault = time.Hour

// pressureMost is how long a level may be forced: one that is forgotten must not last.
const pressureMost = 24 * time.Hour

// PressureStatus is what the server leaves out, and why.
type PressureStatus = pressure.Status

// PressureLevel is how far the server goes in leaving things out.
type PressureLevel = pressure.Level

// ParsePressureLevel reads a level's word or number.
func ParsePressureLevel(text string) (PressureLevel, error) { return pressure.ParseLevel(text) }

// servePressure shows the level; with a level or an empty one in the query of a POST it forces or releases it first.
func (a *App) servePressure(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		q := r.URL.Query()
		if err := a.forcePressure(q.Get("level"), q.Get("for")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.core.pressure.Status())
}

func (a *App) forcePressure(level, span string) error {
	if level == "" {
		a.core.pressure.Release()
		return nil
	}
	l, err := pressure.ParseLevel(level)
	if err != nil {
		return fmt.Errorf("reading the level: %w", err)
	}
	d := pressureDefault
	if span != "" {
		if d, err = time.ParseDuration(span); err != nil {
			return fmt.Errorf("reading how long the level is to be forced: %w", err)
		}
	}
	if d <= 0 || d > pressureMost {
		return fmt.Errorf("a level is forced for up to %s; say it again when that is over", pressureMost)
	}
	a.core.pressure.Force(l, d)
	return nil
}

// Pressure returns what a running server leaves out.
func (o *Operator) Pressure(ctx context.Context) (PressureStatus, error) {
	return o.pressure(ctx, http.MethodGet, "")
}

// ForcePressure holds a level for a time; d of 0 is an hour.
func (o *Operator) ForcePressure(ctx context.Context, level PressureLevel, d time.Duration) (PressureStatus, error) {
	span := ""
	if d != 0 {
		span = "&for=" + d.String()
	}
	return o.pressure(ctx, http.MethodPost, "?level="+level.String()+span)
}

// ReleasePressure lets the server decide again.
func (o *Operator) ReleasePressure(ctx context.Context) (PressureStatus, error) {
	return o.pressure(ctx, http.MethodPost, "")
}

func (o *Operator) pressure(ctx context.Context, method, query string) (st PressureStatus, err error) {
	err = o.do(ctx, method, pathPressure+query, nil, nil, func(r *http.Response) error {
		if err := json.NewDecoder(r.Body).Decode(&st); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return nil
	})
	return st, err
}
