//go:build cluster

package cluster_test

import (
	"testing"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// PRE-13: people of a node that is killed are offline within 45 s for those who watch elsewhere; a Redis that has lost everything is told
// again who is there, and who watches.
func TestPeopleOfAKilledNodeAreOffline(t *testing.T) {
	t.Parallel()
	o := breakable(t, false, true, false)
	servers := processes(t, 3, o.ground)
	w := &world{t: t, nodes: nodesOf(servers)}
	users := w.people(4)
	room := w.group(0, users...)
	watcher := w.join(0, users[0])
	watcher.Watch(nil, room)
	sees := func(n int, state throngv1.PresenceState) func() bool {
		return func() bool { return watcher.Presence(users[n]) == state }
	}
	(&world{t: t, nodes: w.nodes[2:]}).join(0, users[1]) // its device knows no other node
	w.join(1, users[2])
	w.until("they are there", func() bool { return sees(1, isThere)() && sees(2, isThere)() })

	if answer := command(t, o.redis.Address(), "FLUSHALL"); answer != "+OK\r\n" {
		t.Fatalf("FLUSHALL answered %q", answer)
	}
	fourth := w.join(1, users[3])
	w.until("somebody who came after the loss", sees(3, isThere))
	fourth.SetPresence(isBusy, false)
	w.until("and is busy", sees(3, isBusy))
	if !sees(1, isThere)() || !sees(2, isThere)() {
		t.Error("a loss of Redis made people go")
	}

	if err := servers[2].Kill(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if !within(t.Context(), 45*time.Second, sees(1, isOffline)) {
		t.Fatalf("somebody of a killed node is %v after %s", watcher.Presence(users[1]), time.Since(begun))
	}
	t.Logf("offline %s after the node was killed", time.Since(begun).Round(100*time.Millisecond))
	if !sees(2, isThere)() || !sees(3, isBusy)() {
		t.Errorf("others are %v and %v", watcher.Presence(users[2]), watcher.Presence(users[3]))
	}
}
