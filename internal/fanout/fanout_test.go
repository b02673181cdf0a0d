package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story is a log, a directory and a bus in one: commits become events, deliveries become lines.
type story struct {
	t *testing.T

	mu      sync.Mutex
	events  []chat.Event
	more    chan struct{}
	heads   map[chat.ConversationID]chat.Head
	members map[chat.ConversationID]map[chat.UserID]chat.Member
	loads   int
	fail    int // so many deliveries fail
	failure error
	lines   []string
	small   uint32
	hot     fanout.Hot
	tail    chat.Position // where the fan-out starts
	trace   *trace.Tracer
}

const (
	conversation = chat.ConversationID(7)
	sentinel     = chat.ConversationID(8) // its read marks the end
)

func newStory(t *testing.T) *story {
	t.Helper()
	return &story{
		t: t, more: make(chan struct{}), heads: make(map[chat.ConversationID]chat.Head),
		members: make(map[chat.ConversationID]map[chat.UserID]chat.Member), small: 4,
	}
}

// run starts a fan-out and returns how to wait until it has handled everything.
func (s *story) run() (settle func() []string) {
	s.t.Helper()
	cfg := fanout.Default()
	cfg.Retry = 1
	f, err := fanout.New(cfg, fanout.Deps{Streams: local.NewStreams(s), Members: s, Routes: s, Bus: s, Hot: s.hot, Trace: s.trace})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-done })
	return func() []string {
		s.mu.Lock()
		end := chat.Seq(len(s.events) + 1)
		s.push(chat.Event{Head: chat.Head{Conversation: sentinel}, Reader: 1, Read: chat.Read{Seq: end}})
		s.mu.Unlock()
		for {
			s.mu.Lock()
			more := s.more
			if i := slices.Index(s.lines, fmt.Sprintf("end %d", end)); i >= 0 {
				out := slices.Clone(s.lines[:i])
				s.lines = nil
				s.mu.Unlock()
				return out
			}
			s.mu.Unlock()
			<-more
		}
	}
}

func (s *story) push(ev chat.Event) {
	s.events = append(s.events, ev)
	s.wake()
}

func (s *story) wake() {
	close(s.more)
	s.more = make(chan struct{})
}

// commit appends an entry and applies it to the directory, as the log does.
func (s *story) commit(sender chat.UserID, body chat.Body) chat.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.heads[conversation]
	h.Conversation = conversation
	h.Seq++
	m := s.members[conversation]
	if m == nil {
		m = make(map[chat.UserID]chat.Member)
		s.members[conversation] = m
	}
	enter := func(users []chat.UserID) {
		for _, u := range users {
			mb := m[u]
			mb.User = u
			mb.Spans = append(slices.Clone(mb.Spans), chat.Span{From: h.Seq})
			m[u] = mb
			h.Members++
			h.MemberSeq = h.Seq
		}
	}
	switch b := body.(type) {
	case chat.Created:
		enter(b.Members)
	case chat.MembersChanged:
		if b.Action == chat.MemberAdded {
			enter(b.Users)
			break
		}
		for _, u := range b.Users {
			mb := m[u]
			mb.Spans = slices.Clone(mb.Spans)
			mb.Spans[len(mb.Spans)-1].To = h.Seq
			m[u] = mb
			h.Members--
			h.MemberSeq = h.Seq
		}
	}
	was, memberWas := h.Tier, s.heads[conversation].MemberSeq
	h.Tier = chat.TierSmall
	if c, ok := body.(chat.Changed); ok && c.Tier != nil {
		h.Fixed = *c.Tier
	}
	switch {
	case h.Fixed != 0:
		h.Tier = h.Fixed
	case h.Members > s.small+2:
		h.Tier = chat.TierLarge
	case h.Members > s.small:
		h.Tier = chat.TierMedium
	}
	s.heads[conversation] = h
	ev := chat.Event{
		Entry: &chat.Entry{Conversation: conversation, Seq: h.Seq, Sender: sender, Body: body}, Head: h, Was: was, MemberWas: memberWas,
	}
	if sender != 0 {
		ev.Reader, ev.Device, ev.Read = sender, 9, chat.Read{Seq: h.Seq}
	}
	s.push(ev)
	return h.Seq
}

