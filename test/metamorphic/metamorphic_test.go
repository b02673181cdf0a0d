package metamorphic_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seed    = flag.Uint64("metamorphic.seed", 0, "run only the script of this seed")
	scripts = flag.Int("metamorphic.scripts", 0, "how many scripts there are; 0 is 30, 3,000 nightly, 4 with -short")
)

const variants = 4 // beside the plain run

// TestVariantsAgree is T6: one script, run plainly and under options that must not matter, leaves the same logs, members, read
// positions and unread counts (I1, I3, I5, I6, I8, I16).
func TestVariantsAgree(t *testing.T) {
	want, first := *scripts, uint64(time.Now().UnixNano())
	switch {
	case *seed != 0:
		want, first = 1, *seed
	case want != 0:
	case testing.Short():
		want = 4
	case os.Getenv("RELIABILITY") == "nightly":
		want = 3_000
	default:
		want = 30
	}
	var ops, runs atomic.Int64
	begun := time.Now()
	t.Run("scripts", func(t *testing.T) {
		for n := range want {
			s := first + uint64(n)
			t.Run(fmt.Sprint(s), func(t *testing.T) {
				t.Parallel()
				script := generate(s)
				expected, _, err := live(t.Context(), script, plain())
				if err != nil {
					t.Fatal(err)
				}
				rng := rand.New(rand.NewPCG(s, 3))
				for range variants {
					v := drawVariant(rng)
					got, n, err := live(t.Context(), script, v)
					if err == nil {
						err = differ(expected, got)
					}
					if err != nil {
						t.Fatalf("under %+v: %v\nrun again with: go test ./test/metamorphic -metamorphic.seed=%d", v, err, s)
					}
					ops.Add(int64(n))
					runs.Add(1)
				}
			})
		}
	})
	t.Logf("%d scripts, %d runs under other options, %d operations in these; seeds from %d; %s",
		want, runs.Load(), ops.Load(), first, time.Since(begun).Round(time.Millisecond))
	if runs.Load() < int64(want*variants) || want >= 30 && ops.Load() < 10_000 {
		t.Error("too little was run")
	}
}

// differ names the first line that is not the same.
func differ(expected, got string) error {
	a, b := strings.Split(expected, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Errorf("line %d is\n  %s\nand should be\n  %s", i+1, b[i], a[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d lines instead of %d", len(b), len(a))
	}
	return nil
}
