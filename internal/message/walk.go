package message

import (
	"github.com/throng-im/throng/internal/chat"
)

// walk is a page being filled: from..to is what is not covered yet. Backward, it shrinks from its upper end, and entries
// and withheld spans are collected newest first.
type walk struct {
	query    RangeQuery
	spans    []chat.Span
	left     int // entries
	bytes    int
	from, to chat.Seq
}

// step covers the next run that lies wholly in a span or wholly between two. full: the page ended inside of it.
func (w *walk) step(read func(r Range) ([]chat.Entry, error), p *Page) (full bool, err error) {
	run, visible := w.run()
	if !visible {
		p.Withheld = append(p.Withheld, run)
		w.covered(run)
		return false, nil
	}
	entries, err := read(Range{
		Conversation: w.query.Conversation, From: run.From, To: run.To,
		Limit: w.left, MaxBytes: w.bytes, Backward: w.query.Backward,
	})
	if err != nil {
		return true, err
	}
	if len(entries) == 0 {
		return true, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "entries below the head are missing; run throng check")
	}
	if entries = w.fit(entries, len(p.Entries) == 0); len(entries) == 0 {
		return true, nil
	}
	got := chat.Span{From: entries[0].Seq, To: entries[len(entries)-1].Seq}
	if w.query.Backward {
		reverse(entries)
	}
	if p.Entries == nil {
		p.Entries = entries // ours, and mostly all there is
	} else {
		p.Entries = append(p.Entries, entries...)
	}
	w.left -= len(entries)
	w.covered(got)
	return got != run, nil
}

// fit returns as many entries, from where the walk is, as the page has room for in either encoding; the first entry of a page
// always goes.
func (w *walk) fit(entries []chat.Entry, first bool) []chat.Entry {
	const row = 128 // seq, sender, time and the like
	for i := range entries {
		at := i
		if w.query.Backward {
			at = len(entries) - 1 - i
		}
		w.bytes -= row + entries[at].WireBytes()
		switch {
		case w.bytes >= 0 || (first && i == 0):
		case w.query.Backward:
			return entries[at+1:]
		default:
			return entries[:at]
		}
	}
	return entries
}

// run returns the longest span at the walk's end that is all visible or all withheld.
func (w *walk) run() (chat.Span, bool) {
	at := w.from
	if w.query.Backward {
		at = w.to
	}
	below, above := chat.Seq(0), w.to+1 // the nearest visible seqs around at
	for _, s := range w.spans {
		end := s.To
		if end == 0 || end > w.to {
			end = w.to
		}
		switch {
		case s.Contains(at):
			return chat.Span{From: max(s.From, w.from), To: end}, true
		case end < at:
			below = max(below, end)
		case s.From > at:
			above = min(above, s.From)
		}
	}
	if w.query.Backward {
		return chat.Span{From: max(below+1, w.from), To: at}, false
	}
	return chat.Span{From: at, To: min(above-1, w.to)}, false
}

func (w *walk) covered(run chat.Span) {
	if w.query.Backward {
		w.to = run.From - 1
		return
	}
	w.from = run.To + 1
}

func reverse[T any](all []T) {
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
}
