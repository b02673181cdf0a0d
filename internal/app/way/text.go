package way

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/throng-im/throng/internal/trace"
)

// Write writes the report for people. Times are UTC.
func (r *Report) Write(w io.Writer) error {
	p := &printer{}
	by := "the server"
	if r.Sender != 0 {
		by = fmt.Sprintf("user %d", r.Sender)
	}
	p.line("%d/%d\t%s by %s, stored as of %s", r.Conversation, r.Seq, r.Body, by, r.At.UTC().Format("2006-01-02 15:04:05.000 MST"))
	if r.Removed != "" {
		p.line("removed\tits content is gone: %s", r.Removed)
	}
	if r.ClientID != "" {
		p.line("client id\t%s", r.ClientID)
	}
	p.line("conversation\t%s of %s, %s; it ends at seq %d", r.Kind, count(int(r.Members), "member"), r.Tier, r.Head)
	p.line("stored\t%s", r.stored())
	p.line("published\t%s", r.published())
	p.line("delivered\t%s", r.delivered())
	p.line("read\t%s", r.readBy())
	if r.Trace != "" {
		p.line("trace\t%s, %s", r.Trace, map[bool]string{true: "sent to the collector", false: "not sampled"}[r.Sampled])
	}
	p.table(w)
	p.steps(r)
	p.table(w)
	p.nodes(r)
	p.table(w)
	for _, problem := range append(r.unknown(), r.Problems...) {
		p.line("unknown\t%s", problem)
	}
	p.table(w)
	return p.err
}

// printer writes tables, and remembers the first error.
type printer struct {
	lines strings.Builder
	begun bool
	err   error
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.lines, format+"\n", args...) }

// table writes the lines since the last one, in columns, an empty line between two tables.
func (p *printer) table(w io.Writer) {
	if p.lines.Len() == 0 || p.err != nil {
		return
	}
	if p.begun {
		_, p.err = io.WriteString(w, "\n")
	}
	p.begun = true
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(t, p.lines.String())
	p.err = cmp.Or(p.err, err, t.Flush())
	p.lines.Reset()
}

func (r *Report) stored() string {
	text := fmt.Sprintf("slot %d", r.Slot)
	if r.Database != "" {
		text += fmt.Sprintf(", lane %d, database %s", r.Lane, r.Database)
	}
	return text
}

func (r *Report) published() string {
	switch r.Outbox {
	case OutboxNone:
		return "events stand beside the log; nothing is published"
	case OutboxWaits:
		return "NO: its event waits in the outbox; see throng_relay_behind_seconds and the relays' log"
	case OutboxGone:
		return "yes: nothing of it waits in the outbox"
	default:
		return unknown
	}
}

// total adds up the steps of a kind: how many, and their first counts.
func (r *Report) total(k trace.Kind) (steps, sum int) {
	for i := range r.Nodes {
		for _, s := range r.Nodes[i].Steps {
			if s.Kind == k {
				steps++
				sum += int(s.Counts[0])
			}
		}
	}
	return steps, sum
}

func (r *Report) delivered() string {
	fanouts, _ := r.total(trace.Fanout)
	writes, sessions := r.total(trace.Write)
	pulls := 0
	for i := range r.Nodes {
		pulls += r.Nodes[i].Pulls
	}
	if fanouts == 0 && writes == 0 && pulls == 0 {
		return "unknown: no node remembers it"
	}
	text := "to " + count(sessions, "session")
	if pulls > 0 {
		text += fmt.Sprintf(", and read in %s by range", count(pulls, "page"))
	}
	return text
}

func (r *Report) readBy() string {
	switch {
	case r.Reads.Known:
		return fmt.Sprintf("by %d of the %s who may, besides the sender", r.Reads.Read, count(r.Reads.Of, "member"))
	case r.Members > maxReaders:
		return fmt.Sprintf("not counted: more than %d members", maxReaders)
	default:
		return unknown
	}
}

// unknown says what is not remembered, and why.
func (r *Report) unknown() []string {
	var out []string
	if steps, _ := r.total(trace.Append); steps == 0 {
		out = append(out, "when it was handed in, and on which node: none remembers. Each remembers its latest steps only (tracing.recent_bytes)")
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		switch {
		case !n.Answered:
			out = append(out, "what "+n.label()+" remembers: it did not answer within "+patience.String())
		case !n.Remembers:
			out = append(out, "what "+n.label()+" did: it is set to remember nothing (tracing.recent_bytes)")
		case n.Started.After(r.At):
			out = append(out, "what "+n.label()+" did before "+n.Started.UTC().Format("15:04:05")+", when it was started")
		}
	}
	return out
}

