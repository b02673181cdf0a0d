//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

// logOf stands for the log: how many entries each conversation has, and who is in it as of which entry. It is written first.
type logOf struct {
	heads   [conversations]atomic.Uint64
	members [conversations][users]atomic.Bool
}

const conversations, users = 12, 6

// phone is a device that syncs by cursors, and knows of each conversation what its last sync showed. It is one goroutine's.
type phone struct {
	user       chat.UserID
	generation uint64
	pts        timeline.PTS
	heads      map[chat.ConversationID]uint64
	resets     int
}

// sync does what timeline.Service does: rows first, then the heads of those that are new.
func (p *phone) sync(ctx context.Context, s timeline.Store, log *logOf) error {
	rows, err := s.Rows(ctx, p.user)
	if err != nil {
		return err
	}
	p.take(rows, log)
	return nil
}

func (p *phone) take(rows timeline.Rows, log *logOf) {
	after := p.pts
	if rows.Generation != p.generation || p.pts > rows.Last {
		p.heads, after = make(map[chat.ConversationID]uint64), 0
		p.resets++
	}
	for _, r := range rows.Rows {
		switch {
		case !r.Current:
			delete(p.heads, r.Conversation)
		case r.PTS > after || after == 0:
			p.heads[r.Conversation] = log.heads[r.Conversation-1].Load()
		}
	}
	p.generation, p.pts = rows.Generation, rows.Last
}

// digest does what a heartbeat does: a look at the end, and a sync if it moved.
func (p *phone) digest(ctx context.Context, s timeline.Store, log *logOf) error {
	end, err := s.End(ctx, p.user)
	if err != nil || (end.Generation == p.generation && end.Last == p.pts) {
		return err
	}
	return p.sync(ctx, s, log)
}

// follow writes changes of some conversations through a store of its own, as the follower of a stream: what fails is done again.
func follow(t *testing.T, l *lines, stream int, log *logOf, rng *rand.Rand, stop <-chan struct{}) {
	ctx, s := context.Background(), l.all.Stream(stream)
	for pos := chat.Position(1); ; pos++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rng.IntN(3)) * time.Millisecond):
		}
		var changes []timeline.Change
		for range 1 + rng.IntN(4) {
			c := stream + 2*rng.IntN(conversations/2)
			id, seq := chat.ConversationID(c+1), chat.Seq(log.heads[c].Add(1))
			moved := chat.UserID(0)
			if rng.IntN(4) == 0 {
				moved = chat.UserID(rng.IntN(users) + 1)
				in := !log.members[c][moved-1].Load()
				log.members[c][moved-1].Store(in)
				what := timeline.Ended
				if in {
					what = timeline.Entered
				}
				changes = append(changes, timeline.Change{User: moved, Conversation: id, Membership: what, Seq: seq})
			}
			for u := chat.UserID(1); u <= users; u++ {
				if u != moved && log.members[c][u-1].Load() {
					changes = append(changes, timeline.Change{User: u, Conversation: id, Spare: true})
				}
			}
		}
		for {
			_, err := s.Apply(ctx, changes, pos)
			if err == nil {
				break
			}
			if !chat.AsError(err).Code.Retryable() {
				t.Errorf("apply: %v", err)
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}
}

// calamity is what may happen to Redis at any moment. It returns when it has passed.
type calamity func(t testing.TB, l *lines, server *engines.RedisServer, rng *rand.Rand)

func flushed(t testing.TB, l *lines, _ *engines.RedisServer, _ *rand.Rand) {
	command(t, l.cfg, "FLUSHALL")
}

func oneLost(t testing.TB, l *lines, _ *engines.RedisServer, rng *rand.Rand) {
	command(t, l.cfg, "DEL", fmt.Sprintf("%s:timeline:{u:%d}", l.cfg.Prefix, rng.IntN(users)+1))
}

func restarted(t testing.TB, _ *lines, server *engines.RedisServer, _ *rand.Rand) {
	server.Kill(t)
	server.Restart(t)
}

// I10, I1 to I6 as far as timelines go: whatever Redis loses while followers of several nodes write and devices sync, a device that is
// quiet at last knows the head of each conversation that it is in, and none that it has left.
func TestNothingIsMissingAfterALoss(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]calamity{
		"nothing": func(testing.TB, *lines, *engines.RedisServer, *rand.Rand) {}, "everything": flushed, "one user": oneLost, "restarts": restarted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 1))
			server := engines.PrivateRedis(t)
			shelf, log := newShelf(), &logOf{}
			cfg := settings(server.Address(), "throng")
			cfg.BreakerRest = 20 * time.Millisecond
			nodes := []*lines{openLines(t, cfg, shelf), openLines(t, cfg, shelf)}
			ctx, stop := context.Background(), make(chan struct{})
			var writers, readers sync.WaitGroup
			for i, n := range nodes {
				r := rand.New(rand.NewPCG(seed, uint64(i)+2))
				writers.Go(func() { follow(t, n, i, log, r, stop) })
			}
			phones := make([]*phone, 2*users)
			rest := make(chan struct{})
			for i := range phones {
				p := &phone{user: chat.UserID(i/2 + 1), heads: make(map[chat.ConversationID]uint64)}
				phones[i] = p
				r := rand.New(rand.NewPCG(seed, uint64(i)+100))
				readers.Go(func() {
					for {
						select {
						case <-rest:
							return
						case <-time.After(time.Duration(r.IntN(10)) * time.Millisecond):
						}
						if r.IntN(3) == 0 {
							_ = p.sync(ctx, nodes[r.IntN(2)], log) // one that fails is done again
						} else {
							_ = p.digest(ctx, nodes[r.IntN(2)], log)
						}
					}
				})
			}
			for range 15 {
				<-time.After(time.Duration(rng.IntN(60)) * time.Millisecond)
				happens(t, nodes[0], server, rng)
			}
			close(stop)
			writers.Wait()
			close(rest)
			readers.Wait()
			for i, p := range phones {
				within(t, 10*time.Second, "a last heartbeat", func() bool { return p.digest(ctx, nodes[i%2], log) == nil })
				p.check(t, log, seed)
			}
		})
	}
}

func (p *phone) check(t *testing.T, log *logOf, seed uint64) {
	t.Helper()
	for c := range conversations {
		head, known := p.heads[chat.ConversationID(c+1)]
		in, want := log.members[c][p.user-1].Load(), log.heads[c].Load()
		assert.Equal(t, fmt.Sprintf("seed %d, %d resets: user %d knows conversation %d", seed, p.resets, p.user, c+1), known, in)
		if in {
			assert.Equal(t, fmt.Sprintf("seed %d, %d resets: head of conversation %d for user %d", seed, p.resets, c+1, p.user), head, want)
		}
	}
}
