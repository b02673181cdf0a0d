package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Deps are what the gateway needs from others.
type Deps struct {
	Auth          Authenticator
	Sender        Sender
	Requests      Requests
	Subscriptions Subscriber
	Routes        cluster.Registrar
	// Devices are told which session of a device is open here; nil where there are no other nodes.
	Devices cluster.Devices
	// Typing takes that a user is typing; it must not block. Nil tells nobody.
	Typing func(user chat.UserID, device chat.DeviceID, id chat.ConversationID)
	// Presence knows who is there; nil knows nobody.
	Presence Presence
	// Receipts tell who has read what; nil is nobody.
	Receipts Receipts
	// Epoch of the log; nil is 0.
	Epoch func() uint64
	// Limits may be nil: nobody is slowed down.
	Limits Limits
	// Origins that browsers may come from besides the server's own and those of the configuration; "*" is all. It is asked at
	// every handshake and may be nil.
	Origins func() []string
	// Names of those who wrote, for the chunks of large conversations; nil gives none.
	Names Names
	// Pace is what a large conversation is held to at present; it must not block. Nil is nothing.
	Pace func(id chat.ConversationID) chunk.Pace
	// Level is what the server leaves out while it has too much to do; nil is nothing.
	Level func() pressure.Level
	// Trace notes deliveries of entries; nil notes nothing.
	Trace *trace.Tracer
	// Metrics may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	// Now is the wall clock, for what people read and for tokens; nil is time.Now.
	Now func() time.Time
	// Address tells where a request comes from, behind trusted proxies; nil is the socket's peer.
	Address func(r *http.Request) string
	// Door has the loops accept callers by themselves; nil leaves that to whoever serves the handler or calls Open.
	Door *Door
}

// Server is the gateway of a node: it answers WebSocket handshakes (it is an [http.Handler]) and receives the node's
// deliveries (it is a [cluster.Receiver]). All methods may be called from any goroutine.
type Server struct {
	// immutable after construction
	cfg       Config
	sessions  session.Config
	deps      Deps
	log       *slog.Logger
	now       func() time.Time
	address   func(r *http.Request) string
	handshake *websocket.Rules
	readings  *readings
	metrics   *metrics
	loops     []*loop
	online    *online
	workers   *workers
	admission *admission
	crowd     *crowd
	strangers *strangers    // nil without a door
	echo      *echo         // nil where there are sessions
	hidden    chan struct{} // capacity 1: routes are not visible to other nodes

	// atomic
	conns atomic.Uint64 // ids given out
	turn  atomic.Uint64 // loops take connections in turn

	readers sync.WaitGroup // readers and writers of connections

	// guarded by mu
	mu      sync.Mutex
	stopped bool
}

var (
	_ http.Handler     = (*Server)(nil)
	_ cluster.Receiver = (*Server)(nil)
)

// New makes a gateway. It takes no connections before [Server.Run].
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, sessions: cfg.session(), deps: deps, log: deps.Logger, now: deps.Now, address: deps.Address,
		metrics: newMetrics(deps.Metrics), online: newOnline(deps.Routes), readings: newReadings(chat.MaxFirstFrameBytes, chat.MaxFrameBytes, false),
		hidden: make(chan struct{}, 1),
	}
	s.handshake = s.rules()
	if deps.Door != nil {
		if err := deps.Door.validate(); err != nil {
			return nil, err
		}
		s.strangers = newStrangers(deps.Door, cfg.MaxPendingPerAddress)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.address == nil {
		s.address = peer
	}
	if s.deps.Epoch == nil {
		s.deps.Epoch = func() uint64 { return 0 }
	}
	s.admission = newAdmission(&s.cfg)
	if s.sessions.Level = deps.Level; deps.Level != nil {
		s.admission.shut = func() bool { return deps.Level() >= pressure.AdmissionClosed }
	}
	s.workers = &workers{srv: s, jobs: make(chan job, cfg.Waiting)}
	for i := range s.loopCount() {
		s.loops = append(s.loops, newLoop(s, i))
	}
	s.crowd = newCrowd(s)
	s.metrics.rounds(deps.Metrics, s.crowd.enc)
	s.metrics.waiting(deps.Metrics, s.loops)
	s.metrics.draining(deps.Metrics, s.admission)
	return s, nil
}

// loopCount is how many loops there are: one per listener, or what the configuration says.
func (s *Server) loopCount() int {
	if s.deps.Door != nil {
		return len(s.deps.Door.Listeners)
	}
	return s.cfg.LoopCount()
}

