package crash_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

const (
	cutsPerLife = 12
	members     = 4 // of each conversation: users 1…members, the first is its owner
)

// cut is what a power cut leaves: a disk, and what had been acknowledged before it.
type cut struct {
	fs      *vfs.MemFS
	history *history
	when    string
}

// cutter takes power cuts.
type cutter struct {
	fs      *vfs.MemFS
	history *history
	stop    func() // ends the life when there are enough

	mu   sync.Mutex
	rng  *rand.Rand
	cuts []cut
}

// take cuts the power with the given chance. The history is copied first: what is acknowledged later may be lost.
func (c *cutter) take(when string, chance float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cuts) >= cutsPerLife || c.rng.Float64() >= chance {
		return
	}
	keep := []int{0, 0, 1 + c.rng.IntN(99), 100}[c.rng.IntN(4)]
	h := c.history.now()
	clone := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(c.rng.Uint64(), 2))})
	c.cuts = append(c.cuts, cut{fs: clone, history: h, when: fmt.Sprintf("%s, %d%% of unsynced data kept", when, keep)})
	if len(c.cuts) == cutsPerLife {
		c.stop()
	}
}

// options make memtables so small that logs are rotated and tables are flushed and compacted within a life.
func options(fs vfs.FS) pebble.Options {
	return pebble.Options{FS: fs, CacheBytes: 4 << 20, MemTableBytes: 256 << 10}
}

// live runs writers on the disk until enough power cuts were taken, which it returns.
func live(t *testing.T, rng *rand.Rand, life int, fs *vfs.MemFS, h *history) []cut {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := &cutter{fs: fs, history: h, stop: stop, rng: rand.New(rand.NewPCG(rng.Uint64(), 3))}
	watched := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpRename:
			c.take("before a sync", 0.02)
		case errorfs.OpFileWrite:
			c.take("before a write", 0.01)
		default:
		}
		return nil
	}))
	store, err := pebble.Open("data", options(watched))
	assert.NoError(t, "opening", err)
	service := message.New(message.DefaultConfig(), store, store, nil, slog.New(slog.DiscardHandler))
	serve, quit := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { defer close(served); _ = service.Run(serve) }()

	conversations := 1 + rng.IntN(64)
	for id := h.convs + 1; id <= conversations; id++ {
		if _, err := service.Append(t.Context(), created(id)); err != nil {
			t.Fatalf("creating conversation %d: %v", id, err)
		}
		h.created()
	}
	var wg sync.WaitGroup
	for w := range 4 + rng.IntN(13) {
		writer := &writer{
			service: service, log: store, history: h, cutter: c, conversations: max(conversations, h.convs),
			name: fmt.Sprintf("life %d, writer %d", life, w), user: chat.UserID(1 + w%members),
			rng: rand.New(rand.NewPCG(rng.Uint64(), 4)),
		}
		wg.Go(func() { writer.run(ctx) })
	}
	wg.Wait()
	quit()
	<-served
	assert.NoError(t, "closing", store.Close())
	return c.cuts
}

func created(id int) *chat.Draft {
	d := &chat.Draft{Conversation: chat.ConversationID(id), Sender: 1}
	b := chat.Created{Kind: chat.KindGroup, Open: true}
	for u := chat.UserID(1); u <= members; u++ {
		b.Members = append(b.Members, u)
	}
	d.Body = b
	return d
}

// writer does one thing after the other, as one device of one user would.
type writer struct {
	service       *message.Service
	log           message.Log
	history       *history
	cutter        *cutter
	conversations int
	name          string
	user          chat.UserID
	rng           *rand.Rand
	n             int
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.n++
		id := chat.ConversationID(1 + w.rng.IntN(w.conversations))
		switch k := w.rng.IntN(20); {
		case k < 12:
			w.send(id)
		case k < 14:
			for _, s := range w.history.some(w.rng.IntN, 1) {
				w.do(s.draft)
			}
		case k < 17:
			w.mark(id)
		case k < 18:
			w.comeAndGo(id)
		case k < 19:
			w.refused(id)
		default:
			_, _ = w.log.Range(ctx, message.Range{Conversation: id, Limit: 5, Backward: true})
		}
		w.cutter.take("between operations", 0.005)
	}
}

// do appends without a deadline: a send that is acknowledged counts, whenever that is.
func (w *writer) do(d *chat.Draft) (chat.Result, bool) {
	r, err := w.service.Append(context.Background(), d)
	return r, err == nil
}

func (w *writer) send(id chat.ConversationID) {
	d := &chat.Draft{Conversation: id, Sender: w.user, Body: chat.Text{Text: fmt.Sprintf("%s, text %d", w.name, w.n)}}
	binary.BigEndian.PutUint64(d.ClientID[:], w.rng.Uint64())
	binary.BigEndian.PutUint64(d.ClientID[8:], w.rng.Uint64()|1)
	if r, ok := w.do(d); ok {
		w.history.sent(d, r)
	}
}

func (w *writer) mark(id chat.ConversationID) {
	heads, err := w.log.Heads(context.Background(), []chat.ConversationID{id})
	if err != nil || !heads[0].Exists() {
		return
	}
	d := &chat.Draft{Conversation: id, Sender: w.user, Mark: 1 + chat.Seq(w.rng.Uint64N(uint64(heads[0].Seq)))}
	if r, ok := w.do(d); ok {
		w.history.marked(d, r)
	}
}

// comeAndGo leaves the conversation, or comes back.
func (w *writer) comeAndGo(id chat.ConversationID) {
	if w.user == 1 {
		return // the owner stays
	}
	action := []chat.MemberAction{chat.MemberLeft, chat.MemberJoined}[w.rng.IntN(2)]
	w.do(&chat.Draft{Conversation: id, Sender: w.user, Body: chat.MembersChanged{Action: action, Users: []chat.UserID{w.user}}})
}

// refused sends as a stranger: the text must never be seen.
func (w *writer) refused(id chat.ConversationID) {
	d := &chat.Draft{Conversation: id, Sender: 999, ClientID: chat.ClientID{1}, Body: chat.Text{Text: fmt.Sprintf("%s, refused %d", w.name, w.n)}}
	_, err := w.service.Append(context.Background(), d)
	var e *chat.Error
	if errors.As(err, &e) && e.Reason == chat.ReasonConversationNotFound {
		text, _ := d.Body.(chat.Text)
		w.history.refused(text.Text)
	}
}
