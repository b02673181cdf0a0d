package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// river is one conversation whose members come and go and whose tier changes with them, under a real fan-out.
type river struct {
	*backend

	mu      sync.Mutex
	events  []chat.Event
	more    chan struct{}
	members map[chat.UserID]chat.Member
	head    chat.Head
	large   uint32 // above so many members it is large; 0: never
}

const riverID = chat.ConversationID(77)

func (r *river) commit(body chat.Body) chat.Seq {
	r.mu.Lock()
	defer r.mu.Unlock()
	memberWas := r.head.MemberSeq
	r.head.Seq++
	if b, ok := body.(chat.MembersChanged); ok {
		for _, u := range b.Users {
			m := r.members[u]
			m.User = u
			m.Spans = slices.Clone(m.Spans)
			if b.Action == chat.MemberAdded {
				m.Spans = append(m.Spans, chat.Span{From: r.head.Seq})
				r.head.Members++
			} else {
				m.Spans[len(m.Spans)-1].To = r.head.Seq
				r.head.Members--
			}
			r.members[u] = m
		}
		r.head.MemberSeq = r.head.Seq
	}
	was := r.head.Tier
	r.head.Tier = chat.TierSmall
	if r.head.Members > 4 {
		r.head.Tier = chat.TierMedium
	}
	if r.large > 0 && r.head.Members > r.large {
		r.head.Tier = chat.TierLarge
	}
	r.events = append(r.events, chat.Event{Head: r.head, Was: was, MemberWas: memberWas, Entry: &chat.Entry{
		Conversation: riverID, Seq: r.head.Seq, Ordinal: chat.Ordinal(r.head.Seq), Body: body,
	}})
	close(r.more)
	r.more = make(chan struct{})
	return r.head.Seq
}

// change adds or removes a user, as the user is no member or one.
func (r *river) change(u chat.UserID) {
	r.mu.Lock()
	current := r.members[u].Current()
	r.mu.Unlock()
	action := chat.MemberAdded
	if current {
		action = chat.MemberRemoved
	}
	r.commit(chat.MembersChanged{Action: action, Users: []chat.UserID{u}})
}

func (r *river) member(u chat.UserID) chat.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members[u]
}

