package slow

import (
	"fmt"
	"maps"
	"slices"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	// mostMemory is what a slow receiver may add to the server's memory, in bytes.
	mostMemory = 1 << 20
	// mostDelay is by how much it may delay the others at the median, in milliseconds.
	mostDelay = 1.0
	// leastRate is the least part of the messages that still get through; less than it, and than in any round without, is slower.
	leastRate = 0.9
	// median is a percentile.
	median = 50
)

// Side is what was measured without or with slow receivers, of those who read.
type Side struct {
	// Messages per second that reached all of them: the median of the rounds.
	Messages float64 `json:"messages_per_s"`
	// LatencyMS is from when a message was due to each receiver.
	LatencyMS report.Latency `json:"latency_ms"`
	// RSS is the peak of the server's resident memory, Heap the median of its heap in use, both the median of the rounds, and Waiting the peak of
	// what waited there for receivers in any round, by its own metric; 0 where they are not known.
	RSS     float64 `json:"server_rss_bytes"`
	Heap    float64 `json:"server_heap_bytes"`
	Waiting float64 `json:"server_waiting_bytes"`
	// The rounds in their order.
	Rounds    []float64 `json:"rounds_messages_per_s"`
	RoundsP50 []float64 `json:"rounds_p50_ms"`
	RoundsRSS []float64 `json:"rounds_server_rss_bytes"`
}

// Report is what a run found.
type Report struct {
	Scenario string `json:"scenario"`
	Members  int    `json:"members"`
	Slow     int    `json:"slow"`
	Size     int    `json:"size"`
	// Without and With slow receivers.
	Without Side `json:"without"`
	With    Side `json:"with"`
	// With's share of Without: messages, and latencies.
	RateRatio float64 `json:"messages_ratio"`
	P50Ratio  float64 `json:"p50_ratio"`
	P99Ratio  float64 `json:"p99_ratio"`
	// WaitingPerSlow is what more waited in the server for each slow receiver, which is judged: what it takes of the resident memory is mostly less
	// than that changes by itself.
	WaitingPerSlow float64 `json:"server_waiting_bytes_per_slow"`
	// RSSPerSlow is the growth of the server's peak of resident memory for each slow receiver, HeapPerSlow that of its heap in use; Noise is by how much
	// the peaks of the rounds without slow ones differ among each other.
	RSSPerSlow  float64 `json:"server_rss_bytes_per_slow"`
	HeapPerSlow float64 `json:"server_heap_bytes_per_slow"`
	Noise       float64 `json:"server_rss_noise_bytes"`
	// Behind is how many messages a slow receiver lacked when it read again, Back how many seconds it took until it had all of them, by round.
	Behind []float64 `json:"behind"`
	Back   []float64 `json:"back_s"`
	// Messages that reached everybody who reads in measured parts, and those sent Again.
	Messages int64 `json:"messages"`
	Again    int64 `json:"again"`
	// What was wrong, of all receivers.
	report.Faults
	// Hints stood for deliveries, Pulled deliveries came by asking, and Cut connections were closed by the server; none of it is a fault.
	Hints  int64 `json:"hints"`
	Pulled int64 `json:"pulled"`
	Cut    int64 `json:"cut"`
	// Refused is what was refused or cut off, by reason.
	Refused map[string]int64 `json:"refused,omitempty"`
	// Raised are the limits that the server has above a usual one.
	Raised      string             `json:"server_limits,omitempty"`
	Average     float64            `json:"load_average_before"`
	Environment report.Environment `json:"environment"`
	Command     string             `json:"command"`

	curves [2][]report.Point
}

func (r *run) report() Report {
	rep, c := r.rep, r.cfg
	rep.Scenario, rep.Members, rep.Slow, rep.Size = c.Scenario(), c.Members, c.Slow, c.Size
	rep.Average, rep.Environment, rep.Command = r.average, report.ReadEnvironment(), c.Command
	n := r.fleet.Counts()
	rep.Faults = n.Faults(r.lost)
	rep.Hints, rep.Pulled, rep.Cut, rep.Refused = n.Hints, n.Pulled, n.Cut, r.fleet.Reasons()
	for i, side := range []*Side{&rep.Without, &rep.With} {
		p := &r.parts[i]
		*side = Side{Messages: report.Median(p.rates), LatencyMS: p.latency.Latency(), Rounds: p.rates, RoundsP50: p.p50s}
		heaps := make([]float64, 0, len(p.memory))
		for _, m := range p.memory {
			side.RoundsRSS = append(side.RoundsRSS, m.rss)
			heaps = append(heaps, m.heap)
			side.Waiting = max(side.Waiting, m.waiting)
		}
		side.RSS, side.Heap = report.Median(side.RoundsRSS), report.Median(heaps)
		rep.curves[i] = p.latency.Curve()
	}
	rep.RateRatio = report.Ratio(rep.With.Messages, rep.Without.Messages)
	rep.P50Ratio = report.Ratio(rep.With.LatencyMS.P50, rep.Without.LatencyMS.P50)
	rep.P99Ratio = report.Ratio(rep.With.LatencyMS.P99, rep.Without.LatencyMS.P99)
	rep.WaitingPerSlow = (rep.With.Waiting - rep.Without.Waiting) / float64(c.Slow)
	rep.RSSPerSlow = (rep.With.RSS - rep.Without.RSS) / float64(c.Slow)
	rep.HeapPerSlow = (rep.With.Heap - rep.Without.Heap) / float64(c.Slow)
	rep.Noise = slices.Max(rep.Without.RoundsRSS) - slices.Min(rep.Without.RoundsRSS)
	if r.srv.Started() {
		rep.Raised = target.Raised()
	}
	return rep
}

