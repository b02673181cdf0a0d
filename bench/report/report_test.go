package report_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/report"
)

// TestPage: the page is whole, loads nothing, and escapes what it shows.
func TestPage(t *testing.T) {
	t.Parallel()
	lines := []report.Line{
		{Name: "<server>", Points: []report.Point{{X: 0, Y: 1}, {X: 1, Y: 200_000}}}, {Name: "bare", Points: []report.Point{{X: 0.5, Y: 3}}},
	}
	p := report.Page{
		Title: "a & b", Command: "throng bench <x>", Verdict: "all <good>", Good: true,
		Rows:  []report.Row{report.R("rate", "%d/s", 5), {Value: "a part"}},
		Plots: []report.Plot{{Title: "rate", X: "s", Y: "n", Lines: lines}, {Title: "tail", Tail: true, Lines: lines[:1]}, {Title: "nothing"}},
		Data:  map[string]int{"x": 1},
	}
	page, err := p.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a &amp; b", "throng bench &lt;x&gt;", "all &lt;good&gt;", "&lt;server&gt;", "200k", "class=\"machine\"", "colspan"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<script", "<x>", "<server>", "NaN", "nothing"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(page, "<svg"); n != 2 {
		t.Errorf("%d plots are drawn", n)
	}
	for _, plot := range p.Plots {
		if err := xml.Unmarshal([]byte(plot.SVG()), new(struct{})); err != nil {
			t.Errorf("%s: %v", plot.Title, err)
		}
	}
}

// TestGrown: memory that shrank meanwhile is no figure.
func TestGrown(t *testing.T) {
	t.Parallel()
	for each, want := range map[float64]string{480: "480 bytes", 20_480: "20.0 KiB", 0: "too little to tell", -8_659: "too little to tell"} {
		if got := report.Grown(each); got != want {
			t.Errorf("%v is %q", each, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	fine, coarse := report.NewHistogram(), report.NewCoarse()
	for i := range 1_000 {
		fine.Record(time.Duration(i+1) * time.Millisecond)
		coarse.RecordMany(time.Duration(i+1)*time.Millisecond, 3)
	}
	for _, h := range []*report.Histogram{fine, coarse} {
		l := h.Latency()
		if l.P50 < 495 || l.P50 > 506 || l.P99 < 985 || l.P99 > 1000 || l.Max < 995 || l.Max > 1010 {
			t.Errorf("%+v", l)
		}
	}
	if fine.Count() != 1_000 || coarse.Count() != 3_000 {
		t.Errorf("%d and %d were counted", fine.Count(), coarse.Count())
	}
	c := fine.Curve()
	for i := 1; i < len(c); i++ {
		if c[i].X <= c[i-1].X || c[i].Y < c[i-1].Y {
			t.Fatalf("the curve falls at %v", c[i])
		}
	}
	if len(c) < 20 || report.NewHistogram().Curve() != nil {
		t.Error("curves")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 60, 100} {
		out := report.Table("a title that is a bit long", []report.Row{
			report.R("name", "a value that does not fit on one line of a narrow terminal"), {Value: "part"}, report.R("a name that is too long", "x"),
		}, width)
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("%d columns of %d: %q", n, width, line)
			}
		}
		if !strings.Contains(out, "terminal") || !strings.Contains(out, "too long") {
			t.Errorf("something is missing at %d: %s", width, out)
		}
	}
}