func (r *river) Follow(ctx context.Context, from chat.Position, handle func(context.Context, queue.Batch) error) error {
	for at := int(from); ; {
		r.mu.Lock()
		events, more := r.events[at:], r.more
		r.mu.Unlock()
		if len(events) > 0 {
			at += len(events)
			if err := handle(ctx, queue.Batch{Position: chat.Position(at), Events: events}); err != nil {
				return err
			}
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *river) Tail() chat.Position { return 0 }

func (r *river) Trim(context.Context, chat.Position) error { return nil }

func (r *river) Members(_ context.Context, _ chat.ConversationID, after chat.UserID, limit int, _ chat.Role) ([]chat.Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []chat.Member
	for u, m := range r.members {
		if u > after && m.Current() {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b chat.Member) int { return int(a.User) - int(b.User) })
	return out[:min(limit, len(out))], nil
}

// Subscriptions are the truth of the log, which may be ahead of the fan-out.
func (r *river) Subscriptions(_ context.Context, user chat.UserID) ([]gateway.Subscription, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[user]; m.Current() && r.head.Tier > chat.TierSmall {
		return []gateway.Subscription{{Conversation: riverID, From: m.Spans[len(m.Spans)-1].From, MemberSeq: r.head.MemberSeq}}, nil
	}
	return nil, nil
}

// bank is a device on the river: a sink that remembers what it was given.
type bank struct {
	*sink
	user chat.UserID

	mu   sync.Mutex
	seqs []chat.Seq
	come chan struct{} // capacity 1
}

func (b *bank) TryWrite(p []byte) (int, error) {
	head := 2
	switch p[1] {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	n, err := b.sink.TryWrite(p) // counts the write, so it comes before whoever waits for one is woken
	var f throngv1.ServerFrame
	if p[0] == 0x82 && proto.Unmarshal(p[head:], &f) == nil {
		b.mu.Lock()
		for _, e := range f.GetEnvelopes() {
			if e.GetEntry() != nil {
				b.seqs = append(b.seqs, chat.Seq(e.GetEntry().GetSeq()))
			}
		}
		b.mu.Unlock()
		select {
		case b.come <- struct{}{}:
		default:
		}
	}
	return n, err
}

// wait returns once the device was given the seq.
func (b *bank) wait(t *testing.T, seq chat.Seq) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		has := slices.Contains(b.seqs, seq)
		b.mu.Unlock()
		if has {
			return
		}
		select {
		case <-b.come:
		case <-late:
			t.Fatalf("user %d never got %d, but %v", b.user, seq, b.seqs)
		}
	}
}

// TestStreamsUnderMemberChanges: members come and go, the tier switches to and fro, and sessions open and close all the while.
// No session is given an entry that its user may not see, none twice, all rising; and once the members rest, everybody who is
// one gets the next entry.
// DLV-2 and DLV-3, from the fan-out to the connections.
func TestStreamsUnderMemberChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			stream(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func stream(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	const users = 9
	r := &river{backend: newBackend(), more: make(chan struct{}), members: make(map[chat.UserID]chat.Member)}
	r.head.Conversation = riverID
	routes, bus := local.NewRoutes("n1"), local.NewBus()
	cfg := gateway.Default()
	cfg.Loops, cfg.Workers = 2, 4
	deps := r.deps(routes)
	deps.Subscriptions = r
	srv, err := gateway.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	stop := bus.Listen("n1", srv)
	fcfg := fanout.Default()
	fcfg.CacheMembers = 1_024
	fan, err := fanout.New(fcfg, fanout.Deps{Streams: local.NewStreams(r), Members: r, Routes: routes, Bus: bus})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Run(ctx) })
	wg.Go(func() { _ = fan.Run(ctx) })
	defer func() { cancel(); wg.Wait(); stop() }()

	var all []*bank
	live := make(map[chat.UserID]*bank)
	for range 600 {
		u := chat.UserID(rnd.IntN(users) + 1)
		switch rnd.IntN(6) {
		case 0, 1:
			r.change(u)
		case 2, 3, 4:
			r.commit(chat.Text{Text: "flows"})
		default: // a device goes, or comes
			if b := live[u]; b != nil {
				_ = b.Close()
				delete(live, u)
				break
			}
			b := &bank{user: u, come: make(chan struct{}, 1)}
			b.sink = newSink(fmt.Sprintf("%d:%d", u, len(all)+100), nil)
			if err := srv.Open(b, gateway.Hello{Subprotocol: wire.Proto}); err != nil {
				t.Fatal(err)
			}
			live[u], all = b, append(all, b)
		}
	}
	// Everybody becomes a member and is seen to be open; then the next entry reaches all of them.
	for u := chat.UserID(1); u <= users; u++ {
		if !r.member(u).Current() {
			r.change(u)
		}
		if live[u] == nil {
			b := &bank{user: u, come: make(chan struct{}, 1)}
			b.sink = newSink(fmt.Sprintf("%d:%d", u, len(all)+100), nil)
			if err := srv.Open(b, gateway.Hello{Subprotocol: wire.Proto}); err != nil {
				t.Fatal(err)
			}
			live[u], all = b, append(all, b)
		}
	}
	for _, b := range live {
		for b.writes.Load() == 0 { // the answer to authenticate
			<-b.come
		}
	}
	last := r.commit(chat.Text{Text: "the last"})
	for _, b := range live {
		b.wait(t, last)
	}
	for _, b := range all {
		b.mu.Lock()
		if !slices.IsSorted(b.seqs) || len(slices.Compact(slices.Clone(b.seqs))) != len(b.seqs) {
			t.Errorf("user %d was given %v", b.user, b.seqs)
		}
		m := r.member(b.user)
		for _, s := range b.seqs {
			if !m.Sees(s) {
				t.Errorf("user %d was given %d, and may see %v", b.user, s, m.Spans)
			}
		}
		b.mu.Unlock()
	}
}
