package load

import (
	"time"

	"github.com/throng-im/throng/bench/report"
)

// Counts are what clients saw. All are sums; those of the first group are of measured time alone.
type Counts struct {
	// Entries delivered to others than their senders, with or without a text; Frames they came in; their Bytes, headers and all that came with
	// them included, and TextBytes of it.
	Entries, Frames, Bytes, TextBytes int64

	// Reads of sockets.
	Reads int64
	// Pulls that clients made because they lacked something, and entries that came by them.
	Pulls, Pulled int64
	// Duplicate, Disordered, Damaged and Foreign entries: of another conversation than the client's.
	Duplicate, Disordered, Damaged, Foreign int64
	// Hints stood for deliveries.
	Hints int64
	// Acked and Refused requests.
	Acked, Refused int64
	// Attempts to connect, of which Failed before they were open and Opened; Cut later by the server or the network; Open are so now. MostTries is what a client needed
	// at most.
	Attempts, Failed, Opened, Cut, Open, MostTries int64
	// Unfocused answers: the server does not know the request.
	Unfocused int64
}

// Add adds other to c.
func (c *Counts) Add(other *Counts) {
	for _, p := range []struct {
		to   *int64
		from int64
	}{
		{&c.Entries, other.Entries},
		{&c.Frames, other.Frames},
		{&c.Bytes, other.Bytes},
		{&c.TextBytes, other.TextBytes},
		{&c.Reads, other.Reads},
		{&c.Pulls, other.Pulls},
		{&c.Pulled, other.Pulled},
		{&c.Duplicate, other.Duplicate},
		{&c.Disordered, other.Disordered},
		{&c.Damaged, other.Damaged},
		{&c.Foreign, other.Foreign},
		{&c.Hints, other.Hints},
		{&c.Acked, other.Acked},
		{&c.Refused, other.Refused},
		{&c.Attempts, other.Attempts},
		{&c.Opened, other.Opened},
		{&c.Failed, other.Failed},
		{&c.Cut, other.Cut},
		{&c.Open, other.Open},
		{&c.Unfocused, other.Unfocused},
	} {
		*p.to += p.from
	}
	c.MostTries = max(c.MostTries, other.MostTries)
}

// Faults are what was wrong, with the entries that were Lost.
func (c *Counts) Faults(lost int64) report.Faults {
	return report.Faults{Lost: lost, Duplicate: c.Duplicate, Disordered: c.Disordered, Damaged: c.Damaged + c.Foreign}
}

// series are latencies by moment.
type series struct {
	step    *report.Histogram // of the moment that goes on
	at      int64             // its number
	moments map[int64]*report.Histogram
	last    *report.Histogram // of the moment before; nil for none
}

func newSeries() series {
	return series{step: report.NewCoarse(), moments: map[int64]*report.Histogram{}}
}

func (s *series) record(took time.Duration, n int64) { s.step.RecordMany(took, n) }

// settle keeps a moment that is over.
func (s *series) settle(at int64) {
	if at == s.at {
		return
	}
	if s.step.Count() > 0 {
		s.moments[s.at], s.last = s.step, s.step
		s.step = report.NewCoarse()
	}
	s.at = at
}
