package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	lin  = 10
	maja = 20
	chat = 1
)

// world is a server, Lin's client, and what the client told.
type world struct {
	t      *testing.T
	srv    *clienttest.Server
	c      *client.Client
	events []client.Event
	seqs   map[client.ConversationID][]uint64
}

// bubble runs a test in virtual time with a server that knows a conversation of Lin and Maja.
func bubble(t *testing.T, prepare func(*clienttest.Server), opts client.Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := clienttest.New()
		srv.AddConversation(chat, throngv1.Kind_KIND_DIRECT, lin, maja)
		if prepare != nil {
			prepare(srv)
		}
		w := &world{t: t, srv: srv, seqs: map[client.ConversationID][]uint64{}}
		w.open(opts)
		test(w)
		if err := w.c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		w.drain()
		srv.Close()
	})
}

func (w *world) open(opts client.Options) {
	w.t.Helper()
	if opts.Tokens == nil {
		opts.Tokens = client.StaticToken(fmt.Sprintf("user-%d", lin))
	}
	opts.NetDial, opts.Direct = w.srv.NetDial, true
	c, err := client.New("http://throng.test", opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.c = c
}

func (w *world) connect() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.c.Connect(ctx); err != nil {
		w.t.Fatalf("connect: %v", err)
	}
}

// pass lets virtual time pass and takes the events.
func (w *world) pass(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
	synctest.Wait()
	w.drain()
}

func (w *world) drain() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		e, err := w.c.Next(ctx)
		if err != nil {
			return
		}
		w.events = append(w.events, e)
		if m, ok := e.(client.Message); ok {
			w.seqs[m.Conversation] = append(w.seqs[m.Conversation], m.Entry.GetSeq())
		}
	}
}

// send puts a text into the outbox.
func (w *world) send(text string) *client.Sending {
	w.t.Helper()
	m, err := w.c.Send(w.t.Context(), chat, client.Text(text))
	if err != nil {
		w.t.Fatalf("send: %v", err)
	}
	return m
}

func (w *world) acked(m *client.Sending) client.Ack {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer cancel()
	a, err := m.Wait(ctx)
	if err != nil {
		w.t.Fatalf("wait for %q: %v", m.Draft.Body.Text(), err)
	}
	return a
}

// wantSeqs checks that the conversation was told from first to last, each once and in order.
func (w *world) wantSeqs(first, last uint64) {
	w.t.Helper()
	got := w.seqs[chat]
	want := make([]uint64, 0, last-first+1)
	for s := first; s <= last; s++ {
		want = append(want, s)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("told %v, want %d to %d", got, first, last)
	}
}

func eventsOf[E client.Event](w *world) []E {
	var out []E
	for _, e := range w.events {
		if v, ok := e.(E); ok {
			out = append(out, v)
		}
	}
	return out
}

func entryOf(env *throngv1.ServerEnvelope) *throngv1.Entry { return env.GetEntry() }