func (s *story) text(sender chat.UserID) chat.Seq { return s.commit(sender, chat.Text{Text: "x"}) }

func (s *story) add(users ...chat.UserID) {
	s.commit(0, chat.MembersChanged{Action: chat.MemberAdded, Users: users})
}

func (s *story) remove(users ...chat.UserID) {
	s.commit(0, chat.MembersChanged{Action: chat.MemberRemoved, Users: users})
}

// Follow hands over one event at a time.
func (s *story) Follow(ctx context.Context, from chat.Position, handle func(context.Context, queue.Batch) error) error {
	for at := int(from); ; {
		s.mu.Lock()
		more := s.more
		events := slices.Clone(s.events)
		s.mu.Unlock()
		for ; at < len(events); at++ {
			if err := handle(ctx, queue.Batch{Position: chat.Position(at + 1), Events: events[at : at+1]}); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *story) Tail() chat.Position {
	return s.tail
}

// Trim implements [queue.Events].
func (s *story) Trim(context.Context, chat.Position) error { return nil }

func (s *story) Members(_ context.Context, id chat.ConversationID, after chat.UserID, limit int, _ chat.Role) ([]chat.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	var out []chat.Member
	for u, m := range s.members[id] {
		if u > after && m.Current() {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b chat.Member) int { return int(a.User) - int(b.User) })
	return out[:min(len(out), limit)], nil
}

func (s *story) Users(_ context.Context, users []chat.UserID, buf []cluster.Node) ([]cluster.Node, error) {
	if len(users) == 0 {
		return buf, nil
	}
	return append(buf, "n1"), nil
}

func (s *story) Group(_ context.Context, _ chat.ConversationID, buf []cluster.Node) ([]cluster.Node, error) {
	return append(buf, "n1"), nil
}

// Resolve implements [cluster.Routes].
func (s *story) Resolve(ctx context.Context, lookups []cluster.Lookup) {
	cluster.ResolveEach(ctx, s, lookups)
}

// Post implements [cluster.Bus]: what follows one that fails fails with it.
func (s *story) Post(ctx context.Context, parcels []cluster.Parcel) {
	var failed error
	cluster.PostEach(ctx, parcels, func(ctx context.Context, n cluster.Node, d *cluster.Delivery) error {
		if failed == nil {
			failed = s.Deliver(ctx, n, d)
		}
		return failed
	})
}

// All implements [cluster.Routes].
func (s *story) All(context.Context, []cluster.Node) ([]cluster.Node, error) {
	return nil, errors.New("nobody asks for all")
}

func (s *story) Listen(cluster.Node, cluster.Receiver) func() { return func() {} }

var errBus = errors.New("the bus is down")

func (s *story) Deliver(_ context.Context, _ cluster.Node, d *cluster.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return s.failure
	}
	if d.Conversation == sentinel {
		s.lines = append(s.lines, fmt.Sprintf("end %d", d.Read.Seq))
		s.wake()
		return nil
	}
	users := slices.Sorted(slices.Values(d.Users))
	to := strings.Trim(fmt.Sprint(users), "[]")
	switch d.Kind {
	case cluster.DeliverEntry:
		if d.Users == nil {
			to = "group"
		}
		s.lines = append(s.lines, fmt.Sprintf("entry %d to %s", d.Entry.Seq, to))
		s.follows(d, d.Entry.Seq)
	case cluster.DeliverRead:
		s.lines = append(s.lines, fmt.Sprintf("read %d to %s but %d", d.Read.Seq, to, d.Device))
	case cluster.DeliverSync:
		s.lines = append(s.lines, "sync "+to)
	case cluster.DeliverEnter:
		s.lines = append(s.lines, fmt.Sprintf("enter %s from %d", to, d.From))
		s.follows(d, d.From)
	case cluster.DeliverLeave:
		s.lines = append(s.lines, "leave "+to)
		s.follows(d, d.From)
	case cluster.DeliverDisband:
		s.lines = append(s.lines, "disband")
		if ev := s.of(d.From); ev.Was == chat.TierSmall || ev.Head.Tier != chat.TierSmall {
			s.t.Errorf("disbanded by %d, with which the conversation did not become small", d.From)
		}
	case cluster.DeliverSettings:
		s.lines = append(s.lines, "settings "+to)
	case cluster.DeliverRevoke, cluster.DeliverForget, cluster.DeliverWake, cluster.DeliverReplaced, cluster.DeliverAsk, cluster.DeliverTell, cluster.DeliverTyping,
		cluster.DeliverRelations, cluster.DeliverPresence, cluster.DeliverReceipts, cluster.DeliverHidden:
		s.lines = append(s.lines, fmt.Sprintf("kind %d, which is no delivery of an entry", d.Kind))
	}
	return nil
}

// of returns the event of an entry.
func (s *story) of(seq chat.Seq) chat.Event {
	i := slices.IndexFunc(s.events, func(ev chat.Event) bool { return ev.Entry != nil && ev.Entry.Seq == seq })
	return s.events[i]
}

// follows holds what a delivery says of the member change before it against the log.
func (s *story) follows(d *cluster.Delivery, seq chat.Seq) {
	if ev := s.of(seq); d.MemberWas != ev.MemberWas {
		s.t.Errorf("kind %d of entry %d: members changed with %d before, want %d", d.Kind, seq, d.MemberWas, ev.MemberWas)
	}
}

// check compares deliveries.
func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("deliveries:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestSmallConversationsGoToTheirMembers(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	s.text(1)
	s.add(3)
	s.text(2)
	s.remove(2)
	s.text(1)
	s.commit(0, chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{1}})
	check(t, settle(),
		"entry 1 to 1 2", "sync 1 2",
		"entry 2 to 1 2",
		"entry 3 to 1 2 3", "sync 3",
		"entry 4 to 1 2 3",
		"entry 5 to 1 2 3", "leave 2", "sync 2", // the removal is the last that the removed user gets
		"entry 6 to 1 3",
		"entry 7 to 1 3",
	)
	if s.loads != 0 {
		t.Errorf("%d member lists were read; the entries said everything", s.loads)
	}
}

