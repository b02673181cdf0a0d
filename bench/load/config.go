package load

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Config says what the clients are.
type Config struct {
	// URL is the server's base URL; a fleet in memory has none.
	URL string
	// URLs are those of several servers, in place of URL: the loop of a number reaches the server of that number, as far as there are.
	URLs []string
	// Clients is how many there are. They are numbered from 0.
	Clients int
	// Loops own them; default 2.
	Loops int
	// Private gives each loop a table of descriptors of its own, so that a process has more sockets than it may have descriptors. Linux only;
	// there are no Slow clients then.
	Private bool
	// Early sends tokens, and what a client looks at, along with the handshake, as clients may that are no browsers.
	Early bool
	// Token returns what a client authenticates with. It is called on loops, again at each connection.
	Token func(client int) (token, device string)
	// Conversation returns the one conversation that a client looks at, and the first seq that it must get; nil is none.
	Conversation func(client int) (conv, from uint64)
	// Focus reports whether a client tells the server that it has its conversation open; nil is all.
	Focus func(client int) bool
	// Sends reports whether a client may send; nil is all. Who does not send is looked at faster.
	Sends func(client int) bool
	// Slow reports whether a client may be kept from reading (Fleet.Hold): it has a small receive buffer, it checks and counts what it gets,
	// but its deliveries are no latencies and no Arrivals. nil is none, as it must be for a fleet in memory.
	Slow func(client int) bool
	// Again says when a client that lost its connection, or did not get one, comes back; nil is never.
	Again *Backoff
	// Opening bounds how many are connecting at once; default 1,024.
	Opening int
	// Filling bounds how many loops open their clients at once, the others in turn after them; default all.
	Filling int
	// Heartbeat is how often each client sends one; default 25 s, negative is never.
	Heartbeat time.Duration
	// Pause is how long a loop rests after a batch; default 1 ms, negative is none.
	Pause time.Duration
	// Step is how far apart the moments of the series are; default 250 ms.
	Step time.Duration
	// Patience is how long Settle waits without progress before it gives up; it asks after a fifth of it. Default 10 s.
	Patience time.Duration
	// Sources is which block of 127.0.0.0/8 the clients of a server on this machine call from, 1 to 200, so that one fleet does not wait
	// for the ports of the one before; default 1.
	Sources int
	// PerAddress is how many clients share an address there, at most as many as an address has ports; default 4,000.
	PerAddress int
	// Driver is told what happens; default nobody. On Private loops it has no files but those that it opens in the call.
	Driver Driver
}

const (
	defaultLoops      = 2
	defaultOpening    = 1_024
	defaultHeartbeat  = 25 * time.Second
	defaultPause      = time.Millisecond
	defaultStep       = 250 * time.Millisecond
	defaultPatience   = 10 * time.Second
	maxLoops          = 64
	maxSources        = 200
	defaultPerAddress = 4_000
	maxPerAddress     = 20_000
	addresses         = 1 << 15 // in a block
)

func (c *Config) complete() error {
	defaults(&c.Loops, defaultLoops)
	defaults(&c.Opening, defaultOpening)
	defaults(&c.Filling, c.Loops)
	defaults(&c.Sources, 1)
	defaults(&c.PerAddress, defaultPerAddress)
	defaults(&c.Heartbeat, defaultHeartbeat)
	defaults(&c.Pause, defaultPause)
	defaults(&c.Step, defaultStep)
	defaults(&c.Patience, defaultPatience)
	if c.Driver == nil {
		c.Driver = Nobody{}
	}
	if c.Clients < 1 || c.Loops < 1 || c.Loops > maxLoops || c.Sources < 1 || c.Sources > maxSources {
		return errors.New("there is at least one client, and there are 1 to 64 loops and 1 to 200 blocks of addresses")
	}
	if c.Private && c.Slow != nil {
		return errors.New("clients of loops with descriptors of their own cannot be kept from reading")
	}
	if c.PerAddress < 1 || c.PerAddress > maxPerAddress || c.Clients/c.PerAddress >= addresses {
		return errors.New("an address has 1 to 20,000 clients, and a block has 32,768 addresses")
	}
	c.Loops = min(c.Loops, c.Clients)
	return nil
}

func defaults[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Backoff says how long a client waits before its next try.
type Backoff struct {
	// Base is the bound of the first wait; it doubles with each try up to Cap.
	Base, Cap time.Duration
	// Jitter draws the wait between 0 and the bound, and comes on top of what the server asked for. Without it the client is a
	// bad one: it comes back after Base, again and again, whatever it was told.
	Jitter bool
}

// FullJitter is how the SDKs come back: half a second, doubled up to 30 s, drawn at random.
func FullJitter() *Backoff {
	return &Backoff{Base: 500 * time.Millisecond, Cap: 30 * time.Second, Jitter: true}
}

// wait is the time before the next try after tries that failed.
func (b *Backoff) wait(tries int, asked time.Duration) time.Duration {
	if !b.Jitter {
		return b.Base
	}
	bound := b.Cap
	const most = 16 // doublings that no cap survives
	if tries < most {
		bound = min(b.Base<<max(tries-1, 0), b.Cap)
	}
	return asked + rand.N(bound+1) //nolint:gosec // spreading, not guarding
}

// Driver decides what is sent and is told what came of it. Its methods are called on loops, several at a time, and must not
// block; they may call the fleet's Send and Pull.
type Driver interface {
	// Acked tells that the server answered for a send: it is entry seq.
	Acked(client int, id, seq uint64, now int64)
	// Refused tells that it did not take a request.
	Refused(client int, id uint64, r Refusal)
	// Reached tells that more receivers have an entry.
	Reached(a Arrival)
	// Page is the answer to a pull, encoded; it is borrowed until return.
	Page(client int, id uint64, page []byte, now int64)
	// Changed tells that a client is open, or that it lost its connection.
	Changed(client int, open bool, now int64)
}

// Refusal is why a request was not done.
type Refusal struct {
	// Reason is the server's word, or "not_open" where the client has no session, so that nothing was sent.
	Reason string
	// Again says that the same request may be tried again, After how long.
	Again bool
	After time.Duration
}

// Arrival is an entry at some of its receivers. Times are nanoseconds since the fleet began.
type Arrival struct {
	Conversation, Seq uint64
	// Sender, Counter and Due are what the text says.
	Sender, Counter uint32
	Due             int64
	// N receivers, the first and the last of them at these times. Who sent it is not among them.
	N           int
	First, Last int64
}

// Nobody is a driver that lets things happen.
type Nobody struct{}

// Acked implements Driver.
func (Nobody) Acked(int, uint64, uint64, int64) {}

// Refused implements Driver.
func (Nobody) Refused(int, uint64, Refusal) {}

// Reached implements Driver.
func (Nobody) Reached(Arrival) {}

// Page implements Driver.
func (Nobody) Page(int, uint64, []byte, int64) {}

// Changed implements Driver.
func (Nobody) Changed(int, bool, int64) {}
