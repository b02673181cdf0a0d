package fanout

import (
	"maps"
	"runtime"
	"slices"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

// Latency is a distribution in milliseconds from when a message was due: to the first receiver, and over all deliveries.
type Latency struct {
	// First is the median of the first receivers' latencies, All the median of the last ones'.
	First float64 `json:"first"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	All   float64 `json:"all"`
	// AllMax is how long the slowest message took to its last receiver.
	AllMax float64 `json:"all_max"`
}

// Report is what a run found.
type Report struct {
	Scenario string `json:"scenario"`
	Members  int    `json:"members"`
	Online   int    `json:"online"`
	// Deliveries in the measured parts, and as many a second: the median of the rounds.
	Deliveries int64   `json:"deliveries"`
	PerSecond  float64 `json:"deliveries_per_s"`
	// Messages per second that reached everybody, and per frame that a receiver got.
	Messages         float64 `json:"messages_per_s"`
	MessagesPerFrame float64 `json:"messages_per_frame"`
	LatencyMS        Latency `json:"latency_ms"`
	// FlowMS is that of the flow, where LatencyMS is that of messages one by one, measured apart.
	FlowMS *Latency `json:"flow_latency_ms,omitempty"`
	// RSS is the highest resident memory of the process that holds server and load; of runs in one process.
	RSS int64 `json:"rss_bytes,omitempty"`
	// Pause is a bound of the collector's longest pause while everybody was online, of so many, and OpeningPause while they came.
	Pause         float64 `json:"gc_pause_ms_max,omitempty"`
	Pauses        uint64  `json:"gc_pauses,omitempty"`
	OpeningPause  float64 `json:"opening_gc_pause_ms_max,omitempty"`
	OpeningPauses uint64  `json:"opening_gc_pauses,omitempty"`
	// AckMS is from when a message was due to its acknowledgement.
	AckMS report.Latency `json:"ack_ms"`
	// What was wrong, of Checked deliveries of all parts, the bare loop's included.
	report.Faults
	// Hints stood for deliveries, and Pulled deliveries came by asking; neither is a fault. Unfocused clients were told that the server knows no focus.
	Hints     int64 `json:"hints"`
	Pulled    int64 `json:"pulled"`
	Unfocused int64 `json:"unfocused"`
	// Refused is what was refused or cut off, by reason; messages were sent again.
	Refused map[string]int64 `json:"refused,omitempty"`
	// BytesPerDelivery is what a delivery takes on the wire, OverText what of it is not the text.
	BytesPerDelivery float64 `json:"bytes_per_delivery"`
	OverText         float64 `json:"bytes_per_delivery_over_text"`
	// PerConnection is the growth of the server's resident memory for each connection.
	PerConnection float64 `json:"server_bytes_per_connection"`
	// CPU is the server's, ClientCPU the load's, in microseconds for each delivery.
	CPU       float64 `json:"server_cpu_us_per_delivery"`
	ClientCPU float64 `json:"load_cpu_us_per_delivery"`
	// Limit is what the bare loop did in the same run, and Ratio the server's share of it.
	Limit    float64 `json:"limit_deliveries_per_s"`
	LimitCPU float64 `json:"limit_cpu_us_per_delivery"`
	Ratio    float64 `json:"ratio_to_limit"`
	// LimitExpected is what the bare loop has to come near to; 0 where that is not known.
	LimitExpected float64 `json:"limit_expected,omitempty"`
	// Void says why the limit does not count.
	Void string `json:"void,omitempty"`
	// Rounds in their order.
	Rounds      []float64 `json:"rounds_deliveries_per_s"`
	LimitRounds []float64 `json:"rounds_limit_deliveries_per_s"`
	// Raised are the limits that the server has above a usual one.
	Raised      string             `json:"server_limits,omitempty"`
	Load        report.Load        `json:"load"`
	Environment report.Environment `json:"environment"`
	Command     string             `json:"command"`

	sides []*side
}

func (r *run) report(sides []*side) Report {
	rep := Report{
		Scenario: r.cfg.Scenario(), Members: r.cfg.Members, Online: r.cfg.Online, Command: r.cfg.Command, Environment: report.ReadEnvironment(), sides: sides,
		Refused: map[string]int64{},
	}
	for _, s := range sides {
		rep.Add(s.counts.Faults(int64(s.lost)))
		if s.name == bareName {
			rep.Limit, rep.LimitRounds = report.Median(s.rates), s.rates
			rep.LimitCPU = perDelivery(s.used.Seconds(), s.counts.Entries)
		} else {
			for reason, n := range s.reasons {
				rep.Refused[reason] += n
			}
		}
	}
	s := sides[0]
	n := s.counts.Entries
	seconds := s.took.Seconds()
	own := 0.0
	for _, l := range s.loads {
		own += l.Own
		rep.Load.Busy += l.Busy / float64(len(s.loads))
		rep.Load.Steal += l.Steal / float64(len(s.loads))
		rep.Load.Server += l.Server
		rep.Load.Own += l.Own
		rep.Load.Others += l.Others
	}
	rep.Load.Average = r.average
	rep.Deliveries, rep.PerSecond, rep.Rounds = n, report.Median(s.rates), s.rates
	rep.Messages = float64(s.figures.Messages) / seconds
	rep.LatencyMS = *latencyOf(s.latency, &s.figures)
	if s.single != nil {
		flow := rep.LatencyMS
		rep.LatencyMS, rep.FlowMS = *s.single, &flow
	}
	rep.AckMS = s.figures.Ack.Latency()
	rep.Hints, rep.Pulled, rep.Unfocused = s.counts.Hints, s.counts.Pulled, s.counts.Unfocused
	if n > 0 {
		rep.MessagesPerFrame = float64(n) / float64(max(s.counts.Frames, 1))
		rep.BytesPerDelivery = float64(s.counts.Bytes) / float64(n)
		rep.OverText = float64(s.counts.Bytes-s.counts.TextBytes) / float64(n)
	}
	rep.CPU, rep.ClientCPU = perDelivery(s.used.Seconds(), n), perDelivery(own, n)
	if s.name == serverName {
		rep.PerConnection = float64(r.memory-r.before) / float64(r.cfg.Online)
		if r.srv.Started() {
			rep.Raised = target.Raised()
		}
	}
	if r.watch != nil {
		w := r.watch
		rep.RSS, rep.Pause, rep.Pauses = w.peak.Load(), w.online.longest.Seconds()*1e3, w.online.n
		rep.OpeningPause, rep.OpeningPauses = w.opening.longest.Seconds()*1e3, w.opening.n
	}
	if rep.Limit > 0 {
		rep.Ratio = rep.PerSecond / rep.Limit
		// What is expected are writes; a merged one is as dear as a single one.
		writes := rep.Limit / float64(r.cfg.Chunk)
		if r.cfg.Rate == 0 {
			rep.LimitExpected = bare.Expected(r.cfg.Online, r.cfg.Size, runtime.NumCPU()) * float64(r.cfg.Chunk)
			rep.Void = bare.Void(writes, r.cfg.Online, r.cfg.Size, runtime.NumCPU())
		}
	}
	return rep
}

func perDelivery(seconds float64, n int64) float64 {
	const us = 1e6
	if n == 0 {
		return 0
	}
	return seconds * us / float64(n)
}

// Title implements the bench's result.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	switch {
	case r.Faults.Count() > 0:
		return r.Words(), false
	case r.Deliveries == 0:
		return "nothing was delivered in the measured part", false
	case r.Void != "":
		return r.Void, false
	}
	return "every message reached every receiver, once and in order", true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	l := r.LatencyMS
	rows := []report.Row{
		report.R("delivered", "%s/s   (%s messages/s to all, %s in %.0f s)", report.Count(r.PerSecond), report.Short(r.Messages),
			report.Count(float64(r.Deliveries)), r.seconds()),
	}
	if r.Limit > 0 && r.sides[0].name == serverName {
		rows = append(rows, report.R("bare loop", "%s/s: the server does %.1f%% of it", report.Count(r.Limit), 100*r.Ratio))
	}
	if r.LimitExpected > 0 {
		rows = append(rows, report.R("expected of it", "%s/s on a quiet machine of this kind", report.Count(r.LimitExpected)))
	}
	rows = append(rows,
		report.R("latency", "first %s   p50 %s   p99 %s   max %s   to all %s ms", report.Short(l.First), report.Short(l.P50), report.Short(l.P99),
			report.Short(l.Max), report.Short(l.All)),
		report.R("checked", "%s", r.Words()))
	if r.sides[0].name == serverName {
		rows = append(rows, report.R("send to ack", "%s", report.MS(r.AckMS)))
	}
	if r.Hints > 0 || r.Pulled > 0 {
		rows = append(rows, report.R("pulled", "%d deliveries after %d hints", r.Pulled, r.Hints))
	}
	if r.Unfocused > 0 {
		rows = append(rows, report.R("focus", "the server does not know it"))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		rows = append(rows, report.R("refused", "%d times: %s", r.Refused[reason], reason))
	}
	rows = append(rows,
		report.R("on the wire", "%.1f bytes a delivery, %.1f of them beyond the text; %.1f messages a frame", r.BytesPerDelivery, r.OverText, r.MessagesPerFrame),
		report.R("processor", "%.2f µs of the server, %.2f µs of the load, for each delivery", r.CPU, r.ClientCPU))
	if r.Limit > 0 {
		rows = append(rows, report.R("bare processor", "%.2f µs for each delivery", r.LimitCPU))
	}
	if r.PerConnection != 0 {
		rows = append(rows, report.R("memory", "%s of the server for each connection", report.Grown(r.PerConnection)))
	}
	if f := r.FlowMS; f != nil {
		rows = append(rows, report.R("in the flow", "first %s   p50 %s   p99 %s   max %s   to all %s ms", report.Short(f.First), report.Short(f.P50),
			report.Short(f.P99), report.Short(f.Max), report.Short(f.All)))
	}
	if r.RSS > 0 {
		rows = append(rows,
			report.R("process", "%s resident at the highest, server and load together, whose processor time is one too", report.Bytes(float64(r.RSS))),
			report.R("collector", "%d pauses with all online, the longest at most %s ms; %d while they came, at most %s ms", r.Pauses,
				report.Short(r.Pause), r.OpeningPauses, report.Short(r.OpeningPause)))
	}
	if len(r.Rounds) > 1 {
		rows = append(rows, report.R("rounds", "%s/s", counts(r.Rounds)))
	}
	if len(r.LimitRounds) > 1 && r.sides[0].name == serverName {
		rows = append(rows, report.R("bare rounds", "%s/s", counts(r.LimitRounds)))
	}
	return append(rows, r.Load.Rows()...)
}

func (r *Report) seconds() (s float64) { return r.sides[0].took.Seconds() }

func counts(v []float64) (s string) {
	for i, x := range v {
		if i > 0 {
			s += "  "
		}
		s += report.Count(x)
	}
	return s
}

// Plots draws rate and latency over the measured time, and the distribution.
func (r *Report) Plots() []report.Plot {
	rate := report.Plot{Title: "Deliveries per second", X: "seconds measured", Y: "per second"}
	tail := report.Plot{Title: "Latency by percentile", X: "percentile", Y: "ms", Tail: true}
	over := make([]report.Plot, 0, len(r.sides))
	for _, s := range r.sides {
		latency, perSecond := report.Lines(s.moments)
		perSecond.Name = s.name
		rate.Lines = append(rate.Lines, perSecond)
		tail.Lines = append(tail.Lines, report.Line{Name: s.name, Points: s.latency.Curve()})
		over = append(over, report.Plot{Title: "Latency over time: " + s.name, X: "seconds measured", Y: "ms", Lines: latency})
	}
	return append([]report.Plot{rate, tail}, over...)
}
