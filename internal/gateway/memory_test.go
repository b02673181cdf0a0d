package gateway_test

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// hall is a gateway with people who only listen, in memory.
type hall struct {
	t       testing.TB
	back    *backend
	gateway *gateway.Server
	takes   atomic.Int64
	bytes   atomic.Int64
	closed  atomic.Int64
	stepped chan struct{}                    // capacity 1
	stalled atomic.Bool                      // nobody takes anything
	slow    atomic.Int64                     // the key of who takes one byte at a time; 0: nobody
	hook    atomic.Pointer[func(key uint64)] // called with each write, on its loop

	mu     sync.Mutex
	stream map[uint64][]byte // of those who are listened to
}

func (h *hall) Take(key uint64, p []byte) int {
	n := len(p)
	if key == uint64(h.slow.Load()) && key != 0 {
		n = 1
	}
	if h.stalled.Load() {
		n = 0
	}
	h.mu.Lock()
	if s, ok := h.stream[key]; ok {
		h.stream[key] = append(s, p[:n]...)
	}
	h.mu.Unlock()
	if hook := h.hook.Load(); hook != nil {
		(*hook)(key)
	}
	h.bytes.Add(int64(n))
	h.takes.Add(1)
	select {
	case h.stepped <- struct{}{}:
	default:
	}
	return n
}

func (h *hall) Closed(uint64) {
	h.closed.Add(1)
	select {
	case h.stepped <- struct{}{}:
	default:
	}
}

// until waits for something to be so after one of the calls.
func (h *hall) until(what string, so func() bool) {
	h.t.Helper()
	late := time.After(30 * time.Second)
	for !so() {
		select {
		case <-h.stepped:
		case <-time.After(10 * time.Millisecond): // what is waited for may make no call
		case <-late:
			h.t.Fatalf("never: %s", what)
		}
	}
}

