package pressure

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// idle is how long a monitor that has nothing to do sleeps.
const idle = time.Hour

// Deps are what a monitor works with.
type Deps struct {
	// Read returns the signals of the moment. It is called by Run alone.
	Read func() Signals
	// Metrics and Logger may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// Status is where a monitor stands, for operators.
type Status struct {
	// Level is what holds, Measured what the signals ask for.
	Level    Level `json:"level"`
	Measured Level `json:"measured"`
	// Since is when Level last changed.
	Since time.Time `json:"since"`
	// Forced is set while an operator holds the level, until Until.
	Forced bool      `json:"forced"`
	Until  time.Time `json:"until,omitzero"`
	// Signals are the last ones that were read.
	Signals Signals `json:"signals"`
}

// Monitor reads signals, climbs the ladder, and tells of it. Its methods may be called from any goroutine.
type Monitor struct {
	// immutable after construction; told from the first Run on
	cfg     Config
	read    func() Signals
	metrics *metrics
	log     *slog.Logger
	told    []func(Level)
	wake    chan struct{} // capacity 1: an operator has spoken

	// owned by Run
	ladder *Ladder

	// atomic: what holds, set by Run
	level atomic.Uint32

	// guarded by mu
	mu     sync.Mutex
	status Status // what is to hold; level is what everybody was told
}

// NewMonitor makes a monitor of settings that [Config.Validate] accepts. It stands at Calm until Run runs.
func NewMonitor(cfg Config, deps Deps) *Monitor {
	m := &Monitor{
		cfg: cfg, read: deps.Read, log: deps.Logger, metrics: newMetrics(deps.Metrics), ladder: NewLadder(cfg),
		wake: make(chan struct{}, 1),
	}
	m.status.Since = time.Now()
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	return m
}

// Level is what holds now.
func (m *Monitor) Level() Level { return Level(m.level.Load()) }

// OnChange has fn called with each new level, in order, by the goroutine of Run; fn must not block. It is called before Run.
func (m *Monitor) OnChange(fn func(Level)) { m.told = append(m.told, fn) }

// Status returns where the monitor stands.
func (m *Monitor) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// Force holds a level for a time, whatever the signals say.
func (m *Monitor) Force(level Level, d time.Duration) {
	m.mu.Lock()
	m.status.Forced, m.status.Until = true, time.Now().Add(d)
	m.status.be(level)
	m.mu.Unlock()
	m.poke()
}

// Release lets the signals decide again.
func (m *Monitor) Release() {
	m.mu.Lock()
	m.status.Forced, m.status.Until = false, time.Time{}
	m.status.be(m.status.Measured)
	m.mu.Unlock()
	m.poke()
}

// be notes the level that holds.
func (s *Status) be(level Level) {
	if s.Level != level {
		s.Level, s.Since = level, time.Now()
	}
}

func (m *Monitor) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run watches until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		why := ""
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		case <-next.C:
			if m.cfg.Interval > 0 {
				why = m.look()
			}
		}
		next.Reset(m.apply(why))
	}
}

// look reads the signals; why says what moved the ladder.
func (m *Monitor) look() (why string) {
	s := m.read()
	m.metrics.felt(s)
	level, why := m.ladder.Observe(time.Now(), s)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Signals, m.status.Measured = s, level
	if !m.status.Forced {
		m.status.be(level)
	}
	return why
}

// apply tells of the level that holds where it is another one than before, and returns how long nothing can change by itself.
func (m *Monitor) apply(why string) (next time.Duration) {
	next = idle
	if m.cfg.Interval > 0 {
		next = m.cfg.Interval
	}
	m.mu.Lock()
	st := &m.status
	if left := time.Until(st.Until); st.Forced && left <= 0 {
		st.Forced, st.Until = false, time.Time{}
		st.be(st.Measured)
		why = "the time of the held level is over"
	} else if st.Forced {
		next, why = min(next, left), "held by an operator"
	} else if why == "" {
		why = "released by an operator"
	}
	to, signals := st.Level, st.Signals
	m.mu.Unlock()
	from := m.Level()
	if from == to {
		return next
	}
	m.level.Store(uint32(to))
	m.metrics.changed(to)
	level := slog.LevelWarn
	if to < from {
		level = slog.LevelInfo
	}
	m.log.LogAttrs(context.Background(), level, "what the server leaves out has changed",
		slog.String("level", to.String()), slog.String("was", from.String()), slog.String("because", why),
		slog.Duration("lag", signals.Lag), slog.Float64("inbox", signals.Inbox),
		slog.Float64("queue", signals.Queue), slog.Float64("memory", signals.Memory))
	for _, fn := range m.told {
		fn(to)
	}
	return next
}