// DLV-2. A conversation that is met in the middle: the directory is ahead of the stream, and nobody gets what came before them.
func TestMembersAreThoseOfTheEntrysSeq(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2, 3}})
	s.tail = 1
	s.text(1)   // 2
	s.remove(3) // 3
	s.text(1)   // 4
	s.add(4)    // 5
	s.text(1)   // 6
	s.remove(4) // 7
	s.add(5)    // 8
	s.text(2)   // 9
	settle := s.run()
	check(t, settle(),
		"entry 2 to 1 2", // 3 has gone since and pulls; 5 was not there yet
		"entry 3 to 1 2 3", "leave 3", "sync 3",
		"entry 4 to 1 2",
		"entry 5 to 1 2 4", "sync 4",
		"entry 6 to 1 2 4",
		"entry 7 to 1 2 4", "leave 4", "sync 4",
		"entry 8 to 1 2 5", "sync 5",
		"entry 9 to 1 2 5",
	)
	if s.loads != 1 {
		t.Errorf("%d member lists were read, want 1", s.loads)
	}
}

func TestGroupsAreSubscribedInOrder(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2, 3}})
	s.add(4)
	s.add(5, 6) // beyond four: medium
	s.text(1)
	s.add(7)
	s.remove(2)
	s.text(1)
	s.remove(5, 6) // four again: small
	s.text(1)
	check(t, settle(),
		"entry 1 to 1 2 3", "sync 1 2 3",
		"entry 2 to 1 2 3 4", "sync 4",
		"enter 1 2 3 4 5 6 from 3", "entry 3 to group", "sync 5 6",
		"entry 4 to group",
		"enter 7 from 5", "entry 5 to group", "sync 7",
		"entry 6 to group", "leave 2", "sync 2",
		"entry 7 to group",
		"disband", "entry 8 to 1 3 4 5 6 7", "leave 5 6", "sync 5 6",
		"entry 9 to 1 3 4 7",
	)
}

