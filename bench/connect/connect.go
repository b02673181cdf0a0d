package connect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Connections to open; default 10,000.
	Connections int
	// Idle is how long they are left alone; default 20 s.
	Idle time.Duration
	// Target is what is put under load.
	Target target.Options
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultConnections = 10_000
	DefaultIdle        = 20 * time.Second

	spare    = 200 // descriptors that are not clients
	restTime = 2 * time.Second
	calmTime = 12 * time.Second // a server gives back what it does not need after some seconds
	seriesAt = 100 * time.Millisecond
)

func (c *Config) complete() error {
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Connections < 1 || c.Idle < 0 {
		return errors.New("there is at least one connection, and idle is not negative")
	}
	if most := report.Descriptors() - spare; most > 0 && c.Connections > most {
		return fmt.Errorf("this process may open %d files: %d connections are too many (ulimit -n)", most+spare, c.Connections)
	}
	if c.Target.URL != "" && c.Target.Key == "" {
		return errors.New("a running server needs its server key: --key")
	}
	return nil
}

// Report is what a run found.
type Report struct {
	Scenario    string `json:"scenario"`
	Connections int    `json:"connections"`
	// Seconds until all of them were authenticated, and as many a second.
	Seconds   float64 `json:"connect_s"`
	PerSecond float64 `json:"connects_per_s"`
	// Attempts that it took, Refused of them by reason.
	Attempts int64            `json:"attempts"`
	Refused  map[string]int64 `json:"refused,omitempty"`
	// Cut connections while they were left alone: a fault.
	Cut int64 `json:"cut"`
	// CPU of server and load for each connection that was opened, in microseconds.
	CPU       float64 `json:"server_cpu_us_per_connect"`
	ClientCPU float64 `json:"load_cpu_us_per_connect"`
	// Memory for each connection of somebody whom the server knows, in bytes: resident in the server at the end of the rest, and, with what
	// opening has left, at its begin; the kernel's, of both ends where they are on one machine; resident in the load.
	ServerBytes float64 `json:"server_bytes_per_connection"`
	OpenedBytes float64 `json:"opened_server_bytes_per_connection"`
	KernelBytes float64 `json:"kernel_bytes_per_connection_both_ends"`
	LoadBytes   float64 `json:"load_bytes_per_connection"`
	// IdleCPU is the server's share of one core while nothing but heartbeats came, IdleClientCPU the load's; Idle is how long.
	IdleCPU       float64            `json:"server_idle_cpu_cores"`
	IdleClientCPU float64            `json:"load_idle_cpu_cores"`
	Idle          float64            `json:"idle_s"`
	Raised        string             `json:"server_limits,omitempty"`
	Load          report.Load        `json:"load"`
	Environment   report.Environment `json:"environment"`
	Command       string             `json:"command"`

	open []report.Point
}

// usage is what was used until a moment.
type usage struct {
	at             time.Time
	server, own    time.Duration
	rss, slab, fat int64
}

func use(ctx context.Context, s *target.Server) usage {
	return usage{time.Now(), s.CPU(ctx), report.OwnCPU(), s.RSS(ctx), report.Slab(), report.RSS("self")}
}

// Run opens the connections. tell may be nil.
func Run(ctx context.Context, cfg Config, tell live.Func) (rep Report, err error) {
	if err := cfg.complete(); err != nil {
		return rep, err
	}
	if tell == nil {
		tell = live.Silent
	}
	average := report.LoadAverage()
	o := cfg.Target
	o.Starting = func() { tell(live.Progress{Phase: "start"}) }
	srv, err := target.Open(ctx, o)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	people, err := srv.MakePeople(ctx, cfg.Connections, cfg.Connections, tell)
	if err != nil {
		return rep, fmt.Errorf("set up: %w", err)
	}
	pause := restTime
	if srv.Started() {
		if err := srv.SignIn(ctx, people, cfg.Connections, tell); err != nil {
			return rep, fmt.Errorf("set up: %w", err)
		}
		pause = calmTime
	}
	f, err := load.New(ctx, load.Config{URL: srv.URL(), Clients: cfg.Connections, Token: people.Token, Again: load.FullJitter()})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rest(ctx, srv, pause)
	rep = Report{
		Scenario: fmt.Sprintf("connect: %d sessions, then %v of rest", cfg.Connections, cfg.Idle), Connections: cfg.Connections,
		Command: cfg.Command, Environment: report.ReadEnvironment(),
	}
	if srv.Started() {
		rep.Raised = target.Raised()
	}
	times, before := report.MachineTimes(), use(ctx, srv)
	if err := rep.opening(ctx, f, cfg.Connections, tell); err != nil {
		return rep, err
	}
	opened := use(ctx, srv)
	rest(ctx, srv, restTime) // until buffers of the handshakes are given back
	settled := use(ctx, srv)
	if err := f.During(ctx, "idle", cfg.Idle, tell, func() error { return nil }); err != nil {
		return rep, err
	}
	rep.fill(before, opened, settled, use(ctx, srv))
	rep.Load.Average = average
	rep.Load.Between(times, report.MachineTimes())
	c := f.Counts()
	rep.Attempts, rep.Cut, rep.Refused = c.Attempts, c.Cut, f.Reasons()
	return rep, nil
}

