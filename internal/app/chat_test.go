package app_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
)

// person is somebody with a live connection.
type person struct {
	*client.Client

	token  string
	id     string
	events chan client.Event
}

func connect(t testing.TB, s *server, handle string) *person {
	t.Helper()
	p := &person{events: make(chan client.Event, 1_000)}
	p.token, p.id = signUp(t, s, handle, "")
	c, err := client.New(s.URL(), client.Options{
		Tokens: client.StaticToken(p.token), OnEvent: func(e client.Event) { p.events <- e }, BackoffBase: 10 * time.Millisecond,
	})
	assert.NoError(t, "client", err)
	p.Client = c
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Connect(ctx) }()
	t.Cleanup(func() {
		stop()
		_ = c.Close()
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	return p
}

// await returns the first event that matches.
func await[E client.Event](t testing.TB, p *person, match func(E) bool) E {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-p.events:
			if v, ok := e.(E); ok && match(v) {
				return v
			}
		case <-limit:
			t.Fatalf("waited for a %T in vain", *new(E))
		}
	}
}

func online(p *person) func(client.StateChanged) bool {
	return func(client.StateChanged) bool { return p.State().Phase == client.Online }
}

func TestTwoPeopleChat(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	ada, bob := connect(t, s, "ada"), connect(t, s, "bob")
	status, out := call(t, s, ada.token, "ConversationService/OpenDirect", map[string]any{"user": bob.id})
	assert.Equal(t, "open", status, http.StatusOK)
	id, err := strconv.ParseUint(idOf(out["conversation"]), 10, 64)
	assert.NoError(t, "id", err)
	for _, text := range []string{"hello", "how are you?"} {
		h, err := ada.Send(t.Context(), client.ConversationID(id), client.Text(text))
		assert.NoError(t, "send", err)
		ack, err := h.Wait(t.Context())
		assert.NoError(t, "acknowledgement", err)
		m := await(t, bob, func(m client.Message) bool { return m.Entry.GetText() == text })
		assert.Equal(t, "seq", m.Entry.GetSeq(), ack.Seq)
	}
	_, err = bob.Send(t.Context(), client.ConversationID(id), client.Text("fine"))
	assert.NoError(t, "answer", err)
	await(t, ada, func(m client.Message) bool { return m.Entry.GetText() == "fine" })
}

// A server that stops asks its sessions to go, and is gone long before it is late.
func TestStopWithLiveSessions(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	people := make([]*person, 0, 20)
	for i := range 20 {
		p := connect(t, s, "person"+strconv.Itoa(i))
		people = append(people, p)
		await(t, p, online(p))
	}
	begun := time.Now()
	assert.NoError(t, "end", s.end())
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, p := range people {
		if p.State().Phase == client.Online {
			await(t, p, func(client.StateChanged) bool { return p.State().Phase != client.Online })
		}
	}
}
