package metamorphic_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// variant is the options of one run.
type variant struct {
	Rules                    message.Rules
	Heads, Members           int    // caches of the append
	Table                    uint64 // bytes of a memtable
	Cache                    int64
	Part, Marks              int // of the timelines' follower
	Shards, Batch            int // of the message service
	Collect                  time.Duration
	Restarts                 int
	Crash, Twice, Concurrent bool
	Order                    uint64 // seed of how conversations take turns
}

// plain is what the others are compared with.
func plain() variant { return variant{Rules: message.DefaultRules()} }

func drawVariant(rng *rand.Rand) variant {
	pick := func(n ...int) int { return n[rng.IntN(len(n))] }
	small := uint32(pick(0, 1, 3, 100))
	return variant{
		Rules: message.Rules{SmallMembers: max(small, 1), MediumMembers: max(small, 1) + uint32(pick(0, 1, 10_000))},
		Heads: pick(0, 1, 2), Members: pick(0, 1, 3), Table: uint64(pick(0, 16<<10, 1<<20)), Cache: int64(pick(0, 64<<10)),
		Part: pick(0, 1, 7), Marks: pick(0, 1),
		Shards: pick(0, 1, 2, 64), Batch: pick(0, 1, 3), Collect: time.Duration(pick(0, 0, 1)) * time.Millisecond, Restarts: rng.IntN(4),
		Crash: rng.IntN(2) == 0, Twice: rng.IntN(2) == 0, Concurrent: rng.IntN(2) == 0, Order: rng.Uint64(),
	}
}

// world is one run.
type world struct {
	variant
	fs      *vfs.MemFS
	store   *pebble.Store
	service *message.Service
	views   *timeline.Service
	end     func()
}

func (w *world) open(ctx context.Context) error {
	s, err := pebble.Open("data", pebble.Options{
		FS: w.fs, Rules: w.Rules, CacheHeads: w.Heads, CacheMembers: w.Members, MemTableBytes: w.Table, CacheBytes: w.Cache,
	})
	if err != nil {
		return err
	}
	rows, err := s.Timelines()
	if err != nil {
		return errors.Join(err, s.Close())
	}
	cfg := timeline.Default()
	cfg.Answer, cfg.Settle = time.Minute, time.Minute // what users see is compared: nothing may be on its way
	if w.Part > 0 {
		cfg.Part = w.Part
	}
	if w.Marks > 0 {
		cfg.Marks = w.Marks
	}
	messages := message.DefaultConfig()
	messages.Collect = w.Collect
	if w.Shards > 0 {
		messages.Shards = w.Shards
	}
	if w.Batch > 0 {
		messages.BatchDrafts = w.Batch
	}
	quiet := slog.New(slog.DiscardHandler)
	w.store, w.service = s, message.New(messages, s, s, nil, quiet)
	follower := timeline.NewFollower(cfg, rows, s.TimelineLogs(), s.TimelineEvents(), quiet)
	w.views = timeline.New(cfg, rows, s.TimelineLogs(), follower)
	run, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.service.Run(run) })
	wg.Go(func() { _ = follower.Run(run) })
	w.end = func() { stop(); wg.Wait() }
	return nil
}

// restart ends the process, politely or with the power, and starts it anew. Everything was acknowledged.
func (w *world) restart(ctx context.Context) error {
	fs := w.fs
	if w.Crash {
		fs = w.fs.CrashClone(vfs.CrashCloneCfg{})
	}
	w.end()
	if err := w.store.Close(); err != nil {
		return err
	}
	w.fs = fs
	return w.open(ctx)
}

// live runs a script and says what came of it.
func live(ctx context.Context, script [][]op, v variant) (string, int, error) {
	w := &world{variant: v, fs: vfs.NewCrashableMem()}
	if err := w.open(ctx); err != nil {
		return "", 0, err
	}
	rng := rand.New(rand.NewPCG(v.Order, 2))
	done := make([]int, len(script))
	ops := 0
	for part := 1; part <= v.Restarts+1; part++ {
		until := make([]int, len(script))
		for r := range script {
			until[r] = len(script[r]) * part / (v.Restarts + 1)
		}
		n, err := w.part(ctx, script, done, until, rng)
		ops += n
		if err == nil && part <= v.Restarts {
			err = w.restart(ctx)
		}
		if err != nil {
			return "", ops, err
		}
	}
	told, err := w.tell(ctx)
	w.end()
	return told, ops, errors.Join(err, w.store.Close())
}

