package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func TestPipelinedSendsKeepTheirOrder(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.login("1:10")
		const rounds, batch = 40, 16
		for r := range rounds {
			var envs []*throngv1.ClientEnvelope
			for i := range batch {
				n := r*batch + i
				envs = append(envs, text(uint64(n+2), 5, fmt.Sprintf("message %d", n)))
			}
			p.send(envs[:batch/2]...)
			p.send(envs[batch/2:]...)
			for i, e := range p.collect(batch) {
				n := r*batch + i
				if res := e.GetResponse(); res.GetId() != uint64(n+2) || res.GetSend().GetSeq() != uint64(n+1) {
					t.Fatalf("answer %d: %v", n, res)
				}
			}
		}
		w.back.mu.Lock()
		defer w.back.mu.Unlock()
		for n, d := range w.back.drafts {
			if got, _ := d.Body.(chat.Text); got.Text != fmt.Sprintf("message %d", n) {
				t.Fatalf("draft %d says %q", n, got.Text)
			}
		}
	})
}

// S-11; how a revocation gets here is the account package's to test.
func TestRevocationClosesLiveSessions(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		a, b, c := w.login("1:10"), w.login("1:11"), w.login("2:20")
		w.gateway.CloseDevices(1, []chat.DeviceID{10}, chat.ReasonSignedOut)
		w.deliver(entry(5, 1, 3, "afterwards", 1))
		if code, notice := a.closedAtOnce(); code != 4300 || notice.GetReason() != "signed_out" {
			t.Errorf("the signed out device: %d %v", code, notice)
		}
		if b.next().GetEntry().GetText() != "afterwards" {
			t.Error("the user's other device was touched")
		}
		d := w.login("1:12")
		w.gateway.CloseDevices(1, []chat.DeviceID{12}, chat.ReasonDisplaced) // DEV-6
		if code, notice := d.closed(); code != 4300 || notice.GetReason() != "displaced" {
			t.Errorf("the device that made room: %d %v", code, notice)
		}
		w.gateway.CloseUser(1)
		if code, _ := b.closed(); code != 4302 {
			t.Errorf("the deleted user's device: %d", code)
		}
		w.deliver(entry(5, 2, 3, "still here", 1, 2))
		if c.next().GetEntry().GetText() != "still here" {
			t.Error("somebody else's session was touched")
		}
	})
}

// A device has one session (S-12): the later one stays, on whatever loop.
func TestADeviceHasOneSession(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for range 6 {
			old, fresh := w.login("1:10"), w.login("1:10")
			if code, _ := old.closed(); code != 4301 {
				t.Fatalf("the older session: %d", code)
			}
			w.deliver(entry(5, 1, 3, "hello", 1))
			if fresh.next().GetEntry().GetText() != "hello" {
				t.Fatal("the later session is deaf")
			}
			w.gateway.CloseDevices(1, nil, chat.ReasonSignedOut)
			if code, _ := fresh.closed(); code != 4300 {
				t.Fatalf("the later session: %d", code)
			}
		}
	})
}

// ledger notes what the gateway tells of sessions, and has newer ones elsewhere.
type ledger struct {
	mu   sync.Mutex
	open map[chat.DeviceID][]uint64
}

func (l *ledger) Opened(_ chat.UserID, device chat.DeviceID, session uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[device] = append(l.open[device], session)
}

func (l *ledger) Closed(_ chat.UserID, device chat.DeviceID, session uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[device] = slices.DeleteFunc(l.open[device], func(s uint64) bool { return s == session })
}

// only returns the one open session of a device, once it is the only one; 0 where there is none any more.
func (l *ledger) only(t *testing.T, device chat.DeviceID, sessions int) (session uint64) {
	t.Helper()
	for late := time.After(10 * time.Second); ; {
		l.mu.Lock()
		open := slices.Clone(l.open[device])
		l.mu.Unlock()
		switch {
		case len(open) == sessions && sessions == 0:
			return 0
		case len(open) == sessions:
			return open[0]
		}
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatalf("device %d has the sessions %v, not %d", device, open, sessions)
		}
	}
}

// A session is closed for a newer one on another node (S-12), and one that opened since is not.
func TestANewerSessionElsewhere(t *testing.T) {
	t.Parallel()
	for _, loops := range []bool{true, false} {
		t.Run(fmt.Sprintf("loops %t", loops), func(t *testing.T) {
			t.Parallel()
			replaced(t, loops)
		})
	}
}

