package client_test

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// stuckConn is a transport that takes nothing more once it is stuck.
type stuckConn struct {
	net.Conn
	stuck *atomic.Bool
}

// Write implements net.Conn.
func (c stuckConn) Write(b []byte) (int, error) {
	if c.stuck.Load() {
		<-time.After(time.Second)
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Write(b)
}

// TestCallWaitsForTheNextSession: whoever asks while a session takes its time to end waits and does not spin. Virtual time
// stands still while anybody spins, and the test would never end.
func TestCallWaitsForTheNextSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := clienttest.New()
		defer srv.Close()
		srv.AddConversation(chat, throngv1.Kind_KIND_DIRECT, lin, maja)
		var stuck atomic.Bool
		c, err := client.New("http://throng.test", client.Options{
			Tokens: client.StaticToken("user-10"),
			NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				stuck.Store(false)
				conn, err := srv.NetDial(ctx, network, addr)
				return stuckConn{conn, &stuck}, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stuck.Store(true)
		go srv.CloseSessions(4000, "go elsewhere") // ends once the client has closed
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.MarkRead(ctx, chat, 1); err != nil {
			t.Error(err)
		}
	})
}
