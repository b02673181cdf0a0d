package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
	"github.com/throng-im/throng/test/memnet"
)

// device is one device of a user, with its way to the server and what it was told.
type device struct {
	// immutable after construction
	world  *World
	name   string
	number int
	user   client.UserID
	link   *memnet.Link
	http   *http.Client
	json   bool
	lazy   bool // of large conversations it is told what it has open, and no more
	rng    *rand.Rand

	// guarded by random: the client and the person draw from the same source
	random sync.Mutex

	// guarded by mu
	mu      sync.Mutex
	cl      *client.Client
	tokens  client.TokenSource
	id      uint64 // the device's id on the server
	outbox  *outbox
	ended   time.Time // when it was signed out; zero while it is not
	doubt   bool      // whether it was signed out nobody knows
	streams []*history.Stream
	holes   map[[2]uint64]bool
	told    map[client.ConversationID]uint64                     // last seq told
	shown   map[client.ConversationID]map[uint64]*throngv1.Entry // what the application shows of what it was told
	shownOf *history.Stream
	heads   map[client.ConversationID]uint64 // highest head that a page showed
	sent    int
}

func (w *World) newDevice(name string, user client.UserID) *device {
	n := len(w.devices)
	link := w.net.NewLink(rand.New(rand.NewPCG(w.seed, uint64(n)+100)))
	d := &device{
		world: w, name: name, number: n, user: user, link: link, json: w.rng.IntN(3) == 0,
		rng:  rand.New(rand.NewPCG(w.seed, uint64(n)+1)),
		http: &http.Client{Transport: &http.Transport{DialContext: link.DialContext, MaxIdleConns: 2}},
	}
	w.devices = append(w.devices, d)
	return d
}

func (d *device) intN(n int) int {
	d.random.Lock()
	defer d.random.Unlock()
	return d.rng.IntN(n)
}

func (d *device) float() float64 {
	d.random.Lock()
	defer d.random.Unlock()
	return d.rng.Float64()
}

// install signs the device in anew, with nothing remembered. It tries until the server is there.
func (d *device) install() error {
	var got *throngv1.IssueTokenResponse
	for {
		resp, err := d.world.admin.Admin.IssueToken(d.world.ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(d.user), Device: &throngv1.NewDevice{Name: d.name, Platform: throngv1.Platform_PLATFORM_TERMINAL},
		}))
		if err == nil {
			got = resp.Msg
			break
		}
		select {
		case <-time.After(time.Second):
		case <-d.world.ctx.Done():
			return d.world.ctx.Err()
		}
	}
	t := got.GetTokens()
	api := client.NewAPI("http://server", client.WithHTTPClient(d.http))
	d.mu.Lock()
	d.id, d.ended, d.doubt, d.outbox = got.GetDevice(), time.Time{}, false, &outbox{drafts: map[uuid.UUID]client.Draft{}}
	d.tokens = client.RefreshingTokens(api, client.Tokens{
		Access: t.GetAccessToken(), AccessExpires: ms(t.GetAccessExpiresMs()),
		Refresh: t.GetRefreshToken(), RefreshExpires: ms(t.GetRefreshExpiresMs()),
	}, nil)
	d.mu.Unlock()
	return d.start()
}

func ms(n uint64) time.Time { return time.UnixMilli(int64(n)) }

// start begins the application: the sign-in and what was not sent are there, what was shown is not.
func (d *device) start() error {
	d.mu.Lock()
	stream := &history.Stream{Device: fmt.Sprintf("%s (%d)", d.name, len(d.streams))}
	d.streams = append(d.streams, stream)
	d.told, d.holes = map[client.ConversationID]uint64{}, map[[2]uint64]bool{}
	d.heads = map[client.ConversationID]uint64{}
	tokens, outbox := d.tokens, d.outbox
	d.mu.Unlock()
	cl, err := client.New("http://server", client.Options{
		Tokens: tokens, NetDial: d.dial, HTTP: d.http, OnEvent: d.note, Random: d.float, JSON: d.json, Outbox: outbox,
		Eager: !d.lazy, // the others are held to the whole log, also of large conversations
		Log:   d.world.log.With("client", d.name),
	})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	d.mu.Lock()
	d.cl = cl
	d.mu.Unlock()
	d.world.tasks.Go(func() { _ = cl.Connect(d.world.ctx) })
	return nil
}