// DLV-24. What an administrator says about a conversation that nobody has written in for long switches its sessions all the same.
func TestTiersThatAreSetSwitchTheRoutes(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2, 3}})
	s.text(1)
	s.tail = 2
	settle := s.run()
	large, small := chat.TierLarge, chat.TierSmall
	s.commit(0, chat.Changed{Tier: &large})
	s.text(1)
	s.commit(0, chat.Changed{Tier: &small})
	s.text(1)
	check(t, settle(),
		"enter 1 2 3 from 3", "entry 3 to group",
		"entry 4 to group", "read 4 to 1 but 9",
		"disband", "entry 5 to 1 2 3",
		"entry 6 to 1 2 3",
	)
}

func TestEntriesThatComeAgainArePassedOver(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	s.text(1)
	s.mu.Lock()
	s.push(s.events[0])
	s.push(s.events[1])
	s.mu.Unlock()
	s.text(2)
	check(t, settle(), "entry 1 to 1 2", "sync 1 2", "entry 2 to 1 2", "entry 3 to 1 2")
}

func TestADeliveryThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.fail, s.failure = 3, errBus
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	s.text(1)
	check(t, settle(), "entry 1 to 1 2", "sync 1 2", "entry 2 to 1 2")
}

// What the bus is not there for is let go of: nothing waits behind it, and nothing that was delivered comes again.
func TestADeliveryWithoutABusIsPassedOver(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
	check(t, settle(), "entry 1 to 1 2", "sync 1 2")
	s.mu.Lock()
	s.fail, s.failure = 1, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the bus is away")
	s.mu.Unlock()
	s.text(1)
	s.text(2)
	check(t, settle(), "entry 3 to 1 2")
}

func TestReadsGoToTheOtherDevices(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.mu.Lock()
	s.push(chat.Event{Head: chat.Head{Conversation: conversation}, Reader: 4, Device: 44, Read: chat.Read{Seq: 9}})
	s.mu.Unlock()
	check(t, settle(), "read 9 to 4 but 44")
}

// DLV-20, DLV-11: in a large conversation the sender's other devices may get a hint, which does not tell that the message is their own.
func TestASendIntoALargeConversationIsReadOnTheOtherDevices(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2, 3, 4, 5, 6, 7}})
	s.text(3)
	s.commit(0, chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{7}}) // medium
	s.text(3)
	check(t, settle(),
		"enter 1 2 3 4 5 6 7 from 1", "entry 1 to group", "sync 1 2 3 4 5 6 7",
		"entry 2 to group", "read 2 to 3 but 9",
		"entry 3 to group", "leave 7", "sync 7",
		"entry 4 to group",
	)
}

// hotStory notes what is kept for those who pull.
type hotStory struct{ *story }

func (s hotStory) Put(_ context.Context, entries ...*chat.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.lines = append(s.lines, fmt.Sprintf("keep %d", e.Seq))
	}
}

// HOT: what a hint is about to tell of can be pulled from the cache. Small conversations are delivered whole.
func TestEntriesOfGroupsAreKeptBeforeTheyAreTold(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.hot = hotStory{s}
	settle := s.run()
	s.commit(0, chat.Created{Members: []chat.UserID{1, 2, 3, 4}})
	s.add(5)
	s.text(1)
	check(t, settle(),
		"entry 1 to 1 2 3 4", "sync 1 2 3 4",
		"keep 2", "enter 1 2 3 4 5 from 2", "entry 2 to group", "sync 5",
		"keep 3", "entry 3 to group",
	)
}

// An event of a kind that only a later version knows is nobody's.
func TestEventsOfALaterVersionArePassedOver(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	settle := s.run()
	s.mu.Lock()
	s.push(chat.Event{Head: chat.Head{Conversation: conversation, Seq: 1, Tier: chat.TierSmall}, Later: "later"})
	s.mu.Unlock()
	if lines := settle(); len(lines) != 0 {
		t.Errorf("it was delivered: %q", lines)
	}
}
