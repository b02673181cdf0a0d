package gateway

import (
	"fmt"
	"runtime"
	"time"

	"github.com/throng-im/throng/internal/session"
)

// Config of the gateway.
type Config struct {
	// Loops that own the connections; 0 is one per core. At most 64.
	Loops int
	// Workers that run calls which may block (tokens, ranges, sync); each session has at most one such call under way.
	Workers int
	// Waiting is how many calls may wait for a worker; beyond it they are answered with overloaded.
	Waiting int
	// Inbox bounds what may wait for one loop; a full inbox holds back the fan-out.
	Inbox int

	// Heartbeat is how often a client is to send one.
	Heartbeat time.Duration
	// AuthTimeout is how long a connection may stay without a token, and how long one may take to be checked.
	AuthTimeout time.Duration
	// Idle is how long a connection may be silent that cannot even be pinged; never under two and a half heartbeats.
	Idle time.Duration
	// CallTimeout bounds a call that may block.
	CallTimeout time.Duration
	// Linger is how long a connection that is being closed may take to say goodbye.
	Linger time.Duration
	// ReceivedTimeout is how long a delivery may stay unacknowledged by a client that acknowledges, before it is repeated as a
	// hint, and after that again before the connection counts as dead.
	ReceivedTimeout time.Duration

	// InFlight is how many requests of a session may be unanswered.
	InFlight int
	// Outbound bounds what waits for a receiver before deliveries collapse to hints, in bytes.
	Outbound int
	// OutboundHard bounds it before the connection is closed, in bytes.
	OutboundHard int
	// OutboundTotal bounds what waits for all receivers together, in bytes: beyond it those who are behind get hints instead of
	// content and no pages, beyond twice as much nobody gets pages. The wiring derives it from the memory budget; 0 is no bound.
	OutboundTotal int `config:"-"`
	// Stall is how long a receiver may take nothing while something waits for it.
	Stall time.Duration
	// Hold is how long a busy loop lets frames wait for company, so that one write carries more; an idle one never does.
	Hold time.Duration

	// HintRate is how many hints a second the node sends for large conversations, to those who do not have them open; with it the
	// time between two hints of a conversation grows with its audience.
	HintRate int
	// ResyncRate is how many sessions a second are looked up again after the node has missed deliveries.
	ResyncRate int

	// MaxConnections of this node; beyond it handshakes are answered 503.
	MaxConnections int
	// MaxPending is how many connections may be without a checked token; beyond it handshakes are answered 503.
	MaxPending int
	// MaxPendingPerAddress is how many of them may come from one address, so that nobody holds all of them by staying silent;
	// beyond it handshakes are answered 429. As many connections of an address may be for other requests than sessions, those of
	// trusted proxies apart.
	MaxPendingPerAddress int
	// MaxPerAddress is how many connections may come from one address; beyond it handshakes are answered 429.
	MaxPerAddress int
	// MaxPerUser is how many sessions (one per device) a user may have on this node.
	MaxPerUser int
	// HandshakeRate is how many handshakes per second are admitted; the burst is one second's.
	HandshakeRate int
	// Origins that browsers may come from besides the server's own: scheme://host[:port].
	Origins []string `config:"-"`
	// Compression is agreed on (permessage-deflate, without context takeover) with clients that offer it.
	Compression bool
	// SendBuffer of the kernel for each socket, in bytes; it bounds what a peer that never reads costs. 0 leaves it.
	SendBuffer int
}

// Default is the configuration that an empty file gives.
func Default() Config {
	s := session.Default()
	return Config{
		Loops:                0,
		Workers:              64,
		Waiting:              4_096,
		Inbox:                1 << 16,
		Heartbeat:            s.Heartbeat,
		AuthTimeout:          s.AuthTimeout,
		Idle:                 s.Idle,
		CallTimeout:          10 * time.Second,
		Linger:               s.Linger,
		ReceivedTimeout:      s.ReceivedTimeout,
		InFlight:             s.InFlight,
		Outbound:             s.Outbound,
		OutboundHard:         s.OutboundHard,
		Stall:                30 * time.Second,
		Hold:                 2 * time.Millisecond,
		HintRate:             20_000,
		ResyncRate:           2_000,
		MaxConnections:       1_000_000,
		MaxPending:           4_096,
		MaxPendingPerAddress: 1_024,
		MaxPerAddress:        20_000,
		MaxPerUser:           20,
		HandshakeRate:        20_000,
		Compression:          true,
		SendBuffer:           16 << 10,
	}
}

// maxLoops is how many loops a word of the online table has bits for.
const maxLoops = 64

// Validate reports what cannot work.
func (c Config) Validate() error {
	if c.Loops < 0 || c.Loops > maxLoops {
		return fmt.Errorf("gateway.loops is %d; use 0 (one per core) to %d", c.Loops, maxLoops)
	}
	for _, f := range []struct {
		name string
		n    int
	}{
		{"workers", c.Workers},
		{"waiting", c.Waiting},
		{"inbox", c.Inbox},
		{"in_flight", c.InFlight},
		{"outbound", c.Outbound},
		{"hint_rate", c.HintRate},
		{"resync_rate", c.ResyncRate},
		{"max_connections", c.MaxConnections},
		{"max_pending", c.MaxPending},
		{"max_pending_per_address", c.MaxPendingPerAddress},
		{"max_per_address", c.MaxPerAddress},
		{"max_per_user", c.MaxPerUser},
		{"handshake_rate", c.HandshakeRate},
	} {
		if f.n < 1 {
			return fmt.Errorf("gateway.%s is %d; it must be at least 1", f.name, f.n)
		}
	}
	if c.OutboundHard < c.Outbound {
		return fmt.Errorf("gateway.outbound_hard (%d) is below gateway.outbound (%d)", c.OutboundHard, c.Outbound)
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"heartbeat", c.Heartbeat},
		{"auth_timeout", c.AuthTimeout},
		{"idle", c.Idle},
		{"call_timeout", c.CallTimeout},
		{"linger", c.Linger},
		{"received_timeout", c.ReceivedTimeout},
		{"stall", c.Stall},
	} {
		if f.d < time.Second {
			return fmt.Errorf("gateway.%s is %v; it must be at least 1s", f.name, f.d)
		}
	}
	return nil
}

// LoopCount is the number of loops to start.
func (c Config) LoopCount() int {
	if c.Loops > 0 {
		return c.Loops
	}
	return min(runtime.GOMAXPROCS(0), maxLoops)
}

// session is what the sessions are held to.
func (c Config) session() session.Config {
	return session.Config{
		Heartbeat: c.Heartbeat, AuthTimeout: c.AuthTimeout, Idle: c.Idle, Linger: c.Linger, ReceivedTimeout: c.ReceivedTimeout,
		InFlight: c.InFlight, Outbound: c.Outbound, OutboundHard: c.OutboundHard,
	}
}
