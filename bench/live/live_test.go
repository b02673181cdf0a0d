package live_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/throng-im/throng/bench/live"
)

// TestLine: a line fits, its parts stand apart, and the bar says how far it is.
func TestLine(t *testing.T) {
	t.Parallel()
	p := live.Progress{Phase: "server 1/2: warm-up", Done: 1, Total: 2, Rate: 123_456, P50: 1.5, P99: 20}
	for width := range 120 {
		if n := utf8.RuneCountInString(live.Line(p, width)); n > width {
			t.Errorf("%d columns of %d", n, width)
		}
	}
	line := live.Line(p, 110)
	if !strings.HasPrefix(line, "server 1/2: warm-up █") || !strings.Contains(line, "█░") || !strings.Contains(line, " 50%  123,456/s  p50 1.50 p99 20.0 ms") {
		t.Errorf("%q", line)
	}
	if line := live.Line(live.Progress{Phase: "start"}, 80); strings.TrimSpace(line) != "start" {
		t.Errorf("%q", line)
	}
}
