package gateway

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// state of a session; doc.go draws it.
type state uint8

const (
	stateNew            state = iota // waits for authenticate
	stateAuthenticating              // the token is being checked
	stateSubscribing                 // routes stand, subscriptions are being looked up
	stateOpen
	stateEnded
)

// Ending is how a session ended: the shell sends what waits, then closes the connection with the code.
type Ending struct {
	Code   throngv1.CloseCode
	Reason string
}

// Session is what the server knows of one device's connection: a state machine without I/O. It is given requests, answers,
// deliveries and ticks, and leaves envelopes in its outbox, calls to be made, and in the end an [Ending]. Time is in
// milliseconds of a clock that never jumps. It is owned by one loop; no method blocks.
type Session struct {
	// immutable after construction
	cfg    *Config
	sub    wire.Subprotocol
	limits Limits // may be nil

	// owned by the loop
	state    state
	who      wire.Actor
	epoch    uint64
	openedAt int64
	heardAt  int64
	endsAt   int64 // of the token; 0 never
	authID   uint64
	out      Outbox
	calls    []Call
	end      Ending

	sends   int                        // submitted, not answered
	waiting []*throngv1.ClientEnvelope // came before the session was open
	reads   []*throngv1.ClientEnvelope // calls that may block, run one at a time in order
	reading bool
	excess  int // requests refused for being too many, less those taken since

	draining bool
	receipts receipts
}

// NewSession makes the session of a fresh connection; limits may be nil.
func NewSession(cfg *Config, sub wire.Subprotocol, limits Limits, now int64) *Session {
	s := new(Session)
	s.init(cfg, sub, limits, new(buffers), now)
	return s
}

func (s *Session) init(cfg *Config, sub wire.Subprotocol, limits Limits, pool *buffers, now int64) {
	*s = Session{cfg: cfg, sub: sub, limits: limits, openedAt: now, heardAt: now, out: Outbox{sub: sub, limit: cfg.Outbound, pool: pool}}
}

// Outbox is what waits for the receiver.
func (s *Session) Outbox() *Outbox { return &s.out }

// Who is the session's user and device; zero until the token was checked.
func (s *Session) Who() wire.Actor { return s.who }

// Ended tells how the session ended; ok is false while it lasts.
func (s *Session) Ended() (e Ending, ok bool) { return s.end, s.state == stateEnded }

// Calls returns what the session wants done, in order, and forgets it. The slice is valid until the next input.
func (s *Session) Calls() []Call {
	c := s.calls
	s.calls = s.calls[:0]
	return c
}

// Congested reports that the receiver should not be read from: more waits for it than it takes, or it has asked before it is
// known who asks, and what it sends would have to be kept until then.
func (s *Session) Congested() bool {
	return s.out.Len() > s.cfg.Outbound || s.state == stateAuthenticating || s.state == stateSubscribing
}

// Handle takes a request.
func (s *Session) Handle(now int64, env *throngv1.ClientEnvelope) {
	if s.state == stateEnded {
		return
	}
	s.heardAt = now
	if s.state == stateNew {
		s.first(env)
		return
	}
	if s.inFlight() >= s.cfg.InFlight { // S-16
		s.refuse(env.GetId())
		return
	}
	s.excess = max(s.excess-1, 0)
	if s.state != stateOpen {
		s.waiting = append(s.waiting, env)
		return
	}
	s.begin(now, env)
}

// Authorize takes a token that came with the handshake (S-5).
func (s *Session) Authorize(token, device string) {
	s.first(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: token, Device: device},
	}})
}

func (s *Session) first(env *throngv1.ClientEnvelope) {
	if env.GetAuthenticate() == nil { // S-6
		s.End(throngv1.CloseCode_CLOSE_CODE_AUTH_EXPECTED, string(chat.ReasonAuthExpected), 0)
		return
	}
	s.state, s.authID = stateAuthenticating, env.GetId()
	s.calls = append(s.calls, Call{Kind: CallAuthenticate, ID: env.GetId(), Request: env})
}

// inFlight counts the requests that were taken and not answered.
func (s *Session) inFlight() int {
	n := s.sends + len(s.reads) + len(s.waiting)
	if s.reading {
		n++
	}
	return n
}

func (s *Session) refuse(id uint64) {
	s.excess++
	if s.excess > 4*s.cfg.InFlight { // S-18
		s.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, string(chat.ReasonTooManyInFlight), 0)
		return
	}
	s.fail(id, chat.Errorf(chat.CodeRateLimited, chat.ReasonTooManyInFlight, "at most %d requests may be unanswered", s.cfg.InFlight))
}

