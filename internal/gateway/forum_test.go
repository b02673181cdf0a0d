package gateway_test

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// forum is a gateway under virtual time whose connections have no sockets.
type forum struct {
	t       *testing.T
	back    *backend
	gateway *gateway.Server

	delay atomic.Int64 // that each write takes, in nanoseconds

	mu      sync.Mutex
	guests  map[uint64]*guest
	writes  int                        // to all
	window  uint8                      // of who enters; 0: the largest
	hook    func()                     // called with the next write, on its loop
	allowed func(key, seq uint64) bool // nil: everybody may know everything
	loose   bool                       // what came may come again
}

// guest is a connection in a forum, and what was written to it.
type guest struct {
	forum *forum
	key   uint64
	sub   wire.Subprotocol
	conn  *gateway.Memory
	taken int // writes
	at    int // the forum's writes when the last one came

	// guarded by the forum's mu
	buf    []byte
	told   []string // since the last look
	last   map[uint64]uint64
	frames int
	room   int // bytes that it still takes; -1: any number
	closed bool
}

// inForum runs a test.
func inForum(t *testing.T, change func(*gateway.Config, *gateway.Deps), test func(h *forum)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &forum{t: t, back: newBackend(), guests: map[uint64]*guest{}}
		cfg, deps := gateway.Default(), h.back.deps(local.NewRoutes("n1"))
		cfg.Loops = 2
		if change != nil {
			change(&cfg, &deps)
		}
		var err error
		if h.gateway, err = gateway.New(cfg, deps); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = h.gateway.Run(ctx) }()
		test(h)
		cancel()
		<-done
	})
}

// knock has a user open a session, under any key.
func (h *forum) knock(key uint64, sub wire.Subprotocol, token string) *guest {
	h.t.Helper()
	g := &guest{forum: h, key: key, sub: sub, room: -1, last: map[uint64]uint64{}}
	h.mu.Lock()
	h.guests[key] = g
	h.mu.Unlock()
	var err error
	g.conn, err = h.gateway.OpenMemory(gateway.Hello{Subprotocol: sub, Token: token, WindowBits: cmp.Or(h.window, 15)}, h, key)
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// enter opens a session of user key, which is subscribed as the backend says.
func (h *forum) enter(key uint64, sub wire.Subprotocol) *guest {
	h.t.Helper()
	g := h.knock(key, sub, tokenOf(int(key)))
	if got := g.said(); len(got) != 1 || got[0] != "authenticate" {
		h.t.Fatalf("user %d: %q", key, got)
	}
	return g
}

// member subscribes users to a conversation as of their next session.
func (h *forum) member(id chat.ConversationID, from chat.Seq, users ...chat.UserID) {
	h.back.mu.Lock()
	defer h.back.mu.Unlock()
	for _, u := range users {
		h.back.subs[u] = append(h.back.subs[u], gateway.Subscription{Conversation: id, From: from})
	}
}

func (h *forum) deliver(d *cluster.Delivery) {
	h.t.Helper()
	if err := h.gateway.Receive(h.t.Context(), d); err != nil {
		h.t.Fatal(err)
	}
}

// content is an entry by group route.
func content(id chat.ConversationID, seq chat.Seq, tier chat.Tier) *cluster.Delivery {
	d := entry(id, seq, 3, fmt.Sprintf("number %d", seq))
	d.Users, d.Device = nil, 0
	d.Head = chat.Head{Conversation: id, Seq: seq, Ordinal: chat.Ordinal(seq), Tier: tier}
	return d
}

func (g *guest) focus(ids ...uint64) {
	g.forum.t.Helper()
	env := &throngv1.ClientEnvelope{Id: 9, Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{Conversations: ids}}}
	g.send(env)
}

func (g *guest) send(env *throngv1.ClientEnvelope) {
	frame := &throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{env}}
	if g.sub == wire.JSON {
		b, err := protojson.Marshal(frame)
		if err != nil {
			g.forum.t.Fatal(err)
		}
		g.conn.Send(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(b))))
		return
	}
	g.conn.Send(maskedFrame(mustMarshal(frame)))
}

// said returns what was written since the last look, in words, once everything is still.
func (g *guest) said() []string {
	synctest.Wait()
	g.forum.mu.Lock()
	defer g.forum.mu.Unlock()
	out := g.told
	g.told = nil
	return out
}

// Take implements gateway.Sink.
func (h *forum) Take(key uint64, p []byte) int {
	if d := h.delay.Load(); d > 0 {
		h.pass(time.Duration(d))
	}
	h.mu.Lock()
	if hook := h.hook; hook != nil {
		h.hook = nil
		defer hook()
	}
	defer h.mu.Unlock()
	g := h.guests[key]
	n := len(p)
	if g.room >= 0 {
		n = min(n, g.room)
		g.room -= n
	}
	g.taken++
	h.writes++
	g.at = h.writes
	g.buf = append(g.buf, p[:n]...)
	g.parse()
	return n
}

// onTake has something done once the next write was taken, on the loop that wrote.
func (h *forum) onTake(do func()) {
	h.mu.Lock()
	h.hook = do
	h.mu.Unlock()
}

// Closed implements gateway.Sink.
func (h *forum) Closed(key uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guests[key].closed = true
}