func replaced(t *testing.T, loops bool) {
	t.Helper()
	l := &ledger{open: map[chat.DeviceID][]uint64{}}
	build := func(cfg gateway.Config, d gateway.Deps) (*gateway.Server, error) {
		d.Devices = l
		return gateway.New(cfg, d)
	}
	w := newWorldOf(t, build, loops, nil)
	old, other := w.login("1:10"), w.login("1:11")
	first := l.only(t, 10, 1)
	w.gateway.Replace(1, 10, first)
	if code, _ := old.closed(); code != 4301 {
		t.Fatalf("the session that was replaced: %d", code)
	}
	l.only(t, 10, 0)
	fresh := w.login("1:10")
	if second := l.only(t, 10, 1); second <= first {
		t.Errorf("session %d comes after %d", second, first)
	}
	w.gateway.Replace(1, 10, first) // it comes late
	w.gateway.Replace(2, 10, 1<<62)
	w.deliver(entry(5, 1, 3, "hello", 1))
	for _, p := range []*peer{fresh, other} {
		if p.next().GetEntry().GetText() != "hello" {
			t.Error("somebody else's session was closed")
		}
	}
}

func TestTooManySessionsOfAUser(t *testing.T) {
	each(t, func(c *gateway.Config) { c.MaxPerUser = 3 }, func(t *testing.T, w *world) {
		for i := range 4 {
			w.login(fmt.Sprintf("1:%d", 10+i))
		}
		p := w.connect("throng.v1.proto")
		p.send(authenticate("1:99"))
		if code, _ := p.closed(); code != 4403 {
			t.Errorf("closed with %d", code)
		}
	})
}

func TestAdmission(t *testing.T) {
	each(t, func(c *gateway.Config) { c.MaxPerAddress = 2 }, func(t *testing.T, w *world) {
		w.login("1:10")
		w.login("2:20")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = handshake()
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Errorf("the third connection of an address: %d, retry after %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
	})
}

// A token in the handshake (S-5): the answer comes unasked, and requests may be sent at once.
func TestTokenInTheHandshake(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		d := ws.Dialer{
			Protocols: []string{"throng.v1.proto"},
			Header:    ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer 1:10"}}),
		}
		c, br, _, err := d.Dial(t.Context(), w.session())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		p := &peer{t: t, Conn: c, r: c}
		if br != nil {
			p.r = br
		}
		p.send(text(2, 5, "at once"))
		envs := p.collect(2)
		if a := envs[0].GetResponse(); a.GetId() != 0 || a.GetAuthenticate().GetDevice() != 10 {
			t.Errorf("first came %v", a)
		}
		if a := envs[1].GetResponse(); a.GetSend().GetSeq() != 1 {
			t.Errorf("then came %v", a)
		}
	})
}

// S-29, S-30: the notice with the close code and a time to wait comes first.
func TestDrainTellsEverybodyToGo(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		w.back.gate = make(chan struct{})
		peers := make([]*peer, 20)
		for i := range peers {
			peers[i] = w.login(tokenOf(i + 1))
		}
		peers[0].send(text(2, 5, "in flight"))
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			done <- w.gateway.Drain(ctx, gateway.Pace{Over: 2 * time.Second, Back: 5 * time.Second})
		}()
		spread := make(map[uint32]bool)
		for _, p := range peers[1:] {
			code, notice := p.closed()
			if code != 4100 || notice.GetCloseCode() != 4100 {
				t.Fatalf("closed with %d, notice %v", code, notice)
			}
			spread[notice.GetRetryAfterMs()] = true
			_ = p.Close()
		}
		if len(spread) < 10 {
			t.Errorf("%d different times to come back for 19 clients", len(spread))
		}
		// The request in flight is answered before its session goes.
		close(w.back.gate)
		var answered bool
		for {
			envs, code := peers[0].frame()
			if code != 0 {
				break
			}
			for _, e := range envs {
				answered = answered || e.GetResponse().GetSend().GetSeq() == 1
			}
		}
		if !answered {
			t.Error("the request in flight was not answered")
		}
		_ = peers[0].Close()
		if err := <-done; err != nil {
			t.Errorf("drain: %v", err)
		}
		if err := w.gateway.Open(newSink(tokenOf(50), nil), gateway.Hello{Subprotocol: wire.Proto}); chat.AsError(err).Reason != chat.ReasonDraining {
			t.Errorf("a connection after the drain: %v", err)
		}
	})
}

