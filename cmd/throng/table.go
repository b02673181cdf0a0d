package main

import (
	"io"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// table prints columns as wide as what stands in them on a terminal, where a Chinese character takes two places.
type table struct {
	// immutable after construction
	out io.Writer

	// owned by the one goroutine that prints
	widths []int
	rows   [][]string
}

// gap stands between two columns.
const gap = 2

func newTable(out io.Writer, head ...string) *table {
	t := &table{out: out, widths: make([]int, len(head))}
	t.row(head...)
	return t
}

// row adds a line. Cells may hold what strangers wrote; see harmless.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = harmless(cells[i])
	}
	for i, cell := range cells {
		t.widths[i] = max(t.widths[i], ansi.StringWidth(cell))
	}
	t.rows = append(t.rows, cells)
}

// flush prints the lines since the last flush. Columns never become narrower.
func (t *table) flush() error {
	var b strings.Builder
	for _, cells := range t.rows {
		var line strings.Builder
		for i, cell := range cells {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", t.widths[i]-ansi.StringWidth(cell)+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.out, b.String())
	return err //nolint:wrapcheck // the caller's own writer
}

// harmless replaces what a terminal would obey instead of show: control characters, with which escape sequences begin, and
// marks that turn the direction of what follows. An import takes names as it finds them.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
