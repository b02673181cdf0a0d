package presence

import (
	"fmt"
	"time"
)

// Config of presence.
type Config struct {
	// Typing is whether anybody is told who is typing.
	Typing bool
	// TypingMembers bounds what is remembered of who is in the small conversations in which somebody types: members and conversations
	// together, 8 to 80 bytes each.
	TypingMembers int
	// Linger is how long somebody without a session counts as there, so that who comes back at once was never gone. Connections that end
	// without a word are found after 40 seconds; Linger adds nothing to those.
	Linger time.Duration
	// Rate is how many changes of its users a node says in a second; the others wait, and fall together.
	Rate int
	// TellRate is how many watching sessions a node tells of changes in a second.
	TellRate int
	// Report is within which time a node says everything again, in case that some of it was evicted: what is lost as a whole is noticed
	// at once. A million people are a million words.
	Report time.Duration
}

// Default is the configuration that an empty file gives.
func Default() Config {
	return Config{Typing: true, TypingMembers: 1 << 18, Linger: 8 * time.Second, Rate: 5_000, TellRate: 20_000, Report: MostReport}
}

// Validate reports what cannot work.
func (c Config) Validate() error {
	if c.TypingMembers < 1_024 {
		return fmt.Errorf("typing_members is %d; it must be at least 1024", c.TypingMembers)
	}
	if c.Linger < 0 || c.Linger > 20*time.Second {
		return fmt.Errorf("linger: %s is not from 0 to 20s; who is gone is offline within 45s", c.Linger)
	}
	if c.Rate < 1 || c.TellRate < 1 {
		return fmt.Errorf("rate is %d and tell_rate %d; both must be at least 1", c.Rate, c.TellRate)
	}
	if c.Report < 10*time.Second || c.Report > MostReport {
		return fmt.Errorf("report: %s is not from 10s to 10m", c.Report)
	}
	return nil
}

// MostReport is the longest that Config.Report may be: what is noted stays for longer.
const MostReport = 10 * time.Minute

const (
	// TypingEvery is the least time between two words of one user about typing in one conversation.
	TypingEvery = 3 * time.Second
	// TypingLasts is how long a client shows that somebody types, after the last word of it.
	TypingLasts = 6 * time.Second
)
