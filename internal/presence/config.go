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
}

// Default is the configuration that an empty file gives.
func Default() Config { return Config{Typing: true, TypingMembers: 1 << 18} }

// Validate reports what cannot work.
func (c Config) Validate() error {
	if c.TypingMembers < 1_024 {
		return fmt.Errorf("typing_members is %d; it must be at least 1024", c.TypingMembers)
	}
	return nil
}

const (
	// TypingEvery is the least time between two words of one user about typing in one conversation.
	TypingEvery = 3 * time.Second
	// TypingLasts is how long a client shows that somebody types, after the last word of it.
	TypingLasts = 6 * time.Second
)
