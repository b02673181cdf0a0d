//go:build cluster

package people_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/people"
)

// BenchmarkCreateUsers makes accounts as a bulk import does, 1,000 a call, in two databases.
func BenchmarkCreateUsers(b *testing.B) {
	a := people.New(nodeOf(b, databases(b, 2), 64))
	n := 0
	for b.Loop() {
		users := make([]account.Account, 1_000)
		for i := range users {
			n++
			users[i] = named(fmt.Sprintf("user%d", n))
		}
		_, err := a.Create(b.Context(), users, account.Terms{})
		assert.NoError(b, "create", err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "users/s")
}

// BenchmarkSignUp makes one account and its device at a time, by 16 callers, in two databases.
func BenchmarkSignUp(b *testing.B) {
	a := people.New(nodeOf(b, databases(b, 2), 64))
	var n atomic.Uint64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			made, err := a.Create(b.Context(), []account.Account{named(fmt.Sprintf("one%d", n.Add(1)))}, account.Terms{Fresh: true})
			if err == nil {
				_, _, err = a.Add(b.Context(), account.Device{User: made[0].ID}, account.Room{Most: 10})
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "users/s")
}

// BenchmarkStates reads an account and a device, as a token check does whose node has forgotten them.
func BenchmarkStates(b *testing.B) {
	a := people.New(nodeOf(b, databases(b, 2), 64))
	made, err := a.Create(b.Context(), several("ada"), account.Terms{})
	assert.NoError(b, "create", err)
	d, _, err := a.Add(b.Context(), account.Device{User: made[0].ID}, account.Room{Most: 10})
	assert.NoError(b, "device", err)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := a.Accounts(b.Context(), []chat.UserID{d.User})
			if err == nil {
				_, err = a.Device(b.Context(), d.User, d.ID)
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
}
