package clienttest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Verdict says what happens to something that the server is about to push.
type Verdict uint8

// The verdicts.
const (
	Pass  Verdict = iota // push it
	Drop                 // lose it
	Twice                // push it two times
)

// Server is the model with its sessions. Set the exported fields before the first connection.
type Server struct {
	// HeartbeatMS is what clients are told; default 25,000.
	HeartbeatMS uint32
	// TokenMS is how long a token lasts; 0 is for ever.
	TokenMS uint64
	// InFlight and FrameBytes are the limits that clients are told.
	InFlight, FrameBytes uint32
	// SyncPage bounds the conversations of one sync answer.
	SyncPage int
	// HintEvery is how long hints of one large conversation fall together; default 1 s.
	HintEvery time.Duration
	// OnRequest is called with each request before it is handled, and returns true where it has dealt with it itself, for
	// example by Session.Answer, or by nothing at all.
	OnRequest func(s *Session, env *throngv1.ClientEnvelope) bool
	// OnPush is called with each delivery and each other push.
	OnPush func(s *Session, env *throngv1.ServerEnvelope) Verdict
	// OnAnswer is called with each answer before it goes out.
	OnAnswer func(s *Session, env *throngv1.ServerEnvelope) Verdict
	// OnGateways answers the access call: with WebSocket URLs ("" is the door itself), or with a time after which to ask again. Without it the server knows no
	// such call, as older ones do not.
	OnGateways func(req *throngv1.ListGatewaysRequest) (urls []string, wait time.Duration)
	// OnDial is called with each connection attempt; its error is the attempt's.
	OnDial func(attempt int) error

	order    sync.Mutex // held from an append to the push of what it made
	mu       sync.Mutex
	epoch    uint64
	made     uint64 // the generation of the timelines
	users    map[uint64]*user
	convs    map[uint64]*conversation
	sessions map[*Session]struct{}
	degraded *throngv1.Degraded
	there    map[uint64]throngv1.PresenceState // how users are, as Be said
	stands   map[uint64][]*throngv1.Receipt    // where members of conversations stand, as Stand said
	dials    int
	closed   bool
	quit     chan struct{} // closed by Close
	wg       sync.WaitGroup
}

type user struct {
	pts     uint64
	changed map[uint64]uint64 // conversation → pts
	read    map[uint64]uint64 // conversation → seq
	revoked bool
}

type conversation struct {
	id       uint64
	kind     throngv1.Kind
	tier     throngv1.Tier
	members  []uint64
	log      []*throngv1.Entry
	repeats  map[string]uint64 // sender and client id → seq
	withheld map[uint64][]*throngv1.Span
	hidden   map[uint64][]*throngv1.HiddenSpan
	left     map[uint64]uint64 // who was removed → the seq that says so
	crowd    crowd
}

// New makes an empty server.
func New() *Server {
	return &Server{
		HeartbeatMS: 25_000, InFlight: 64, FrameBytes: 512 << 10, SyncPage: 200, HintEvery: time.Second, epoch: 1, made: 1,
		users: map[uint64]*user{}, convs: map[uint64]*conversation{}, sessions: map[*Session]struct{}{},
		quit: make(chan struct{}),
	}
}

// NetDial is the client's way in.
func (s *Server) NetDial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	s.dials++
	n, closed := s.dials, s.closed
	s.mu.Unlock()
	if closed {
		return nil, errors.New("connection refused")
	}
	if s.OnDial != nil {
		if err := s.OnDial(n); err != nil {
			return nil, err
		}
	}
	near, far := net.Pipe()
	if !s.run(func() { s.serve(far) }) { // ends when either side closes
		return nil, errors.New("connection refused")
	}
	return near, nil
}

// run starts fn on a goroutine that Close waits for, unless the server is closed.
func (s *Server) run(fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(fn)
	}
	return !s.closed
}

// Dials returns how often a client has tried to connect.
func (s *Server) Dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// Close ends all sessions and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.quit)
	}
	s.mu.Unlock()
	s.Cut()
	s.wg.Wait()
}

// Cut ends all connections without a word, as a lost network does.
func (s *Server) Cut() {
	for _, ss := range s.list() {
		_ = ss.conn.Close()
	}
}

// CloseSessions ends all connections with a close code.
func (s *Server) CloseSessions(code uint16, reason string) {
	for _, ss := range s.list() {
		ss.Close(code, reason)
	}
}

// Sessions returns the authenticated connections of a user.
func (s *Server) Sessions(user uint64) []*Session {
	return slices.DeleteFunc(s.list(), func(ss *Session) bool { return ss.User() != user })
}

func (s *Server) list() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Session, 0, len(s.sessions))
	for ss := range s.sessions {
		out = append(out, ss)
	}
	return out
}

