package chat

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// clean makes text of strangers harmless: control characters (escape sequences begin with one) and the marks that reverse the
// direction of what follows are dropped, tabs become spaces. Newlines stay where lines is set.
func clean(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar:
			return -1
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return -1
		default:
			return r
		}
	}, s)
}

// wrap breaks text into lines of at most width cells; wide characters count two.
func wrap(s string, width int) []string {
	width = max(width, 2)
	return strings.Split(ansi.Wrap(s, width, ""), "\n")
}

// fit makes s exactly width cells wide: cut with an ellipsis, or padded.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if ansi.StringWidth(s) > width {
		s = ansi.Truncate(s, width, "…")
	}
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// spread puts left and right at the two ends of width cells; right is kept where both do not fit.
func spread(left, right string, width int) string {
	room := width - ansi.StringWidth(right)
	if room <= 1 {
		return fit(right, width)
	}
	return fit(left, room-1) + " " + right
}

// rule is a line with a word in its middle.
func rule(word string, width int) string {
	word = " " + word + " "
	side := max(0, width-ansi.StringWidth(word))
	return fit(strings.Repeat("─", side/2)+word+strings.Repeat("─", side-side/2), width)
}

// clock is the time of an entry as people say it, seen from now.
func clock(t, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case sameDay(t, now):
		return t.Format("15:04")
	case now.Sub(t) < 6*24*time.Hour && !t.After(now):
		return t.Format("Mon")
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	default:
		return t.Format("Jan 2006")
	}
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

// badge shows a count the way badges do.
func badge(n uint64) string {
	switch {
	case n == 0:
		return ""
	case n > 99:
		return "99+"
	default:
		return strconv.FormatUint(n, 10)
	}
}

func strWidth(s string) int { return ansi.StringWidth(s) }
