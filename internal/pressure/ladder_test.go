package pressure_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/pressure"
)

var rewrite = flag.Bool("rewrite", false, "write what the ladder does into testdata/ladder.txt")

// look is how often the tests observe.
const look = 200 * time.Millisecond

// TestScript runs testdata/ladder.txt: a command, dashes, the changes with their times. Signals are given with feel and last for a
// time; flap alternates between a high signal for five seconds and none.
func TestScript(t *testing.T) {
	t.Parallel()
	const file = "testdata/ladder.txt"
	want, err := os.ReadFile(file)
	assert.NoError(t, "reading the script", err)
	s := &scripted{t: t, ladder: pressure.NewLadder(pressure.Default()), now: time.Unix(0, 0)}
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(string(want), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i] + "\n")
		if lines[i] == "" || strings.HasPrefix(lines[i], "#") {
			continue
		}
		out.WriteString("----\n" + s.command(lines[i]))
		for i+1 < len(lines) && lines[i+1] != "" { // what was expected
			i++
		}
	}
	if *rewrite {
		assert.NoError(t, "writing the script", os.WriteFile(file, []byte(out.String()), 0o600))
		return
	}
	if out.String() != string(want) {
		t.Errorf("go test ./internal/pressure -run TestScript -rewrite shows the difference\ngot:\n%s", out.String())
	}
}

// scripted is a ladder and its clock.
type scripted struct {
	t      *testing.T
	ladder *pressure.Ladder
	now    time.Time
}

func (s *scripted) command(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	args := map[string]string{}
	for _, f := range strings.Fields(rest) {
		k, v, _ := strings.Cut(f, "=")
		args[k] = v
	}
	switch word {
	case "feel":
		return s.feel(s.signals(args), s.span(args["for"]))
	case "flap":
		times, err := strconv.Atoi(args["times"])
		assert.NoError(s.t, line, err)
		var out string
		for range times {
			out += s.feel(s.signals(args), 5*time.Second) + s.feel(pressure.Signals{}, s.span(args["calm"]))
		}
		return out
	default:
		s.t.Fatalf("no such command: %s", line)
		return ""
	}
}

func (s *scripted) span(text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	assert.NoError(s.t, text, err)
	return d
}

func (s *scripted) signals(args map[string]string) pressure.Signals {
	part := func(name string) float64 {
		if args[name] == "" {
			return 0
		}
		f, err := strconv.ParseFloat(args[name], 64)
		assert.NoError(s.t, name, err)
		return f
	}
	return pressure.Signals{Lag: s.span(args["lag"]), Inbox: part("inbox"), Queue: part("queue"), Memory: part("memory")}
}

// feel observes the same signals for a time and returns the changes.
func (s *scripted) feel(sig pressure.Signals, d time.Duration) string {
	var out strings.Builder
	for begin := s.now; s.now.Sub(begin) < d; {
		s.now = s.now.Add(look)
		was := s.ladder.Level()
		if to, why := s.ladder.Observe(s.now, sig); to != was {
			fmt.Fprintf(&out, "%s: %s, %s\n", s.now.Sub(time.Unix(0, 0)), to, why)
		}
	}
	return out.String()
}