// AddConversation makes a conversation of the small tier with its first entry.
func (s *Server) AddConversation(id uint64, kind throngv1.Kind, members ...uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conversation{
		id: id, kind: kind, tier: throngv1.Tier_TIER_SMALL, members: members, repeats: map[string]uint64{},
		withheld: map[uint64][]*throngv1.Span{}, left: map[uint64]uint64{}, crowd: newCrowd(),
	}
	s.convs[id] = c
	s.add(c, &throngv1.Entry{Body: &throngv1.Entry_Created{Created: &throngv1.Created{
		Kind: kind, MemberCount: uint32(len(members)), Members: members,
	}}})
}

// SetTier puts a conversation into a tier without a word: above the small one it appears in the digest's heads and not in the
// timeline. Switch does it as a server does.
func (s *Server) SetTier(conv uint64, tier throngv1.Tier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.convs[conv].tier = tier
}

// Append writes a text and pushes it to the members' sessions.
func (s *Server) Append(conv, sender uint64, text string) *throngv1.Entry {
	s.order.Lock()
	defer s.order.Unlock()
	e := s.AppendQuietly(conv, sender, text)
	s.Deliver(conv, e, nil)
	return e
}

// AppendEntry writes any entry and pushes it to the members' sessions. What it says about members is not followed.
func (s *Server) AppendEntry(conv uint64, e *throngv1.Entry) *throngv1.Entry {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	s.add(s.convs[conv], e)
	s.mu.Unlock()
	s.Deliver(conv, e, nil)
	return e
}

// AppendQuietly writes a text and tells nobody.
func (s *Server) AppendQuietly(conv, sender uint64, text string) *throngv1.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(s.convs[conv], &throngv1.Entry{Sender: sender, Body: &throngv1.Entry_Text{Text: text}})
}

// Deliver pushes an entry to the sessions of the members, but for one, as the conversation's tier has it.
func (s *Server) Deliver(conv uint64, e *throngv1.Entry, but *Session) {
	s.mu.Lock()
	c := s.convs[conv]
	tier, hints := c.tier, s.degraded.GetContentAsHints()
	s.mu.Unlock()
	if tier == throngv1.Tier_TIER_LARGE || hints && tier == throngv1.Tier_TIER_MEDIUM {
		s.crowded(c, e)
		return
	}
	for _, ss := range s.members(c) {
		if ss != but {
			ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: visible(e, ss.User())}})
		}
	}
}

// members returns the sessions of a conversation's members.
func (s *Server) members(c *conversation) []*Session {
	return slices.DeleteFunc(s.list(), func(ss *Session) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !slices.Contains(c.members, ss.User())
	})
}

// Withhold keeps a span of a conversation from a user.
func (s *Server) Withhold(conv, user, from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[conv]
	c.withheld[user] = append(c.withheld[user], &throngv1.Span{From: from, To: to})
}

// Log returns a conversation's entries.
func (s *Server) Log(conv uint64) []*throngv1.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.convs[conv].log)
}

// Remake makes the timelines anew, as where they were lost: every client takes the list of conversations as all, and the entries that it
// has stand.
func (s *Server) Remake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
}

// Restore raises the epoch: every client has to start over.
func (s *Server) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// Revoke makes the user's tokens worthless, or good again.
func (s *Server) Revoke(user uint64, revoked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user(user).revoked = revoked
}

func (s *Server) user(id uint64) *user {
	u := s.users[id]
	if u == nil {
		u = &user{changed: map[uint64]uint64{}, read: map[uint64]uint64{}}
		s.users[id] = u
	}
	return u
}

// change writes a row of the user's timeline.
func (u *user) change(conv uint64) {
	u.pts++
	u.changed[conv] = u.pts
}

// add appends with mu held.
func (s *Server) add(c *conversation, e *throngv1.Entry) *throngv1.Entry {
	e.Conversation, e.Seq, e.TimeMs = c.id, uint64(len(c.log)+1), uint64(time.Now().UnixMilli())
	if n := len(c.log); n > 0 {
		e.Ordinal = c.log[n-1].GetOrdinal()
	}
	counts := e.GetCreated() == nil && e.GetMembersChanged() == nil && e.GetConversationChanged() == nil && e.GetEdit() == nil && e.GetRecall() == nil && e.GetPin() == nil
	if counts {
		e.Ordinal++
	}
	c.log = append(c.log, e)
	for _, m := range c.members {
		u := s.user(m)
		if c.tier == throngv1.Tier_TIER_SMALL {
			u.change(c.id)
		}
		if counts && m == e.GetSender() {
			u.read[c.id] = e.GetSeq()
		}
	}
	return e
}

// visible is the entry as a user gets it: client ids are for the sender's own devices.
func visible(e *throngv1.Entry, user uint64) *throngv1.Entry {
	if e.GetSender() == user || len(e.GetClientId()) == 0 {
		return e
	}
	v := proto.CloneOf(e)
	v.ClientId = nil
	return v
}

func userOf(token string) uint64 {
	rest, ok := strings.CutPrefix(token, "user-")
	if !ok {
		return 0
	}
	rest, _, _ = strings.Cut(rest, "/") // what follows tells tokens of one user apart
	n, err := strconv.ParseUint(rest, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
