package presence

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// Standings say where users stand in conversations.
type Standings interface {
	// Standing returns a conversation's head, and whether the user is a member, as of a moment not before the call.
	Standing(ctx context.Context, user chat.UserID, id chat.ConversationID) (head chat.Head, member bool, err error)
	// Members returns who is a member of a small conversation now.
	Members(ctx context.Context, id chat.ConversationID) ([]chat.UserID, error)
}

// Typed is that somebody is typing.
type Typed struct {
	Conversation chat.ConversationID
	User         chat.UserID
	Device       chat.DeviceID
	// Users are who is told; nil is those who have the conversation open, of its members as of MemberSeq or later.
	Users     []chat.UserID
	MemberSeq chat.Seq
}

const (
	// typingWaiting is how many words wait to be told; typingWorkers is how many are told at one time, each within typingPatience. What
	// does not fit is dropped: the next one comes in seconds.
	typingWaiting, typingWorkers, typingPatience = 1_024, 4, 500 * time.Millisecond
	// typists is how many users in conversations are held to [TypingEvery] at one time; beyond it nobody else's typing is told.
	typists = 1 << 16
)

// Typing tells members of conversations who is typing. It is bounded in everything, and drops what is beyond.
type Typing struct {
	// immutable after construction
	standings Standings
	tell      func(ctx context.Context, t Typed) error
	hidden    Hidden
	now       func() time.Duration
	words     chan Typed
	told      prometheus.Counter
	dropped   *prometheus.CounterVec

	// guarded by mu
	mu      sync.Mutex
	young   map[typist]time.Duration // when somebody's typing was told last; two generations of [TypingEvery] each
	old     map[typist]time.Duration
	turn    time.Duration // when the young ones began
	members members
}

// typist is a user in a conversation.
type typist struct {
	user         chat.UserID
	conversation chat.ConversationID
}

// NewTyping makes it, of a valid configuration. Tell takes a word to the nodes of its receivers; hidden and reg may be nil.
func NewTyping(cfg Config, standings Standings, tell func(ctx context.Context, t Typed) error, hidden Hidden, reg prometheus.Registerer) *Typing {
	start := time.Now()
	t := &Typing{
		standings: standings, tell: tell, hidden: hidden, now: func() time.Duration { return time.Since(start) },
		young: make(map[typist]time.Duration), members: newMembers(cfg.TypingMembers),
		told: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "throng", Subsystem: "presence", Name: "typing_total", Help: "Times that members were told who is typing.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "throng", Subsystem: "presence", Name: "typing_dropped_total", Help: "Times that nobody was told, by reason.",
		}, []string{"reason"}),
	}
	if cfg.Typing {
		t.words = make(chan Typed, typingWaiting)
	}
	for _, reason := range []string{dropOften, dropWaiting, dropStranger, dropLarge, dropHidden, dropFailed} {
		t.dropped.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(t.told, t.dropped)
	}
	return t
}

// Why nobody is told, as the metric calls it.
const (
	dropOften    = "often"
	dropWaiting  = "waiting"
	dropStranger = "no_member"
	dropLarge    = "large"
	dropHidden   = "hidden"
	dropFailed   = "failed"
)

// Type takes that a user is typing. It never blocks, and answers nothing: who may not learns nothing (PRE-2).
func (t *Typing) Type(user chat.UserID, device chat.DeviceID, id chat.ConversationID) {
	if t.words == nil {
		return
	}
	if !t.due(typist{user, id}) {
		t.dropped.WithLabelValues(dropOften).Inc()
		return
	}
	select {
	case t.words <- Typed{Conversation: id, User: user, Device: device}:
	default:
		t.dropped.WithLabelValues(dropWaiting).Inc()
	}
}

