package fair

import (
	"fmt"
	"maps"
	"slices"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	// mostRatio is by how much the group may raise the 99th percentile.
	mostRatio = 2.0
	// busy is the server's word for a group at its send limit.
	busy = "conversation_busy"
)

// Side is what was measured of the chats, alone or beside the group.
type Side struct {
	// Messages that reached their receiver.
	Messages int64 `json:"messages"`
	// LatencyMS is from when a message was due to its receiver, AckMS to its sender's acknowledgement.
	LatencyMS report.Latency `json:"latency_ms"`
	AckMS     report.Latency `json:"ack_ms"`
	// Rounds in their order: the 99th percentile of LatencyMS.
	Rounds []float64   `json:"rounds_p99_ms"`
	Load   report.Load `json:"load"`
}

// Report is what a run found.
type Report struct {
	Scenario string  `json:"scenario"`
	Members  int     `json:"members"`
	Online   int     `json:"online"`
	Pairs    int     `json:"pairs"`
	Rate     float64 `json:"chat_messages_per_s"`
	// Alone and Beside the group.
	Alone  Side `json:"alone"`
	Beside Side `json:"beside"`
	// Ratio of the 99th percentiles, each the median of the rounds, which is judged; and of the medians.
	Ratio    float64 `json:"p99_ratio"`
	P50Ratio float64 `json:"p50_ratio"`
	// Deliveries of the group and its messages that reached everybody, per second, and the latency of the deliveries.
	Deliveries     float64        `json:"group_deliveries_per_s"`
	Messages       float64        `json:"group_messages_per_s"`
	GroupLatencyMS report.Latency `json:"group_latency_ms"`
	// Waits are how often the server refused a message of the group with a wait, because the group was at its send limit, by its own word.
	Waits int64 `json:"group_refused_with_wait"`
	// What was wrong, in the group and the chats.
	report.Faults
	// Hints stood for deliveries, and Pulled deliveries came by asking; neither is a fault.
	Hints  int64 `json:"hints"`
	Pulled int64 `json:"pulled"`
	// Refused is what was refused or cut off, by reason, in the group and among the chats; messages were sent again.
	Refused     map[string]int64 `json:"group_refused,omitempty"`
	ChatRefused map[string]int64 `json:"chat_refused,omitempty"`
	// Raised are the limits that the server has above a usual one.
	Raised      string             `json:"server_limits,omitempty"`
	Average     float64            `json:"load_average_before"`
	Environment report.Environment `json:"environment"`
	Command     string             `json:"command"`

	curves [2][]report.Point
}

func (r *run) report() Report {
	c := r.cfg
	rep := Report{
		Scenario: c.Scenario(), Members: c.Members, Online: c.Online, Pairs: c.Pairs, Rate: c.Rate, Average: r.average,
		Environment: report.ReadEnvironment(), Command: c.Command,
	}
	for i, to := range []*Side{&rep.Alone, &rep.Beside} {
		s := &r.sides[i]
		*to = Side{Messages: s.messages, LatencyMS: s.all.Latency(), AckMS: s.ack.Latency(), Rounds: s.p99s}
		for _, l := range s.loads {
			to.Load.Busy += l.Busy / float64(len(s.loads))
			to.Load.Steal += l.Steal / float64(len(s.loads))
			to.Load.Server += l.Server
			to.Load.Own += l.Own
			to.Load.Others += l.Others
		}
		rep.curves[i] = s.all.Curve()
	}
	rep.Ratio = report.Ratio(report.Median(rep.Beside.Rounds), report.Median(rep.Alone.Rounds))
	rep.P50Ratio = report.Ratio(rep.Beside.LatencyMS.P50, rep.Alone.LatencyMS.P50)
	rep.Deliveries, rep.Messages = float64(r.deliveries)/r.took.Seconds(), float64(r.messages)/r.took.Seconds()
	rep.GroupLatencyMS = r.group99.Latency()
	var n load.Counts
	var lost int64
	for _, crowd := range []*crowd{r.group, r.pairs} {
		counts := crowd.fleet.Counts()
		n.Add(&counts)
		lost += crowd.lost
	}
	rep.Faults = n.Faults(lost)
	rep.Hints, rep.Pulled = n.Hints, n.Pulled
	rep.Refused, rep.ChatRefused = r.group.fleet.Reasons(), r.pairs.fleet.Reasons()
	rep.Waits = rep.Refused[busy]
	if r.srv.Started() {
		rep.Raised = target.Raised() + "; what a conversation may send is limited as usual"
	}
	return rep
}

