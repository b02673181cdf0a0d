package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
	"github.com/throng-im/throng/test/memnet"
)

// device is one device of a user, with its way to the server and what it was told.
type device struct {
	// immutable after construction
	world *World
	name  string
	user  client.UserID
	link  *memnet.Link
	http  *http.Client
	rng   *rand.Rand

	// guarded by mu
	mu      sync.Mutex
	cl      *client.Client
	sdkID   uint64 // the device's id on the server
	streams []*history.Stream
	holes   map[[2]uint64]bool
	told    map[uint64]uint64 // last seq told, by conversation
	sent    int
}

func (w *World) newDevice(name string, user client.UserID) *device {
	link := w.net.NewLink(rand.New(rand.NewPCG(w.seed, uint64(len(w.devices))+100)))
	d := &device{
		world: w, name: name, user: user, link: link,
		rng:  rand.New(rand.NewPCG(w.seed, uint64(len(w.devices))+1)),
		http: &http.Client{Transport: &http.Transport{DialContext: link.DialContext, MaxIdleConns: 2}},
	}
	w.devices = append(w.devices, d)
	return d
}

// start signs the device in anew, as after an installation.
func (d *device) start() error {
	source := client.TokenFunc(func(ctx context.Context, _ client.TokenReason) (string, error) {
		resp, err := d.world.admin.Admin.IssueToken(ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(d.user), Device: &throngv1.NewDevice{Name: d.name, Platform: throngv1.Platform_PLATFORM_TERMINAL},
		}))
		if err != nil {
			return "", err
		}
		return resp.Msg.GetTokens().GetAccessToken(), nil
	})
	d.mu.Lock()
	d.streams = append(d.streams, &history.Stream{Device: d.name})
	d.told, d.holes = map[uint64]uint64{}, map[[2]uint64]bool{}
	d.mu.Unlock()
	cl, err := client.New("http://server", client.Options{
		Tokens: source, NetDial: d.link.DialContext, HTTP: d.http, OnEvent: d.note, Random: d.rng.Float64, JSON: len(d.name)%2 == 0,
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

func (d *device) client() *client.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cl
}

// restart ends the application and starts it anew, with nothing remembered.
func (d *device) restart() error {
	if err := d.client().Close(); err != nil {
		return fmt.Errorf("closing a client: %w", err)
	}
	return d.start()
}

// note records what the application is told.
func (d *device) note(e client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.streams[len(d.streams)-1]
	switch e := e.(type) {
	case client.Message:
		id, seq := uint64(e.Conversation), e.Entry.GetSeq()
		s.Seen = append(s.Seen, history.Seen{Conversation: id, Seq: seq, Key: keyOf(e.Entry)})
		d.told[id] = seq
	case client.Hole:
		for seq := e.From; seq <= e.To; seq++ {
			d.holes[[2]uint64{uint64(e.Conversation), seq}] = true
		}
	case client.Reset:
		d.streams = append(d.streams, &history.Stream{Device: d.name + " after a reset"})
		d.told = map[uint64]uint64{}
	}
}

// keyOf names an entry the same way on all sides.
func keyOf(e *throngv1.Entry) string {
	if t := e.GetText(); t != "" {
		return t
	}
	return fmt.Sprintf("%T", e.GetBody())
}

// send writes a message and records what becomes of it.
func (d *device) send(id client.ConversationID) {
	d.mu.Lock()
	d.sent++
	key := fmt.Sprintf("%s-%d-%d", d.name, len(d.streams), d.sent)
	cl := d.cl
	d.mu.Unlock()
	op := d.world.record(history.Op{Kind: history.Append, Client: d.number(), Conversation: uint64(id), Key: key})
	sending, err := cl.Send(d.world.ctx, id, client.Text(key))
	if err != nil {
		op.Refused() // it never entered the outbox
		return
	}
	d.world.tasks.Go(func() {
		ack, err := sending.Wait(d.world.ctx)
		var refused *client.Error
		switch {
		case err == nil:
			op.OK(func(o *history.Op) { o.Seq = ack.Seq })
		case asError(err, &refused) && refused.Code != throngv1.Code_CODE_UNKNOWN:
			op.Refused()
		default: // closed with the message on its way: in doubt
		}
	})
}

func (d *device) number() int {
	for i, o := range d.world.devices {
		if o == d {
			return i
		}
	}
	return -1
}
