//go:build cluster

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

// TestPartitions is T7: nodes in network namespaces of their own, and packets that are dropped one way and both ways between a node and each
// engine, between a node and its clients, and between a node and all engines. Nothing that was acknowledged is lost, those who were on a node
// that is cut off are served elsewhere within 30 s (I9), and afterwards everybody was told everything.
func TestPartitions(t *testing.T) {
	t.Parallel()
	if !ownNetwork(t) {
		return
	}
	g := enginesApart(t)
	var nodes []*island
	var all []node
	for n := range 3 {
		nodes = append(nodes, newIsland(t, n, g, "THRONG_GATEWAY_HEARTBEAT=2s", "THRONG_MYSQL_TIMEOUT=4s", "THRONG_MYSQL_LOCK_WAIT=1s"))
		all = append(all, nodes[n])
	}
	balance(t, nodes)
	during(t, all, 50, func(ctx context.Context, c *crowd, rng *rand.Rand) {
		rounds, long := 1, 3*time.Second
		if nightly() {
			rounds, long = 10, 20*time.Second
		}
		for range rounds {
			cutFromOne(ctx, nodes, long, rng)
			cutFromClients(c, nodes[rng.IntN(3)])
			cutFromAll(ctx, c, nodes, rng.IntN(3), atMySQL, atRedis, atKafka)
			cutFromAll(ctx, c, nodes, rng.IntN(3), atMySQL)
		}
	})
}

// cutFromOne drops what passes between a node and one engine after the other, one way, the other way or both.
func cutFromOne(ctx context.Context, nodes []*island, long time.Duration, rng *rand.Rand) {
	for _, engine := range []string{atMySQL, atRedis, atKafka} {
		ways := [][]way{{outwards}, {inwards}, {outwards, inwards}}
		if !nightly() {
			ways = ways[rng.IntN(3):][:1]
		}
		for _, w := range ways {
			n := nodes[rng.IntN(len(nodes))]
			n.drop([]string{engine}, w...)
			pause(ctx, long)
			n.heal()
			pause(ctx, time.Second)
		}
	}
}

// cutFromClients drops what passes between a node and its clients, both ways. They notice by their heartbeats, and go elsewhere.
func cutFromClients(c *crowd, n *island) {
	c.w.t.Helper()
	n.drop([]string{n.clients}, outwards, inwards)
	begun := time.Now()
	c.w.until("the balancer has noticed", n.out.Load)
	for i := range c.devices {
		c.answered(i)
	}
	c.w.t.Logf("all were served elsewhere %s after a node was cut off from its clients", time.Since(begun).Round(time.Millisecond))
	n.heal()
	c.w.until("the node takes people again", func() bool { return !n.out.Load() })
}

// answered has somebody send into one of their rooms, and checks that it is acknowledged within 30 s.
func (c *crowd) answered(at int) {
	c.w.t.Helper()
	for room, members := range c.rooms {
		if slices.Contains(members, at) {
			begun := time.Now()
			c.send(at, room)
			if took := time.Since(begun); took > 30*time.Second {
				c.w.t.Errorf("%s was served again after %s", c.devices[at].stream.Device, took)
			}
			return
		}
	}
}

// cutFromAll cuts a node off from the engines without which it can serve nobody, while its clients reach it. It acknowledges nothing, tells those who were removed meanwhile
// nothing that came after, and sends its people to the others; when it is healed it takes people again.
func cutFromAll(ctx context.Context, c *crowd, nodes []*island, at int, addresses ...string) {
	w, n := c.w, nodes[at]
	w.t.Helper()
	users := w.people(3) // an owner elsewhere, and two on the node: one who stays, and one who is removed
	room := w.group(at+1, users...)
	owner, stays, goes := w.join(at+1, users[0]), w.join(at, users[1]), w.join(at, users[2])
	last := owner.say(room, "before")
	stays.hears(room, last)
	goes.hears(room, last)

	n.drop(addresses, outwards, inwards)
	begun := time.Now()
	w.change(at+1, users[0], room, 0, users[2])
	removed := last + 1
	secret := owner.say(room, "secret")
	calls := 0
	w.until("its sessions have gone elsewhere", func() bool {
		if calls++; calls%20 == 1 {
			refuses(ctx, w, n, users, room, removed)
		}
		return connections(ctx, n) == 0
	})
	took := time.Since(begun)
	if took > 30*time.Second {
		w.t.Errorf("sessions stayed on a node that was cut off for %s", took)
	}
	if n.ready(ctx) {
		w.t.Error("a node that is cut off says that it is ready")
	}
	stays.hears(room, secret)
	w.t.Logf("a node that was cut off was empty after %s, and its people served after %s", took.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	for i := range c.devices {
		if i%len(nodes) == at {
			c.answered(i)
		}
	}
	n.heal()
	w.until("the node is ready again", func() bool { return n.ready(ctx) })
	w.until("the balancer sends people there again", func() bool { return !n.out.Load() })
	back := w.join(at, users[1])
	back.hears(room, secret)
	w.until("the one who was removed knows", func() bool { return goes.toldUpTo(room) == removed })
	if texts := goes.texts(room); slices.Contains(texts, "secret") {
		w.t.Errorf("who was removed while the node was cut off was told %q", texts)
	}
	for _, d := range []*device{owner, stays, goes, back} {
		d.leave()
	}
}

// refuses checks that a node that is cut off acknowledges nothing, and shows nobody what was said after they were removed.
func refuses(ctx context.Context, w *world, n *island, users []client.UserID, room client.ConversationID, removed uint64) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	sent, err := n.API(uint64(users[1])).Messages.Send(ctx, connect.NewRequest(&throngv1.SendRequest{
		Conversation: uint64(room), ClientId: clientID(w.made.Add(1)), Body: &throngv1.SendRequest_Text{Text: "from the island"},
	}))
	told := new(client.Error)
	switch {
	case err == nil:
		w.t.Errorf("a node that is cut off acknowledged %v", sent.Msg)
	case !errors.As(err, &told) && ctx.Err() == nil:
		w.t.Errorf("a node that is cut off answered a send with %v", err)
	}
	page, err := n.API(uint64(users[2])).Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(room), From: 1, Limit: 200,
	}))
	if err == nil {
		for _, e := range page.Msg.GetEntries() {
			if e.GetSeq() > removed || e.GetText() == "secret" {
				w.t.Errorf("a node that is cut off shows entry %d to who was removed", e.GetSeq())
			}
		}
	}
}

// connections is how many a node has; -1 where it does not say.
func connections(ctx context.Context, n *island) int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, text, err := process.Get(ctx, n.Metrics())
	if err != nil {
		return -1
	}
	for line := range strings.Lines(text) {
		var count int
		if _, err := fmt.Sscanf(line, "throng_gateway_connections %d", &count); err == nil {
			return count
		}
	}
	return -1
}
