package session

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
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

// Session is what the server knows of one device's connection: a state machine without I/O. It is given requests, answers,
// deliveries and ticks, and leaves envelopes in its outbox, calls to be made, and in the end an [Ending]. Time is in
// milliseconds of a clock that never jumps. It is owned by one loop; no method blocks. What it holds only while something is under
// way is borrowed from the loop's [Env], so that an idle one is small.
type Session struct {
	// owned by the loop
	out      Outbox
	tasks    *tasks    // nil where nothing is under way
	receipts *receipts // nil until the device acknowledges
	focus    *focus    // nil until the user opens something
	end      *Ending   // nil while it lasts
	who      wire.Actor
	epoch    uint64
	authID   uint64
	openedAt int64
	heardAt  int64
	endsAt   int64 // of the token; 0 never
	sends    int32 // submitted, not answered
	excess   int32 // requests refused for being too many, less those taken since
	state    state
	level    pressure.Level // as it was told
	reading  bool           // a call that may block is under way
	draining bool
	presence presence // how the device is there
}

// tasks are what a session wants done and what waits for its turn.
type tasks struct {
	calls   []Call
	waiting []*throngv1.ClientEnvelope // came before the session was open
	reads   []*throngv1.ClientEnvelope // calls that may block, run one at a time in order
}

// New makes the session of a fresh connection.
func New(env *Env, sub wire.Subprotocol, now int64) *Session {
	s := new(Session)
	s.Init(env, sub, now)
	return s
}

// Init makes s, wherever it lies, the session of a fresh connection.
func (s *Session) Init(env *Env, sub wire.Subprotocol, now int64) {
	*s = Session{openedAt: now, heardAt: now, out: Outbox{env: env, sub: sub}}
}

// Release gives back what an ended session has borrowed. It must not be used after that.
func (s *Session) Release() {
	s.Cut()
	s.out.Hold(0)
	*s = Session{state: stateEnded, out: Outbox{env: s.out.env}}
}

// Outbox is what waits for the receiver.
func (s *Session) Outbox() *Outbox { return &s.out }

// Who is the session's user and device; zero until the token was checked.
func (s *Session) Who() wire.Actor { return s.who }

// Subscribing reports that the routes stand and the subscriptions are being looked up.
func (s *Session) Subscribing() bool { return s.state == stateSubscribing }

// Open reports that the session takes requests and deliveries.
func (s *Session) Open() bool { return s.state == stateOpen }

// Starved reports that calls wait for the receiver to take what it was given.
func (s *Session) Starved() bool { return s.tasks != nil && len(s.tasks.reads) > 0 }

// Busy reports that a request was taken and is not answered.
func (s *Session) Busy() bool { return s.state != stateEnded && s.inFlight() > 0 }

// agenda returns the session's tasks to add to.
func (s *Session) agenda() *tasks {
	if s.tasks == nil {
		s.tasks = s.out.env.getTasks()
	}
	return s.tasks
}

func (s *Session) forget() {
	if s.tasks != nil {
		s.out.env.putTasks(s.tasks)
		s.tasks = nil
	}
}

func (s *Session) call(c Call) {
	t := s.agenda()
	t.calls = append(t.calls, c)
}

// Calls returns what the session wants done, in order, and forgets it. The slice is valid until the next call of a method of a
// session of the same loop.
func (s *Session) Calls() []Call {
	t := s.tasks
	if t == nil {
		return nil
	}
	c := t.calls
	t.calls = t.calls[:0]
	return c
}

// Rest gives back what the session does not need while nothing is under way; the shell calls it when it has made the calls.
func (s *Session) Rest() {
	if t := s.tasks; t != nil && len(t.calls)+len(t.waiting)+len(t.reads) == 0 {
		s.forget()
	}
}

