package million

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/throng-im/throng/bench/report"
)

// Side is what the gateways did, or the bare loops.
type Side struct {
	// Connect is how many seconds it took until everybody was there, and PerSecond how many came in each; Tries is what a client needed at most.
	Connect   float64 `json:"connect_s"`
	PerSecond float64 `json:"connects_per_s"`
	Tries     int64   `json:"connect_tries_max"`
	// ConnectCPU is processor time of the servers, ConnectLoad of the clients, in microseconds for each connection; the engines' is in neither.
	ConnectCPU  float64 `json:"connect_server_cpu_us"`
	ConnectLoad float64 `json:"connect_load_cpu_us"`
	// Memory is what the machine has less for each connection, Kernel what of it is the kernel's objects; both ends, in bytes.
	Memory float64 `json:"machine_bytes_per_connection"`
	Kernel float64 `json:"kernel_bytes_per_connection"`
	// First and All are the medians of milliseconds from when a message was due, one after the other, to its first and to its last receiver.
	First  float64 `json:"first_ms"`
	All    float64 `json:"all_ms"`
	AllMax float64 `json:"all_ms_max"`
	// Each is the latency of all deliveries, Ack that of the acknowledgements.
	Each report.Latency `json:"each_ms"`
	Ack  report.Latency `json:"ack_ms"`
	// CPU is processor time of the servers, Load of the clients, in microseconds for each of these deliveries.
	CPU  float64 `json:"server_cpu_us_per_delivery"`
	Load float64 `json:"load_cpu_us_per_delivery"`
	// Flow is what came of everybody's writing.
	Flow *Flow `json:"flow,omitempty"`
	// Messages that everybody got. Pulled deliveries came by asking, and Cut connections came back.
	Messages int64 `json:"messages"`
	Pulled   int64 `json:"pulled"`
	Cut      int64 `json:"cut"`
}

// Flow is many messages at once.
type Flow struct {
	// Messages that reached everybody, and Deliveries of all.
	Messages            int64   `json:"messages"`
	PerSecond           float64 `json:"messages_per_s"`
	Deliveries          int64   `json:"deliveries"`
	DeliveriesPerSecond float64 `json:"deliveries_per_s"`
	PerFrame            float64 `json:"messages_per_frame"`
	// Ack is the time to the acknowledgement, All to the last receiver.
	Ack report.Latency `json:"ack_ms"`
	All report.Latency `json:"all_ms"`
	// Again is how many were sent again.
	Again int64 `json:"sent_again"`
}

// Report is what a run found.
type Report struct {
	Scenario  string `json:"scenario"`
	Members   int    `json:"members"`
	Processes int    `json:"processes"`
	// Took is the whole run, from the start of the first node to the verdict, without Prepared: the making of users, group and devices.
	Took     float64 `json:"took_s"`
	Prepared float64 `json:"prepared_s,omitempty"`
	Start    float64 `json:"start_s"`
	Gateways Side    `json:"gateways"`
	Bare     *Side   `json:"bare_loops,omitempty"`
	// Ratio is the time of a message to all, of that of the bare loops.
	Ratio float64 `json:"ratio_to_bare,omitempty"`
	// Calls of engines that the gateways made while everybody came.
	Calls map[string]float64 `json:"calls_while_connecting"`
	// RSS is the growth of the gateways' resident memory for each connection, Gateway what one of them has then, in bytes.
	RSS     float64 `json:"gateway_bytes_per_connection"`
	Gateway float64 `json:"gateway_bytes"`
	// What was wrong, of all deliveries to everybody, the bare loops' included.
	report.Faults
	// Refused is what was refused or cut off, by reason.
	Refused map[string]int64 `json:"refused,omitempty"`
	// Heartbeat is how often clients are to send one, Filling how many gateways were filled at once.
	Heartbeat float64 `json:"heartbeat_s"`
	// Raised are settings that the gateways do not have by default.
	Raised string `json:"server_limits"`
	// Closing is what went wrong when the nodes were ended, after everything was measured.
	Closing     string             `json:"closing,omitempty"`
	Filling     int                `json:"gateways_filled_at_once"`
	Load        report.Load        `json:"load"`
	Environment report.Environment `json:"environment"`
	Command     string             `json:"command"`

	judged bool
}

func (r *Report) fill(c *Config, sides []*side) {
	r.Scenario = fmt.Sprintf("mega: %d members over sockets at %d gateways, %d of them writing at random", c.Members, c.Processes, c.Writers)
	r.Members, r.Processes, r.Command, r.Environment = c.Members, c.Processes, c.Command, report.ReadEnvironment()
	r.Heartbeat, r.Filling, r.judged = c.Heartbeat.Seconds(), c.Filling, c.judged()
	r.Refused, r.Raised = sides[0].reasons, raised()
	for _, s := range sides {
		r.Add(s.counts.Faults(int64(s.lost)))
	}
	r.Gateways = sides[0].figures
	if len(sides) > 1 {
		r.Bare = &sides[1].figures
		r.Ratio = r.Gateways.All / max(r.Bare.All, 1e-3)
	}
}

