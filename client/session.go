package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	closeNormal      = 1000
	closeMalformed   = 1007
	authTimeout      = 15 * time.Second
	syncTimeout      = 60 * time.Second
	defaultHeartbeat = 25 * time.Second
	heartbeatGrace   = 5 * time.Second // silence after a heartbeat that ends the connection
	receivedEvery    = 5 * time.Second // how long deliveries may stay unacknowledged
	reauthMargin     = time.Minute     // how long before its end a token is replaced, at most a tenth of its life
	defaultFrame     = 256 << 10
	defaultInFlight  = 64
	reservedInFlight = maxWaiting + maxPulls + 4 // requests that are not sends
)

// waiter is told the answer to a request, with the Client's mu held.
type waiter func(r *throngv1.Response, err error)

// session is one connection of a client and what depends on it.
type session struct {
	// Immutable after construction.
	c      *Client
	link   *link.Link
	signal chan struct{} // one token: there is something to write
	ended  chan struct{} // closed with the session
	ready  chan struct{} // closed after the first sync

	// Guarded by the Client's mu.
	nextID    uint64
	waiting   map[uint64]waiter
	out       []*throngv1.ClientEnvelope
	over      bool
	err       error
	closing   *throngv1.Closing
	frame     int // bytes that the server takes at once
	inFlight  int // requests that it takes at once
	sending   int // sends that are on their way
	online    bool
	wantSync  bool
	syncing   bool
	syncAfter time.Time
	strange   int  // syncs in a row that left a conversation unknown
	fresh     bool // the sync that runs began from nothing
	digest    uint64
	every     time.Duration
	nextBeat  time.Time
	beatSent  time.Time // when the heartbeat went that is not answered; zero where none is
	lastFrame time.Time
	nextAck   time.Time // when deliveries are acknowledged; zero where none is due
	reauthAt  time.Time
	renewing  bool

	focused    uint64 // the change of focus that the server has answered
	focusing   bool
	focusAfter time.Time
	asked      []ConversationID // the focus that the server was told last
	taken      []ConversationID // the one that it took

	said       uint64 // the change of presence that the server was told
	watched    uint64 // the change of what is watched that it has answered
	watching   bool
	watchAfter time.Time

	wg sync.WaitGroup
}

func newSession(c *Client, conn *link.Link) *session {
	return &session{
		c: c, link: conn, signal: make(chan struct{}, 1), ended: make(chan struct{}), ready: make(chan struct{}),
		waiting: map[uint64]waiter{}, frame: defaultFrame, inFlight: defaultInFlight, every: defaultHeartbeat,
	}
}

// start begins to read and write; stop ends both.
func (s *session) start() {
	s.wg.Go(s.reader)
	s.wg.Go(s.writer)
}

// stop ends the session and returns when its goroutines have ended.
func (s *session) stop(err error) {
	s.fail(err)
	s.c.locked(func() {
		s.c.session = nil
		s.c.plain()
	})
	_ = s.link.Close(closeNormal, "")
	s.wg.Wait()
}

// fail ends the session for whoever waits on it; the first error is the cause.
func (s *session) fail(err error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.end(err)
}

func (s *session) end(err error) {
	if s.over {
		return
	}
	s.over, s.err = true, err
	close(s.ended)
	for id, w := range s.waiting {
		delete(s.waiting, id)
		w(nil, errLinkLost)
	}
}

func (s *session) reader() {
	for {
		b, err := s.link.Read()
		if err != nil {
			s.fail(err)
			return
		}
		var f throngv1.ServerFrame
		if err := s.c.codec.decode(b, &f); err != nil {
			s.fail(&CloseError{Code: closeMalformed, Reason: "the server's frame is malformed", Local: true})
			return
		}
		s.c.mu.Lock()
		s.lastFrame = time.Now()
		if !s.over {
			for _, env := range f.GetEnvelopes() {
				s.c.handle(s, env)
			}
			s.c.pump(s)
		}
		s.c.mu.Unlock()
	}
}

// writer merges what is waiting into as few frames as the server's bound allows.
func (s *session) writer() {
	for {
		select {
		case <-s.signal:
		case <-s.ended:
			return
		}
		s.c.mu.Lock()
		envs, limit := s.out, s.frame
		s.out = nil
		s.c.mu.Unlock()
		for len(envs) > 0 {
			n, size := 0, 0
			for n < len(envs) {
				size += proto.Size(envs[n]) + link.EnvelopeHead(limit)
				if n > 0 && size > limit {
					break
				}
				n++
			}
			b, err := s.c.codec.encode(&throngv1.ClientFrame{Envelopes: envs[:n]})
			if err == nil {
				err = s.link.Write(b)
			}
			if err != nil {
				s.fail(err)
				return
			}
			envs = envs[n:]
		}
	}
}