// begin starts a request of an open session.
func (s *Session) begin(now int64, env *throngv1.ClientEnvelope) {
	if s.draining { // S-30
		s.fail(env.GetId(), chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "this server is about to stop"))
		return
	}
	if wait := s.wait(env); wait > 0 {
		s.slowDown(env.GetId(), wait)
		return
	}
	if large(env) && s.out.pool.full(s.out.held > 0) {
		err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too much waits for slow receivers; try again")
		err.RetryAfter = time.Second
		s.fail(env.GetId(), err)
		return
	}
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Send:
		draft, err := s.who.Draft(r.Send)
		if err != nil {
			if s.limits != nil {
				s.limits.GiveSend(chat.ConversationID(r.Send.GetConversation()))
			}
			s.fail(env.GetId(), err)
			return
		}
		s.sends++
		s.calls = append(s.calls, Call{Kind: CallSend, ID: env.GetId(), Draft: draft})
	case *throngv1.ClientEnvelope_Received:
		s.receipts.received(now, r.Received.GetPositions())
	case *throngv1.ClientEnvelope_ListEntries, *throngv1.ClientEnvelope_MarkRead, *throngv1.ClientEnvelope_Sync,
		*throngv1.ClientEnvelope_Heartbeat, *throngv1.ClientEnvelope_Authenticate:
		s.reads = append(s.reads, env)
		s.pump()
	default: // S-17
		s.fail(env.GetId(), unsupported())
	}
}

// large reports that the answer may be half a megabyte.
func large(env *throngv1.ClientEnvelope) bool {
	return env.GetListEntries() != nil || env.GetSync() != nil
}

// wait asks the limits how long a request has to wait. Heartbeats and acknowledgements are free: they keep the session alive.
func (s *Session) wait(env *throngv1.ClientEnvelope) time.Duration {
	if s.limits == nil {
		return 0
	}
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Heartbeat, *throngv1.ClientEnvelope_Received:
		return 0
	case *throngv1.ClientEnvelope_Send:
		return s.limits.TakeSend(s.who.User, chat.ConversationID(r.Send.GetConversation()))
	default:
		return s.limits.TakeRequest(s.who.User)
	}
}

// slowDown refuses a request that came too fast; who goes on for long is closed (S-18).
func (s *Session) slowDown(id uint64, wait time.Duration) {
	if s.excess += 2; s.excess > 16*s.cfg.InFlight { // each request that is taken at all counts one down
		s.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, string(chat.ReasonRateLimited), 0)
		return
	}
	err := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too many requests; wait before the next one")
	err.RetryAfter = wait
	s.fail(id, err)
}

// pump starts the next call that may block. It waits for a receiver that is behind: an answer may be half a megabyte.
func (s *Session) pump() {
	if s.reading || len(s.reads) == 0 || s.out.Len() > s.cfg.Outbound {
		return
	}
	env := s.reads[0]
	s.reads[0] = nil
	if s.reads = s.reads[1:]; len(s.reads) == 0 {
		s.reads = nil
	}
	s.reading = true
	kind := CallRequest
	if env.GetAuthenticate() != nil {
		kind = CallAuthenticate
	}
	s.calls = append(s.calls, Call{Kind: kind, ID: env.GetId(), Request: env})
}

// Drained tells that the transport took everything.
func (s *Session) Drained() {
	if s.state == stateOpen {
		s.pump()
	}
}

// Sent takes the answer of a CallSend.
func (s *Session) Sent(id uint64, r chat.Result) {
	if s.state == stateEnded {
		return
	}
	s.sends--
	switch {
	case r.Err != nil:
		s.fail(id, r.Err)
	case id != 0:
		var b [ackBytes]byte
		s.answer(appendAck(s.sub, b[:0], id, &r))
	}
	s.settle()
}

// Answered takes the answer of a CallRequest, encoded as a piece, or its error.
func (s *Session) Answered(id uint64, piece []byte, err error) {
	if s.state == stateEnded {
		return
	}
	s.reading = false
	switch {
	case err != nil:
		s.fail(id, err)
	case id != 0:
		s.out.AddPage(piece) // pump waited until there was room
	}
	s.pump()
	s.settle()
}

