package slow

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Members of the group, all online; default 200.
	Members int
	// Slow members among them who stop reading in every other part; default 1.
	Slow int
	// Senders among the others, who take turns; default 4, or as many as there are.
	Senders int
	// Size of a text in bytes; default such that an entry is just below the 16 KiB beyond which it is told as a hint.
	Size int
	// Rate in messages per second over all senders; 0 is as fast as it goes: one is on its way, the next goes out when all have it.
	Rate float64
	// Duration of a part, in which the slow ones read nothing; default 10 s. After 30 s the server may close their connections.
	Duration time.Duration
	// Rounds, each with a part of either kind; default 4.
	Rounds int
	// Warmup before each part; default 500 ms, negative is none.
	Warmup time.Duration
	// Patience with receivers that lack something; default 10 s without progress.
	Patience time.Duration
	// Target is what is put under load.
	Target target.Options
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultMembers  = 200
	DefaultSlow     = 1
	DefaultSize     = 16<<10 - 128
	DefaultDuration = 10 * time.Second
	DefaultRounds   = 4
	DefaultWarmup   = 500 * time.Millisecond

	defaultSenders = 4
	maxSize        = 100_000 // of a message
	spare          = 200     // descriptors that are not clients
)

func (c *Config) complete() error {
	c.Members = cmp.Or(c.Members, DefaultMembers)
	c.Slow = cmp.Or(c.Slow, DefaultSlow)
	c.Senders = cmp.Or(c.Senders, max(min(defaultSenders, c.Members-c.Slow-1), 1))
	c.Size = cmp.Or(c.Size, DefaultSize)
	c.Duration = cmp.Or(c.Duration, DefaultDuration)
	c.Rounds = cmp.Or(c.Rounds, DefaultRounds)
	c.Warmup = cmp.Or(c.Warmup, DefaultWarmup)
	c.Warmup = max(c.Warmup, 0)
	var problems []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(c.Slow < 1 || c.Slow > c.Members-2, "slow is at least 1, and two of the members (%d) read", c.Members)
	check(c.Senders < 1 || c.Senders > c.Members-c.Slow, "senders is 1 to those who read (%d)", c.Members-c.Slow)
	check(c.Size < text.MinBytes || c.Size > maxSize, "size is %d to %d", text.MinBytes, maxSize)
	check(c.Rate < 0 || c.Duration < 0 || c.Rounds < 1, "rate and duration are not negative, rounds at least 1")
	check(c.Target.URL != "" && c.Target.Key == "", "a running server needs its server key: --key")
	most := report.Descriptors() - spare
	check(most > 0 && c.Members > most, "this process may open %d files: %d members are too many (ulimit -n)", most+spare, c.Members)
	return errors.Join(problems...)
}

// Scenario names the load in one line.
func (c *Config) Scenario() string {
	s := fmt.Sprintf("slow: %d members online, texts of %d bytes, %d of them read nothing for %v", c.Members, c.Size, c.Slow, c.Duration)
	if c.Rate > 0 {
		return s + fmt.Sprintf(", %g/s", c.Rate)
	}
	return s + ", the next when all others have the last"
}
