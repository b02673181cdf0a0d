package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Plot is a drawing of lines over two axes.
type Plot struct {
	Title, X, Y string
	Lines       []Line
	// Tail stretches a horizontal axis of percentiles, so that each nine takes as much room as the one before.
	Tail bool
}

const (
	plotWidth, plotHeight   = 720.0, 270.0
	leftMargin, rightMargin = 66.0, 22.0 // room for labels that are larger on small screens
	topMargin, bottomMargin = 26.0, 54.0
	ticksWanted             = 5.0
	maxMarks                = 60 // points of a line that get a mark one can point at
	nines                   = 5.0
	almostAll               = 100 - 1e-3
	labelGap, tickGap       = 8.0, 20.0
)

// SVG draws the plot in the colours of the page: classes line0, line1, … and axis, grid, text.
func (p Plot) SVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, plotWidth, plotHeight, html.EscapeString(p.Title))
	minX, maxX, maxY := p.extent()
	x := func(v float64) float64 {
		return leftMargin + (v-minX)/(maxX-minX)*(plotWidth-leftMargin-rightMargin)
	}
	y := func(v float64) float64 {
		return plotHeight - bottomMargin - v/maxY*(plotHeight-topMargin-bottomMargin)
	}
	bottom := plotHeight - bottomMargin
	for v := 0.0; v <= maxY*1.0001; v += step(maxY) {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, leftMargin, plotWidth-rightMargin, y(v), y(v))
		fmt.Fprintf(&b, `<text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`, leftMargin-labelGap, y(v)+4, tick(v))
	}
	for _, t := range p.ticksX(minX, maxX) {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, x(t.X), x(t.X), topMargin, bottom)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x(t.X), bottom+tickGap, tick(t.Y))
	}
	fmt.Fprintf(&b, `<text class="tick" x="%g" y="%g" text-anchor="end">%s</text>`, plotWidth-rightMargin, plotHeight-labelGap, html.EscapeString(p.X))
	fmt.Fprintf(&b, `<text class="tick" x="%g" y="%g">%s</text>`, leftMargin, topMargin-labelGap, html.EscapeString(p.Y))
	for i, l := range p.Lines {
		p.line(&b, i, l, x, y)
	}
	b.WriteString("</svg>")
	return b.String()
}

func (p Plot) line(b *strings.Builder, i int, l Line, x, y func(float64) float64) {
	fmt.Fprintf(b, `<polyline class="line%d" points="`, i)
	for _, pt := range l.Points {
		fmt.Fprintf(b, "%.1f,%.1f ", x(p.place(pt.X)), y(pt.Y))
	}
	b.WriteString(`"/>`)
	every := len(l.Points)/maxMarks + 1
	for k := 0; k < len(l.Points); k += every {
		pt := l.Points[k]
		fmt.Fprintf(b, `<circle class="dot%d" cx="%.1f" cy="%.1f" r="3"><title>%s %s at %s</title></circle>`,
			i, x(p.place(pt.X)), y(pt.Y), html.EscapeString(l.Name), Short(pt.Y), tick(pt.X))
	}
}

// legend names the lines where there are several.
func (p Plot) legend() string {
	if len(p.Lines) < 2 {
		return ""
	}
	var b strings.Builder
	for i, l := range p.Lines {
		fmt.Fprintf(&b, ` <span class="key%d">%s</span>`, i, html.EscapeString(l.Name))
	}
	return b.String()
}

// place is where a value of X stands before it is scaled.
func (p Plot) place(v float64) float64 {
	if !p.Tail {
		return v
	}
	return -math.Log10(1 - min(v, almostAll)/100)
}

func (p Plot) extent() (minX, maxX, maxY float64) {
	minX, maxX = math.Inf(1), math.Inf(-1)
	for _, l := range p.Lines {
		for _, pt := range l.Points {
			minX, maxX, maxY = min(minX, p.place(pt.X)), max(maxX, p.place(pt.X)), max(maxY, pt.Y)
		}
	}
	if minX > 0 && !math.IsInf(minX, 1) && !p.Tail {
		minX = 0
	}
	if minX >= maxX {
		minX, maxX = 0, max(maxX, 1)
		if math.IsInf(maxX, -1) {
			maxX = 1
		}
	}
	if maxY <= 0 {
		maxY = 1
	}
	return minX, maxX, math.Ceil(maxY/step(maxY)) * step(maxY)
}

// ticksX are (place, what it says).
func (p Plot) ticksX(minX, maxX float64) []Point {
	var out []Point
	if p.Tail {
		for n := 0.0; n <= min(maxX, nines); n++ {
			v := 100 - 100*math.Pow(10, -n)
			if n == 0 {
				v = 0
			}
			out = append(out, Point{n, v})
		}
		return out
	}
	s := step(maxX - minX)
	for v := math.Ceil(minX/s) * s; v <= maxX*1.0001; v += s {
		out = append(out, Point{v, v})
	}
	return out
}

// step is a round distance of ticks that gives about five up to limit.
func step(limit float64) float64 {
	if limit <= 0 || math.IsInf(limit, 0) || math.IsNaN(limit) {
		return 1
	}
	raw := limit / ticksWanted
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*unit {
			return m * unit
		}
	}
	return 10 * unit
}

func tick(v float64) string {
	switch {
	case v >= 1_000_000:
		return fmt.Sprintf("%gM", v/1_000_000)
	case v >= 10_000:
		return fmt.Sprintf("%gk", v/1_000)
	case v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}