// part runs each conversation's steps up to a place, in turns or at once.
func (w *world) part(ctx context.Context, script [][]op, done, until []int, rng *rand.Rand) (ops int, err error) {
	if w.Concurrent {
		var wg sync.WaitGroup
		errs := make([]error, len(script))
		for r := range script {
			ops += until[r] - done[r]
			wg.Go(func() {
				for ; done[r] < until[r] && errs[r] == nil; done[r]++ {
					errs[r] = w.do(ctx, script[r][done[r]])
				}
			})
		}
		wg.Wait()
		return ops, errors.Join(errs...)
	}
	for {
		var open []int
		for r := range script {
			if done[r] < until[r] {
				open = append(open, r)
			}
		}
		if len(open) == 0 {
			return ops, nil
		}
		r := open[rng.IntN(len(open))]
		if err := w.do(ctx, script[r][done[r]]); err != nil {
			return ops, err
		}
		done[r]++
		ops++
	}
}

// do runs one step. A refusal is a result like any other; a failure of the store is not.
func (w *world) do(ctx context.Context, o op) error {
	d := o.draft
	if o.mark > 0 {
		heads, err := w.store.Heads(ctx, []chat.ConversationID{d.Conversation})
		if err != nil {
			return err
		}
		d.Mark = max(1, chat.Seq(uint64(heads[0].Seq)*o.mark/1000))
	}
	times := 1
	if w.Twice && !d.ClientID.IsZero() {
		times = 2
	}
	for range times {
		if _, err := w.service.Append(ctx, &d); err != nil && chat.AsError(err).Code.Retryable() {
			return err
		}
	}
	return nil
}

// tell writes down everything that users can see, times and tiers apart.
func (w *world) tell(ctx context.Context) (string, error) {
	var b strings.Builder
	for id := chat.ConversationID(1); id <= rooms; id++ {
		for from := chat.Seq(1); ; {
			page, err := w.store.Range(ctx, message.Range{Conversation: id, From: from})
			if err != nil {
				return "", err
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				fmt.Fprintf(&b, "%d/%d ordinal %d by %d %v: %T%+v\n", id, e.Seq, e.Ordinal, e.Sender, e.ClientID, e.Body, e.Body)
				from = e.Seq + 1
			}
		}
		for user := chat.UserID(1); user <= people; user++ {
			m, err := w.store.Member(ctx, id, user)
			if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
				return "", err
			}
			read, err := w.store.Read(ctx, id, user)
			if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
				return "", err
			}
			fmt.Fprintf(&b, "%d: user %d role %d %v read %+v\n", id, user, m.Role, m.Spans, read)
			v, err := w.views.View(ctx, user, id)
			if err != nil && chat.AsError(err).Code != chat.CodeNotFound {
				return "", err
			}
			fmt.Fprintf(&b, "%d: user %d sees up to %d, %d unread, role %d, from %d\n", id, user, v.Head.Seq, v.Unread, v.Role, v.First)
		}
	}
	for user := chat.UserID(1); user <= people; user++ {
		list, err := w.views.List(ctx, user, timeline.ListQuery{Limit: 200})
		if err != nil {
			return "", err
		}
		var sum uint64
		for _, v := range list.Views {
			sum += v.Unread
		}
		fmt.Fprintf(&b, "user %d: %d conversations, %d unread in all\n", user, len(list.Views), list.TotalUnread)
		if sum != list.TotalUnread {
			return "", fmt.Errorf("I5: user %d: the parts sum up to %d, the total is %d", user, sum, list.TotalUnread)
		}
	}
	return b.String(), nil
}
