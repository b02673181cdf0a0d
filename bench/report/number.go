package report

import (
	"fmt"
	"strings"
)

// Short is a figure with as many digits as say something.
func Short(v float64) string {
	switch {
	case v >= 100:
		return Count(v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Count is a whole number with its thousands apart.
func Count(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	if v < 0 {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes is a size with its unit.
func Bytes(v float64) string {
	const step = 1024
	switch {
	case v >= step*step*step:
		return fmt.Sprintf("%.2f GiB", v/(step*step*step))
	case v >= step*step:
		return fmt.Sprintf("%.1f MiB", v/(step*step))
	case v >= 10*step:
		return fmt.Sprintf("%.1f KiB", v/step)
	default:
		return fmt.Sprintf("%.0f bytes", v)
	}
}

// Grown is by how much memory grew for each of what was opened. Where other changes of it hide that, it says so; more of them show it.
func Grown(each float64) string {
	if each <= 0 {
		return "too little to tell"
	}
	return Bytes(each)
}

// List are figures side by side.
func List(v []float64) string {
	words := make([]string, len(v))
	for i, x := range v {
		words[i] = Short(x)
	}
	return strings.Join(words, " ")
}

// Ratio is a as a share of b; 0 where there is no b.
func Ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// MS is a Latency in words.
func MS(l Latency) string {
	return fmt.Sprintf("p50 %s   p99 %s   max %s ms", Short(l.P50), Short(l.P99), Short(l.Max))
}
