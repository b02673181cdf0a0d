package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/test/history"
)

// device is somebody's client with the SDK, and what its application was told.
type device struct {
	// immutable after construction
	*client.Client

	w    *world
	user client.UserID
	dial *dialer
	stop context.CancelFunc
	done chan struct{}

	// guarded by mu
	mu     sync.Mutex
	stream history.Stream
	holes  map[history.Seen]bool // by conversation and seq
	told   map[client.ConversationID]uint64
	states []client.State // as they came
	resets int
	lists  int              // news of the list of relations that nobody has taken
	heard  func(key string) // is called with each text that the application is told
}

// join signs a device of a user in on a node and connects it.
func (w *world) join(n int, user client.UserID) *device {
	w.t.Helper()
	d := w.device(n, user, w.token(n, user))
	w.until("the device is connected", d.online)
	return d
}

// device connects a client with a token to the node that a balancer prefers; it is closed with the test.
func (w *world) device(n int, user client.UserID, token string) *device {
	w.t.Helper()
	dial := w.through(n)
	d := w.connect(user, "http://server", client.Options{Tokens: client.StaticToken(token), NetDial: dial.DialContext, HTTP: dial.http()})
	d.dial = dial
	return d
}

// connect connects a client to a URL; it is closed with the test.
func (w *world) connect(user client.UserID, url string, o client.Options) *device {
	w.t.Helper()
	d := &device{
		w: w, user: user, done: make(chan struct{}),
		holes: make(map[history.Seen]bool), told: make(map[client.ConversationID]uint64),
	}
	d.stream.Device = fmt.Sprintf("device of %d", user)
	d.stream.Withheld = func(conv, seq uint64) bool { return d.holes[history.Seen{Conversation: conv, Seq: seq}] }
	o.OnEvent, o.BackoffBase, o.BackoffCap, o.MaxPull, o.MaxEvents = d.note, 50*time.Millisecond, time.Second, 100_000, 100_000
	var err error
	d.Client, err = client.New(url, o)
	w.must("making a client", err)
	ctx, stop := context.WithCancel(context.WithoutCancel(w.ctx()))
	d.stop = stop
	go func() { defer close(d.done); _ = d.Connect(ctx) }()
	w.t.Cleanup(d.leave)
	return d
}

func (d *device) online() bool { return d.State().Phase == client.Online }

// leave closes the device. It may be called again.
func (d *device) leave() {
	d.stop()
	_ = d.Close()
	<-d.done
}

func (d *device) note(e client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e := e.(type) {
	case client.Message:
		seq := e.Entry.GetSeq()
		d.stream.Seen = append(d.stream.Seen, history.Seen{Conversation: uint64(e.Conversation), Seq: seq, Key: e.Entry.GetText()})
		d.told[e.Conversation] = seq
		if key := e.Entry.GetText(); d.heard != nil && key != "" {
			d.heard(key)
		}
	case client.Hole:
		for seq := e.From; seq <= e.To; seq++ {
			d.holes[history.Seen{Conversation: uint64(e.Conversation), Seq: seq}] = true
		}
	case client.RelationsChanged:
		d.lists++
	case client.Reset:
		d.resets++
	case client.StateChanged:
		d.states = append(d.states, e.State)
	default:
	}
}

// news reports that the list of relations changed since it was asked last.
func (d *device) news() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.lists
	d.lists = 0
	return n > 0
}

// say sends a text and waits for its acknowledgement.
func (d *device) say(conv client.ConversationID, text string) uint64 {
	d.w.t.Helper()
	sent, err := d.Send(d.w.ctx(), conv, client.Text(text))
	d.w.must("sending", err)
	ctx, cancel := context.WithTimeout(d.w.ctx(), patience)
	defer cancel()
	ack, err := sent.Wait(ctx)
	d.w.must("waiting for an acknowledgement", err)
	return ack.Seq
}

// hears waits until the application was told a conversation up to a seq.
func (d *device) hears(conv client.ConversationID, seq uint64) {
	d.w.t.Helper()
	d.w.until(fmt.Sprintf("%s was told conversation %d up to %d", d.stream.Device, conv, seq), func() bool { return d.toldUpTo(conv) >= seq })
}

// hear has fn called with each text from now on.
func (d *device) hear(fn func(key string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = fn
}

func (d *device) toldUpTo(conv client.ConversationID) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told[conv]
}

// reconnects is how often the device came online again.
func (d *device) reconnects() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := -1
	for _, s := range d.states {
		if s.Phase == client.Online {
			n++
		}
	}
	return max(n, 0)
}

// texts are what the application was told of a conversation, in order.
func (d *device) texts(conv client.ConversationID) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, s := range d.stream.Seen {
		if s.Conversation == uint64(conv) && s.Key != "" {
			out = append(out, s.Key)
		}
	}
	return out
}

// judge holds what the application was told against the log.
func (d *device) judge(truth history.Truth, complete bool) {
	d.w.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.stream.Check(truth, complete); err != nil {
		d.w.t.Error(err)
	}
	if d.resets > 0 {
		d.w.t.Errorf("%s was told to start over %d times: nothing that it knew was lost", d.stream.Device, d.resets)
	}
}

// log reads a conversation's whole log as a member, through a node.
func (w *world) log(n int, user client.UserID, conv client.ConversationID) []string {
	w.t.Helper()
	var keys []string
	for {
		page := w.page(n, user, conv, uint64(len(keys)+1))
		for _, e := range page {
			if e.GetSeq() != uint64(len(keys)+1) {
				w.t.Fatalf("conversation %d: entry %d stands at %d", conv, e.GetSeq(), len(keys)+1)
			}
			keys = append(keys, e.GetText())
		}
		if len(page) == 0 {
			return slices.Clip(keys)
		}
	}
}
