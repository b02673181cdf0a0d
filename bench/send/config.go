package send

import (
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/text"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Senders send at the same time; default 1,000.
	Senders int
	// Conversations they send to; default 1,000.
	Conversations int
	// Members of each conversation; default 2. With 2 the conversations are direct, each of two users of its own.
	Members int
	// Online members of each conversation; default all.
	Online int
	// Users that are online in all; default two for each direct conversation, else as many as senders, at least Online.
	Users int
	// Size of a text in bytes; default 200, at least 40.
	Size int
	// Rate in messages per second over all senders; 0 is a closed loop with one outstanding message for each sender.
	Rate float64
	// Duration of the measured part; default 10 s.
	Duration time.Duration
	// Warmup comes before it and is checked but not measured; default 1 s, negative is none.
	Warmup time.Duration
	// Preload is how many messages lie in the server before the load begins: imported into the folder before the server starts, or
	// sent to one that runs anyway.
	Preload int

	// URL of a running server; empty starts one on a temporary folder.
	URL string
	// Key is its server key.
	Key string
	// Metrics is the URL of its metrics, for its CPU time; optional.
	Metrics string
	// Binary is what is started without URL; default is the running executable.
	Binary string
	// Folder is where its data goes; default is a temporary folder that is removed afterwards.
	Folder string
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultSenders  = 1_000
	DefaultMembers  = 2
	DefaultSize     = 200
	DefaultDuration = 10 * time.Second
	DefaultWarmup   = time.Second
	maxMembers      = 1_000
	maxSize         = 400_000
)

func (c *Config) complete() error {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&c.Senders, DefaultSenders)
	set(&c.Conversations, DefaultSenders)
	set(&c.Members, DefaultMembers)
	set(&c.Online, c.Members)
	set(&c.Size, DefaultSize)
	if c.Users == 0 {
		if c.Users = max(c.Senders, c.Online); c.Members == DefaultMembers {
			c.Users = 2 * c.Conversations
		}
	}
	if c.Duration == 0 {
		c.Duration = DefaultDuration
	}
	if c.Warmup == 0 {
		c.Warmup = DefaultWarmup
	}
	c.Warmup = max(c.Warmup, 0)
	var problems []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(c.Senders < 1 || c.Conversations < 1, "senders and conversations are at least 1")
	check(c.Members < 2 || c.Members > maxMembers, "members is 2 to %d", maxMembers)
	check(c.Online < 1 || c.Online > c.Members, "online is 1 to members (%d)", c.Members)
	check(c.Users < c.Online, "users is at least online (%d)", c.Online)
	check(c.Size < text.MinBytes || c.Size > maxSize, "size is %d to %d", text.MinBytes, maxSize)
	check(c.Rate < 0 || c.Duration < 0 || c.Preload < 0, "rate, duration and preload are not negative")
	check(c.URL != "" && c.Key == "", "a running server needs its server key: --key")
	return errors.Join(problems...)
}

// Scenario names the load in one line.
func (c *Config) Scenario() string {
	s := fmt.Sprintf("send: %d senders, %d conversations of %d", c.Senders, c.Conversations, c.Members)
	if c.Online != c.Members {
		s += fmt.Sprintf(" (%d online)", c.Online)
	}
	s += fmt.Sprintf(", %d users online, %d bytes", c.Users, c.Size)
	if c.Rate > 0 {
		s += fmt.Sprintf(", %g/s", c.Rate)
	} else {
		s += ", closed loop"
	}
	if c.Preload > 0 {
		s += fmt.Sprintf(", on top of %d messages", c.Preload)
	}
	return s
}
