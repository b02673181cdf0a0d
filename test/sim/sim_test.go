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
	first  = flag.String("sim.first", "", "first seed, 1 if not given and a new one nightly; \"time\" is a new one each time")
	worlds = flag.Int("sim.worlds", 0, "how many worlds to live through; 0 is 60, 500 for a commit, nightly as many as the budget allows")
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
	begin, from := time.Now(), firstSeed(t)
	p := planned(t)
	var lived atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for i := range p.worlds {
			n := from + uint64(i)
			t.Run(strconv.FormatUint(n, 10), func(t *testing.T) {
				t.Parallel()
				if time.Since(begin) > p.budget {
					return
				}
				live(t, n)
				lived.Add(1)
			})
		}
	})
	t.Logf("lived through %d worlds from seed %d on in %s", lived.Load(), from, time.Since(begin).Round(time.Millisecond))
	if lived.Load() < int64(p.least) {
		t.Errorf("the budget of %s was not enough for %d worlds", p.budget, p.least)
	}
}

// plan is how many worlds there are at most and at least, and for how long new ones begin.
type plan struct {
	worlds, least int
	budget        time.Duration
}

func planned(t *testing.T) plan {
	t.Helper()
	kind := os.Getenv("RELIABILITY")
	switch {
	case *worlds != 0:
		return plan{*worlds, *worlds, *budget}
	case kind == "nightly":
		p := plan{200_000, 500, *budget}
		if b := os.Getenv("RELIABILITY_BUDGET"); b != "" {
			d, err := time.ParseDuration(b)
			if err != nil {
				t.Fatalf("RELIABILITY_BUDGET: %v", err)
			}
			p.budget = d / 2 // the other half is for the other tests
		}
		return p
	case kind == "commit":
		return plan{500, 500, *budget}
	default:
		return plan{60, 60, *budget}
	}
}

func firstSeed(t *testing.T) uint64 {
	t.Helper()
	switch {
	case *first == "time", *first == "" && os.Getenv("RELIABILITY") == "nightly":
		return uint64(time.Now().UnixNano())
	case *first == "":
		return 1
	}
	n, err := strconv.ParseUint(*first, 10, 64)
	if err != nil {
		t.Fatalf("-sim.first: %v", err)
	}
	return n
}

// TestLostTail covers I14: the loss of a conversation's last delivery is found within one heartbeat, whatever its tier.
func TestLostTail(t *testing.T) {
	t.Parallel()
	const tails = 40
	from := firstSeed(t)
	for i := range uint64(tails) {
		t.Run(strconv.FormatUint(from+i, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if err := sim.Tail(t, from+i); err != nil {
					t.Errorf("%v\nrepeat with: go test ./test/sim -run TestLostTail -sim.first=%d", err, from+i)
				}
			})
		})
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
