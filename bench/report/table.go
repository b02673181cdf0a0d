package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Row is one line of a report: what, and how much. A row without a name begins a group of rows.
type Row struct{ Name, Value string }

// R makes a row.
func R(name, format string, args ...any) Row { return Row{name, fmt.Sprintf(format, args...)} }

const (
	nameWidth   = 16
	narrow      = 60 // columns below which names get less room
	narrowName  = 11
	leastColumn = 20
)

// Table lays rows out in at most width columns; values that do not fit go on below, under their column.
func Table(title string, rows []Row, width int) string {
	width = max(width, leastColumn)
	column := nameWidth
	if width < narrow {
		column = narrowName
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, line := range Wrap(title, width) {
		fmt.Fprintf(&b, "%s\n", line)
	}
	b.WriteByte('\n')
	for _, r := range rows {
		if r.Name == "" {
			for _, line := range Wrap(r.Value, width) {
				fmt.Fprintf(&b, "%s\n", line)
			}
			continue
		}
		indent := strings.Repeat(" ", column+3)
		name := fmt.Sprintf("  %-*s ", column, r.Name)
		if utf8.RuneCountInString(r.Name) > column {
			fmt.Fprintf(&b, "  %s\n", r.Name)
			name = indent
		}
		for i, line := range Wrap(r.Value, max(width-column-3, leastColumn)) {
			if i > 0 {
				name = indent
			}
			fmt.Fprintf(&b, "%s%s\n", name, line)
		}
	}
	return b.String()
}

// Wrap breaks text at spaces into lines of at most width characters, and cuts words that are longer; runs of spaces inside a line are kept.
func Wrap(text string, width int) []string {
	var lines []string
	for utf8.RuneCountInString(text) > width {
		r := []rune(text)
		cut := width
		for i := width; i > 0; i-- {
			if r[i] == ' ' {
				cut = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(r[:cut]), " "))
		text = strings.TrimLeft(string(r[cut:]), " ")
	}
	return append(lines, text)
}
