package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// doorman checks tokens when he is let.
type doorman struct {
	*backend
	let chan struct{}
}

func (d doorman) Authenticate(ctx context.Context, token, device string) (account.Identity, error) {
	<-d.let
	return d.backend.Authenticate(ctx, token, device)
}

// dam is a transport whose writes hold up the loop while it is shut.
type dam struct {
	*sink
	shut chan chan struct{}
}

func (d dam) TryWrite(p []byte) (int, error) {
	select {
	case open := <-d.shut:
		<-open
	default:
	}
	return d.sink.TryWrite(p)
}

// A loop that is behind has member changes in its inbox from before a session's routes stood. They came for others' sake; what takes
// them back went to loops that had the user then. They are not the session's (DLV-3).
func TestMemberChangesFromBeforeTheRoutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, back: newBackend(), routes: local.NewRoutes("n1")}
		cfg := gateway.Default()
		cfg.Loops = 1
		deps, let := w.back.deps(w.routes), make(chan struct{}, 2)
		deps.Auth = doorman{w.back, let}
		var err error
		if w.gateway, err = gateway.New(cfg, deps); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = w.gateway.Run(ctx) }()

		busy := dam{newSink(tokenOf(9), nil), make(chan chan struct{}, 1)}
		if err := w.gateway.Open(busy, gateway.Hello{Subprotocol: wire.Proto}); err != nil {
			t.Fatal(err)
		}
		let <- struct{}{}
		late := w.pipe()
		late.send(authenticate(tokenOf(5)))
		synctest.Wait() // 9 is there, 5 waits for the doorman

		open := make(chan struct{})
		busy.shut <- open
		w.deliver(entry(3, 1, 2, "the loop is held up", 9))
		synctest.Wait()
		let <- struct{}{}
		synctest.Wait() // the loop will hear next that 5 is who it says
		w.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: 9, Users: []chat.UserID{9, 5}, From: 1})
		w.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: 9, Users: []chat.UserID{5}})
		close(open)
		if late.next().GetResponse().GetAuthenticate() == nil {
			t.Fatal("not signed in")
		}
		w.deliver(grouped(4)) // to conversation 9
		w.deliver(entry(3, 2, 2, "to 5 itself", 5))
		if e := late.next().GetEntry(); e.GetConversation() != 3 {
			t.Errorf("who was removed got %v", e)
		}
		_ = late.Close()
		cancel()
		<-done
	})
}
