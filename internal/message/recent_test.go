package message_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

var (
	recentSeed  = flag.Uint64("message.seed", 0, "run only the model of the ring with this seed")
	recentSeeds = flag.Uint64("message.seeds", 40, "how many seeds the model of the ring runs")
)

// pool is a store with two services on it: ringed reads from memory what it can, plain reads the log.
type pool struct {
	t      testing.TB
	ringed *message.Service
	plain  *message.Service
	reads  *countedReads
	feed   *gatedFeed
	told   *prometheus.Registry // metrics of ringed
	client uint32
}

// countedReads counts what is read of the log and the directory.
type countedReads struct {
	*pebble.Store

	heads, entries, members atomic.Int64

	before, after func() // around reads of members; nil is nothing
}

// gatedFeed holds events back where the gate is shut.
type gatedFeed struct {
	message.Feed

	gate sync.RWMutex
}

func (f *gatedFeed) Follow(
	ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error,
) error {
	return f.Feed.Follow(ctx, from, func(ctx context.Context, events []chat.Event, pos chat.Position) error {
		f.gate.RLock()
		defer f.gate.RUnlock()
		return handle(ctx, events, pos)
	})
}

func (c *countedReads) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	c.heads.Add(1)
	return c.Store.Heads(ctx, ids)
}

func (c *countedReads) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	c.entries.Add(1)
	return c.Store.Range(ctx, q)
}

func (c *countedReads) Part(ctx context.Context, id chat.ConversationID, user chat.UserID) (message.Part, error) {
	c.members.Add(1)
	if c.before != nil {
		c.before()
	}
	p, err := c.Store.Part(ctx, id, user)
	if c.after != nil {
		c.after()
	}
	return p, err
}

func (c *countedReads) all() int64 { return c.heads.Load() + c.entries.Load() + c.members.Load() }

func (c *countedReads) forget() {
	c.heads.Store(0)
	c.entries.Store(0)
	c.members.Store(0)
}

// newPool opens one whose conversations leave the small tier above small members.
func newPool(t testing.TB, small uint32, cfg message.Config, before ...func(p *pool)) *pool {
	t.Helper()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Rules: message.Rules{SmallMembers: small, MediumMembers: 10_000}})
	assert.NoError(t, "opening", err)
	quiet := slog.New(slog.DiscardHandler)
	p := &pool{t: t, reads: &countedReads{Store: store}, feed: &gatedFeed{Feed: store.RecentEvents()}, told: prometheus.NewRegistry()}
	p.ringed = message.New(cfg, p.reads, p.reads, p.told, quiet, message.WithRecent(p.feed))
	p.plain = message.New(cfg, store, store, nil, quiet)
	for _, fn := range before {
		fn(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.ringed.Run(ctx) }() // ends with the test
	t.Cleanup(func() {
		cancel()
		<-ended
		assert.NoError(t, "closing", store.Close())
	})
	return p
}

func (p *pool) do(d *chat.Draft) chat.Result {
	p.t.Helper()
	r, err := p.ringed.Append(context.Background(), d)
	assert.NoError(p.t, fmt.Sprintf("append of %T", d.Body), err)
	return r
}

func (p *pool) found(id chat.ConversationID, members ...chat.UserID) {
	p.t.Helper()
	p.do(&chat.Draft{Conversation: id, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Open: true, Members: members}})
}

func (p *pool) say(id chat.ConversationID, sender chat.UserID, text string) chat.Result {
	p.t.Helper()
	p.client++
	c := chat.ClientID{1, byte(p.client >> 16), byte(p.client >> 8), byte(p.client)}
	return p.do(&chat.Draft{Conversation: id, Sender: sender, ClientID: c, Body: chat.Text{Text: text}})
}

func crowd(n int) []chat.UserID {
	out := make([]chat.UserID, n)
	for i := range out {
		out[i] = chat.UserID(i + 1)
	}
	return out
}

// TestRingIsTheLog does what people do, at random, and asks for pages at random: those from memory are those of the log. The
// bounds are so small that conversations and pages come and go.
func TestRingIsTheLog(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), *recentSeeds
	if *recentSeed != 0 {
		first, last = *recentSeed, *recentSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			t.Logf("go test ./internal/message -run TestRingIsTheLog -message.seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 3))
			cfg := message.DefaultConfig()
			cfg.RecentBytes = []int{3_000, 20_000, 1 << 20}[rng.IntN(3)]
			cfg.RecentConversationBytes = []int{1_500, 5_000, 1 << 19}[rng.IntN(3)]
			cfg.RecentMembers = []int{2, 1_000}[rng.IntN(2)]
			m := &ringModel{pool: newPool(t, uint32(1+rng.IntN(4)), cfg), rng: rng}
			for id := range modelGroups {
				m.found(chat.ConversationID(id+1), crowd(1+rng.IntN(modelPeople))...)
			}
			for range 400 {
				m.step()
			}
		})
	}
}