// Run runs loops and workers until ctx ends, then drops what connections are left and returns when nothing runs any more. A loop
// that cannot go on ends all.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(s.loops))
	for i, l := range s.loops {
		wg.Go(func() {
			defer cancel()
			errs[i] = l.run(ctx)
		})
	}
	for range s.cfg.Workers {
		wg.Go(func() { s.workers.run(ctx) })
	}
	wg.Go(func() { s.crowd.run(ctx) })
	wg.Go(func() { s.unhide(ctx) })
	wg.Wait()
	s.stop()
	s.readers.Wait()
	return errors.Join(errs...)
}

// stop closes the connections that came while the loops ended.
func (s *Server) stop() {
	s.admission.stop()
	if s.strangers != nil {
		_ = s.strangers.Close() // what it closes was accepted and never served
	}
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	for _, l := range s.loops {
		for _, o := range l.inbox.take() {
			if o.kind == opOpen {
				o.open.link.hangUp(&conn{num: o.open.num})
			}
			if o.kind == opDrain {
				o.drain.left <- 0
			}
		}
	}
}

// Hello is what a handshake agreed on.
type Hello struct {
	Subprotocol wire.Subprotocol
	// Address of the peer, for the bound per address.
	Address string
	// Token and Device of an Authorization header; empty: the first frame has them.
	Token, Device string
	// Ahead is the first frame behind that, which came with it; empty: none did.
	Ahead []byte
	// WindowBits of the peer for compressed messages, as the handshake agreed on; 0: none.
	WindowBits uint8
	// First is what came behind the handshake.
	First []byte
}

// Open takes a connection whose handshake is over. It owns the transport from then on, also where it fails.
func (s *Server) Open(tr Transport, h Hello) error {
	from, v := s.admission.enter(h.Address)
	if v != admitted {
		_ = tr.Close()
		return refusal(v)
	}
	return s.adopt(tr, from, h)
}

// adopt gives an admitted connection to a loop.
func (s *Server) adopt(tr Transport, from *held, h Hello) error {
	l := s.pick()
	return s.give(l, &opening{link: newStream(tr, l), from: from, hello: h})
}

// pick chooses the loop of the next connection.
func (s *Server) pick() *loop { return s.loops[s.turn.Add(1)%uint64(len(s.loops))] }

// give gives an admitted connection to a loop; where it fails, it is closed.
func (s *Server) give(l *loop, o *opening) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		o.link.hangUp(&conn{num: o.num})
		s.admission.settled(o.from)
		s.admission.leave(o.from)
		return chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "this server has stopped")
	}
	l.inbox.Put(op{kind: opOpen, open: o})
	return nil
}

// CloseDevices ends the sessions of some of a user's devices, which were signed out; no device means all.
func (s *Server) CloseDevices(user chat.UserID, devices []chat.DeviceID, why chat.Reason) {
	if mutant == mutantSignOutIgnored {
		return
	}
	s.revoke(revocation{user: user, devices: devices, code: throngv1.CloseCode_CLOSE_CODE_SIGNED_OUT, why: why})
}

// CloseUser ends all sessions of a user who was disabled or deleted.
func (s *Server) CloseUser(user chat.UserID) {
	s.revoke(revocation{user: user, code: throngv1.CloseCode_CLOSE_CODE_USER_GONE, why: chat.ReasonUserDisabled})
}

// revoke goes to all loops: one may be about to open such a session.
func (s *Server) revoke(r revocation) {
	if len(r.devices) == 0 {
		r.devices = nil
	}
	for _, l := range s.loops {
		l.inbox.Put(op{kind: opRevoke, revoke: &r})
	}
}

// replaceOthers ends the older sessions of a device on all loops. Connection ids decide who is older, so that of two that
// open at once one survives.
func (s *Server) replaceOthers(own *loop, c *conn, who account.Identity, mask uint64) {
	own.replace(&who, c.id)
	for i, l := range s.loops {
		if l != own && mask&(1<<i) != 0 {
			l.inbox.Put(op{kind: opReplace, who: &who, id: c.id})
		}
	}
}

// Replace ends the sessions of a device up to one with a number that [Deps.Devices] were told: it has a newer one on another node.
func (s *Server) Replace(user chat.UserID, device chat.DeviceID, session uint64) {
	mask, who := s.online.loops([]chat.UserID{user}), account.Identity{User: user, Device: device}
	for i, l := range s.loops {
		if mask&(1<<i) != 0 {
			l.inbox.Put(op{kind: opReplace, who: &who, id: session + 1})
		}
	}
}

func (s *Server) wallMS() uint64 { return uint64(max(s.now().UnixMilli(), 0)) }

// peer is the address of the socket's other end, without the port.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