// Title implements the bench's result.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	if r.Scenario == "" {
		return "users, group and devices are there", true
	}
	if r.Faults.Count() > 0 {
		return r.Words(), false
	}
	var late []string
	miss := func(bad bool, format string, args ...any) {
		if bad && r.judged {
			late = append(late, fmt.Sprintf(format, args...))
		}
	}
	miss(r.Gateways.Connect > connectWithin.Seconds(), "it took %.0f s to connect, of %.0f", r.Gateways.Connect, connectWithin.Seconds())
	miss(r.Ratio > mostRatio, "a message to all took %.2f times as long as the bare loops', of %.2f", r.Ratio, mostRatio)
	miss(r.Took > verdictWithin.Seconds(), "the verdict took %.0f s, of %.0f", r.Took, verdictWithin.Seconds())
	if len(late) > 0 {
		return "every message reached every receiver, once and in order, but " + strings.Join(late, ", and "), false
	}
	return "every message reached every receiver, once and in order", true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	if r.Scenario == "" {
		return nil
	}
	g := &r.Gateways
	rows := []report.Row{
		report.R("took", "%.0f s to the verdict, %.0f s of it to start the nodes%s", r.Took, r.Start, r.prepared()),
		report.R("connected", "%s", g.connected()),
		report.R("one message", "%s", g.single()),
	}
	if b := r.Bare; b != nil {
		rows = append(rows,
			report.R("bare loops", "%s", b.single()),
			report.R("ratio", "%.2f times the bare loops' time to all", r.Ratio),
			report.R("bare connected", "%s", b.connected()))
	}
	rows = append(rows, report.R("send to ack", "%s", report.MS(g.Ack)))
	if f := g.Flow; f != nil {
		rows = append(rows,
			report.R("all write", "%d messages, %s/s, %s deliveries/s, %.1f messages a frame; to all p50 %s   max %s ms; ack p50 %s   p99 %s ms", f.Messages,
				report.Short(f.PerSecond), report.Count(f.DeliveriesPerSecond), f.PerFrame, report.Short(f.All.P50), report.Short(f.All.Max),
				report.Short(f.Ack.P50), report.Short(f.Ack.P99)))
	}
	rows = append(rows,
		report.R("checked", "%s, of %d messages to each of %s receivers", r.Words(), g.Messages, report.Count(float64(r.Members))),
		report.R("pulled", "%d deliveries, %d connections lost", g.Pulled, g.Cut),
		report.R("gateway", "%s resident for each connection, %s a process", report.Grown(r.RSS), report.Bytes(r.Gateway)),
		report.R("heartbeats", "every %.0f s; any traffic counts as one", r.Heartbeat),
		report.R("filled", "%d gateways at once", r.Filling))
	for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
		if n := r.Calls[name]; n > float64(r.Members)/1000 {
			rows = append(rows, report.R("while connecting", "%s: %.3f calls a connection", name, n/float64(r.Members)))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		rows = append(rows, report.R("refused", "%d times: %s", r.Refused[reason], reason))
	}
	if r.Closing != "" {
		rows = append(rows, report.R("ending the nodes", "%s", r.Closing))
	}
	return append(rows, report.R("limits", "%s", r.Raised), report.R("before", "a load average of %.2f", r.Load.Average))
}

func (r *Report) prepared() string {
	if r.Prepared == 0 {
		return ""
	}
	return fmt.Sprintf("; before that %.0f s to make users and group", r.Prepared)
}

func (s *Side) connected() string {
	return fmt.Sprintf("all after %.1f s, %s/s; %.0f µs of the server, %.0f µs of the load each; %s of the machine's memory, %s the kernel's, both ends",
		s.Connect, report.Count(s.PerSecond), s.ConnectCPU, s.ConnectLoad, report.Grown(s.Memory), report.Grown(s.Kernel))
}

func (s *Side) single() string {
	return fmt.Sprintf("first %s   each p50 %s   p99 %s   to all %s   slowest %s ms; %.2f µs of the server, %.2f µs of the load a delivery",
		report.Short(s.First), report.Short(s.Each.P50), report.Short(s.Each.P99), report.Short(s.All), report.Short(s.AllMax), s.CPU, s.Load)
}

// Plots implements the bench's result.
func (r *Report) Plots() []report.Plot { return nil }
