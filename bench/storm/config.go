package storm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

// The kinds of storms.
const (
	Reconnect = "reconnect"
	Send      = "send"
	Push      = "push"
	Pull      = "pull"
	All       = "all"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Kind of storm; default all of them.
	Kind string
	// Clients that are online; default 15,000 to reconnect, 10,000 for push and pull, 1,000 to send.
	Clients int
	// Bad clients come back at once, again and again, whatever they are told.
	Bad bool
	// Duration of the peak and of the storm of sends; default 8 s each.
	Duration time.Duration
	// Times its peak are sent in a storm of sends; default 5.
	Times float64
	// Messages at once in a storm of pushes; default 50.
	Messages int
	// Pulls in a storm of pulls, over all clients; default 100,000.
	Pulls int
	// Quiet time before a storm, default 2 s.
	Quiet time.Duration
	// Size of a text in bytes; default 128.
	Size int
	// Cut ends all connections and comes back when the server is ready again; default kills the server and starts it again.
	Cut func(ctx context.Context, s *target.Server) error
	// Target is what is put under load.
	Target target.Options
	// Command stands in the report.
	Command string
}

// The defaults, and what a storm is judged by.
const (
	DefaultReconnects = 15_000
	DefaultOnline     = 10_000
	DefaultSenders    = 1_000
	DefaultDuration   = 8 * time.Second
	DefaultTimes      = 5
	DefaultMessages   = 50
	DefaultPulls      = 100_000
	DefaultSize       = 128

	backWithin   = 30 * time.Second
	healthWithin = 200 * time.Millisecond
	mostTries    = 8
	leastGoodput = 0.8
	mostReads    = 20 // of the store, for pulls of one page

	quiet     = 2 * time.Second
	groupName = "bench"
	spare     = 300 // descriptors that are not clients
	inFlight  = 60  // requests of one client that are not answered, of the 64 that it may have
)

func (c *Config) complete() error {
	c.Kind = cmp.Or(c.Kind, All)
	c.Duration = cmp.Or(c.Duration, DefaultDuration)
	c.Times = cmp.Or(c.Times, DefaultTimes)
	c.Messages = cmp.Or(c.Messages, DefaultMessages)
	c.Pulls = cmp.Or(c.Pulls, DefaultPulls)
	c.Size = cmp.Or(c.Size, DefaultSize)
	c.Quiet = cmp.Or(c.Quiet, quiet)
	switch c.Kind {
	case Reconnect, Send, Push, Pull, All:
	default:
		return fmt.Errorf("there is no storm of %q", c.Kind)
	}
	foreign := c.Target.URL != "" && c.Cut == nil
	if c.Cut == nil {
		c.Cut = kill
	}
	most := report.Descriptors() - spare
	switch {
	case c.Clients < 0 || c.Clients == 1:
		return errors.New("there are at least two clients")
	case c.Messages < 1 || c.Pulls < 1 || c.Times <= 0 || c.Duration < 0:
		return errors.New("a storm has messages, pulls, and more than nothing of them")
	case most > 0 && c.Clients > most:
		return fmt.Errorf("this process may open %d files: %d clients are too many (ulimit -n)", most+spare, c.Clients)
	case c.Target.URL != "" && c.Target.Key == "":
		return errors.New("a running server needs its server key: --key")
	case foreign && (c.Kind == Reconnect || c.Kind == All):
		return errors.New("only a server that was started here is killed: leave --url out, or name another --kind")
	}
	return nil
}
