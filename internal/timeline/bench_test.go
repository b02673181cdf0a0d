package timeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/timeline"
)

// disk starts a world on the disk, with the default settings.
func disk(b *testing.B) *world {
	b.Helper()
	b.Chdir(b.TempDir())
	w := &world{t: b, cfg: timeline.Default(), rules: message.DefaultRules()}
	w.disk = vfs.Default
	w.start()
	b.Cleanup(func() { w.halt() })
	return w
}

// BenchmarkSync is a device that missed 10,000 messages in 200 conversations: 200 heads with the 20 newest entries each.
func BenchmarkSync(b *testing.B) {
	const conversations, missed = 200, 50
	w := disk(b)
	text := strings.Repeat("x", 200)
	for i := range conversations {
		w.group(chat.ConversationID(i+1), chat.UserID(i+2), 1)
	}
	cursor := w.all(1, nil).Cursor
	drafts := make([]*chat.Draft, 0, conversations*missed)
	for i := range conversations * missed {
		drafts = append(drafts, &chat.Draft{
			Conversation: chat.ConversationID(i%conversations + 1), Sender: chat.UserID(i%conversations + 2),
			ClientID: chat.ClientID{1, byte(i >> 16), byte(i >> 8), byte(i)}, Body: chat.Text{Text: text},
		})
	}
	w.batch(drafts)
	for _, page := range []int{timeline.Default().PageBytes, 8 << 20} {
		cfg := w.cfg
		cfg.PageBytes = page
		service := timeline.New(cfg, w.rows, w.store.TimelineLogs(), w.follower)
		b.Run(fmt.Sprintf("page=%dKiB", page>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n, calls := 0, 0
				for c := cursor; ; calls++ {
					got, err := service.Sync(context.Background(), 1, timeline.Query{Cursor: &c, Entries: 20})
					assert.NoError(b, "sync", err)
					for i := range got.Views {
						n += len(got.Views[i].Entries)
					}
					if c = got.Cursor; !got.More {
						break
					}
				}
				assert.Equal(b, "entries", n, conversations*20)
				b.ReportMetric(float64(calls+1), "calls/op")
			}
		})
	}
	b.Run("nothing new", func(b *testing.B) {
		c := w.all(1, &cursor).Cursor
		b.ReportAllocs()
		for b.Loop() {
			got, err := w.service.Sync(context.Background(), 1, timeline.Query{Cursor: &c, Entries: 20})
			assert.NoError(b, "sync", err)
			assert.Equal(b, "views", len(got.Views), 0)
		}
	})
	b.Run("digest", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := w.service.Digest(context.Background(), 1)
			assert.NoError(b, "digest", err)
		}
	})
}

// BenchmarkHeartbeat is the digest of a user in 200 small and 3 larger conversations, while nothing happens, while the larger ones
// go on, and while somebody writes in one of the small ones between two heartbeats.
func BenchmarkHeartbeat(b *testing.B) {
	const small, larger = 200, 3
	w := &world{t: b, cfg: timeline.Default(), rules: message.Rules{SmallMembers: 2, MediumMembers: 10_000}, ring: true}
	b.Chdir(b.TempDir())
	w.disk = vfs.Default
	w.start()
	b.Cleanup(func() { w.halt() })
	for i := range chat.ConversationID(small) {
		w.group(i+1, chat.UserID(i+2), 1)
		w.say(i+1, chat.UserID(i+2), "hello")
	}
	for i := range chat.ConversationID(larger) {
		w.group(small+i+1, 2, 3, 1)
		w.say(small+i+1, 2, "hello")
	}
	w.all(1, nil)
	for _, bm := range []struct {
		name    string
		between func()
	}{
		{"quiet", func() {}},
		{"large", func() { w.say(small+1, 2, "news") }},
		{"small", func() { w.say(1, 2, "news") }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				bm.between()
				w.follower.Settle(context.Background())
				b.StartTimer()
				d, err := w.service.Digest(context.Background(), 1)
				assert.NoError(b, "digest", err)
				assert.Equal(b, "heads", len(d.Heads), larger)
			}
		})
	}
}

// BenchmarkBulk adds members to one group by 1,000, and waits until each user's timeline shows the group.
func BenchmarkBulk(b *testing.B) {
	w := disk(b)
	w.group(1, 1)
	users := make([]chat.UserID, chat.MaxMembersAtOnce)
	next := chat.UserID(2)
	began := time.Now()
	n := 0
	for b.Loop() {
		for i := range users {
			users[i] = next
			next++
		}
		w.members(1, 1, chat.MemberAdded, users...)
		n += len(users)
	}
	added := time.Since(began)
	assert.NoError(b, "followed", w.follower.Passed(context.Background(), w.store.Tail()))
	b.ReportMetric(float64(n)/added.Seconds(), "added/s")
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "followed/s")
	rows, err := w.rows.Rows(context.Background(), next-1)
	assert.NoError(b, "rows", err)
	assert.Equal(b, "rows", len(rows.Rows), 1)
}

// BenchmarkFollow writes messages into groups of a size and waits for the follower: per 1,000 messages in 100 groups.
// Where the members have synced before, each group's members get a row.
func BenchmarkFollow(b *testing.B) {
	for _, size := range []int{2, 10, 100} {
		for _, synced := range []bool{false, true} {
			b.Run(fmt.Sprintf("members=%d/synced=%v", size, synced), func(b *testing.B) {
				benchmarkFollow(b, size, synced)
			})
		}
	}
}

func benchmarkFollow(b *testing.B, size int, synced bool) {
	b.Helper()
	w := disk(b)
	const groups = 100
	for g := range groups {
		members := make([]chat.UserID, size)
		for i := range members {
			members[i] = chat.UserID(g*size + i + 1)
		}
		w.group(chat.ConversationID(g+1), members...)
	}
	ctx := context.Background()
	drafts := make([]*chat.Draft, 1_000)
	n := uint64(0)
	for b.Loop() {
		b.StopTimer()
		for i := range drafts {
			n++
			g := i % groups
			drafts[i] = &chat.Draft{
				Conversation: chat.ConversationID(g + 1), Sender: chat.UserID(g*size + 1),
				ClientID: chat.ClientID{1, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, Body: chat.Text{Text: "x"},
			}
		}
		for u := 0; synced && u < groups*size; u++ {
			_, err := w.service.Digest(ctx, chat.UserID(u+1))
			assert.NoError(b, "digest", err)
		}
		b.StartTimer()
		w.batch(drafts)
		assert.NoError(b, "followed", w.follower.Passed(ctx, w.store.Tail()))
	}
}