const (
	modelGroups = 3
	modelPeople = 6
)

type ringModel struct {
	*pool
	rng *rand.Rand
}

func (m *ringModel) group() chat.ConversationID {
	return chat.ConversationID(1 + m.rng.IntN(modelGroups))
}

func (m *ringModel) person() chat.UserID { return chat.UserID(1 + m.rng.IntN(modelPeople)) }

func (m *ringModel) step() {
	id, who := m.group(), m.person()
	switch n := m.rng.IntN(100); {
	case n < 25:
		m.client++
		c := chat.ClientID{1, byte(m.client >> 8), byte(m.client)}
		_, _ = m.ringed.Append(context.Background(), &chat.Draft{ // refused where who is none of them
			Conversation: id, Sender: who, ClientID: c, Body: chat.Text{Text: fmt.Sprintf("%0*d", 1+m.rng.IntN(300), m.client)},
		})
	case n < 30:
		_, _ = m.ringed.Append(context.Background(), &chat.Draft{Conversation: id, Sender: who, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{who}}})
	case n < 35:
		if who != 1 {
			_, _ = m.ringed.Append(context.Background(), &chat.Draft{Conversation: id, Sender: 0, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{who}}})
		}
	case n < 37:
		head, err := m.plain.Head(context.Background(), id)
		assert.NoError(m.t, "head", err)
		from := chat.Seq(1 + m.rng.IntN(int(head.Seq)))
		_, err = m.ringed.Tombstone(context.Background(), id, chat.Span{From: from, To: from + 5}, chat.UserID(m.rng.IntN(modelPeople)), chat.TombstoneErased)
		assert.NoError(m.t, "tombstone", err)
	case n < 52:
		m.amend(id)
	default:
		m.compare(id, chat.UserID(m.rng.IntN(modelPeople+2)))
	}
}

// amend edits a message or takes one back, whichever it is and by whoever wrote it.
func (m *ringModel) amend(id chat.ConversationID) {
	head, err := m.plain.Head(context.Background(), id)
	assert.NoError(m.t, "head", err)
	target := chat.Seq(1 + m.rng.IntN(int(head.Seq)))
	page, err := m.plain.Range(context.Background(), message.RangeQuery{Conversation: id, From: target, To: target, Limit: 1})
	assert.NoError(m.t, "page", err)
	m.client++
	d := &chat.Draft{Conversation: id, Sender: page.Entries[0].Sender, ClientID: chat.ClientID{2, byte(m.client >> 8), byte(m.client)}}
	d.Body = chat.Edit{Target: target, Body: chat.Text{Text: fmt.Sprintf("%0*d", 1+m.rng.IntN(300), m.client)}}
	if m.rng.IntN(4) == 0 {
		d.Body = chat.Recall{Target: target}
	}
	_, _ = m.ringed.Append(context.Background(), d) // refused where it is no message, or of one who left
}

// compare asks both for the same page, as one who may be a member, was one, never was, or is the server.
func (m *ringModel) compare(id chat.ConversationID, reader chat.UserID) {
	m.t.Helper()
	head, err := m.plain.Head(context.Background(), id)
	assert.NoError(m.t, "head", err)
	seq := func() chat.Seq { return chat.Seq(m.rng.IntN(int(head.Seq) + 3)) }
	q := message.RangeQuery{Reader: reader, Conversation: id, Limit: 1 + m.rng.IntN(20), Backward: m.rng.IntN(2) == 0}
	if m.rng.IntN(2) == 0 {
		q.From, q.To = seq(), seq()
		if q.To != 0 && q.From > q.To {
			q.From, q.To = q.To, q.From
		}
	}
	want, wantErr := m.plain.Range(context.Background(), q)
	got, gotErr := m.ringed.Range(context.Background(), q)
	if (wantErr == nil) != (gotErr == nil) || (wantErr != nil && chat.AsError(wantErr).Reason != chat.AsError(gotErr).Reason) {
		m.t.Fatalf("%+v: the log answers %v, the ring %v", q, wantErr, gotErr)
	}
	assert.Equal(m.t, fmt.Sprintf("the answer to %+v", q), flat(got), flat(want))
}

// flat is a page as text. Versions are told by their edits, not by where they lie.
func flat(p message.Page) string {
	var edited []chat.Edited
	for i := range p.Entries {
		if e := p.Entries[i].Edited; e != nil {
			edited = append(edited, *e)
			p.Entries[i].Edited = nil
		}
	}
	return fmt.Sprintf("%+v %+v", p, edited)
}
