package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/queue"
)

// crossing is a stream of one batch, a directory, and the way to three nodes.
type crossing struct {
	queue.Stream

	events []chat.Event
	takes  time.Duration // to look up routes

	// guarded by mu
	mu        sync.Mutex
	members   chan struct{} // member lists come once it is closed; nil: at once
	fail      map[chat.ConversationID]int
	resolves  int
	posts     int
	seqs      map[cluster.Node]map[chat.ConversationID][]chat.Seq
	committed chat.Position
	handed    int
}

func (c *crossing) Share(ctx context.Context, _ string, follow func(ctx context.Context, s queue.Stream) error) error {
	return follow(ctx, c)
}

func (c *crossing) Number() int                                     { return 0 }
func (c *crossing) Position(context.Context) (chat.Position, error) { return 0, nil }

func (c *crossing) Commit(_ context.Context, at chat.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.committed = at
	return nil
}

func (c *crossing) Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error {
	if int(from) < len(c.events) {
		c.mu.Lock()
		c.handed++
		c.mu.Unlock()
		if err := handle(ctx, queue.Batch{Position: chat.Position(len(c.events)), Events: c.events[from:]}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

func (c *crossing) Members(ctx context.Context, _ chat.ConversationID, _ chat.UserID, _ int, _ chat.Role) ([]chat.Member, error) {
	if c.members != nil {
		select {
		case <-c.members:
		case <-ctx.Done():
		}
	}
	return []chat.Member{{User: 1, Spans: []chat.Span{{From: 1}}}}, nil
}

func (c *crossing) Users(context.Context, []chat.UserID, []cluster.Node) ([]cluster.Node, error) {
	return nil, fmt.Errorf("routes are asked for one by one")
}

func (c *crossing) Group(ctx context.Context, _ chat.ConversationID, buf []cluster.Node) ([]cluster.Node, error) {
	return c.Users(ctx, nil, buf)
}

func (c *crossing) All(_ context.Context, buf []cluster.Node) ([]cluster.Node, error) {
	return buf, nil
}

func (c *crossing) Resolve(_ context.Context, lookups []cluster.Lookup) {
	<-time.After(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resolves++
	for i := range lookups {
		lookups[i].Nodes = append(lookups[i].Nodes, "n1", "n2", "n3")
	}
}

func (c *crossing) Listen(cluster.Node, cluster.Receiver) func() { return func() {} }

func (c *crossing) Deliver(context.Context, cluster.Node, *cluster.Delivery) error {
	return fmt.Errorf("deliveries go one by one")
}

func (c *crossing) Post(_ context.Context, parcels []cluster.Parcel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts++
	failed := map[chat.ConversationID]bool{}
	for i := range parcels {
		p := &parcels[i]
		id := p.Delivery.Conversation
		if c.fail[id] > 0 && !failed[id] {
			c.fail[id]--
			failed[id] = true
		}
		if failed[id] {
			p.Err = errBus
			continue
		}
		if p.Delivery.Kind == cluster.DeliverEntry {
			c.seqs[p.Node][id] = append(c.seqs[p.Node][id], p.Delivery.Entry.Seq)
		}
	}
}

// newCrossing has a batch of so many conversations with so many entries each, which take turns. The first entry makes its conversation,
// but for those from cold on, whose members are not known.
func newCrossing(conversations, each int, cold chat.ConversationID) *crossing {
	c := &crossing{fail: map[chat.ConversationID]int{}, seqs: map[cluster.Node]map[chat.ConversationID][]chat.Seq{}}
	for _, n := range []cluster.Node{"n1", "n2", "n3"} {
		c.seqs[n] = map[chat.ConversationID][]chat.Seq{}
	}
	for i := range each {
		for id := chat.ConversationID(1); int(id) <= conversations; id++ {
			seq, body := chat.Seq(i+1), chat.Body(chat.Text{Text: "x"})
			switch {
			case id >= cold:
				seq += 10
			case i == 0:
				body = chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1}}
			}
			c.events = append(c.events, chat.Event{
				Entry: &chat.Entry{Conversation: id, Seq: seq, Body: body}, Head: chat.Head{Conversation: id, Seq: seq, Tier: chat.TierSmall},
			})
		}
	}
	return c
}

// got is what was delivered of a conversation to a node, in order.
func (c *crossing) got(n cluster.Node, id chat.ConversationID) []chat.Seq {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seqs[n][id])
}

func (c *crossing) run(t *testing.T) {
	t.Helper()
	f, err := fanout.New(fanout.Default(), fanout.Deps{Streams: c, Members: c, Routes: c, Bus: c})
	assert.NoError(t, "new", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, "run", <-ended) })
}