// Congested reports that the receiver should not be read from: more waits for it than it takes, or it has asked before it is
// known who asks, and what it sends would have to be kept until then.
func (s *Session) Congested() bool {
	return s.out.Len() > s.out.env.cfg.Outbound || s.state == stateAuthenticating || s.state == stateSubscribing
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
	if s.inFlight() >= s.out.env.cfg.InFlight { // S-16
		s.refuse(env.GetId())
		return
	}
	s.excess = max(s.excess-1, 0)
	if s.state != stateOpen {
		t := s.agenda()
		t.waiting = append(t.waiting, env)
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
	s.call(Call{Kind: CallAuthenticate, ID: env.GetId(), Request: env})
}

// inFlight counts the requests that were taken and not answered.
func (s *Session) inFlight() int {
	n := int(s.sends)
	if t := s.tasks; t != nil {
		n += len(t.reads) + len(t.waiting)
	}
	if s.reading {
		n++
	}
	return n
}

func (s *Session) refuse(id uint64) {
	s.excess++
	if int(s.excess) > 4*s.out.env.cfg.InFlight { // S-18
		s.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, string(chat.ReasonTooManyInFlight), 0)
		return
	}
	s.fail(id, chat.Errorf(chat.CodeRateLimited, chat.ReasonTooManyInFlight, "at most %d requests may be unanswered", s.out.env.cfg.InFlight))
}

// begin starts a request of an open session.
func (s *Session) begin(now int64, env *throngv1.ClientEnvelope) {
	if s.draining { // S-30
		s.fail(env.GetId(), chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "this server lets its sessions go; connect again and repeat the request"))
		return
	}
	if err := s.limited(env); err != nil {
		s.slowDown(env.GetId(), err)
		return
	}
	if Large(env) && s.out.env.full(s.out.held > 0) {
		err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too much waits for slow receivers; try again")
		err.RetryAfter = time.Second
		s.fail(env.GetId(), err)
		return
	}
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Send:
		draft, err := s.who.Draft(r.Send)
		if err != nil {
			if s.out.env.limits != nil {
				s.out.env.limits.GiveSend(chat.ConversationID(r.Send.GetConversation()))
			}
			s.fail(env.GetId(), err)
			return
		}
		s.sends++
		s.call(Call{Kind: CallSend, ID: env.GetId(), Draft: draft})
	case *throngv1.ClientEnvelope_Received:
		s.received(now, r.Received.GetPositions())
		s.got(now, r.Received.GetPositions())
	case *throngv1.ClientEnvelope_Typing:
		s.typing(env.GetId(), r.Typing)
	case *throngv1.ClientEnvelope_SetPresence:
		s.setPresence(env.GetId(), r.SetPresence)
	case *throngv1.ClientEnvelope_ListEntries, *throngv1.ClientEnvelope_MarkRead, *throngv1.ClientEnvelope_Sync,
		*throngv1.ClientEnvelope_Heartbeat, *throngv1.ClientEnvelope_Authenticate, *throngv1.ClientEnvelope_Focus,
		*throngv1.ClientEnvelope_Watch, *throngv1.ClientEnvelope_ListOnline,
		*throngv1.ClientEnvelope_GetReceipts, *throngv1.ClientEnvelope_ListReceipts:
		t := s.agenda()
		t.reads = append(t.reads, env)
		s.pump()
	default: // S-17
		s.fail(env.GetId(), Unsupported())
	}
}

// Large reports that the answer may be half a megabyte.
func Large(env *throngv1.ClientEnvelope) bool {
	return env.GetListEntries() != nil || env.GetSync() != nil
}

// limited asks the limits whether a request has to wait. Heartbeats and acknowledgements are free: they keep the session alive.
func (s *Session) limited(env *throngv1.ClientEnvelope) *chat.Error {
	if s.out.env.limits == nil {
		return nil
	}
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Heartbeat, *throngv1.ClientEnvelope_Received:
		return nil
	case *throngv1.ClientEnvelope_Send:
		return s.out.env.limits.TakeSend(s.who.User, chat.ConversationID(r.Send.GetConversation()))
	}
	wait := s.out.env.limits.TakeRequest(s.who.User)
	if wait == 0 {
		return nil
	}
	err := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too many requests; wait before the next one")
	err.RetryAfter = wait
	return err
}

// slowDown refuses a request that came too fast; who goes on for long is closed (S-18).
func (s *Session) slowDown(id uint64, err *chat.Error) {
	if s.excess += 2; int(s.excess) > 16*s.out.env.cfg.InFlight { // each request that is taken at all counts one down
		s.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, string(chat.ReasonRateLimited), 0)
		return
	}
	s.fail(id, err)
}

