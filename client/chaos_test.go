package client_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// conversations is how many the chaos has: two small ones, a medium one, a large one, and one whose tier switches.
const conversations = 5

// device is one client of the chaos with what it was told.
type device struct {
	user  uint64
	c     *client.Client
	told  map[client.ConversationID][]uint64
	holes map[client.ConversationID][]client.Hole
	sent  []*client.Sending
}

// chaos is a link that loses, repeats and delays.
type chaos struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	calm bool
	held []func()
}

func (x *chaos) draw(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.calm {
		return n // beyond every fault
	}
	return x.rnd.IntN(n)
}

func (x *chaos) release() {
	x.mu.Lock()
	held := x.held
	x.held = nil
	x.mu.Unlock()
	for _, f := range held {
		f()
	}
}

func (x *chaos) end() {
	x.mu.Lock()
	x.calm = true
	x.mu.Unlock()
	x.release()
}

func (x *chaos) push(s *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
	switch x.draw(10) {
	case 0:
		return clienttest.Drop
	case 1:
		return clienttest.Twice
	case 2: // later, after what follows it
		x.mu.Lock()
		x.held = append(x.held, func() { s.Push(env) })
		x.mu.Unlock()
		return clienttest.Drop
	}
	return clienttest.Pass
}

func (x *chaos) request(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
	if env.GetAuthenticate() != nil {
		return false
	}
	switch x.draw(40) {
	case 0:
		s.Close(4002, "chaos")
		return true
	case 1:
		s.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "overloaded", uint32(x.draw(500)))
		return true
	}
	return false
}

func (x *chaos) answer(s *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
	if env.GetResponse().GetSend() != nil && x.draw(20) == 0 {
		s.Close(1011, "")
		return clienttest.Drop
	}
	return clienttest.Pass
}

// TestChaos: whatever the link does, what anybody has open, and how large conversations are, in the end every device was told every
// entry of what it has open once and in order, and every send was acknowledged once.
func TestChaos(t *testing.T) {
	t.Parallel()
	seeds := uint64(150)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { chaosWorld(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d: run TestChaos again with this seed alone", seed)
		}
	}
}

func chaosWorld(t *testing.T, seed uint64) {
	x := &chaos{rnd: rand.New(rand.NewPCG(seed, 7))}
	srv := clienttest.New()
	srv.OnPush, srv.OnRequest, srv.OnAnswer = x.push, x.request, x.answer
	users := []uint64{10, 20, 30}
	for conv := uint64(1); conv <= conversations; conv++ {
		srv.AddConversation(conv, throngv1.Kind_KIND_GROUP, users...)
	}
	srv.SetTier(3, throngv1.Tier_TIER_MEDIUM)
	srv.SetTier(4, throngv1.Tier_TIER_LARGE)
	devices := make([]*device, 0, len(users))
	for _, u := range users {
		devices = append(devices, startDevice(t, srv, u, x))
	}
	for range 60 {
		chaosStep(t, x, srv, devices)
		settle(time.Duration(x.draw(800)) * time.Millisecond)
	}
	x.end()
	srv.Degrade(&throngv1.Degraded{})
	settle(3 * time.Minute) // the longest back-off, a heartbeat, and the pulls
	for _, d := range devices {
		if err := d.c.Focus(t.Context(), 4, 5); err != nil {
			t.Errorf("seed %d: focus: %v", seed, err)
		}
	}
	settle(time.Minute)
	for _, d := range devices {
		checkDevice(t, seed, srv, d)
		_ = d.c.Close()
	}
	srv.Close()
}