// Many conversations take about as many round trips as one, and the entries of each come in order on every node.
func TestConversationsGoSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const conversations, each = 40, 12
		c := newCrossing(conversations, each, conversations+1)
		c.run(t)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		assert.Equal(t, "committed", c.committed, chat.Position(len(c.events)))
		for n, seqs := range c.seqs {
			for id, got := range seqs {
				if len(got) != each || !slices.IsSorted(got) {
					t.Errorf("conversation %d on %s: %v", id, n, got)
				}
			}
			assert.Equal(t, "conversations", len(seqs), conversations)
		}
		if c.resolves > 2 || c.posts > 2 {
			t.Errorf("%d lookups of routes and %d posts", c.resolves, c.posts)
		}
	})
}

// A member list that is slow to come holds back its own conversation, and the position.
func TestAMemberListKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(5, 3, 5)
		c.members = make(chan struct{})
		c.run(t)
		synctest.Wait()
		for id := chat.ConversationID(1); id < 5; id++ {
			assert.Equal(t, "entries of a conversation that is known", len(c.got("n2", id)), 3)
		}
		assert.Equal(t, "entries of the one that waits", len(c.got("n2", 5)), 0)
		assert.Equal(t, "committed", c.committed, 0)
		close(c.members)
		synctest.Wait()
		assert.Equal(t, "entries then", c.got("n2", 5), []chat.Seq{11, 12, 13})
		assert.Equal(t, "committed then", c.committed, chat.Position(len(c.events)))
	})
}

// That is so also where it is not the first thing that is heard of its conversation.
func TestAMemberListBehindAReadKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(5, 3, 5)
		read := chat.Event{Head: chat.Head{Conversation: 5, Seq: 10, Tier: chat.TierSmall}, Reader: 1, Read: chat.Read{Seq: 10}}
		assert.True(t, "somebody reads", read.Known())
		c.events = append([]chat.Event{read}, c.events...)
		c.members = make(chan struct{})
		c.run(t)
		synctest.Wait()
		for id := chat.ConversationID(1); id < 5; id++ {
			assert.Equal(t, "entries of a conversation that is known", len(c.got("n2", id)), 3)
		}
		close(c.members)
		synctest.Wait()
		assert.Equal(t, "entries of the one that waited", c.got("n2", 5), []chat.Seq{11, 12, 13})
		assert.Equal(t, "committed then", c.committed, chat.Position(len(c.events)))
	})
}

// One conversation whose deliveries fail has the batch come again: nothing is skipped, and what went out does not go out twice.
func TestWhatFailsOfABatchComesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(8, 4, 9)
		c.fail[3] = 2
		c.run(t)
		synctest.Wait()
		c.mu.Lock()
		assert.Equal(t, "committed while one fails", c.committed, 0)
		c.mu.Unlock()
		<-time.After(5 * fanout.Default().Retry)
		synctest.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		for n, seqs := range c.seqs {
			for id := chat.ConversationID(1); id <= 8; id++ {
				assert.Equal(t, fmt.Sprintf("entries of %d on %s", id, n), seqs[id], []chat.Seq{1, 2, 3, 4})
			}
		}
		assert.Equal(t, "committed", c.committed, chat.Position(len(c.events)))
		assert.Equal(t, "times that the batch came", c.handed, 3)
	})
}
