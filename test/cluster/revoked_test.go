//go:build cluster

package cluster_test

import (
	"testing"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// TestSignOutReachesEveryNodeWithoutTheBus: I20 with Redis gone. Nodes hear of what was revoked from the database.
func TestSignOutReachesEveryNodeWithoutTheBus(t *testing.T) {
	t.Parallel()
	o := breakable(t, false, true, false)
	w := &world{t: t, nodes: nodesOf(processes(t, 3, o.ground))}
	users := w.people(3)
	gone := []*device{w.join(0, users[0]), w.join(1, users[0]), w.join(1, users[1])}
	stays := w.join(1, users[2])
	o.redis.Kill(t)
	_, err := w.back(2, 0).Admin.SignOutUser(w.ctx(), connect.NewRequest(&throngv1.SignOutUserRequest{User: uint64(users[0])}))
	w.must("signing out", err)
	yes := true
	_, err = w.back(2, 0).Admin.UpdateUser(w.ctx(), connect.NewRequest(&throngv1.UpdateUserRequest{User: uint64(users[1]), Disabled: &yes}))
	w.must("disabling", err)
	for i, d := range gone {
		if !within(w.ctx(), 5e9, func() bool { return d.State().Phase == client.Closed }) {
			t.Errorf("5 s after it was revoked session %d is %v", i, d.State().Phase)
		}
	}
	if stays.State().Phase == client.Closed {
		t.Error("somebody else's session was closed")
	}
}