// Title names the load in one line.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	p50, was := report.Median(r.With.RoundsP50), report.Median(r.Without.RoundsP50)
	switch {
	case r.Faults.Count() > 0:
		return r.Words(), false
	case r.Without.Messages == 0 || r.With.Messages == 0:
		return "nothing reached everybody in a measured part", false
	case r.WaitingPerSlow > mostMemory:
		return fmt.Sprintf("%s wait in the server for a slow receiver", report.Bytes(r.WaitingPerSlow)), false
	case len(r.Without.RoundsRSS) > 1 && (r.With.RSS-r.Without.RSS-r.Noise)/float64(r.Slow) > mostMemory:
		return fmt.Sprintf("a slow receiver takes %s of the server's memory", report.Bytes(r.RSSPerSlow)), false
	case p50 > was+mostDelay && p50 > slices.Max(r.Without.RoundsP50):
		return fmt.Sprintf("the others wait %s ms in place of %s", report.Short(p50), report.Short(was)), false
	case r.RateRatio < leastRate && r.With.Messages < slices.Min(r.Without.Rounds):
		return fmt.Sprintf("the others get %s messages/s in place of %s", report.Short(r.With.Messages), report.Short(r.Without.Messages)), false
	}
	const fine = "slow receivers slow nobody, and have every message once and in order when they read again"
	switch {
	case len(r.Without.RoundsRSS) < 2:
		return fine + "; what they take of the resident memory takes more than one round to tell", true
	case r.Noise > mostMemory*float64(r.Slow):
		return fmt.Sprintf(fine+"; what they take of the resident memory is lost in its changes by %s from round to round: more of them show it",
			report.Bytes(r.Noise)), true
	}
	return "slow receivers slow nobody, take little memory, and have every message once and in order when they read again", true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	row := func(name string, s *Side) report.Row {
		return report.R(name, "%s messages/s to all others, %s", report.Short(s.Messages), report.MS(s.LatencyMS))
	}
	rows := []report.Row{
		row("nobody slow", &r.Without),
		row(fmt.Sprintf("%d slow", r.Slow), &r.With),
		report.R("of it", "messages/s × %.2f, p50 × %.2f, p99 × %.2f", r.RateRatio, r.P50Ratio, r.P99Ratio),
	}
	if r.With.Waiting > 0 {
		rows = append(rows, report.R("waiting", "%s in the server for each slow one at the highest, %s for all with nobody slow",
			signed(r.WaitingPerSlow), report.Bytes(r.Without.Waiting)))
	}
	if r.Without.RSS > 0 {
		rows = append(rows, report.R("memory", "%s for each slow one, resident; the peak is %s with nobody slow, and differs by %s between rounds",
			signed(r.RSSPerSlow), report.Bytes(r.Without.RSS), report.Bytes(r.Noise)))
	}
	if r.Without.Heap > 0 {
		rows = append(rows, report.R("heap", "%s for each slow one, of %s in use with nobody slow", signed(r.HeapPerSlow), report.Bytes(r.Without.Heap)))
	}
	rows = append(rows,
		report.R("slow ones", "%s messages behind when they read again, all of them there after %s s", report.List(r.Behind), report.List(r.Back)),
		report.R("checked", "%s", r.Words()),
		report.R("pulled", "%d deliveries after %d hints; %d connections cut", r.Pulled, r.Hints, r.Cut))
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		rows = append(rows, report.R("refused", "%d times: %s", r.Refused[reason], reason))
	}
	return append(rows,
		report.R("rounds", "%s and %s messages/s, p50 %s and %s ms", report.List(r.Without.Rounds), report.List(r.With.Rounds), report.List(r.Without.RoundsP50),
			report.List(r.With.RoundsP50)),
		report.R("before", "a load average of %.2f", r.Average))
}

// signed is a size that may have become smaller.
func signed(v float64) string {
	if v < 0 {
		return "−" + report.Bytes(-v)
	}
	return "+" + report.Bytes(v)
}

// Plots draws the latencies of the others, and the rounds.
func (r *Report) Plots() []report.Plot {
	line := func(name string, v []float64) report.Line {
		l := report.Line{Name: name}
		for i, y := range v {
			l.Points = append(l.Points, report.Point{X: float64(i + 1), Y: y})
		}
		return l
	}
	const no, yes = "nobody slow", "with slow ones"
	return []report.Plot{
		{Title: "Latency of the others by percentile", X: "percentile", Y: "ms", Tail: true, Lines: []report.Line{
			{Name: no, Points: r.curves[without]}, {Name: yes, Points: r.curves[with]},
		}},
		{Title: "Messages per second to all others", X: "round", Y: "per second", Lines: []report.Line{line(no, r.Without.Rounds), line(yes, r.With.Rounds)}},
		{Title: "Peak of the server's resident memory", X: "round", Y: "bytes", Lines: []report.Line{
			line(no, r.Without.RoundsRSS), line(yes, r.With.RoundsRSS),
		}},
	}
}
