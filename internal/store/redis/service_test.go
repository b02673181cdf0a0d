//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

// club is a log with timelines on Redis: one follower writes them, two nodes answer devices, and none of them knows what the other
// gave out.
type club struct {
	t        *testing.T
	store    *pebble.Store
	nodes    [2]*timeline.Service
	clientID uint64
}

func newClub(t *testing.T, server *engines.RedisServer) *club {
	t.Helper()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Rules: message.Rules{SmallMembers: 6, MediumMembers: 100}})
	assert.NoError(t, "opening", err)
	rcfg := settings(server.Address(), "throng")
	rcfg.BreakerRest = 20 * time.Millisecond
	cfg, s, quiet := timeline.Default(), newShelf(), slog.New(slog.DiscardHandler)
	cfg.Stretch = 0
	c := &club{t: t, store: store}
	follower := timeline.NewFollower(cfg, openLines(t, rcfg, s).all.Stream(0), store.TimelineLogs(), store.TimelineEvents(), quiet, timeline.WithStoreMarks())
	for i := range c.nodes {
		c.nodes[i] = timeline.New(cfg, openLines(t, rcfg, s), store.TimelineLogs(), follower)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := follower.Run(ctx); err != nil {
			t.Errorf("the follower ended: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		assert.NoError(t, "closing", store.Close())
	})
	return c
}

func (c *club) append(d *chat.Draft) {
	c.t.Helper()
	applied, err := c.store.Append(context.Background(), []*chat.Draft{d})
	assert.NoError(c.t, "append", err)
	assert.NoError(c.t, "wait", applied.Wait(context.Background()))
}

// write does something in a conversation that is refused or not.
func (c *club) write(rng *rand.Rand, id chat.ConversationID) {
	sender := user(rng.IntN(8) + 1)
	switch rng.IntN(6) {
	case 0:
		c.append(&chat.Draft{Conversation: id, Sender: 0, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{sender}}})
	case 1, 2:
		c.append(&chat.Draft{Conversation: id, Sender: 0, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{sender}}})
	default:
		c.clientID++
		d := &chat.Draft{Conversation: id, Sender: sender, ClientID: chat.ClientID{1}, Body: chat.Text{Text: "x"}}
		for i := range 8 {
			d.ClientID[15-i] = byte(c.clientID >> (8 * i))
		}
		c.append(d)
	}
}

// tablet is a device that syncs as clients do. It is one goroutine's.
type tablet struct {
	user   chat.UserID
	cursor *timeline.Cursor
	views  map[chat.ConversationID]timeline.View
	total  uint64
}

func (d *tablet) sync(ctx context.Context, s *timeline.Service) error {
	for {
		page, err := s.Sync(ctx, d.user, timeline.Query{Cursor: d.cursor, Limit: 5})
		if err != nil {
			return err
		}
		if page.Reset || d.cursor == nil {
			d.views = make(map[chat.ConversationID]timeline.View)
		}
		for _, v := range page.Views {
			d.views[v.Head.Conversation] = v
		}
		d.cursor, d.total = &page.Cursor, page.TotalUnread
		if !page.More {
			return nil
		}
	}
}

// beat is a heartbeat: a sync follows where the digest says that there is something.
func (d *tablet) beat(ctx context.Context, s *timeline.Service) error {
	if d.cursor == nil {
		return d.sync(ctx, s)
	}
	digest, err := s.Digest(ctx, d.user)
	if err != nil {
		return err
	}
	behind := digest.Cursor != *d.cursor || digest.TotalUnread != d.total
	for _, h := range digest.Heads {
		behind = behind || d.views[h.Conversation].Head.Seq != h.Seq
	}
	if !behind {
		return nil
	}
	return d.sync(ctx, s)
}

// I10: with the real follower and the real service, devices that sync with whichever node end with what the log says, whatever Redis
// loses meanwhile.
func TestDevicesAreCompleteAfterALoss(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]calamity{
		"nothing": func(testing.TB, *lines, *engines.RedisServer, *rand.Rand) {}, "everything": flushed, "restarts": restarted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 1))
			server := engines.PrivateRedis(t)
			c, ctx := newClub(t, server), context.Background()
			for id := chat.ConversationID(1); id <= 12; id++ {
				c.append(&chat.Draft{Conversation: id, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Name: "g", Members: []chat.UserID{1, 2, 3, user(4 + int(id)%5)}}})
			}
			stop := make(chan struct{})
			var devices sync.WaitGroup
			tablets := make([]*tablet, 16)
			for i := range tablets {
				d := &tablet{user: user(i/2 + 1)}
				tablets[i] = d
				r := rand.New(rand.NewPCG(seed, uint64(i)+10))
				devices.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Duration(r.IntN(20)) * time.Millisecond):
						}
						if r.IntN(3) == 0 {
							_ = d.sync(ctx, c.nodes[r.IntN(2)]) // one that fails is done again
						} else {
							_ = d.beat(ctx, c.nodes[r.IntN(2)])
						}
					}
				})
			}
			lost := &lines{cfg: settings(server.Address(), "throng")}
			for range 12 {
				for range 80 {
					<-time.After(time.Duration(rng.IntN(2_000)) * time.Microsecond)
					c.write(rng, chat.ConversationID(rng.IntN(12)+1))
				}
				happens(t, lost, server, rng)
			}
			close(stop)
			devices.Wait()
			for i, d := range tablets {
				d.settle(t, c, i, seed)
			}
		})
	}
}

// settle has a device beat until it has what a fresh one is told by the log. A heartbeat that is quiet says so only once the follower has come
// to what was written last.
func (d *tablet) settle(t *testing.T, c *club, i int, seed uint64) {
	t.Helper()
	ctx := context.Background()
	parts, err := c.store.TimelineLogs().Parts(ctx, d.user, []chat.ConversationID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	assert.NoError(t, "parts", err)
	var missing string
	for limit := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		before := d.cursor
		err := d.beat(ctx, c.nodes[i%2])
		missing = d.misses(parts)
		if err == nil && before != nil && d.cursor == before && missing == "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("seed %d: user %d has no quiet heartbeat, or does not know all: %v, %s", seed, d.user, err, missing)
		}
	}
}

// misses says what a device does not know of the log.
func (d *tablet) misses(parts []timeline.Part) string {
	for _, p := range parts {
		v, known := d.views[p.Head.Conversation]
		unread := uint64(p.Head.Ordinal - p.Read.Ordinal)
		switch current := p.Member.Current(); {
		case current != (known && v.Role != 0):
			return fmt.Sprintf("conversation %d: shown %t, a member %t", p.Head.Conversation, known && v.Role != 0, current)
		case current && (v.Head.Seq != p.Head.Seq || v.Unread != unread):
			return fmt.Sprintf("conversation %d: head %d of %d, unread %d of %d", p.Head.Conversation, v.Head.Seq, p.Head.Seq, v.Unread, unread)
		}
	}
	return ""
}