// newHall lets so many in; all are in group 9.
func newHall(t testing.TB, people int, change func(*gateway.Config)) (*hall, []*gateway.Memory) {
	t.Helper()
	cfg := gateway.Default()
	cfg.Loops, cfg.HandshakeRate, cfg.MaxPending, cfg.MaxPendingPerAddress, cfg.MaxPerAddress = 2, people+1_000, people+1, people+1, people+1
	cfg.Waiting = 2 * (people + 1)
	if change != nil {
		change(&cfg)
	}
	h := &hall{t: t, back: newBackend(), stepped: make(chan struct{}, 1), stream: make(map[uint64][]byte)}
	for i := range people {
		h.back.subs[chat.UserID(i+1)] = []gateway.Subscription{{Conversation: 9, From: 1}}
	}
	var err error
	if h.gateway, err = gateway.New(cfg, h.back.deps(local.NewRoutes("n1"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.gateway.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	list := make([]*gateway.Memory, people)
	for i := range list {
		list[i] = h.enter(i + 1)
	}
	h.until("all are signed in", func() bool { return h.takes.Load() == int64(people) })
	return h, list
}

func (h *hall) enter(i int) *gateway.Memory {
	h.t.Helper()
	m, err := h.gateway.OpenMemory(gateway.Hello{Subprotocol: wire.Proto, Token: tokenOf(i)}, h, uint64(i))
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// A connection in memory is one like others: it is told, asks, is slow, and ends.
func TestMemory(t *testing.T) {
	t.Parallel()
	h, list := newHall(t, 3, nil)
	h.mu.Lock()
	h.stream[1], h.stream[2] = []byte{}, []byte{}
	h.mu.Unlock()
	read := func(key uint64) (envs []*throngv1.ServerEnvelope) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for r := bytes.NewReader(h.stream[key]); r.Len() > 0; {
			f, err := readFrame(r)
			if err != nil {
				return envs // the rest is still to come
			}
			var s throngv1.ServerFrame
			if err := proto.Unmarshal(f.Payload, &s); err != nil {
				t.Fatal(err)
			}
			envs = append(envs, s.GetEnvelopes()...)
		}
		return envs
	}
	b := frameOf(text(2, 5, "hello"))
	list[0].Send(b[:3:3])
	list[0].Send(b[3:])
	h.until("the send is answered", func() bool { return len(read(1)) == 1 })
	if e := read(1)[0].GetResponse(); e.GetSend().GetSeq() != 1 {
		t.Errorf("answered %v", e)
	}

	h.slow.Store(2)
	if err := h.gateway.Receive(t.Context(), grouped(4)); err != nil {
		t.Fatal(err)
	}
	h.until("the quick one has it", func() bool { return len(read(1)) == 2 })
	for h.slow.Load() != 0 {
		before := h.takes.Load()
		list[1].Ready()
		h.until("the slow one takes a byte", func() bool { return h.takes.Load() > before })
		if len(read(2)) == 1 {
			h.slow.Store(0)
		}
	}
	if e := read(2)[0].GetEntry(); e.GetSeq() != 4 {
		t.Errorf("delivered %v", e)
	}
	list[2].Close()
	h.until("it is told of the end", func() bool { return h.closed.Load() == 1 })
	h.gateway.CloseUser(1)
	h.until("the server's end is told too", func() bool { return h.closed.Load() == 2 })
}

// A delivery costs no allocation, however many get it.
func TestDeliveriesAllocateNothing(t *testing.T) {
	const people = 2_000
	h, _ := newHall(t, people, func(c *gateway.Config) { c.Hold = 0 })
	seq := chat.Seq(0)
	for _, users := range [][]chat.UserID{nil, everybody(people)} {
		deliver := func() {
			seq++
			before := h.takes.Load()
			d := grouped(seq)
			d.Users = users
			if err := h.gateway.Receive(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			h.until("all have it", func() bool { return h.takes.Load() == before+people })
		}
		for range 10 {
			deliver()
		}
		if n := testing.AllocsPerRun(20, deliver); n > people/20 {
			t.Errorf("users %v: %v allocations for %d deliveries", users != nil, n, people)
		}
	}
}

func everybody(n int) (list []chat.UserID) {
	for i := range n {
		list = append(list, chat.UserID(i+1))
	}
	return list
}

// An idle session with a token takes at most 1 KiB; with a large group, half a KiB more at most.
func TestMemoryOfAnIdleSession(t *testing.T) {
	const people = 20_000
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	// The first ones fill what is kept for whoever needs it next, whose size is bounded; the others are measured.
	h, _ := newHall(t, people, func(c *gateway.Config) {
		c.HandshakeRate, c.MaxPending, c.MaxPendingPerAddress, c.MaxPerAddress, c.Waiting = 2*people, 2*people, 2*people, 2*people, 2*people
	})
	h.back.mu.Lock()
	h.back.subs = nil
	h.back.mu.Unlock()
	before := heap()
	for i := range people {
		h.enter(people + i + 1)
	}
	h.until("all are signed in", func() bool { return h.takes.Load() == 2*people })
	idle := heap() - before
	users := everybody(2 * people)[people:]
	before = heap()
	for len(users) > 0 {
		n := min(len(users), 1_000)
		if err := h.gateway.Receive(t.Context(), &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: 9, Users: users[:n:n], From: 1}); err != nil {
			t.Fatal(err)
		}
		users = users[n:]
	}
	if err := h.gateway.Receive(t.Context(), grouped(4)); err != nil {
		t.Fatal(err)
	}
	h.until("all have it", func() bool { return h.takes.Load() == 4*people })
	member := heap() - before
	t.Logf("%d bytes for a session, %d for its place in a group", idle/people, member/people)
	if idle/people > 1<<10 {
		t.Errorf("an idle session takes %d bytes", idle/people)
	}
	if (idle+member)/people > 1<<10+1<<9 {
		t.Errorf("an idle member of a group takes %d bytes", (idle+member)/people)
	}
}
