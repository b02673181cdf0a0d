package bare

import (
	"fmt"

	"github.com/throng-im/throng/bench/report"
)

// expected is what the bare loop delivered to so many sockets, 128 bytes each, with the same kind of load on a machine of 2 cores: the
// lower end of what repeated runs gave on a quiet one. Between two sizes it is on the line between them.
func expected() []struct{ members, perSecond float64 } {
	return []struct{ members, perSecond float64 }{
		{10_000, 163_000},
		{19_000, 165_000},
		{100_000, 174_000},
		{1_000_000, 124_000},
	}
}

const (
	least         = 0.85 // of what is expected, for a run to count
	expectedCores = 2
	expectedSize  = 256 // bytes of a text up to which the size does not matter
)

// Expected is how many deliveries per second the loop has to show for its limit to be one; 0 where that is not known.
func Expected(members, size, cores int) float64 {
	table := expected()
	if cores != expectedCores || size > expectedSize || float64(members) < table[0].members {
		return 0
	}
	for k := 1; k < len(table); k++ {
		if a, b := table[k-1], table[k]; float64(members) <= b.members {
			return a.perSecond + (float64(members)-a.members)/(b.members-a.members)*(b.perSecond-a.perSecond)
		}
	}
	return 0
}

// Void says why a limit does not count; empty where it does, or where nobody knows.
func Void(perSecond float64, members, size, cores int) string {
	want := Expected(members, size, cores)
	if perSecond >= least*want {
		return ""
	}
	return fmt.Sprintf("void: the bare loop itself wrote %s times a second, less than %.0f%% of the %s of a quiet machine of this kind",
		report.Count(perSecond), least*100, report.Count(want))
}