// Deliver takes a delivery to the session's user.
func (s *Session) Deliver(now int64, p *Parcel) {
	d := p.d
	if s.state != stateOpen || (d.Device != 0 && d.Device == s.who.Device) {
		// Before it is open the device has not synced yet; its own doings it knows from the answers.
		return
	}
	if d.Kind != cluster.DeliverEntry {
		piece, _ := p.piece(s.sub, false)
		s.notify(piece)
		return
	}
	e := d.Entry
	piece, hint := p.piece(s.sub, e.Sender == s.who.User && e.Sender != 0)
	s.out.Push(piece, d.Conversation, place{e.Seq, e.Ordinal})
	if d.Head.Tier == chat.TierSmall && !hint {
		s.receipts.delivered(now, d.Conversation, e.Seq, e.Ordinal)
	}
}

// notify adds an event that is no delivery; where too much waits already, one sync hint stands for all of them.
func (s *Session) notify(piece []byte) {
	if s.out.Len()+len(piece) > s.cfg.Outbound {
		s.out.dropped++
		s.out.lagAll, s.out.lagging = true, nil
		return
	}
	s.out.Add(piece)
}

func (s *Session) answer(piece []byte) {
	if n := s.out.Owed(); n > 0 && n+len(piece) > s.cfg.OutboundHard {
		s.out.Drop()
		s.End(throngv1.CloseCode_CLOSE_CODE_SLOW, "outbound_full", 0)
		return
	}
	s.out.Add(piece)
}

// fail answers with an error, also where no answer was wanted (S-13).
func (s *Session) fail(id uint64, err error) {
	s.answer(encode(s.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
		Id: id, Result: &throngv1.Response_Error{Error: wire.Error(err)},
	}}}))
}

// settle ends a draining session once its last request is answered.
func (s *Session) settle() {
	if s.draining && s.state == stateOpen && s.inFlight() == 0 {
		s.end = Ending{Code: throngv1.CloseCode_CLOSE_CODE_DRAIN, Reason: string(chat.ReasonDraining)}
		s.state = stateEnded
	}
}

// Drain asks the session to end once its requests are answered; the client is told to come back after retryMS.
func (s *Session) Drain(retryMS uint32) {
	if s.state == stateEnded || s.draining {
		return
	}
	s.draining = true
	s.closing(throngv1.CloseCode_CLOSE_CODE_DRAIN, string(chat.ReasonDraining), retryMS)
	if s.state != stateOpen {
		s.end, s.state = Ending{throngv1.CloseCode_CLOSE_CODE_DRAIN, string(chat.ReasonDraining)}, stateEnded
		return
	}
	s.settle()
}

// End ends the session: the notice is the last envelope (S-29).
func (s *Session) End(code throngv1.CloseCode, reason string, retryMS uint32) {
	if s.state == stateEnded {
		return
	}
	if !s.draining {
		s.closing(code, reason, retryMS)
	}
	s.end, s.state = Ending{Code: code, Reason: reason}, stateEnded
	s.calls, s.waiting, s.reads = nil, nil, nil
}

// Cut ends the session without a word: the connection is gone, or broke the framing.
func (s *Session) Cut() {
	s.state = stateEnded
	s.calls, s.waiting, s.reads = nil, nil, nil
	s.out.Drop()
}

func (s *Session) closing(code throngv1.CloseCode, reason string, retryMS uint32) {
	s.out.Add(encode(s.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Closing{Closing: &throngv1.Closing{
		CloseCode: uint32(code), Reason: reason, RetryAfterMs: retryMS,
	}}}))
}

// Heard notes a sign of life that is no request.
func (s *Session) Heard(now int64) { s.heardAt = now }

// Tick lets time pass; it returns when the next tick is due.
func (s *Session) Tick(now int64) (next int64) {
	if s.state == stateEnded {
		return now + s.cfg.Linger.Milliseconds()
	}
	if s.state == stateNew {
		next = s.openedAt + s.cfg.AuthTimeout.Milliseconds()
		if now >= next { // S-6
			s.End(throngv1.CloseCode_CLOSE_CODE_AUTH_TIMEOUT, "authentication_timeout", 0)
		}
		return next
	}
	next = s.heardAt + s.cfg.idle().Milliseconds()
	if now >= next { // S-26
		s.End(throngv1.CloseCode_CLOSE_CODE_IDLE, "idle", 0)
		return now
	}
	if s.endsAt != 0 {
		if now >= s.endsAt { // S-10
			s.End(throngv1.CloseCode_CLOSE_CODE_TOKEN_EXPIRED, string(chat.ReasonTokenExpired), 0)
			return now
		}
		next = min(next, s.endsAt)
	}
	return min(next, s.tickReceipts(now))
}
