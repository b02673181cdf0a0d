package gateway_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// tokens counts what is taken of conversations.
type tokens struct{ taken atomic.Int64 }

func (*tokens) TakeRequest(chat.UserID) time.Duration { return 0 }
func (k *tokens) TakeSend(chat.UserID, chat.ConversationID) *chat.Error {
	k.taken.Add(1)
	return nil
}
func (k *tokens) GiveSend(chat.ConversationID) { k.taken.Add(-1) }

// closedDoor lets nobody send into conversation 404.
type closedDoor struct{ *backend }

func (d closedDoor) Submit(draft *chat.Draft, done func(chat.Result)) {
	if draft.Conversation == 404 {
		done(chat.Result{Err: chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "no such conversation")})
		return
	}
	d.backend.Submit(draft, done)
}

// A stranger's sends are refused and take nothing of what a conversation's members may send.
func TestRefusedSendsTakeNothingOfAConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back, limits := newBackend(), new(tokens)
		deps := back.deps(local.NewRoutes("n1"))
		deps.Sender, deps.Limits = closedDoor{back}, limits
		srv, err := gateway.New(gateway.Default(), deps)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.Run(ctx) }()
		client, server := net.Pipe()
		if err := srv.Open(gateway.NewTransport(server), gateway.Hello{Subprotocol: wire.Proto}); err != nil {
			t.Fatal(err)
		}
		p := &peer{t: t, Conn: client, r: client}
		p.send(authenticate("1:10"))
		p.next()
		send := func(conversation uint64, client []byte) {
			p.send(&throngv1.ClientEnvelope{Id: 2, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
				Conversation: conversation, ClientId: client, Body: &throngv1.SendRequest_Text{Text: "x"},
			}}})
			p.next()
		}
		for range 3 {
			send(404, append(make([]byte, 15), 1)) // refused by the log
			send(5, []byte("too short"))           // refused before
		}
		if n := limits.taken.Load(); n != 0 {
			t.Errorf("%d tokens are gone with sends that were refused", n)
		}
		send(5, append(make([]byte, 15), 1))
		if n := limits.taken.Load(); n != 1 {
			t.Errorf("%d tokens are gone with one message", n)
		}
		_ = p.Close()
		cancel()
		<-done
	})
}