// pump starts the next call that may block. It waits for a receiver that is behind: an answer may be half a megabyte.
func (s *Session) pump() {
	for {
		t := s.tasks
		if s.reading || t == nil || len(t.reads) == 0 || s.out.Len() > s.out.env.cfg.Outbound {
			return
		}
		env := t.reads[0]
		t.reads[0] = nil
		if t.reads = t.reads[1:]; len(t.reads) == 0 {
			t.reads = nil
		}
		kind := CallRequest
		switch r := env.GetRequest().(type) {
		case *throngv1.ClientEnvelope_Authenticate:
			kind = CallAuthenticate
		case *throngv1.ClientEnvelope_Focus:
			if err := s.focusOn(r.Focus); err != nil {
				s.fail(env.GetId(), err)
				continue
			}
		}
		s.reading = true
		s.call(Call{Kind: kind, ID: env.GetId(), Request: env})
	}
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
		s.answer(appendAck(s.out.sub, b[:0], id, &r))
	}
	s.settle()
}

// Answered takes the answer of a CallRequest, encoded as a piece, or its error.
func (s *Session) Answered(id uint64, piece []byte, err error) {
	if s.state == stateEnded {
		return
	}
	s.reading = false
	s.focusAnswered(err)
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
	if s.presence.suspended {
		s.presence.missed = s.presence.missed || d.Kind != cluster.DeliverTyping && d.Kind != cluster.DeliverReceipts
		return
	}
	switch d.Kind {
	case cluster.DeliverEntry:
	case cluster.DeliverTyping, cluster.DeliverReceipts:
		piece, _ := p.piece(s.out.sub, false)
		s.out.whisper(piece)
		return
	default:
		piece, _ := p.piece(s.out.sub, false)
		s.notify(piece)
		return
	}
	e := d.Entry
	own := e.Sender == s.who.User && e.Sender != 0
	piece, hint := p.piece(s.out.sub, own)
	if own {
		s.out.Push(piece, d.Conversation, p.place())
	} else {
		s.out.deliver(p, piece)
	}
	if s.receipts != nil && d.Head.Tier == chat.TierSmall && !hint && !s.out.env.cfg.leaves(pressure.ReceiptsOff) {
		s.receipts.delivered(now, d.Conversation, e.Seq, e.Ordinal)
	}
}

// notify adds an event that is no delivery; where too much waits already, one sync hint stands for all of them.
func (s *Session) notify(piece []byte) {
	if s.out.Len()+len(piece) > s.out.env.cfg.Outbound {
		s.out.lagAll()
		return
	}
	s.out.Add(piece)
}

func (s *Session) answer(piece []byte) {
	if n := s.out.Owed(); n > 0 && n+len(piece) > s.out.env.cfg.OutboundHard {
		s.out.Drop()
		s.End(throngv1.CloseCode_CLOSE_CODE_SLOW, "outbound_full", 0)
		return
	}
	s.out.Add(piece)
}

// fail answers with an error, also where no answer was wanted (S-13).
func (s *Session) fail(id uint64, err error) {
	s.answer(encode(s.out.sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
		Id: id, Result: &throngv1.Response_Error{Error: wire.Error(err)},
	}}}))
}

// settle ends a draining session once its last request is answered.
func (s *Session) settle() {
	if s.draining && s.state == stateOpen && s.inFlight() == 0 {
		s.end = &Ending{Code: throngv1.CloseCode_CLOSE_CODE_DRAIN, Reason: string(chat.ReasonDraining)}
		s.state = stateEnded
		s.out.end()
	}
}

// Heard notes a sign of life that is no request.
func (s *Session) Heard(now int64) { s.heardAt = now }

// HeardAt is when the last sign of life came.
func (s *Session) HeardAt() int64 { return s.heardAt }

// Tick lets time pass; it returns when the next tick is due.
func (s *Session) Tick(now int64) (next int64) {
	if s.state == stateEnded {
		return now + s.out.env.cfg.Linger.Milliseconds()
	}
	if s.state == stateNew {
		next = s.openedAt + s.out.env.cfg.AuthTimeout.Milliseconds()
		if now >= next { // S-6
			s.End(throngv1.CloseCode_CLOSE_CODE_AUTH_TIMEOUT, "authentication_timeout", 0)
		}
		return next
	}
	next = s.heardAt + s.out.env.cfg.idle().Milliseconds()
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
