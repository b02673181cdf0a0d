package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/throng-im/throng/bench/report"
)

// Progress tells how a run is going.
type Progress struct {
	// Phase is what is going on, in a word or two.
	Phase string
	// Done of Total, in the phase's own unit.
	Done, Total int
	// Rate is what is done per second of late; 0 is not shown.
	Rate float64
	// P50 and P99 are latencies of late in milliseconds; 0 is not shown.
	P50, P99 float64
}

// Func takes what happens. It is called from one goroutine at a time.
type Func func(Progress)

// Silent shows nothing.
func Silent(Progress) {}

const (
	percent      = 100
	maxBar       = 30
	minBar       = 6
	phaseWidth   = 14
	defaultWidth = 80
	clearLine    = "\r\x1b[K"
)

// View shows progress on w until Close.
type View struct {
	w     io.Writer
	width func() int // nil where w is no terminal
	phase string
	began time.Time
	drawn bool
}

// New makes a view; it is live where w is a terminal.
func New(w io.Writer) *View {
	v := &View{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		v.width = func() int { return Width(f) }
	}
	return v
}

// Width is how many columns a terminal has; 80 where that cannot be known.
func Width(f *os.File) int {
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		return n
	}
	return defaultWidth
}

// Show is a Func.
func (v *View) Show(p Progress) {
	if v.width == nil {
		if p.Phase != v.phase {
			v.phase = p.Phase
			_, _ = fmt.Fprintf(v.w, "%s …\n", p.Phase)
		}
		return
	}
	if p.Phase != v.phase {
		v.phase, v.began = p.Phase, time.Now()
	}
	_, _ = io.WriteString(v.w, clearLine+Line(p, v.width()-1))
	v.drawn = true
}

// Close removes the line.
func (v *View) Close() {
	if v.drawn {
		_, _ = io.WriteString(v.w, clearLine)
		v.drawn = false
	}
}

// Line is p in at most width columns: the bar gives way first, then the latency, then the rate.
func Line(p Progress, width int) string {
	head := fmt.Sprintf("%-*s ", phaseWidth-1, p.Phase)
	if width < defaultWidth/2+phaseWidth {
		head = p.Phase + " "
	}
	var share, rate, latency string
	if p.Total > 0 {
		share = fmt.Sprintf(" %3d%%", percent*min(p.Done, p.Total)/p.Total)
	}
	if p.Rate > 0 {
		rate = "  " + report.Count(p.Rate) + "/s"
	}
	if p.P50 > 0 {
		latency = fmt.Sprintf("  p50 %s p99 %s ms", report.Short(p.P50), report.Short(p.P99))
	}
	columns := func(parts ...string) (n int) {
		for _, s := range parts {
			n += utf8.RuneCountInString(s)
		}
		return n
	}
	if columns(head, share, rate, latency) > width {
		latency = ""
	}
	if columns(head, share, rate) > width {
		rate = ""
	}
	bar := ""
	if room := min(width-columns(head, share, rate, latency), maxBar); p.Total > 0 && room >= minBar {
		full := min(max(room*p.Done/p.Total, 0), room)
		bar = strings.Repeat("█", full) + strings.Repeat("░", room-full)
	}
	line := head + bar + share + rate + latency
	if r := []rune(line); len(r) > width {
		line = string(r[:max(width, 0)])
	}
	return line
}
