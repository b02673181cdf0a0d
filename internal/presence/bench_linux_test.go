package presence_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/local"
)

// BenchmarkPresence is 100,000 users with a session each, who watch ten others each, of whom 1% change in each second: what the hub takes of a
// core, from the word of a session to what the watchers' sessions are given, and what a user costs in memory. Sockets are not in it.
//
//	go test ./internal/presence -run NONE -bench Presence -benchtime 20x
func BenchmarkPresence(b *testing.B) {
	const users, each, changes = 100_000, 10, 1_000
	r := &rooms{heads: map[chat.ConversationID]chat.Head{}, members: map[chat.ConversationID][]chat.UserID{}}
	for g := range users / (each + 1) {
		var members []chat.UserID
		for i := range each + 1 {
			members = append(members, chat.UserID(g*(each+1)+i+1))
		}
		id := chat.ConversationID(g + 1)
		r.heads[id], r.members[id] = chat.Head{Conversation: id, Tier: chat.TierSmall}, members
	}
	cfg := presence.Default()
	before := heap()
	hub := presence.NewHub(cfg, presence.Deps{Store: local.NewPresence().Join("a"), Self: "a", Rooms: r})
	for u := range chat.UserID(users) {
		hub.Opened(uint64(u)+1, u+1)
	}
	opened := heap()
	var taken atomic.Int64
	for u := range chat.UserID(users) {
		session := uint64(u) + 1
		_, err := hub.Watch(b.Context(), presence.Watch{
			Session: session, User: u + 1, Conversations: []chat.ConversationID{chat.ConversationID(u/(each+1) + 1)},
			Changed: func() { taken.Add(int64(len(hub.Take(session)))) },
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	watched := heap()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx) }()
	settle := time.NewTimer(users / time.Duration(cfg.Rate) * time.Second * 3 / 2) // everybody is said for the first time
	<-settle.C

	b.ResetTimer()
	taken.Store(0)
	spent, begun := cpu(b), time.Now()
	tick := time.NewTicker(time.Second / 100)
	defer tick.Stop()
	for n := range b.N { // seconds
		for i := range 100 {
			for k := range changes / 100 {
				u := chat.UserID((n*changes+i*changes/100+k)*7919%users) + 1
				hub.Set(uint64(u), u, presence.State(1+(n+k)%3))
			}
			<-tick.C
		}
	}
	b.StopTimer()
	part := float64(cpu(b)-spent) / float64(time.Since(begun))
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
	b.ReportMetric(100*part, "%core")
	b.ReportMetric(float64(opened-before)/users, "B/user")
	b.ReportMetric(float64(watched-opened)/users, "B/watcher")
	b.ReportMetric(float64(taken.Load())/time.Since(begun).Seconds(), "told/s")
	if taken.Load() == 0 {
		b.Error(fmt.Sprint("nobody was told of ", changes, " changes a second"))
	}
	runtime.KeepAlive(hub)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpu is what the process has taken of all cores.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