// at is a step of a node, by the asked node's clock.
type at struct {
	node  *Node
	step  trace.Step
	begin time.Time
}

// steps lists the steps of all nodes in the order in which they began.
func (p *printer) steps(r *Report) {
	var all []at
	for i := range r.Nodes {
		n := &r.Nodes[i]
		for _, s := range n.Steps {
			begin := s.StartTime()
			if n.Skew.Abs() > n.Round { // else it is no more than the question took
				begin = begin.Add(-n.Skew)
			}
			all = append(all, at{n, s, begin})
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return cmp.Or(a.begin.Compare(b.begin), cmp.Compare(a.step.Kind, b.step.Kind)) })
	if len(all) == 0 {
		return
	}
	p.line("time\tafter\tnode\tstep\ttook\t")
	for _, a := range all {
		p.line("%s\t%s\t%s\t%s\t%s\t%s", a.begin.UTC().Format("15:04:05.000"), "+"+short(a.begin.Sub(all[0].begin)), a.node.label(),
			a.step.Kind.Name(), short(a.step.Took), say(&a.step))
	}
}

// say tells a step in words.
func say(s *trace.Step) string {
	c := func(i int) int { return int(s.Counts[i]) }
	micros := func(i int) string { return short(time.Duration(s.Counts[i]) * time.Microsecond) }
	switch s.Kind {
	case trace.Append, trace.Repeat:
		what := "handed in; "
		if s.Kind == trace.Repeat {
			what = "handed in again, answered with the first one; "
		}
		text := what + fmt.Sprintf("waited %s, stored in %s with %s, durable %s later", micros(1), micros(2), count(c(0)-1, "other draft"), micros(3))
		if s.Caller != "" {
			text += ", called from trace " + s.Caller
		}
		return text
	case trace.Publish:
		return fmt.Sprintf("from the commit until the queue had it; lane %d, %s together", c(0), count(c(1), "event"))
	case trace.Fanout:
		return sayFanout(s)
	case trace.Receive:
		if c(0) == 0 {
			return "came to the node, where nobody is connected whom it is for"
		}
		return "came to the node; " + map[int]string{
			trace.AsContent: "goes out at once", trace.AsRounds: "goes out in rounds to those who have it open, as a hint to others",
			trace.AsHints: "goes out as hints: the server has too much to do",
		}[c(1)]
	case trace.Write:
		return fmt.Sprintf("written to %s of event loop %d", count(c(0), "session"), c(1))
	case trace.Pull:
		return fmt.Sprintf("user %d read seq %d to %d by range", s.User, s.Seq, s.Until)
	default:
		return ""
	}
}

func sayFanout(s *trace.Step) string {
	c := func(i int) int { return int(s.Counts[i]) }
	var text string
	switch c(0) {
	case trace.WayUsers:
		text = fmt.Sprintf("on write: to the nodes of %s", count(c(1), "member"))
	case trace.WayGroup:
		text = "on read: to the nodes with subscribers"
	default:
		text = "direct, from the node that committed, since the queue is away"
	}
	text += fmt.Sprintf(", which are %d", c(2))
	if c(3) > 0 {
		text += "; NOT ALL WERE REACHED, devices find it by their heartbeats"
	}
	if s.Stream != trace.NoStream {
		text += fmt.Sprintf("; stream %d, position up to %d", s.Stream, s.Position)
	}
	return text
}

// nodes lists who was asked.
func (p *printer) nodes(r *Report) {
	p.line("node\tanswered\tsteps\tstarted\tclock")
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if !n.Answered {
			p.line("%s\tno\t\t\t", n.label())
			continue
		}
		started, clock := "", "as here"
		if !n.Started.IsZero() {
			started = n.Started.UTC().Format("2006-01-02 15:04:05")
		}
		if n.Asked {
			clock = "(asked here)"
		} else if n.Skew.Abs() > n.Round {
			clock = short(n.Skew) + " ahead"
		}
		p.line("%s\tyes\t%d\t%s\t%s", n.label(), len(n.Steps), started, clock)
	}
}

// label is a node's address where it has one, else the beginning of its name.
func (n *Node) label() string {
	if u, err := url.Parse(n.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return n.Name[:min(len(n.Name), 8)]
}

// short is a time that is easy to read: three digits or so.
func short(d time.Duration) string {
	switch a := d.Abs(); {
	case a < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case a < time.Second:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(time.Millisecond).String()
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
