//go:build cluster

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
	"github.com/throng-im/throng/test/history"
)

// reachable is an address of 127.0.0.1 that nobody has, as a node's own.
func reachable(t *testing.T) []string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	assert.NoError(t, "listen", err)
	defer func() { _ = l.Close() }()
	return []string{"THRONG_SERVER_LISTEN=" + l.Addr().String(), "THRONG_ACCESS_URL=http://" + l.Addr().String()}
}

// gateways asks a node where to open a session.
func gateways(t *testing.T, s outside) string {
	t.Helper()
	access := throngv1connect.NewAccessServiceClient(s.HTTP(), "http://server")
	resp, err := access.ListGateways(t.Context(), connect.NewRequest(&throngv1.ListGatewaysRequest{}))
	if err != nil {
		return err.Error()
	}
	b, err := json.Marshal(resp.Msg.GetGateways())
	assert.NoError(t, "encode", err)
	return string(b)
}

// GATE-3, GATE-9 to GATE-12, S-30 on real engines: node after node is drained, stopped and started again, and one is killed at last, while
// people talk. Their clients know one node, ask it, and find the others by themselves; nothing is lost or told twice.
func TestDrainedGateways(t *testing.T) {
	t.Parallel()
	g := shared(t)
	var nodes []outside
	for range 3 {
		nodes = append(nodes, processes(t, 1, g, reachable(t)...)...)
	}
	w := &world{t: t, nodes: nodesOf(nodes)}
	door := nodes[0].URL()
	w.until("every node knows of all", func() bool {
		for _, n := range nodes {
			if strings.Count(gateways(t, n), "ws://") != len(nodes) {
				return false
			}
		}
		return true
	})
	users := w.people(8)
	conv := w.group(0, users...)
	devices := make([]*device, len(users))
	for i, u := range users {
		devices[i] = w.connect(u, door, client.Options{Tokens: client.StaticToken(w.token(0, u))})
	}
	var last uint64
	talk := func(when string) {
		for i, d := range devices {
			last = max(last, d.say(conv, fmt.Sprint(when, " ", i)))
		}
		for _, d := range devices {
			d.hears(conv, last)
		}
	}
	talk("before")
	for i, n := range nodes {
		address := strings.TrimPrefix(n.URL(), "http://")
		said := make(chan error, 1)
		go func() { // ends when the node is empty
			out, err := n.Run(context.WithoutCancel(t.Context()), "drain", "--over", "1s")
			if err == nil && !strings.Contains(out, "the server is empty") {
				err = fmt.Errorf("the drain ended with %q", out)
			}
			said <- err
		}()
		talk(fmt.Sprint("while draining ", i))
		assert.NoError(t, "drain", <-said)
		w.until("nobody is sent to a drained node", func() bool { return !strings.Contains(gateways(t, nodes[(i+1)%3]), address) })
		assert.NoError(t, "stop", n.Stop())
		talk(fmt.Sprint("without ", i))
		_, err := n.Start(t.Context())
		assert.NoError(t, "start", err)
		w.until("it is a gateway again", func() bool { return strings.Contains(gateways(t, nodes[(i+1)%3]), address) })
	}
	assert.NoError(t, "kill", nodes[2].Kill())
	talk("after a kill")
	truth := history.Truth{uint64(conv): w.log(0, users[0], conv)}
	for _, d := range devices {
		d.judge(truth, true)
	}
}
