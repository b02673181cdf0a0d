package app //nolint:testpackage // the process has one collector: what is set is looked at from within

import "testing"

func TestGarbageHasABound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 150}, {27 << 20, 150}, {300 << 20, 150}, {512 << 20, 100}, {1 << 30, 50}, {8 << 30, 50},
	} {
		if got := percentOf(tt.live); got != tt.want {
			t.Errorf("percentOf(%d) = %d, want %d", tt.live, got, tt.want)
		}
	}
}