// A receiver that stops reading holds a bounded part of the server's memory, delays nobody, and is told what it missed once
// it reads again (DLV-8, DLV-10).
func TestASlowReceiver(t *testing.T) {
	each(t, func(c *gateway.Config) { c.Outbound, c.OutboundHard = 64<<10, 128<<10 }, func(t *testing.T, w *world) {
		slow, quick := w.login("1:10"), w.login("2:20")
		words := strings.Repeat("x", 4_000)
		const entries = 3_000 // 12 MB, more than any socket takes
		for seq := chat.Seq(1); seq <= entries; seq++ {
			w.deliver(entry(5, seq, 3, words, 1, 2))
			if e := quick.next().GetEntry(); e.GetSeq() != uint64(seq) {
				t.Fatalf("the quick receiver got %d after %d", e.GetSeq(), seq-1)
			}
		}
		// It reads again: what fitted comes in order, then one hint says how far the conversation has gone.
		var last, hinted, taken uint64
		for max(last, hinted) < entries {
			envs, code := slow.frame()
			if code != 0 {
				t.Fatalf("closed with %d", code)
			}
			for _, e := range envs {
				if got := e.GetEntry(); got != nil {
					if got.GetSeq() != max(last, hinted)+1 {
						t.Fatalf("%d came after %d, hinted %d", got.GetSeq(), last, hinted)
					}
					last = got.GetSeq()
					taken++
				}
				hinted = max(hinted, e.GetHint().GetSeq())
			}
		}
		if taken >= entries/2 {
			t.Errorf("%d of %d entries were kept for a receiver that did not read", taken, entries)
		}
		w.deliver(entry(5, entries+1, 3, "again", 1))
		if e := slow.next().GetEntry(); e.GetText() != "again" {
			t.Errorf("after it caught up it got %v", e)
		}
	})
}

// subscribed is a delivery by group route.
func grouped(seq chat.Seq) *cluster.Delivery {
	d := entry(9, seq, 3, "to the group")
	d.Users, d.Head.Tier = nil, chat.TierMedium
	return d
}

func TestGroupRoute(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		w.back.subs[1] = []gateway.Subscription{{Conversation: 9, From: 1}}
		w.back.subs[2] = []gateway.Subscription{{Conversation: 9, From: 5}}
		a, b, c := w.login("1:10"), w.login("2:20"), w.login("3:30")

		w.deliver(grouped(4)) // before b was a member
		w.deliver(grouped(5))
		w.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: 9, Users: []chat.UserID{3}, From: 6})
		w.deliver(grouped(6))
		w.deliver(grouped(7)) // the removal of a itself
		w.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: 9, Users: []chat.UserID{1}})
		w.deliver(grouped(8))
		for _, u := range []chat.UserID{1, 2, 3} {
			w.deliver(entry(5, 1, 4, "end", u))
		}
		for _, tc := range []struct {
			p    *peer
			want []uint64
		}{{a, []uint64{4, 5, 6, 7}}, {b, []uint64{5, 6, 7, 8}}, {c, []uint64{6, 7, 8}}} {
			envs := tc.p.collect(len(tc.want) + 1)
			for i, want := range tc.want {
				if got := envs[i].GetEntry(); got.GetConversation() != 9 || got.GetSeq() != want {
					t.Errorf("got %v, want seq %d", got, want)
				}
			}
			if last := envs[len(tc.want)].GetEntry(); last.GetText() != "end" {
				t.Errorf("got %v after the last", last)
			}
		}
		w.deliver(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: 9})
		w.deliver(grouped(9))
		w.deliver(entry(5, 2, 4, "end", 2))
		if got := b.next().GetEntry(); got.GetText() != "end" {
			t.Errorf("a disbanded group delivered %v", got)
		}
	})
}

// Member changes that come while a session reads its subscriptions win over what it reads.
func TestMemberChangesWhileSubscribing(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		w.back.subs[1] = []gateway.Subscription{{Conversation: 9, From: 1}}
		w.back.onQuery = func() {
			// The read was made; before it is taken the user is removed from 9 and enters 10.
			w.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: 9, Users: []chat.UserID{1}})
			w.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: 10, Users: []chat.UserID{1}, From: 3})
		}
		p := w.login("1:10")
		w.deliver(grouped(2)) // of 9
		in := entry(10, 3, 4, "in")
		in.Users = nil
		w.deliver(in)
		if got := p.next().GetEntry(); got.GetText() != "in" {
			t.Errorf("got %v", got)
		}
	})
}
