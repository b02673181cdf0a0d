//go:build failpoint

package timeline_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
)

var rounds = flag.Uint64("timeline.rounds", 20, "how often each failpoint is met")

// TestFailpoints cuts the power at each point that the follower meets, while everything else goes on. What devices were
// told before the cut must be true after it: from their own cursors they come to what the log says.
func TestFailpoints(t *testing.T) {
	for _, p := range []failpoint.Point{
		failpoint.PassBefore, failpoint.RowsBefore, failpoint.RowsAfter, failpoint.PassAfter, failpoint.PositionBefore,
		failpoint.SettingsBefore, failpoint.SettingsAfter, failpoint.FollowBefore, failpoint.FollowAfter,
		failpoint.SyncBefore, failpoint.SyncAfter,
		failpoint.CommitBefore, failpoint.CommitAfter, failpoint.TrimBefore,
	} {
		t.Run(string(p), func(t *testing.T) {
			met := 0
			for s := uint64(1); s <= *rounds; s++ {
				if cutAt(t, p, s) {
					met++
				}
			}
			assert.True(t, fmt.Sprintf("met in %d of %d rounds", met, *rounds), met > int(*rounds)/5)
		})
	}
}

// cut is a copy of the disk, taken once at a point.
type cut struct {
	mu    sync.Mutex
	after int // hits to let pass
	clone *vfs.MemFS
}

func (c *cut) taken() *vfs.MemFS {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clone
}

func cutAt(t *testing.T, p failpoint.Point, seed uint64) bool {
	m := newModel(t, seed)
	m.halt()
	m.cfg.Save = time.Microsecond
	m.start()
	for range 30 {
		m.step()
	}
	rng := rand.New(rand.NewPCG(seed, 99))
	c := &cut{after: rng.IntN(3)}
	fs, percent := m.fs, rng.IntN(101)
	failpoint.Set(p, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.after--; c.after == -1 {
			c.clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
		}
	})
	defer failpoint.Set(p, nil)
	for i := 0; i < 100 && c.taken() == nil; i++ {
		before := m.told()
		if n := m.rng.IntN(20); n < 3 {
			m.mute()
		} else if n < 11 {
			m.speak()
		} else if n < 15 {
			m.comeOrGo()
		} else {
			m.syncOne(m.devices[m.rng.IntN(len(m.devices))])
		}
		if c.taken() != nil {
			m.devices = before // what was told during the step may have been told after the cut
		}
	}
	failpoint.Set(p, nil)
	if c.taken() == nil {
		m.halt()
		m.halt = func() {}
		return false
	}
	m.halt()
	m.fs = c.taken()
	m.start()
	m.agree(t, seed)
	m.halt()
	m.halt = func() {}
	return true
}

// told copies what devices know.
func (m *model) told() []*device {
	out := make([]*device, len(m.devices))
	for i, d := range m.devices {
		c := *d
		c.shows = maps.Clone(d.shows)
		out[i] = &c
	}
	return out
}

// agree syncs devices and compares them with the log.
func (m *model) agree(t *testing.T, seed uint64) {
	ctx := context.Background()
	for _, d := range m.devices {
		got := m.all(d.user, d.cursor)
		assert.True(t, fmt.Sprintf("seed %d: no reset", seed), !got.Reset)
		for _, v := range got.Views {
			d.shows[v.Head.Conversation] = shown{head: v.Head.Seq, read: v.Read.Seq, unread: v.Unread, member: v.Role != 0}
		}
		var total uint64
		for id := chat.ConversationID(1); id <= modelConversations; id++ {
			v, err := m.service.View(ctx, d.user, id)
			got, has := d.shows[id]
			if err != nil {
				assert.True(t, fmt.Sprintf("seed %d: shown to a stranger", seed), !has)
				continue
			}
			if v.Role != 0 && !v.Settings.Muted {
				total += v.Unread
			}
			if v.Role == 0 && !has {
				continue
			}
			want := shown{head: v.Head.Seq, read: v.Read.Seq, unread: v.Unread, member: v.Role != 0}
			assert.Equal(t, fmt.Sprintf("seed %d, user %d, conversation %d", seed, d.user, id), got, want)
		}
		assert.Equal(t, "total", got.TotalUnread, total)
	}
}
