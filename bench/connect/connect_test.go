//go:build linux

package connect_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/throng-im/throng/bench/connect"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConnect(t *testing.T) {
	t.Parallel()
	srv := clienttest.New()
	cfg := connect.Config{Connections: 40, Idle: 200 * time.Millisecond, Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"}}
	rep, err := connect.Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, good := rep.Verdict(); !good || rep.PerSecond <= 0 || rep.Attempts != 40 || rep.Idle < 0.2 || len(rep.Rows()) < 4 || len(rep.Plots()[0].Lines[0].Points) == 0 {
		t.Errorf("report %+v", rep)
	}
}

// TestConnectFindsCuts: a server that drops who does nothing has failed.
func TestConnectFindsCuts(t *testing.T) {
	t.Parallel()
	srv := clienttest.New()
	cfg := connect.Config{Connections: 10, Idle: 500 * time.Millisecond, Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"}}
	go func() { // ends with the connections
		for user := uint64(1); user <= 10; user++ {
			for len(srv.Sessions(user)) == 0 {
				<-time.After(time.Millisecond)
			}
		}
		<-time.After(100 * time.Millisecond) // until the load has read its answers
		srv.Cut()
	}()
	rep, err := connect.Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, good := rep.Verdict(); good {
		t.Errorf("report %+v", rep)
	}
}
