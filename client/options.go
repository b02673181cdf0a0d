package client

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// product is how the SDK names itself to the server.
const product = "throng-go/1"

// ConversationID names a conversation.
type ConversationID uint64

// UserID names a user.
type UserID uint64

// Options say how a Client works. Only Tokens is needed; zero values are the defaults.
type Options struct {
	// Tokens gives the access tokens.
	Tokens TokenSource
	// Device tells devices of a company's own users apart: 1 to 64 bytes, the same for the life of the installation.
	Device string
	// Product is the application's name and version, shown in the user's list of devices.
	Product string

	// OnEvent is called with each event, one at a time, from one goroutine of the client. Without it use Next or Events.
	// It must not wait for an acknowledgement.
	OnEvent func(Event)
	// MaxEvents bounds what is waiting to be told; default 4,096. Beyond it deliveries are left for a later pull.
	MaxEvents int

	// Outbox keeps unsent messages; default in memory.
	Outbox OutboxStore
	// MaxOutbox bounds them; default 10,000.
	MaxOutbox int

	// Entries is how many of each conversation's newest entries come with a sync; 0 to 50, default 20, negative is none.
	Entries int
	// Window is how many of a conversation's latest entries are kept for Latest; default 200, negative is none.
	Window int
	// HotConversations is how many conversations keep a window; default 500.
	HotConversations int
	// MaxPull is the largest gap that is pulled unasked; default 1,000. Larger ones become a Hole.
	MaxPull int

	// Eager pulls what large conversations have that are not in focus, too, as a program that reads along wants it: each of
	// their hints costs a request then.
	Eager bool

	// ReorderWait is how long an entry that came too early waits for those before it; default 120 ms.
	ReorderWait time.Duration
	// BackoffBase and BackoffCap bound the random delay before a new connection; defaults 0.5 s and 30 s.
	BackoffBase, BackoffCap time.Duration
	// StableAfter is how long a connection lasts before the back-off begins anew; default 10 s.
	StableAfter time.Duration

	// Direct opens sessions at the URL itself. Otherwise the server there is asked first which gateway to use, where it knows several.
	Direct bool
	// Zone is where the application runs, in the operator's words, for a gateway that is near; empty is near the server that is asked.
	Zone string

	// JSON chooses the subprotocol throng.v1.json.
	JSON bool
	// TLS is for wss; nil is the default.
	TLS *tls.Config
	// NetDial opens the transport; nil is TCP.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// HTTP is for the HTTP services; nil is one that goes the way of NetDial and TLS, where there are any.
	HTTP *http.Client
	// Log is told what a developer may want to know, never the content of messages; nil is silence.
	Log *slog.Logger
	// Random gives numbers in [0, 1) for jitter; nil is the runtime's source.
	Random func() float64
}

const (
	defaultMaxEvents   = 4_096
	defaultMaxOutbox   = 10_000
	defaultEntries     = 20
	maxSyncEntries     = 50
	defaultWindow      = 200
	defaultHot         = 500
	defaultMaxPull     = 1_000
	defaultReorderWait = 120 * time.Millisecond
	defaultBackoffBase = 500 * time.Millisecond
	defaultBackoffCap  = 30 * time.Second
	defaultStableAfter = 10 * time.Second
)

func (o *Options) complete() error {
	if o.Tokens == nil {
		return errors.New("client options need Tokens")
	}
	setInt := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	setInt(&o.MaxEvents, defaultMaxEvents)
	setInt(&o.MaxOutbox, defaultMaxOutbox)
	setInt(&o.Entries, defaultEntries)
	setInt(&o.Window, defaultWindow)
	setInt(&o.HotConversations, defaultHot)
	setInt(&o.MaxPull, defaultMaxPull)
	o.Entries = min(max(o.Entries, 0), maxSyncEntries)
	o.Window = max(o.Window, 0)
	o.MaxPull = max(o.MaxPull, holeTail+1)
	setDuration := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	setDuration(&o.ReorderWait, defaultReorderWait)
	setDuration(&o.BackoffBase, defaultBackoffBase)
	setDuration(&o.BackoffCap, defaultBackoffCap)
	setDuration(&o.StableAfter, defaultStableAfter)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Product == "" {
		o.Product = product
	}
	if o.Outbox == nil {
		o.Outbox = memoryOutbox{}
	}
	return nil
}
