package sim_test

import (
	"bufio"
	"flag"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/test/sim"
)

var (
	seed   = flag.Uint64("sim.seed", 0, "live through the world of this seed alone")
	first  = flag.Uint64("sim.first", 1, "first seed")
	worlds = flag.Int("sim.worlds", 60, "how many worlds to live through")
	budget = flag.Duration("sim.budget", 10*time.Minute, "no new world begins after this time")
)

func live(t *testing.T, seed uint64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if err := sim.Run(t, seed); err != nil {
			t.Errorf("%v\nrepeat with: go test ./test/sim -run TestWorlds -sim.seed=%d", err, seed)
		}
	})
}

// TestWorlds covers I1 to I6, I12 to I17, I21 (T4, T18) in as many worlds as asked for.
func TestWorlds(t *testing.T) {
	if *seed != 0 {
		live(t, *seed)
		return
	}
	begin := time.Now()
	var lived atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for i := range *worlds {
			n := *first + uint64(i)
			t.Run(strconv.FormatUint(n, 10), func(t *testing.T) {
				t.Parallel()
				if time.Since(begin) > *budget {
					return
				}
				live(t, n)
				lived.Add(1)
			})
		}
	})
	t.Logf("lived through %d worlds in %s", lived.Load(), time.Since(begin).Round(time.Millisecond))
	if lived.Load() < int64(*worlds) {
		t.Errorf("the budget of %s was not enough for %d worlds", *budget, *worlds)
	}
}

// TestKeptSeeds lives through the worlds that once found a fault.
func TestKeptSeeds(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			live(t, n)
		})
	}
}