// stall has a guest take n more bytes and no more; free ends that.
func (g *guest) stall(n int) {
	g.forum.mu.Lock()
	g.room = n
	g.forum.mu.Unlock()
}

func (g *guest) free() {
	g.stall(-1)
	g.conn.Ready()
}

// parse reads the whole frames that came.
func (g *guest) parse() {
	for {
		r := bytes.NewReader(g.buf)
		head, err := ws.ReadHeader(r)
		if err != nil || int64(r.Len()) < head.Length {
			return
		}
		payload := make([]byte, head.Length)
		_, _ = r.Read(payload)
		g.buf = g.buf[len(g.buf)-r.Len():]
		g.frames++
		if head.OpCode == ws.OpClose {
			g.told = append(g.told, "closed")
			continue
		}
		if head.Rsv1() {
			inflated, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}))))
			if err != nil {
				g.forum.t.Errorf("user %d: inflating: %v", g.key, err)
			}
			payload = inflated
		}
		g.read(payload)
	}
}

func (g *guest) read(payload []byte) {
	var f throngv1.ServerFrame
	decode := proto.Unmarshal
	if g.sub == wire.JSON {
		decode = protojson.Unmarshal
	}
	if err := decode(payload, &f); err != nil {
		g.forum.t.Errorf("user %d: %v", g.key, err)
		return
	}
	for _, env := range f.GetEnvelopes() {
		switch c := env.GetContent().(type) {
		case *throngv1.ServerEnvelope_Entry:
			g.entry(c.Entry.GetConversation(), c.Entry)
		case *throngv1.ServerEnvelope_PresenceChanged:
			for _, p := range c.PresenceChanged.GetPeople() {
				g.told = append(g.told, fmt.Sprintf("%d is %d", p.GetUser(), p.GetState()))
			}
		case *throngv1.ServerEnvelope_Typing:
			g.told = append(g.told, fmt.Sprintf("%d types", c.Typing.GetUser()))
		case *throngv1.ServerEnvelope_Entries:
			for _, p := range c.Entries.GetProfiles() {
				g.told = append(g.told, "profile "+p.GetName())
			}
			for _, e := range c.Entries.GetEntries() {
				g.entry(c.Entries.GetConversation(), e)
			}
		case *throngv1.ServerEnvelope_Hint:
			g.may(c.Hint.GetSeq())
			g.told = append(g.told, fmt.Sprintf("hint %d", c.Hint.GetSeq()))
		case *throngv1.ServerEnvelope_Batching:
			g.told = append(g.told, fmt.Sprintf("batching %d", c.Batching.GetIntervalMs()))
		case *throngv1.ServerEnvelope_Degraded:
			g.told = append(g.told, fmt.Sprintf("degraded %d", c.Degraded.GetLevel()))
		case *throngv1.ServerEnvelope_SyncHint:
			g.told = append(g.told, "sync")
		case *throngv1.ServerEnvelope_Closing:
			g.told = append(g.told, "closing")
		case *throngv1.ServerEnvelope_Response:
			g.response(c.Response)
		}
	}
}

func (g *guest) response(r *throngv1.Response) {
	switch {
	case r.GetAuthenticate() != nil:
		g.told = append(g.told, "authenticate")
	case r.GetFocus() != nil:
		g.told = append(g.told, "focus")
	case r.GetWatch() != nil:
		for _, p := range r.GetWatch().GetPeople() {
			g.told = append(g.told, fmt.Sprintf("%d is %d", p.GetUser(), p.GetState()))
		}
		for _, n := range r.GetWatch().GetCounts() {
			g.told = append(g.told, fmt.Sprintf("%d online in %d", n.GetOnline(), n.GetConversation()))
		}
	case r.GetListOnline() != nil:
		g.told = append(g.told, fmt.Sprintf("%d of %d", len(r.GetListOnline().GetPeople()), r.GetListOnline().GetOnline()))
	case r.GetSetPresence() != nil:
		g.told = append(g.told, "set")
	default:
		g.told = append(g.told, "error "+r.GetError().GetReason())
	}
}

// entry notes a delivery: those of a conversation rise (DLV-3), and hold no client ids (SEND-14).
func (g *guest) entry(id uint64, e *throngv1.Entry) {
	if e.GetSeq() <= g.last[id] && !g.forum.loose {
		g.forum.t.Errorf("user %d: seq %d of conversation %d after seq %d", g.key, e.GetSeq(), id, g.last[id])
	}
	if len(e.GetClientId()) > 0 && e.GetSender() != g.key {
		g.forum.t.Errorf("user %d: the client id of another's message", g.key)
	}
	g.may(e.GetSeq())
	g.last[id] = max(g.last[id], e.GetSeq())
	g.told = append(g.told, fmt.Sprintf("entry %d", e.GetSeq()))
}

func focusOn(ids ...uint64) *throngv1.ClientEnvelope {
	return &throngv1.ClientEnvelope{Id: 2, Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{Conversations: ids}}}
}

// may holds what a guest learns of against what is for it.
func (g *guest) may(seq uint64) {
	if g.forum.allowed != nil && !g.forum.allowed(g.key, seq) {
		g.forum.t.Errorf("user %d learned of seq %d, after %q", g.key, seq, g.told)
	}
}

// pass lets virtual time pass.
func (h *forum) pass(d time.Duration) { <-time.After(d) }