// dial opens a session's transport; what comes over some of them is looked at.
func (d *device) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.link.DialContext(ctx, network, addr)
	if err != nil || d.number%3 != 0 {
		return conn, err
	}
	return &tap{Conn: conn, device: d, last: map[uint64]uint64{}}, nil
}

func (d *device) client() *client.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cl
}

// restart ends the application and starts it again.
func (d *device) restart() error {
	d.world.step("%s restarts", d.name)
	if err := d.client().Close(); err != nil {
		return fmt.Errorf("closing a client: %w", err)
	}
	return d.start()
}

// mend signs a device in again that was signed out. A client that is closed for good without a reason is a fault.
func (d *device) mend() error {
	cl := d.client()
	d.mu.Lock()
	ended, doubt := d.ended, d.doubt
	d.mu.Unlock()
	st := cl.State()
	switch {
	case !ended.IsZero() && time.Since(ended) < farewell:
		return nil
	case !ended.IsZero():
	case st.Phase != client.Closed:
		return nil
	case !doubt && !d.world.faults.clocks:
		return fmt.Errorf("%s is closed for good: %s, %w", d.name, st.Reason, st.Cause)
	}
	d.world.step("%s signs in anew", d.name)
	if err := cl.Close(); err != nil {
		return fmt.Errorf("closing a client: %w", err)
	}
	return d.install()
}

// farewell is when a device that was signed out is looked at last: what reaches it later than silent is a fault.
const (
	silent   = 2 * time.Second
	farewell = 6 * time.Second
)

// note records what the application is told.
func (d *device) note(e client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.streams[len(d.streams)-1]
	switch e := e.(type) {
	case client.Message:
		if !d.ended.IsZero() && time.Since(d.ended) > silent+maxLatency {
			d.world.fail(fmt.Errorf("%s was told seq %d of conversation %d %s after it was signed out",
				d.name, e.Entry.GetSeq(), e.Conversation, time.Since(d.ended)))
		}
		d.show(s, e)
		s.Seen = append(s.Seen, history.Seen{Conversation: uint64(e.Conversation), Seq: e.Entry.GetSeq(), Key: keyOf(e.Entry)})
		d.told[e.Conversation] = e.Entry.GetSeq()
	case client.Hole:
		delete(d.shown, e.Conversation)
		for seq := e.From; seq <= e.To; seq++ {
			d.holes[[2]uint64{uint64(e.Conversation), seq}] = true
		}
	case client.Reset:
		d.streams = append(d.streams, &history.Stream{Device: s.Device + " after a reset"})
		d.told = map[client.ConversationID]uint64{}
	}
}

// api calls with the device's own token, without waiting for its session.
func (d *device) api() *client.API { return d.client().API() }

// signOut ends the session of a device of the user: what it was told up to two seconds later is fine, and no more.
func (d *device) signOut(ctx context.Context, other *device) {
	other.mu.Lock()
	id := other.id
	busy := !other.ended.IsZero()
	other.doubt = other.doubt || !busy // the server may close it before the answer is here
	other.mu.Unlock()
	if busy {
		return
	}
	_, err := d.api().Accounts.SignOut(ctx, connect.NewRequest(&throngv1.SignOutRequest{Device: id}))
	d.world.step("%s signs %s out: %v", d.name, other.name, err)
	other.mu.Lock()
	defer other.mu.Unlock()
	if other.id != id || !other.ended.IsZero() {
		return
	}
	if err == nil {
		other.ended = time.Now()
	}
}

// outbox survives the application.
type outbox struct {
	mu     sync.Mutex
	drafts map[uuid.UUID]client.Draft
}

// Load implements client.OutboxStore.
func (o *outbox) Load() ([]client.Draft, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]client.Draft, 0, len(o.drafts))
	for _, d := range o.drafts {
		out = append(out, d)
	}
	return out, nil
}

// Put implements client.OutboxStore.
func (o *outbox) Put(d client.Draft) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drafts[d.ClientID] = d
	return nil
}

// Delete implements client.OutboxStore.
func (o *outbox) Delete(id uuid.UUID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.drafts, id)
	return nil
}

// Close implements client.OutboxStore.
func (o *outbox) Close() error { return nil }