// rest lets memory come to rest, where it is looked at.
func rest(ctx context.Context, srv *target.Server, d time.Duration) {
	if srv.RSS(ctx) == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// opening waits for all, and notes how many there were when.
func (r *Report) opening(ctx context.Context, f *load.Fleet, n int, tell live.Func) error {
	stop, done := make(chan struct{}), make(chan struct{})
	begin := time.Now()
	r.open = append(r.open, report.Point{})
	go func() { // ends with the opening
		defer close(done)
		tick := time.NewTicker(seriesAt)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.open = append(r.open, report.Point{X: time.Since(begin).Seconds(), Y: float64(f.Counts().Open)})
			case <-stop:
				return
			}
		}
	}()
	err := f.Open(ctx, n, tell)
	r.Seconds = time.Since(begin).Seconds()
	r.PerSecond = float64(n) / r.Seconds
	close(stop)
	<-done
	r.open = append(r.open, report.Point{X: r.Seconds, Y: float64(f.Counts().Open)})
	return err
}

func (r *Report) fill(before, opened, settled, end usage) {
	n := float64(r.Connections)
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / n }
	r.CPU, r.ClientCPU = us(opened.server-before.server), us(opened.own-before.own)
	r.ServerBytes, r.OpenedBytes = float64(end.rss-before.rss)/n, float64(settled.rss-before.rss)/n
	r.KernelBytes = float64(settled.slab-before.slab) / n
	r.LoadBytes = float64(settled.fat-before.fat) / n
	r.Idle = end.at.Sub(settled.at).Seconds()
	if r.Idle > 0 {
		r.IdleCPU = (end.server - settled.server).Seconds() / r.Idle
		r.IdleClientCPU = (end.own - settled.own).Seconds() / r.Idle
	}
	r.Load.Server, r.Load.Own = (end.server - before.server).Seconds(), (end.own - before.own).Seconds()
}

// Title implements the bench's result.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	if r.Cut > 0 {
		return strconv.FormatInt(r.Cut, 10) + " connections were cut while nothing happened", false
	}
	return "all sessions were opened and stayed", true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	const percent = 100
	rows := []report.Row{
		report.R("connected", "%s in %.2f s: %s/s, %d tries", report.Count(float64(r.Connections)), r.Seconds, report.Count(r.PerSecond), r.Attempts),
		report.R("to connect", "%.1f µs of the server's processor, %.1f µs of the load's, for each", r.CPU, r.ClientCPU),
		report.R("memory", "%s resident in the server (%s before the rest), %s in the kernel (both ends), %s in the load, for each",
			report.Grown(r.ServerBytes), report.Grown(r.OpenedBytes), report.Grown(r.KernelBytes), report.Grown(r.LoadBytes)),
		report.R("idle", "%.2f%% of a core for the server, %.2f%% for the load, over %.0f s of heartbeats", percent*r.IdleCPU, percent*r.IdleClientCPU, r.Idle),
	}
	for reason, n := range r.Refused {
		rows = append(rows, report.R("refused", "%d times: %s", n, reason))
	}
	return append(rows, r.Load.Rows()...)
}

// Plots draws how they got in.
func (r *Report) Plots() []report.Plot {
	return []report.Plot{{Title: "Open sessions", X: "seconds", Y: "sessions", Lines: []report.Line{{Name: "open", Points: r.open}}}}
}
