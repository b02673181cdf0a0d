package send

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

// Report is what a run found.
type Report struct {
	Scenario string `json:"scenario"`
	// Acked messages in the measured part, and as many a second.
	Acked int64   `json:"acked"`
	Rate  float64 `json:"rate"`
	// Seconds that the measured part took.
	Seconds float64 `json:"seconds"`
	// AckMS is from the send, or from when it was due, to its acknowledgement; DeliverMS to each receiver.
	AckMS     report.Latency `json:"ack_ms"`
	DeliverMS report.Latency `json:"deliver_ms"`
	// FirstAckMS is AckMS of the first message of each conversation.
	FirstAckMS report.Latency `json:"first_ack_ms"`
	// Deliveries in the measured part.
	Deliveries int64 `json:"deliveries"`
	// Checked deliveries of the whole run, and what was wrong with them.
	Checked int64 `json:"checked"`
	report.Faults
	// Hints replaced deliveries to receivers that were slow, and Pulled deliveries came by asking; neither is a fault.
	Hints  int64 `json:"hints"`
	Pulled int64 `json:"pulled"`
	// Errors are refusals by reason; the messages were sent again.
	Errors map[string]int `json:"errors,omitempty"`
	// CPUPerMessage is the server's, ClientCPUPerMessage the load's, in microseconds for each acknowledged message.
	CPUPerMessage       float64 `json:"cpu_us_per_message"`
	ClientCPUPerMessage float64 `json:"client_cpu_us_per_message"`
	// BytesPerDelivery is what a delivery takes on the wire beyond its text.
	BytesPerDelivery float64 `json:"bytes_per_delivery"`
	// ReadyMS is from the start of the server to its readiness, where it was started for the run.
	ReadyMS float64 `json:"ready_ms,omitempty"`
	Machine string  `json:"machine"`
	Command string  `json:"command"`

	acks, deliveries []report.Point // the distributions
}

func (r *run) report(s *target.Server, w window, lost int) Report {
	per := func(d time.Duration) float64 {
		if w.acked == 0 {
			return 0
		}
		return float64(d.Microseconds()) / float64(w.acked)
	}
	t := &r.tally
	rep := Report{
		Scenario: r.cfg.Scenario(), Acked: w.acked, Rate: float64(w.acked) / w.took.Seconds(), Seconds: w.took.Seconds(),
		AckMS: r.acks.Sum().Latency(), DeliverMS: r.deliveries.Sum().Latency(), FirstAckMS: r.first.Sum().Latency(),
		Deliveries: w.deliveries, Checked: r.delivered.Load(), Faults: report.Faults{
			Lost: int64(lost), Duplicate: t.duplicate.Load() + t.echoed.Load(), Disordered: t.disordered.Load(), Damaged: t.damaged.Load(),
		},
		Hints: t.hints.Load(), Pulled: t.pulled.Load(), Errors: r.errs,
		CPUPerMessage: per(w.serverCPU), ClientCPUPerMessage: per(w.ownCPU),
		ReadyMS: float64(s.Ready().Microseconds()) / 1000, Machine: report.Machine(), Command: r.cfg.Command,
	}
	rep.acks, rep.deliveries = r.acks.Sum().Curve(), r.deliveries.Sum().Curve()
	if w.deliveries > 0 {
		rep.BytesPerDelivery = float64(r.overhead.Load()) / float64(w.deliveries)
	}
	return rep
}

// Title implements the bench's result.
func (r *Report) Title() string { return r.Scenario }

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	if n := r.Faults.Count(); n > 0 {
		return fmt.Sprintf("%d faults", n), false
	}
	return "every acknowledged message reached every receiver, once and in order", true
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	rows := []report.Row{
		report.R("acknowledged", "%d in %.1f s: %.0f/s", r.Acked, r.Seconds, r.Rate),
		report.R("delivered", "%d: %.0f/s", r.Deliveries, float64(r.Deliveries)/r.Seconds),
		report.R("send to ack", "%s", report.MS(r.AckMS)),
		report.R("send to deliver", "%s", report.MS(r.DeliverMS)),
		report.R("first to ack", "%s", report.MS(r.FirstAckMS)),
		report.R("checked", "%d deliveries: %s", r.Checked, r.Words()),
	}
	if r.Hints > 0 || r.Pulled > 0 {
		rows = append(rows, report.R("pulled", "%d deliveries after %d hints", r.Pulled, r.Hints))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Errors)) {
		rows = append(rows, report.R("refused", "%d times %s, and sent again", r.Errors[reason], reason))
	}
	rows = append(rows,
		report.R("on the wire", "%.1f bytes a delivery beyond the text", r.BytesPerDelivery),
		report.R("processor", "%.1f µs of the server, %.1f µs of the load, for each message", r.CPUPerMessage, r.ClientCPUPerMessage))
	if r.ReadyMS > 0 {
		rows = append(rows, report.R("server ready", "%.0f ms after its start", r.ReadyMS))
	}
	return append(rows, report.R("machine", "%s", r.Machine))
}

// Plots draws the two distributions.
func (r *Report) Plots() []report.Plot {
	return []report.Plot{{
		Title: "Latency by percentile", X: "percentile", Y: "ms", Tail: true,
		Lines: []report.Line{{Name: "to ack", Points: r.acks}, {Name: "to deliver", Points: r.deliveries}},
	}}
}