func chaosStep(t *testing.T, x *chaos, srv *clienttest.Server, devices []*device) {
	d := devices[x.draw(len(devices))]
	switch x.draw(20) {
	case 0:
		srv.Cut()
	case 1:
		srv.Append(uint64(1+x.draw(conversations)), 0, "from the server")
	case 2:
		x.release()
	case 3, 4:
		ids := []client.ConversationID{1, 4, 5, 4}[x.draw(4):]
		go func() { _ = d.c.Focus(t.Context(), ids...) }() // ends with the answer to it or a later one
	case 5:
		srv.Switch(5, []throngv1.Tier{1, 2, 3, 3}[x.draw(4)], nil)
	case 6:
		srv.Batch(4, time.Duration(x.draw(2))*time.Second, 0)
	case 7:
		srv.Degrade(&throngv1.Degraded{Level: 4, ContentAsHints: x.draw(2) == 0})
	case 8:
		for range x.draw(100) {
			srv.Append(4, 0, "many")
		}
	default:
		conv := client.ConversationID(1 + x.draw(conversations))
		m, err := d.c.Send(t.Context(), conv, client.Text(fmt.Sprintf("%d/%d", d.user, len(d.sent))))
		if err != nil {
			t.Errorf("send: %v", err)
			return
		}
		d.sent = append(d.sent, m)
	}
}

func startDevice(t *testing.T, srv *clienttest.Server, user uint64, x *chaos) *device {
	d := &device{user: user, told: map[client.ConversationID][]uint64{}, holes: map[client.ConversationID][]client.Hole{}}
	c, err := client.New("http://throng.test", client.Options{
		Tokens: client.StaticToken(fmt.Sprintf("user-%d", user)), NetDial: srv.NetDial, Entries: 5, MaxEvents: 16,
		Random: rand.New(rand.NewPCG(user, uint64(x.draw(1<<30)))).Float64,
		OnEvent: func(e client.Event) {
			switch e := e.(type) {
			case client.Message:
				d.told[e.Conversation] = append(d.told[e.Conversation], e.Entry.GetSeq())
			case client.Hole:
				d.holes[e.Conversation] = append(d.holes[e.Conversation], e)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.c = c
	go func() { _ = c.Connect(t.Context()) }() // ends with the bubble's test at the latest
	return d
}

func checkDevice(t *testing.T, seed uint64, srv *clienttest.Server, d *device) {
	for conv := uint64(1); conv <= conversations; conv++ {
		holes := d.holes[client.ConversationID(conv)]
		if conv < 4 && len(holes) > 0 {
			t.Errorf("seed %d: user %d: holes %+v", seed, d.user, holes)
		}
		head, told := uint64(len(srv.Log(conv))), d.told[client.ConversationID(conv)]
		if len(told) == 0 || told[len(told)-1] != head {
			t.Errorf("seed %d: user %d was told %v of conversation %d, head %d, state %+v", seed, d.user, told, conv, head, d.c.State())
			continue
		}
		for i := 1; i < len(told); i++ {
			hole := client.Hole{Conversation: client.ConversationID(conv), From: told[i-1] + 1, To: told[i] - 1}
			if told[i] != told[i-1]+1 && !slices.Contains(holes, hole) {
				t.Errorf("seed %d: user %d was told %v of conversation %d", seed, d.user, told, conv)
				break
			}
		}
	}
	last := map[client.ConversationID]uint64{}
	for _, m := range d.sent {
		select {
		case <-m.Acked():
		default:
			t.Errorf("seed %d: user %d: %q was never acknowledged", seed, d.user, m.Draft.Body.Text())
			continue
		}
		a, err := m.Wait(t.Context())
		if err != nil || a.Seq <= last[m.Draft.Conversation] {
			t.Errorf("seed %d: user %d: %q got %+v, %v after seq %d", seed, d.user, m.Draft.Body.Text(), a, err, last[m.Draft.Conversation])
		}
		last[m.Draft.Conversation] = a.Seq
	}
	once := map[string]int{}
	for conv := uint64(1); conv <= conversations; conv++ {
		for _, e := range srv.Log(conv) {
			if e.GetSender() == d.user {
				once[e.GetText()]++
			}
		}
	}
	if len(once) != len(d.sent) {
		t.Errorf("seed %d: user %d sent %d messages, the logs hold %d", seed, d.user, len(d.sent), len(once))
	}
	for text, n := range once {
		if n != 1 {
			t.Errorf("seed %d: %q stands %d times in the log", seed, text, n)
		}
	}
}

func settle(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}
