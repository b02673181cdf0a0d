//go:build linux

package load_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/bench/text"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const group = 7

// world is a fleet whose first client writes into a group of all.
type world struct {
	t     *testing.T
	srv   *clienttest.Server
	fleet *load.Fleet
	recorder
}

// recorder is a driver that passes on what it is told.
type recorder struct {
	load.Nobody
	acked   chan uint64
	refused chan load.Refusal
	reached atomic.Int64
	pages   chan []byte
}

func (r *recorder) Acked(_ int, _, seq uint64, _ int64)       { r.acked <- seq }
func (r *recorder) Refused(_ int, _ uint64, why load.Refusal) { r.refused <- why }
func (r *recorder) Reached(a load.Arrival)                    { r.reached.Add(int64(a.N)) }
func (r *recorder) Page(_ int, _ uint64, page []byte, _ int64) {
	r.pages <- append([]byte(nil), page...)
}

func newWorld(t *testing.T, clients int, srv *clienttest.Server, change func(c *load.Config)) *world {
	t.Helper()
	w := &world{t: t, srv: srv, recorder: recorder{acked: make(chan uint64, 100), refused: make(chan load.Refusal, 100), pages: make(chan []byte, 100)}}
	members := make([]uint64, clients)
	for i := range members {
		members[i] = uint64(i + 1)
	}
	srv.AddConversation(group, throngv1.Kind_KIND_GROUP, members...)
	cfg := load.Config{
		URL: targettest.Serve(t, srv), Clients: clients, Driver: w, Pause: -1, Patience: time.Second,
		Token:        func(n int) (string, string) { return "user-" + strconv.Itoa(n+1), "" },
		Conversation: func(int) (uint64, uint64) { return group, 2 },
		Sends:        func(n int) bool { return n == 0 },
	}
	if change != nil {
		change(&cfg)
	}
	f, err := load.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.fleet = f
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := f.Open(t.Context(), clients, live.Silent); err != nil {
		t.Fatal(err)
	}
	return w
}

// say sends n messages of the first client, each after the last was acknowledged, and returns the last seq.
func (w *world) say(n int) (seq uint64) {
	w.t.Helper()
	for k := range n {
		words := make([]byte, 64)
		text.Stamp{Sender: 0, Counter: uint32(k), Due: w.fleet.Now()}.Write(words)
		w.fleet.Send(0, uint64(k+1), group, &[16]byte{byte(k), 1}, words)
		select {
		case seq = <-w.acked:
		case why := <-w.refused:
			w.t.Fatalf("message %d was refused: %+v", k, why)
		case <-w.t.Context().Done():
			w.t.Fatal("no answer")
		}
	}
	return seq
}

func TestFleet(t *testing.T) {
	t.Parallel()
	const clients, messages = 20, 50
	w := newWorld(t, clients, clienttest.New(), nil)
	w.fleet.Measure(true)
	head := w.say(messages)
	if left := w.fleet.Settle(t.Context(), load.UpTo(clients, head), live.Silent); left != 0 {
		t.Fatalf("%d are lost", left)
	}
	w.fleet.Measure(false)
	c := w.fleet.Counts()
	want := int64(messages * (clients - 1))
	if c.Entries != want || c.Duplicate+c.Disordered+c.Damaged+c.Foreign+c.Pulled != 0 || c.Acked != messages || c.Open != clients {
		t.Errorf("counts %+v, want %d entries", c, want)
	}
	if n := w.reached.Load(); n != want {
		t.Errorf("the driver heard of %d arrivals, want %d", n, want)
	}
	if perDelivery := (c.Bytes - c.TextBytes) / c.Entries; c.TextBytes != want*64 || perDelivery < 8 || perDelivery > 40 {
		t.Errorf("%d bytes of text, %d beyond a text", c.TextBytes, perDelivery)
	}
	if h := w.fleet.Latencies(); h.Count() != want || h.At(50) <= 0 {
		t.Errorf("%d latencies, median %v", h.Count(), h.At(50))
	}
	if len(w.fleet.Moments()) == 0 {
		t.Error("there is nothing over time")
	}
}

