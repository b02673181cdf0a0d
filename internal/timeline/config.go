package timeline

import (
	"errors"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Bounds of what callers may ask for.
const (
	defaultSync = 200
	maxSync     = 500
	maxEntries  = 50
	defaultList = 50
	maxList     = 200
	// chunk is how many conversations have their entries read at once, which bounds what an answer holds beyond its budget.
	chunk = 32
	// entryBytes is what the newest entries of one conversation may take, beyond the first.
	entryBytes = 32 << 10
)

// Config of the service and the follower.
type Config struct {
	// PageBytes is about what one page of a sync takes on the wire; it holds at least one conversation.
	PageBytes int
	// Always bounds how many medium and large conversations end a sync: the most recently active ones.
	Always int
	// Marks is how many users and rows the follower remembers to save writes; about 100 bytes each.
	Marks int
	// Digests is how many users' digests are remembered between heartbeats, at about 200 bytes each; they take at most a 32nd of the
	// memory budget.
	Digests int
	// Pending is how many changes may wait for a pass before events are held back.
	Pending int
	// Part is how many changes are written at once.
	Part int
	// Stretch is the longest rest between two passes.
	Stretch time.Duration
	// Save is how long the follower's position may stay behind where it has nothing to write.
	Save time.Duration
	// Settle is how long a caller that changed who is in a conversation waits for the follower.
	Settle time.Duration
	// Answer is how long a sync or a list waits for the follower; less, since a device that syncs is told of what it misses.
	Answer time.Duration
}

// Default is a configuration that fits most.
func Default() Config {
	return Config{
		PageBytes: 384 << 10,
		Always:    1_000,
		Marks:     1 << 17,
		Digests:   1 << 19,
		Pending:   16_384,
		Part:      1_024,
		Stretch:   time.Second,
		Save:      time.Second,
		Settle:    time.Second,
		Answer:    250 * time.Millisecond,
	}
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	switch {
	case c.PageBytes < 1 || c.Always < 1 || c.Marks < 1 || c.Digests < 1 || c.Pending < 1 || c.Part < 1:
		return errors.New("timeline: bounds must be above 0; the defaults fit most")
	case c.Always > chat.MaxConversations:
		return errors.New("timeline: always is more than a user may have conversations; lower it")
	case c.Stretch < 0 || c.Stretch > 10*time.Second || c.Save <= 0 || c.Settle <= 0 || c.Answer <= 0:
		return errors.New("timeline: stretch is from 0 to 10 s, save, settle and answer are above 0")
	}
	return nil
}
