package fair

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
	// Members of the group; default a million.
	Members int
	// Online of them, who have it open; default 10,000, or all.
	Online int
	// Writers among those online, who take turns; default 200, or all.
	Writers int
	// Pairs of users who chat with each other and are in no group; default 200.
	Pairs int
	// Rate of the chats in messages per second, all together; default 500.
	Rate float64
	// Size of a text in bytes; default 128.
	Size int
	// Duration of a part; default 10 s.
	Duration time.Duration
	// Rounds, each with a part of the chats alone and one beside the group; default 5.
	Rounds int
	// Warmup before each part; default 2 s, negative is none.
	Warmup time.Duration
	// Patience with receivers that lack something; default 10 s without progress.
	Patience time.Duration
	// Target is what is put under load. A server that is started keeps its limits of what a conversation may send.
	Target target.Options
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultMembers  = 1_000_000
	DefaultOnline   = 10_000
	DefaultWriters  = 200
	DefaultPairs    = 200
	DefaultRate     = 500
	DefaultSize     = 128
	DefaultDuration = 10 * time.Second
	DefaultRounds   = 5
	DefaultWarmup   = 2 * time.Second

	inFlight = 64     // messages of the group: more than its limit takes
	maxSize  = 16_000 // of a delivery
	spare    = 200    // descriptors that are not clients
)

func (c *Config) complete() error {
	c.Members = cmp.Or(c.Members, DefaultMembers)
	c.Online = cmp.Or(c.Online, min(DefaultOnline, c.Members))
	c.Writers = cmp.Or(c.Writers, min(DefaultWriters, c.Online))
	c.Pairs = cmp.Or(c.Pairs, DefaultPairs)
	c.Rate = cmp.Or(c.Rate, DefaultRate)
	c.Size = cmp.Or(c.Size, DefaultSize)
	c.Duration = cmp.Or(c.Duration, DefaultDuration)
	c.Rounds = cmp.Or(c.Rounds, DefaultRounds)
	c.Warmup = cmp.Or(c.Warmup, DefaultWarmup)
	c.Warmup = max(c.Warmup, 0)
	c.Target.Busy = true
	var problems []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(c.Members < 2, "members is at least 2")
	check(c.Online < 2 || c.Online > c.Members, "online is 2 to members (%d)", c.Members)
	check(c.Writers < 1 || c.Writers > c.Online, "writers is 1 to online (%d)", c.Online)
	check(c.Pairs < 1, "pairs is at least 1")
	check(c.Size < text.MinBytes || c.Size > maxSize, "size is %d to %d", text.MinBytes, maxSize)
	check(c.Rate < 0 || c.Duration < 0 || c.Rounds < 1, "rate and duration are not negative, rounds at least 1")
	check(c.Target.URL != "" && c.Target.Key == "", "a running server needs its server key: --key")
	most := report.Descriptors() - spare
	check(most > 0 && c.Online+2*c.Pairs > most, "this process may open %d files: %d online are too many (ulimit -n)", most+spare, c.Online+2*c.Pairs)
	return errors.Join(problems...)
}

// Scenario names the load in one line.
func (c *Config) Scenario() string {
	return fmt.Sprintf("fair: %d one-to-one chats at %g messages/s, in turn alone and beside a group of %d members, %d of them online, at its send limit",
		c.Pairs, c.Rate, c.Members, c.Online)
}
