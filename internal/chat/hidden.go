package chat

import (
	"encoding/binary"
	"slices"
)

// MaxHidden is how many spans of entries a member may delete for oneself in one conversation; what touches is one.
const MaxHidden = 200

// Hidden are the entries of a conversation that a member has deleted for oneself: spans with the ordinals that they cover, in the order of their
// seqs, and apart. It is kept encoded, so that what holds it can be compared and shared.
type Hidden string

// HiddenSpan is a span of hidden entries.
type HiddenSpan struct {
	Span

	// Before is the ordinal before the first entry, Last that of the last one.
	Before, Last Ordinal
}

// Spans decodes it. What is damaged comes to nothing from there on; [Hidden.Valid] says so.
func (h Hidden) Spans() []HiddenSpan {
	spans, _ := h.decode()
	return spans
}

// Valid reports whether all of it can be read.
func (h Hidden) Valid() bool {
	_, ok := h.decode()
	return ok
}

func (h Hidden) decode() (spans []HiddenSpan, ok bool) {
	b := []byte(h)
	seq, ordinal := Seq(0), Ordinal(0)
	for len(b) > 0 {
		var n [4]uint64
		for i := range n {
			v, size := binary.Uvarint(b)
			if size <= 0 || v > MaxID {
				return spans, false
			}
			n[i], b = v, b[size:]
		}
		s := HiddenSpan{Span: Span{From: seq + Seq(n[0])}, Before: ordinal + Ordinal(n[2])}
		s.To, s.Last = s.From+Seq(n[1]), s.Before+Ordinal(n[3])
		if n[0] == 0 || s.To > MaxID || len(spans) == MaxHidden {
			return spans, false
		}
		spans = append(spans, s)
		seq, ordinal = s.To, s.Last
	}
	return spans, true
}

func encodeHidden(spans []HiddenSpan) Hidden {
	var b []byte
	seq, ordinal := Seq(0), Ordinal(0)
	for _, s := range spans {
		for _, n := range []uint64{uint64(s.From - seq), uint64(s.To - s.From), uint64(s.Before - ordinal), uint64(s.Last - s.Before)} {
			b = binary.AppendUvarint(b, n)
		}
		seq, ordinal = s.To, s.Last
	}
	return Hidden(b)
}

// Contains reports whether an entry is hidden.
func (h Hidden) Contains(seq Seq) bool {
	return h != "" && slices.ContainsFunc(h.Spans(), func(s HiddenSpan) bool { return s.Contains(seq) })
}

// Hides reports whether an entry is hidden, be it for what it amends or pins.
func (h Hidden) Hides(e *Entry) bool {
	if h == "" {
		return false
	}
	pin, pins := e.Body.(Pin)
	return h.Contains(e.Seq) || pins && h.Contains(pin.Target) || slices.ContainsFunc(e.Amends(), h.Contains)
}

// Unread is how many of the hidden entries would count as unread at a head, but for those that were recalled, which count no longer anyway.
func (h Hidden) Unread(read, head Ordinal, recalled Ordinals) (n uint64) {
	if h == "" {
		return 0
	}
	for _, s := range h.Spans() {
		if from, to := max(s.Before, read), min(s.Last, head); to > from {
			n += uint64(to-from) - uint64(recalled.Count(from, to))
		}
	}
	return n
}

// Add hides a span more. ok is false where there are too many then.
func (h Hidden) Add(span HiddenSpan) (with Hidden, ok bool) {
	all := h.Spans()
	out := make([]HiddenSpan, 0, len(all)+1)
	for _, s := range all {
		switch {
		case s.To+1 < span.From || s.From > span.To+1:
			out = append(out, s)
		default: // they touch
			span.Before, span.Last = min(s.Before, span.Before), max(s.Last, span.Last)
			span.From, span.To = min(s.From, span.From), max(s.To, span.To)
		}
	}
	at, _ := slices.BinarySearchFunc(out, span.From, func(s HiddenSpan, from Seq) int {
		if s.From < from {
			return -1
		}
		return 1
	})
	out = slices.Insert(out, at, span)
	return encodeHidden(out), len(out) <= MaxHidden
}

// Cut takes what is hidden out of spans that end at a head at the latest; the result has ends throughout.
func (h Hidden) Cut(spans []Span, head Seq) []Span {
	if h == "" {
		return spans
	}
	hidden := h.Spans()
	var out []Span
	for _, s := range spans {
		if s.To == 0 || s.To > head {
			s.To = head
		}
		for _, x := range hidden {
			if x.To < s.From || x.From > s.To {
				continue
			}
			if x.From > s.From {
				out = append(out, Span{From: s.From, To: x.From - 1})
			}
			s.From = x.To + 1
		}
		if s.From <= s.To {
			out = append(out, s)
		}
	}
	return out
}