// Title names the load in one line.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	switch {
	case r.Faults.Count() > 0:
		return r.Words(), false
	case r.Alone.Messages == 0 || r.Beside.Messages == 0 || r.Messages == 0:
		return "nothing was delivered in a measured part", false
	case r.Waits == 0:
		return "the group was never told to wait: it was not at its send limit, and the run says nothing", false
	case r.Ratio > mostRatio:
		return fmt.Sprintf("the group raises the 99th percentile of the chats %.1f times", r.Ratio), false
	}
	return fmt.Sprintf("the group raises the 99th percentile of the chats %.2f times, and every message reached every receiver, once and in order", r.Ratio), true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	rows := []report.Row{
		report.R("chats alone", "%s", report.MS(r.Alone.LatencyMS)),
		report.R("beside the group", "%s", report.MS(r.Beside.LatencyMS)),
		report.R("of it", "p99 × %.2f (medians of the rounds), p50 × %.2f", r.Ratio, r.P50Ratio),
		report.R("acknowledged", "alone p50 %s   p99 %s, beside the group p50 %s   p99 %s ms", report.Short(r.Alone.AckMS.P50),
			report.Short(r.Alone.AckMS.P99), report.Short(r.Beside.AckMS.P50), report.Short(r.Beside.AckMS.P99)),
		report.R("messages", "%s of the chats alone, %s beside the group", report.Count(float64(r.Alone.Messages)), report.Count(float64(r.Beside.Messages))),
		report.R("group", "%s deliveries/s, %s messages/s to all, %s refused with a wait", report.Count(r.Deliveries), report.Short(r.Messages),
			report.Count(float64(r.Waits))),
		report.R("group latency", "%s", report.MS(r.GroupLatencyMS)),
		report.R("checked", "%s", r.Words()),
	}
	if r.Hints > 0 || r.Pulled > 0 {
		rows = append(rows, report.R("pulled", "%d deliveries after %d hints", r.Pulled, r.Hints))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		rows = append(rows, report.R("group refused", "%d times: %s", r.Refused[reason], reason))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.ChatRefused)) {
		rows = append(rows, report.R("chats refused", "%d times: %s", r.ChatRefused[reason], reason))
	}
	rows = append(rows,
		report.R("rounds", "p99 %s alone, %s ms beside the group", report.List(r.Alone.Rounds), report.List(r.Beside.Rounds)),
		report.R("alone", "the machine is %.0f%% busy; server %.1f s, load %.1f s", 100*r.Alone.Load.Busy, r.Alone.Load.Server, r.Alone.Load.Own))
	l := r.Beside.Load
	l.Average = r.Average
	return append(rows, l.Rows()...)
}

// Plots draws the latencies of the chats, and the rounds.
func (r *Report) Plots() []report.Plot {
	names := [...]string{alone: "alone", beside: "beside the group"}
	tail := report.Plot{Title: "Latency of the chats by percentile", X: "percentile", Y: "ms", Tail: true}
	rounds := report.Plot{Title: "99th percentile of the chats", X: "round", Y: "ms"}
	for i, s := range []*Side{&r.Alone, &r.Beside} {
		tail.Lines = append(tail.Lines, report.Line{Name: names[i], Points: r.curves[i]})
		l := report.Line{Name: names[i]}
		for k, y := range s.Rounds {
			l.Points = append(l.Points, report.Point{X: float64(k + 1), Y: y})
		}
		rounds.Lines = append(rounds.Lines, l)
	}
	return []report.Plot{tail, rounds}
}