// due holds a typist to [TypingEvery] (PRE-3).
func (t *Typing) due(k typist) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if now-t.turn >= TypingEvery {
		t.young, t.old, t.turn = make(map[typist]time.Duration), t.young, now
	}
	last, ok := t.young[k]
	if !ok {
		last, ok = t.old[k]
	}
	if (ok && now-last < TypingEvery) || len(t.young) >= typists {
		return false
	}
	t.young[k] = now
	return true
}

// Run tells until ctx ends.
func (t *Typing) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for range typingWorkers {
		group.Go(func() {
			for {
				select {
				case w := <-t.words:
					t.pass(ctx, w)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	<-ctx.Done()
	group.Wait()
	return nil
}

// pass tells one word.
func (t *Typing) pass(ctx context.Context, w Typed) {
	ctx, cancel := context.WithTimeout(ctx, typingPatience)
	defer cancel()
	reason, err := t.address(ctx, &w)
	if err == nil && reason == "" {
		err = t.tell(ctx, w)
	}
	switch {
	case err != nil:
		t.dropped.WithLabelValues(dropFailed).Inc()
	case reason != "":
		t.dropped.WithLabelValues(reason).Inc()
	default:
		t.told.Inc()
	}
}

// address says who is told, or why nobody is.
func (t *Typing) address(ctx context.Context, w *Typed) (reason string, err error) {
	head, member, err := t.standings.Standing(ctx, w.User, w.Conversation)
	switch {
	case err != nil:
		return "", err //nolint:wrapcheck // it is counted
	case !member || head.Dissolved:
		return dropStranger, nil
	case head.Tier > chat.TierMedium:
		return dropLarge, nil
	}
	w.MemberSeq = head.MemberSeq
	if head.Tier == chat.TierMedium {
		return "", nil
	}
	all, err := t.small(ctx, head)
	w.Users = make([]chat.UserID, 0, len(all))
	for _, u := range all {
		if u != w.User {
			w.Users = append(w.Users, u)
		}
	}
	if err != nil || t.hidden == nil || head.Kind != chat.KindDirect {
		return "", err
	}
	for _, u := range w.Users { // the other one
		for _, pair := range [][2]chat.UserID{{u, w.User}, {w.User, u}} {
			if hides, err := t.hidden(ctx, pair[0], pair[1:]); err != nil || len(hides) > 0 {
				return dropHidden, err
			}
		}
	}
	return "", nil
}

// small returns the members of a small conversation as of its last member change, or later.
func (t *Typing) small(ctx context.Context, head chat.Head) ([]chat.UserID, error) {
	t.mu.Lock()
	users, ok := t.members.get(head)
	t.mu.Unlock()
	if ok {
		return users, nil
	}
	users, err := t.standings.Members(ctx, head.Conversation)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is counted
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.members.put(head, users)
	return users, nil
}

// members remembers who is in small conversations, in two generations: when the young one has half of the bound, the old one goes.
type members struct {
	bound, weight int
	young, old    map[chat.ConversationID]memberList
}

// memberList is immutable.
type memberList struct {
	seq   chat.Seq // the member change as of which it is, or before it
	users []chat.UserID
}

// listWeight is what a conversation costs besides its members, in members.
const listWeight = 8

func newMembers(bound int) members {
	return members{bound: bound, young: make(map[chat.ConversationID]memberList)}
}

func (m *members) get(head chat.Head) ([]chat.UserID, bool) {
	l, ok := m.young[head.Conversation]
	if !ok {
		if l, ok = m.old[head.Conversation]; ok && l.seq == head.MemberSeq {
			m.put(head, l.users)
		}
	}
	return l.users, ok && l.seq == head.MemberSeq
}

func (m *members) put(head chat.Head, users []chat.UserID) {
	m.weight += listWeight + len(users) - len(m.young[head.Conversation].users)
	m.young[head.Conversation] = memberList{head.MemberSeq, users}
	if m.weight > m.bound/2 {
		m.young, m.old, m.weight = make(map[chat.ConversationID]memberList), m.young, 0
	}
}