// TestNeverFlaps throws signals at ladders that no server feels: whatever they are, a step down comes Calm after the change before
// it, a step up Rise after the one before it, and in the long run no more than one way up and down fits into eight times Calm.
func TestNeverFlaps(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		cfg := pressure.Default()
		cfg.Rise, cfg.Calm = time.Duration(r.IntN(5_000))*time.Millisecond, time.Second+time.Duration(r.IntN(20_000))*time.Millisecond
		cfg.Ease = 0.1 + 0.9*r.Float64()
		assert.NoError(t, "config", cfg.Validate())
		l, now := pressure.NewLadder(cfg), time.Unix(0, 0)
		last, was, begin := now, pressure.Calm, now
		falls := 0 // ways down that began
		rising := false
		var sig pressure.Signals
		for range 5_000 {
			now = now.Add(time.Duration(1+r.IntN(500)) * time.Millisecond)
			if r.IntN(4) == 0 { // every other moment something else
				sig = pressure.Signals{Lag: time.Duration(r.IntN(6_000)) * time.Millisecond * time.Duration(r.IntN(2)), Queue: r.Float64() * float64(r.IntN(2))}
			}
			to, why := l.Observe(now, sig)
			if to == was {
				assert.Equal(t, "a reason without a change", why, "")
				continue
			}
			assert.True(t, "a change has a reason", why != "")
			gap := now.Sub(last)
			switch to {
			case was + 1:
				if gap < cfg.Rise && rising {
					t.Fatalf("seed %d: two steps up within %s; rise is %s", seed, gap, cfg.Rise)
				}
				rising = true
			case was - 1:
				if gap < cfg.Calm {
					t.Fatalf("seed %d: a step down %s after a change; calm is %s", seed, gap, cfg.Calm)
				}
				if rising {
					falls++
				}
				rising = false
			default:
				t.Fatalf("seed %d: from %s to %s at once", seed, was, to)
			}
			last, was = now, to
		}
		if most := 4 + int(now.Sub(begin)/(8*cfg.Calm)); falls > most {
			t.Fatalf("seed %d: the level turned down %d times in %s; %d are allowed with calm %s", seed, falls, now.Sub(begin), most, cfg.Calm)
		}
	}
}

// TestEachSignalLeadsToEachStep: every threshold that is set is one.
func TestEachSignalLeadsToEachStep(t *testing.T) {
	t.Parallel()
	for i := range pressure.Highest {
		level := i + 1
		for name, set := range map[string]func(*pressure.Thresholds, *pressure.Signals){
			"lag":    func(c *pressure.Thresholds, s *pressure.Signals) { c.Lag, s.Lag = time.Second, time.Second },
			"inbox":  func(c *pressure.Thresholds, s *pressure.Signals) { c.Inbox, s.Inbox = 0.5, 0.5 },
			"queue":  func(c *pressure.Thresholds, s *pressure.Signals) { c.Queue, s.Queue = 0.5, 0.5 },
			"memory": func(c *pressure.Thresholds, s *pressure.Signals) { c.Memory, s.Memory = 0.5, 0.5 },
		} {
			cfg := pressure.Config{Calm: time.Second, Ease: 0.5}
			var s pressure.Signals
			set([]*pressure.Thresholds{&cfg.Typing, &cfg.Presence, &cfg.Receipts, &cfg.Content, &cfg.Admission}[i], &s)
			assert.NoError(t, "config", cfg.Validate())
			l, now := pressure.NewLadder(cfg), time.Unix(0, 0)
			for range 20 {
				l.Observe(now, s)
			}
			assert.Equal(t, name+" leads to "+level.String(), l.Level(), level)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	assert.NoError(t, "default", pressure.Default().Validate())
	for name, spoil := range map[string]func(*pressure.Config){
		"interval":         func(c *pressure.Config) { c.Interval = time.Millisecond },
		"rise":             func(c *pressure.Config) { c.Rise = -1 },
		"calm":             func(c *pressure.Config) { c.Calm = 0 },
		"ease":             func(c *pressure.Config) { c.Ease = 0 },
		"receipts.lag":     func(c *pressure.Config) { c.Receipts.Lag = c.Presence.Lag - 1 },
		"content.queue":    func(c *pressure.Config) { c.Presence.Queue, c.Receipts.Queue = 0.95, 0 },
		"admission.memory": func(c *pressure.Config) { c.Admission.Memory = 1.1 },
		"typing.inbox":     func(c *pressure.Config) { c.Typing.Inbox = -1 },
	} {
		c := pressure.Default()
		spoil(&c)
		err := c.Validate()
		assert.True(t, name+" is named", err != nil && strings.Contains(err.Error(), name))
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for l := pressure.Calm; l <= pressure.Highest; l++ {
		for _, text := range []string{l.String(), strconv.Itoa(int(l))} {
			got, err := pressure.ParseLevel(text)
			assert.NoError(t, text, err)
			assert.Equal(t, text, got, l)
		}
	}
	_, err := pressure.ParseLevel("6")
	assert.True(t, "there is no sixth", err != nil)
}
