package session

import (
	"time"

	"github.com/throng-im/throng/internal/pressure"
)

// Config is what a session is held to; the gateway's configuration explains the settings one by one.
type Config struct {
	// Heartbeat is how often a client is to send one.
	Heartbeat time.Duration
	// AuthTimeout is how long a connection may stay without a token.
	AuthTimeout time.Duration
	// Idle is how long a connection may be silent; never under one and a half heartbeats.
	Idle time.Duration
	// Linger is how long a connection that is being closed may take to say goodbye.
	Linger time.Duration
	// ReceivedTimeout is how long a delivery may stay unacknowledged by a client that acknowledges.
	ReceivedTimeout time.Duration
	// InFlight is how many requests may be unanswered.
	InFlight int
	// Outbound bounds what waits for a receiver before deliveries collapse to hints, in bytes.
	Outbound int
	// OutboundHard bounds it before the connection is closed, in bytes.
	OutboundHard int
	// Level is what the server leaves out now; it is asked from loops and must not block. Nil is nothing.
	Level func() pressure.Level
}

// Default is what an empty configuration gives.
func Default() Config {
	return Config{
		Heartbeat:       30 * time.Second,
		AuthTimeout:     10 * time.Second,
		Idle:            75 * time.Second,
		Linger:          2 * time.Second,
		ReceivedTimeout: 30 * time.Second,
		InFlight:        64,
		Outbound:        512 << 10,
		OutboundHard:    1 << 20,
	}
}

// idle is how long a connection may be silent (S-26).
func (c *Config) idle() time.Duration { return max(c.Idle, c.Heartbeat*5/2) }

// level is what the server leaves out now.
func (c *Config) level() pressure.Level {
	if c.Level == nil {
		return pressure.Calm
	}
	return c.Level()
}

// leaves reports whether the server leaves out what a level stands for.
func (c *Config) leaves(out pressure.Level) bool { return c.level() >= out }
