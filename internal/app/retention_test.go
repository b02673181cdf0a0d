//go:build cluster

package app_test

import (
	"math/bits"
	"net/http"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/test/proxy"
)

// TestRetentionIsTakenOver: each database's old messages are removed by one node, and by another one when that node is gone.
func TestRetentionIsTakenOver(t *testing.T) {
	t.Parallel()
	direct := clusterSettings(t)
	direct.Account.SigningSecrets = []account.Secret{"a-signing-secret-of-all-nodes-0123456789"}
	direct.Relay.Lease = 2 * time.Second
	dies := *direct
	dies.Data = settings(t).Data
	dies.MySQL.Databases = nil
	var way *proxy.Proxy // how the node that dies reaches its databases
	for _, dsn := range direct.MySQL.Databases {
		d, err := mysql.ParseDSN(dsn)
		assert.NoError(t, "address", err)
		if way == nil {
			way = proxy.New(t, d.Addr)
		}
		d.Addr = way.Address()
		dies.MySQL.Databases = append(dies.MySQL.Databases, d.FormatDSN())
	}
	gone := begin(t, &dies)
	stays := begin(t, direct)
	until(t, "each has half of the lanes", func() bool {
		return bits.OnesCount64(app.Lanes(gone.App)) == 32 && bits.OnesCount64(app.Lanes(stays.App)) == 32
	})
	before, after := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for database := range 2 {
		n := 0
		for _, s := range []*server{gone, stays} {
			if app.Lanes(s.App)>>app.TendingLane(database)&1 == 1 {
				n++
			}
		}
		assert.Equal(t, "nodes that look after a database", n, 1)
	}
	assert.True(t, "the two are those of two nodes", app.Lanes(gone.App)>>app.TendingLane(0)&1 != app.Lanes(gone.App)>>app.TendingLane(1)&1)

	const groups = 12 // in both databases: slots are drawn from the ids
	populate(t, stays)
	whole := 64 - 3 + groups // three were taken back: nothing is left of them
	dora, _ := signUp(t, stays, "dora", "")
	for i := range groups {
		status, out := call(t, stays, dora, "ConversationService/CreateGroup", map[string]any{"clientId": wireID(300 + i), "name": "alone"})
		assert.Equal(t, "group", status, http.StatusOK)
		status, _ = send(t, stays, dora, idOf(out["conversation"]), 400+i, "to myself")
		assert.Equal(t, "send", status, http.StatusOK)
	}
	n, err := stays.RetainOnce(t.Context(), before)
	assert.NoError(t, "nothing is old", err)
	assert.Equal(t, "nothing is old", n, 0)
	first, err := stays.RetainOnce(t.Context(), after)
	assert.NoError(t, "its own", err)
	assert.True(t, "one node removes a part", first > 0 && first < whole)

	way.To("") // it is gone, and gave nothing back
	until(t, "the other one has all lanes", func() bool { return bits.OnesCount64(app.Lanes(stays.App)) == 64 })
	until(t, "the one that is gone has none", func() bool { return app.Lanes(gone.App) == 0 })
	n, err = gone.RetainOnce(t.Context(), after)
	assert.NoError(t, "who has lost them", err)
	assert.Equal(t, "who has lost them removes nothing", n, 0)
	rest, err := stays.RetainOnce(t.Context(), after)
	assert.NoError(t, "all", err)
	assert.Equal(t, "everything is removed", first+rest, whole)
}

// until waits for something that is about to be.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: it did not come to it", what)
		}
	}
}