// post queues a request; w may be nil where no answer is wanted.
func (s *session) post(env *throngv1.ClientEnvelope, w waiter) uint64 {
	if s.over {
		if w != nil {
			w(nil, errLinkLost)
		}
		return 0
	}
	if w != nil {
		s.nextID++
		env.Id = s.nextID
		s.waiting[env.Id] = w
	}
	s.out = append(s.out, env)
	select {
	case s.signal <- struct{}{}:
	default:
	}
	return env.GetId()
}

// serve authenticates, syncs, and then does what is due until the connection ends.
func (s *session) serve(token string, attempt int) (online time.Duration, err error) {
	c := s.c
	failed := make(chan error, 1)
	c.locked(func() { s.authenticate(token, failed) })
	begin := time.NewTimer(authTimeout)
	defer begin.Stop()
	select {
	case err := <-failed:
		if err != nil {
			return 0, s.cause(err)
		}
	case <-begin.C:
		return 0, &CloseError{Code: closeBackoff, Reason: "no answer to authenticate"}
	case <-c.life.Done():
		return 0, c.life.Err()
	}
	c.locked(func() {
		c.setState(State{Phase: Syncing, Attempt: attempt})
		c.session, s.wantSync = s, true
		s.nextBeat = time.Now().Add(s.every)
	})
	begin.Reset(syncTimeout)
	var since time.Time
	ready := s.ready
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.kick:
		case <-ready:
			ready, since = nil, time.Now()
			begin.Stop()
		case <-begin.C:
			return 0, &CloseError{Code: closeBackoff, Reason: "no end of the first sync"}
		case <-s.ended:
			return elapsed(since), s.cause(nil)
		case <-c.life.Done():
			return elapsed(since), c.life.Err()
		}
		c.mu.Lock()
		next := c.tick(s, time.Now())
		c.mu.Unlock()
		c.forget()
		timer.Reset(time.Until(next))
	}
}

// cause prefers what ended the connection to what its end made of a request.
func (s *session) cause(err error) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.over && s.err != nil && (err == nil || errors.Is(err, errLinkLost)) {
		return s.err
	}
	return err
}

func elapsed(since time.Time) time.Duration {
	if since.IsZero() {
		return 0
	}
	return max(time.Since(since), 1)
}

func (s *session) authenticate(token string, done chan<- error) {
	req := &throngv1.AuthenticateRequest{Token: token, Client: s.c.opts.Product, Device: s.c.opts.Device}
	env := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Authenticate{Authenticate: req}}
	s.post(env, func(r *throngv1.Response, err error) {
		if err == nil {
			s.authenticated(r.GetAuthenticate())
		}
		done <- err
	})
}

func (s *session) authenticated(a *throngv1.AuthenticateResponse) {
	c := s.c
	c.me, c.device = UserID(a.GetUser()), a.GetDevice()
	if ms := a.GetHeartbeatMs(); ms > 0 {
		s.every = time.Duration(ms) * time.Millisecond
	}
	if n := a.GetLimits().GetFrameBytes(); n > 0 {
		s.frame = int(n)
	}
	if n := a.GetLimits().GetRequestsInFlight(); n > 0 {
		s.inFlight = int(n)
	}
	s.reauthAt, s.renewing = time.Time{}, false
	if a.GetExpiresMs() > a.GetTimeMs() && a.GetTimeMs() > 0 {
		// Both are the server's clock: this device's may be wrong.
		life := time.Duration(a.GetExpiresMs()-a.GetTimeMs()) * time.Millisecond
		s.reauthAt = time.Now().Add(life - min(reauthMargin, life/10))
	}
}

// renew gets a new token and authenticates again on the same connection.
func (s *session) renew() {
	s.renewing = true
	ctx, cancel := context.WithTimeout(s.c.life, tokenTimeout)
	s.wg.Go(func() { // the end of the connection does not wait for a token that is no longer wanted
		select {
		case <-s.ended:
		case <-ctx.Done():
		}
		cancel()
	})
	s.wg.Go(func() {
		defer cancel()
		token, err := s.c.opts.Tokens.Token(ctx, TokenExpiring)
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		if err != nil {
			s.c.opts.Log.Warn("renew the token", "error", err)
			s.renewing, s.reauthAt = false, time.Now().Add(reauthMargin/4)
			if permanent(err) {
				s.end(&tokenError{err})
			}
			return
		}
		failed := make(chan error, 1)
		s.authenticate(token, failed)
	})
}
