package storm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
)

// Health is how the server answered who asked for it.
type Health struct {
	Checks int64 `json:"checks"`
	Failed int   `json:"failed"`
	// Failure is the first one.
	Failure string  `json:"failure,omitempty"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

// Storm is what came of one.
type Storm struct {
	Kind     string `json:"kind"`
	Scenario string `json:"scenario"`
	Clients  int    `json:"clients"`
	// Problems are what it is judged by and did not meet; none is a pass.
	Problems []string `json:"problems"`
	Health   Health   `json:"health"`
	// BackS is how long all of it took: from the kill until all were back, or from the first message or pull to the last. ReadyS is from the
	// kill until the server was ready again.
	BackS  float64 `json:"took_s,omitempty"`
	ReadyS float64 `json:"ready_s,omitempty"`
	// MostTries of a client, and Attempts of all, to connect.
	MostTries int64 `json:"most_tries,omitempty"`
	Attempts  int64 `json:"attempts,omitempty"`
	// Peak, Goodput: messages acknowledged per second, before the storm and in it. Of those Offered, some were refused, and some not even
	// sent, because their sender had as many unanswered as a session may.
	Peak         float64 `json:"peak_per_s,omitempty"`
	Goodput      float64 `json:"goodput_per_s,omitempty"`
	Offered      int64   `json:"offered,omitempty"`
	RefusedSends int64   `json:"refused_sends,omitempty"`
	Unsent       int64   `json:"unsent,omitempty"`
	// Deliveries or Pages, and as many a second.
	Deliveries int64           `json:"deliveries,omitempty"`
	Pages      int64           `json:"pages,omitempty"`
	PerSecond  float64         `json:"per_s,omitempty"`
	LatencyMS  *report.Latency `json:"latency_ms,omitempty"`
	// PeakBytes is the growth of the server's resident memory at its highest, PeakPerMember for each member.
	PeakBytes     int64   `json:"peak_bytes,omitempty"`
	PeakPerMember float64 `json:"peak_bytes_per_member,omitempty"`
	// Reads of the log that the server made, by what was read.
	Reads map[string]int64 `json:"store_reads,omitempty"`
	// CPU seconds of the server and, in a storm of sends, of the load, which has to do as much.
	CPU       float64 `json:"server_cpu_s,omitempty"`
	ClientCPU float64 `json:"load_cpu_s,omitempty"`
	// What was wrong, and what was not: hints and pulls.
	report.Faults
	Unlike  int64            `json:"pages_unlike"`
	Hints   int64            `json:"hints"`
	Pulls   int64            `json:"pulls"`
	Refused map[string]int64 `json:"refused,omitempty"`

	plots []report.Plot
}

func (s *Storm) judge(bad bool, format string, args ...any) {
	if bad {
		s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
	}
}

func (s *Storm) judgeHealth() {
	s.judge(s.Health.Failed > 0, "%d of %d health checks failed: %s", s.Health.Failed, s.Health.Checks, s.Health.Failure)
	s.judge(s.Health.Max > float64(healthWithin.Milliseconds()), "a health check took %.0f ms", s.Health.Max)
}

// wrong takes over what the fleet found.
func (s *Storm) wrong(c *load.Counts, lost int) {
	s.Faults = c.Faults(int64(lost))
	s.judge(s.Faults.Count() > 0, "%s", s.Words())
}

// Report is what a run found.
type Report struct {
	Kind        string             `json:"kind"`
	Storms      []Storm            `json:"storms"`
	Average     float64            `json:"load_average_before"`
	Environment report.Environment `json:"environment"`
	Command     string             `json:"command"`
}

// Title names the load in one line.
func (r *Report) Title() string {
	if len(r.Storms) == 1 {
		return "storm: " + r.Storms[0].Scenario
	}
	return "storms of messages, deliveries, pulls and sessions that come back"
}

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	var all []string
	for i := range r.Storms {
		for _, p := range r.Storms[i].Problems {
			all = append(all, r.Storms[i].Kind+": "+p)
		}
	}
	if len(all) > 0 {
		return strings.Join(all, "; "), false
	}
	return "everything that was acknowledged is there, and the server answered all the time", true
}

// Rows are the figures for people.
func (r *Report) Rows() (rows []report.Row) {
	for i := range r.Storms {
		rows = append(rows, r.Storms[i].rows()...)
	}
	return append(rows, report.R("before", "a load average of %.2f", r.Average))
}

func (s *Storm) rows() []report.Row {
	rows := []report.Row{{Value: s.Kind + ": " + s.Scenario}}
	add := func(when bool, name, format string, args ...any) {
		if when {
			rows = append(rows, report.R(name, format, args...))
		}
	}
	add(s.Kind == Reconnect, "all back", "%.1f s after the kill; the server was ready after %.1f s; %d tries in all, %d of one client at most",
		s.BackS, s.ReadyS, s.Attempts, s.MostTries)
	add(s.Kind == Send, "taken", "%s/s in the storm, %s/s before it: %.0f%%", report.Count(s.Goodput), report.Count(s.Peak), 100*s.Goodput/max(s.Peak, 1))
	add(s.Kind == Send, "offered", "%s, of which %s were refused, and %s not sent for want of room", report.Count(float64(s.Offered)),
		report.Count(float64(s.RefusedSends)), report.Count(float64(s.Unsent)))
	add(s.Deliveries > 0, "delivered", "%s in %.2f s: %s/s", report.Count(float64(s.Deliveries)), s.BackS, report.Count(s.PerSecond))
	add(s.Pages > 0, "pages", "%s in %.2f s: %s/s", report.Count(float64(s.Pages)), s.BackS, report.Count(s.PerSecond))
	if s.LatencyMS != nil {
		rows = append(rows, report.R("latency", "%s", report.MS(*s.LatencyMS)))
	}
	add(s.PeakBytes > 0, "memory", "%s more at the highest, %s for each member", report.Bytes(float64(s.PeakBytes)), report.Bytes(s.PeakPerMember))
	add(len(s.Reads) > 0, "store", "%d reads of entries, %d of heads, %d of members, for pages", s.Reads["entries"], s.Reads["head"], s.Reads["member"])
	add(s.CPU > 0 && s.ClientCPU == 0, "processor", "%.1f s of the server", s.CPU)
	add(s.ClientCPU > 0, "processor", "%.1f s of the server, %.1f s of the load in the storm", s.CPU, s.ClientCPU)
	add(true, "health", "%d checks, %d failed; p99 %s   max %s ms", s.Health.Checks, s.Health.Failed, report.Short(s.Health.P99), report.Short(s.Health.Max))
	add(true, "checked", "%s; %d hints, %d pulls", s.Words(), s.Hints, s.Pulls)
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		rows = append(rows, report.R("refused", "%d times: %s", s.Refused[reason], reason))
	}
	for _, p := range s.Problems {
		rows = append(rows, report.R("problem", "%s", p))
	}
	return rows
}

// Plots are those of all storms.
func (r *Report) Plots() (all []report.Plot) {
	for i := range r.Storms {
		for _, p := range r.Storms[i].plots {
			p.Title = r.Storms[i].Kind + ": " + p.Title
			all = append(all, p)
		}
	}
	return all
}

// plot draws the health checks.
func (w *watch) plot() report.Plot {
	return report.Plot{Title: "Health checks", X: "seconds", Y: "ms", Lines: []report.Line{{Name: "answer", Points: w.points}}}
}
