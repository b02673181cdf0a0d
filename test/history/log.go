package history

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what an operation does.
type Kind uint8

// The operations.
const (
	// Append writes the message Key; its answer is Seq.
	Append Kind = iota + 1
	// Pull reads from seq From upward; its answer is Keys, and Whole says that the log ended there.
	Pull
	// Head asks for the last seq; its answer is Seq.
	Head
)

// Op is one operation on one conversation. Key names a message over all repeats of its send.
type Op struct {
	Kind         Kind
	Client       int
	Conversation uint64
	Key          string
	From, Seq    uint64
	Keys         []string
	Whole        bool

	invoked, returned int64
	outcome           outcome
}

type outcome uint8

const (
	inDoubt outcome = iota
	succeeded
	refused
)

// Log is the operations of one run. It may be used from any goroutine.
type Log struct {
	mu    sync.Mutex
	clock int64
	ops   []*Op
}

// Invoke records that op was asked. Until the pending operation is answered it is in doubt.
func (l *Log) Invoke(op Op) *Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	op.invoked = l.clock
	o := &op
	l.ops = append(l.ops, o)
	return &Pending{log: l, op: o}
}

// Pending is an operation without an answer yet.
type Pending struct {
	log *Log
	op  *Op
}

// OK records the answer; fill sets the answer's fields.
func (p *Pending) OK(fill func(op *Op)) { p.end(succeeded, fill) }

// Refused records an answer that promises that nothing was stored.
func (p *Pending) Refused() { p.end(refused, nil) }

func (p *Pending) end(o outcome, fill func(op *Op)) {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	p.log.clock++
	p.op.returned = p.log.clock
	p.op.outcome = o
	if fill != nil {
		fill(p.op)
	}
}

// Len is how many operations were recorded.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops)
}

// Check reports whether some order of effects explains every answer, conversation by conversation; each may take up to
// limit. Running out of time is an error too: an unexplained history is not a good one.
func (l *Log) Check(limit time.Duration) error {
	l.mu.Lock()
	ops := slices.Clone(l.ops)
	l.mu.Unlock()
	by := map[uint64][]*Op{}
	for _, o := range ops {
		by[o.Conversation] = append(by[o.Conversation], o)
	}
	for id, part := range by {
		switch porcupine.CheckOperationsTimeout(logModel(), operations(part), limit) {
		case porcupine.Ok:
		case porcupine.Illegal:
			return fmt.Errorf("conversation %d: no order of its %d operations explains the answers:\n%s", id, len(part), list(part))
		default:
			return fmt.Errorf("conversation %d: no verdict on its %d operations within %s", id, len(part), limit)
		}
	}
	return nil
}

// list writes the operations of a conversation down, for whoever looks for the one that does not fit.
func list(part []*Op) string {
	var b strings.Builder
	for _, o := range part {
		fmt.Fprintf(&b, "  %4d-%4d client %d: %s\n", o.invoked, o.returned, o.Client, o)
	}
	return b.String()
}

// String tells what was asked and what the answer was.
func (o *Op) String() string {
	answer := [...]string{inDoubt: "in doubt", succeeded: "ok", refused: "refused"}[o.outcome]
	switch o.Kind {
	case Append:
		return fmt.Sprintf("append %s: %s, seq %d", o.Key, answer, o.Seq)
	case Pull:
		return fmt.Sprintf("pull from %d: %s, %d keys %v, whole %t", o.From, answer, len(o.Keys), o.Keys, o.Whole)
	default:
		return fmt.Sprintf("head: %s, seq %d", answer, o.Seq)
	}
}

// operations leaves out what cannot have had an effect anybody saw: refusals, reads without an answer, and sends in doubt
// whose message no answer mentions.
func operations(part []*Op) []porcupine.Operation {
	seen := map[string]uint64{} // at which seq
	for _, o := range part {
		if o.outcome != succeeded {
			continue
		}
		if o.Kind == Append {
			seen[o.Key] = o.Seq
		}
		for i, k := range o.Keys {
			seen[k] = o.From + uint64(i)
		}
	}
	out := make([]porcupine.Operation, 0, len(part))
	for _, o := range part {
		switch {
		case o.outcome == refused, o.outcome == inDoubt && (o.Kind != Append || seen[o.Key] == 0):
			continue
		}
		end := o.returned
		if o.outcome == inDoubt {
			// It took effect, nobody knows when; that it can only have done so at its seq keeps the search short.
			known := *o
			known.Seq = seen[o.Key]
			o, end = &known, math.MaxInt64
		}
		out = append(out, porcupine.Operation{ClientId: o.Client, Input: o, Call: o.invoked, Output: o, Return: end})
	}
	return out
}

// logModel is the specification: a log of keys in which each stands once.
func logModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []string(nil) },
		Step: func(state, input, _ any) (bool, any) {
			log, _ := state.([]string)
			op, _ := input.(*Op)
			return step(log, op)
		},
		Equal: func(a, b any) bool {
			x, _ := a.([]string)
			y, _ := b.([]string)
			return slices.Equal(x, y)
		},
	}
}

func step(log []string, op *Op) (bool, []string) {
	switch op.Kind {
	case Append:
		at := slices.Index(log, op.Key)
		if at < 0 {
			log = append(slices.Clip(log), op.Key)
			at = len(log) - 1
		}
		return op.Seq == uint64(at)+1, log
	case Head:
		return op.Seq == uint64(len(log)), log
	case Pull:
		if op.From == 0 || op.From > uint64(len(log))+1 {
			return len(op.Keys) == 0, log
		}
		rest := log[op.From-1:]
		if len(op.Keys) > len(rest) || op.Whole && len(op.Keys) != len(rest) {
			return false, log
		}
		return slices.Equal(op.Keys, rest[:len(op.Keys)]), log
	default:
		return false, log
	}
}
