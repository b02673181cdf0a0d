package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Memory has the server in this process and connections without sockets, of which there may be a million. There is no bare loop then;
	// the first half of the time one message is on its way at once, the second half InFlight (default 40) from four senders.
	Memory bool
	// Members of the group; default 10,000, with Memory a million.
	Members int
	// Online of them; default all.
	Online int
	// Blind of those have something else open: they need not be told more than that there is something, and read it all in the end.
	Blind int
	// Senders among those who look; default 1. They take turns, or are drawn at Random.
	Senders int
	Random  bool
	// Rate in messages per second over all senders; 0 is as fast as it goes.
	Rate float64
	// InFlight messages at once where there is no rate: the next goes out when one has reached everybody. Default 1, with Chunk four times as many.
	InFlight int
	// Chunk is how many messages the bare loop merges into one write, and what the server is given enough at once for; default 1.
	Chunk int
	// Size of a text in bytes; default 128, at least 40.
	Size int
	// Duration of the measured parts of each side, all rounds together; default 20 s.
	Duration time.Duration
	// Rounds in which server and bare loop take turns; default 5.
	Rounds int
	// Warmup before each measured part; default 500 ms, negative is none.
	Warmup time.Duration
	// Alone leaves the bare loop out; LimitOnly leaves the server out.
	Alone, LimitOnly bool
	// Patience with receivers that lack something; default 10 s.
	Patience time.Duration
	// Tier of the group; unspecified is by size.
	Tier throngv1.Tier

	// Check looks at what it likes when all rounds are over; optional.
	Check func(ctx context.Context, s *target.Server, people *target.People, conv client.ConversationID) error

	// Target is what is put under load.
	Target target.Options
	// Bare starts the bare loop; default is a process of its own.
	Bare func(ctx context.Context) (*bare.Process, error)
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultMembers  = 10_000
	DefaultMemory   = 1_000_000
	DefaultSize     = 128
	DefaultDuration = 20 * time.Second
	DefaultRounds   = 5
	DefaultWarmup   = 500 * time.Millisecond

	memorySenders  = 4
	memoryChunk    = 10
	chunksInFlight = 4
	maxInFlight    = 60 // of a sender: a session may have 64 requests under way
	maxSize        = 16_000
	spare          = 200 // descriptors that are not clients
)

func (c *Config) complete() error {
	if c.Memory {
		c.memory()
	}
	c.Members = cmp.Or(c.Members, DefaultMembers)
	c.Online = cmp.Or(c.Online, c.Members)
	c.Senders = cmp.Or(c.Senders, 1)
	c.Chunk = cmp.Or(c.Chunk, 1)
	c.Size = cmp.Or(c.Size, DefaultSize)
	c.Duration = cmp.Or(c.Duration, DefaultDuration)
	c.Rounds = cmp.Or(c.Rounds, DefaultRounds)
	c.Warmup = cmp.Or(c.Warmup, DefaultWarmup)
	c.Warmup = max(c.Warmup, 0)
	if c.InFlight == 0 {
		if c.InFlight = 1; c.Chunk > 1 {
			c.InFlight = chunksInFlight * c.Chunk
		}
	}
	if c.Bare == nil {
		c.Bare = func(ctx context.Context) (*bare.Process, error) { return bare.Start(ctx, c.Target.Binary) }
	}
	var problems []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(c.Members < 2, "members is at least 2")
	check(c.Online < 2 || c.Online > c.Members, "online is 2 to members (%d)", c.Members)
	check(c.Blind < 0 || c.Blind > c.Online-2, "of those online at least 2 have to look")
	check(c.Senders < 1 || c.Senders > c.Online-c.Blind, "senders is 1 to those who look (%d)", c.Online-c.Blind)
	check(c.Size < text.MinBytes || c.Size > maxSize, "size is %d to %d", text.MinBytes, maxSize)
	check(c.Rate < 0 || c.Duration < 0 || c.Rounds < 1 || c.Chunk < 1, "rate and duration are not negative, rounds and chunk at least 1")
	check(c.InFlight < 1 || c.InFlight > maxInFlight*c.Senders, "in-flight is 1 to %d for each sender", maxInFlight)
	check(c.Alone && c.LimitOnly, "a run without the server and without the bare loop measures nothing")
	check(c.Target.URL != "" && c.Target.Key == "", "a running server needs its server key: --key")
	most := report.Descriptors() - spare
	check(c.Memory && (c.LimitOnly || c.Target.URL != "" || c.Rate > 0), "a server in this process has no bare loop, no --url and no --rate")
	check(!c.Memory && most > 0 && c.Online > most, "this process may open %d files: %d online are too many (ulimit -n)", most+spare, c.Online)
	return errors.Join(problems...)
}

// memory sets what a server in this process is run with.
func (c *Config) memory() {
	c.Members = cmp.Or(c.Members, DefaultMemory)
	c.Rounds = cmp.Or(c.Rounds, 1)
	c.Senders = cmp.Or(c.Senders, min(memorySenders, c.Members))
	c.InFlight = cmp.Or(c.InFlight, chunksInFlight*memoryChunk)
	c.Alone = true
	c.Target.Settings = append(c.Target.Settings, "GATEWAY_MAX_CONNECTIONS=2000000", "GATEWAY_MAX_PER_ADDRESS=2000000", "GATEWAY_HEARTBEAT=10m",
		"GATEWAY_WORKERS=256", "GATEWAY_WAITING=65536") // of whom many wait for the disk, for each new device is written down
}

// Scenario names the load in one line.
func (c *Config) Scenario() string {
	s := fmt.Sprintf("%d members online over sockets, %d of them sending %d bytes", c.Online, c.Senders, c.Size)
	if c.Online < c.Members {
		s = fmt.Sprintf("%d members, %s", c.Members, strings.Replace(s, " members", "", 1))
	}
	if c.Memory {
		s = strings.Replace(s, "over sockets", "in one process", 1)
	}
	name := "fanout: "
	if c.LimitOnly {
		name = "limit: bare loop, "
		s = fmt.Sprintf("%d sockets, %d bytes", c.Members, c.Size)
	}
	switch {
	case c.Rate > 0:
		s += fmt.Sprintf(", %g/s", c.Rate)
	case c.InFlight == 1:
		s += ", the next when all have the last"
	default:
		s += fmt.Sprintf(", %d on their way", c.InFlight)
	}
	if c.Chunk > 1 {
		s += fmt.Sprintf(", chunks of %d", c.Chunk)
	}
	return name + s
}