// TestFleetFindsFaults breaks deliveries: the fleet must see it.
func TestFleetFindsFaults(t *testing.T) {
	t.Parallel()
	const clients, messages = 4, 30
	nth := func(n int64, v clienttest.Verdict, change func(e *throngv1.Entry)) *clienttest.Server {
		srv := clienttest.New()
		var pushes atomic.Int64
		srv.OnPush = func(s *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntry().GetText() == "" || pushes.Add(1)%n != 0 {
				return clienttest.Pass
			}
			if change == nil {
				return v
			}
			e := &throngv1.Entry{
				Conversation: group, Seq: env.GetEntry().GetSeq(), Body: &throngv1.Entry_Text{Text: env.GetEntry().GetText()},
			}
			change(e)
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: e}})
			return clienttest.Drop
		}
		return srv
	}
	for _, r := range []struct {
		name string
		srv  *clienttest.Server
		bad  func(c load.Counts) bool
	}{
		{"twice", nth(10, clienttest.Twice, nil), func(c load.Counts) bool { return c.Duplicate > 0 }},
		{"lost on the way", nth(10, clienttest.Drop, nil), func(c load.Counts) bool { return c.Pulled > 0 && c.Duplicate == 0 }},
		{"another text", nth(7, 0, func(e *throngv1.Entry) {
			words := make([]byte, 64)
			text.Stamp{Sender: 9}.Write(words)
			e.Body = &throngv1.Entry_Text{Text: string(words)}
		}), func(c load.Counts) bool { return c.Damaged > 0 }},
		{"another conversation", nth(7, 0, func(e *throngv1.Entry) { e.Conversation = 8 }), func(c load.Counts) bool { return c.Foreign > 0 }},
		{"far ahead", nth(7, 0, func(e *throngv1.Entry) { e.Seq += 1 << 40 }), func(c load.Counts) bool { return c.Damaged > 0 }},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, clients, r.srv, nil)
			head := w.say(messages)
			left := w.fleet.Settle(t.Context(), load.UpTo(clients, head), live.Silent)
			if c := w.fleet.Counts(); !r.bad(c) || left != 0 && c.Damaged == 0 {
				t.Errorf("not found, or %d lost: %+v", left, c)
			}
		})
	}
}

// TestFleetLosesNothingOverCuts cuts every connection under traffic.
func TestFleetLosesNothingOverCuts(t *testing.T) {
	t.Parallel()
	const clients = 12
	srv := clienttest.New()
	w := newWorld(t, clients, srv, func(c *load.Config) {
		c.Again = &load.Backoff{Base: 5 * time.Millisecond, Cap: 20 * time.Millisecond, Jitter: true}
	})
	w.say(5)
	srv.Cut()
	words := make([]byte, text.MinBytes)
	text.Stamp{Sender: 99}.Write(words)
	last := srv.AppendQuietly(group, 99, string(words)).GetSeq() // nobody is told
	if left := w.fleet.Settle(t.Context(), load.UpTo(clients, last), live.Silent); left != 0 {
		t.Errorf("%d are lost", left)
	}
	if c := w.fleet.Counts(); c.Cut != clients || c.Opened != 2*clients || c.Open != clients || c.Pulls < clients || c.Pulled < clients || c.Damaged != 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestFleetLooksWhenTold tells clients that they may have missed something: they pull it, before anybody asks them for it.
func TestFleetLooksWhenTold(t *testing.T) {
	t.Parallel()
	const clients = 5
	srv := clienttest.New()
	w := newWorld(t, clients, srv, func(c *load.Config) { c.Patience = time.Minute })
	words := make([]byte, text.MinBytes)
	text.Stamp{Sender: 99}.Write(words)
	last := srv.AppendQuietly(group, 99, string(words)).GetSeq() // nobody is told
	for user := range clients {
		for _, s := range srv.Sessions(uint64(user + 1)) {
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}})
		}
	}
	if left := w.fleet.Settle(t.Context(), load.UpTo(clients, last), live.Silent); left != 0 {
		t.Errorf("%d are lost", left)
	}
	if c := w.fleet.Counts(); c.Pulled != clients || c.Pulls != clients || c.Hints != clients {
		t.Errorf("counts %+v", c)
	}
}
