package message_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service runs a service on a store in memory until the test ends.
func service(t *testing.T, cfg message.Config, around func(message.Log) message.Log) *message.Service {
	t.Helper()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
	assert.NoError(t, "opening", err)
	var log message.Log = store
	if around != nil {
		log = around(store)
	}
	s := message.New(cfg, log, store, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		assert.NoError(t, "closing", store.Close())
	})
	return s
}

// script appends drafts one after the other, none of which is refused.
func script(t *testing.T, s *message.Service, drafts ...*chat.Draft) {
	t.Helper()
	for i, d := range drafts {
		_, err := s.Append(t.Context(), d)
		assert.NoError(t, fmt.Sprintf("draft %d", i), err)
	}
}

func founded(members ...chat.UserID) *chat.Draft {
	return &chat.Draft{Conversation: group, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Open: true, Members: members}}
}

func moved(action chat.MemberAction, sender, user chat.UserID) *chat.Draft {
	return change(sender, chat.MembersChanged{Action: action, Users: users(user)})
}

func TestSubmitKeepsOrder(t *testing.T) {
	t.Parallel()
	cfg := message.DefaultConfig()
	cfg.Shards, cfg.BatchDrafts = 3, 7
	s := service(t, cfg, nil)
	script(t, s, founded(owner, member))
	var mu sync.Mutex
	var got []chat.Seq
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Add(1)
		s.Submit(text(owner, byte(n+1), "x"), func(r chat.Result) {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			got = append(got, r.Seq)
		})
	}
	wg.Wait()
	for i, seq := range got {
		assert.Equal(t, "seq, in the order of submission", seq, chat.Seq(i+2))
	}
}

func TestSubmitRefusesBadInputAtOnce(t *testing.T) {
	t.Parallel()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
	assert.NoError(t, "opening", err)
	defer func() { assert.NoError(t, "closing", store.Close()) }()
	s := message.New(message.DefaultConfig(), store, store, nil, slog.New(slog.DiscardHandler)) // nobody runs it
	called := 0
	s.Submit(text(owner, 1, ""), func(r chat.Result) {
		called++
		assert.Equal(t, "reason", reason(r), chat.ReasonTextEmpty)
	})
	assert.Equal(t, "calls of done", called, 1)
}

// gate is a log whose appends wait until it is opened.
type gate struct {
	message.Log
	begun chan int // sizes of batches that came to the gate
	open  chan struct{}
	err   error
}

func (g *gate) Append(ctx context.Context, drafts []*chat.Draft) (message.Applied, error) {
	g.begun <- len(drafts)
	<-g.open
	if g.err != nil {
		return nil, g.err
	}
	return g.Log.Append(ctx, drafts)
}

func TestFullQueueRefuses(t *testing.T) {
	t.Parallel()
	g := &gate{begun: make(chan int, 16), open: make(chan struct{})}
	cfg := message.DefaultConfig()
	cfg.QueueDrafts = 3
	s := service(t, cfg, func(l message.Log) message.Log { g.Log = l; return g })
	results := make(chan chat.Result, 8)
	done := func(r chat.Result) { results <- r }
	s.Submit(founded(owner), done)
	assert.Equal(t, "the first batch", <-g.begun, 1)
	for n := range 3 {
		s.Submit(text(owner, byte(n+1), "x"), done)
	}
	s.Submit(text(owner, 9, "x"), done)
	assert.Equal(t, "one too many", reason(<-results), chat.ReasonOverloaded)
	close(g.open)
	for n := range 4 {
		assert.Equal(t, "seq", (<-results).Seq, chat.Seq(n+1))
	}
	assert.Equal(t, "what waited went together", <-g.begun, 3)
}

func TestErrorOfTheLogIsTheAnswer(t *testing.T) {
	t.Parallel()
	g := &gate{begun: make(chan int, 16), open: make(chan struct{})}
	g.err = chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageFull, "full")
	close(g.open)
	s := service(t, message.DefaultConfig(), func(l message.Log) message.Log { g.Log = l; return g })
	_, err := s.Append(t.Context(), founded(owner))
	assert.Equal(t, "reason", chat.AsError(err).Reason, chat.ReasonStorageFull)
}

func TestRunFinishesWhatWaits(t *testing.T) {
	t.Parallel()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
	assert.NoError(t, "opening", err)
	defer func() { assert.NoError(t, "closing", store.Close()) }()
	s := message.New(message.DefaultConfig(), store, store, nil, slog.New(slog.DiscardHandler))
	results := make(chan chat.Result, 3)
	s.Submit(founded(owner), func(r chat.Result) { results <- r })
	s.Submit(text(owner, 1, "x"), func(r chat.Result) { results <- r })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, "run", s.Run(ctx))
	assert.Equal(t, "seqs", []chat.Seq{(<-results).Seq, (<-results).Seq}, []chat.Seq{1, 2})
	s.Submit(text(owner, 2, "x"), func(r chat.Result) { results <- r })
	assert.Equal(t, "after the end", reason(<-results), chat.ReasonDraining)
}

// SEND-12.
func TestAppendThatIsCutOffIsInDoubt(t *testing.T) {
	t.Parallel()
	g := &gate{begun: make(chan int, 16), open: make(chan struct{})}
	s := service(t, message.DefaultConfig(), func(l message.Log) message.Log { g.Log = l; return g })
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-g.begun
		cancel(errors.New("gone"))
	}()
	_, err := s.Append(ctx, founded(owner))
	assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeUnknown)
	close(g.open)
}

// The group's log: 1 created, 2 text, 3 member leaves, 4…8 texts, 9 member joins, 10…11 texts, 12 member is removed, 13 text.
func stays(t *testing.T) *message.Service {
	s := service(t, message.DefaultConfig(), nil)
	script(t, s, founded(owner, member), text(member, 1, "mine"), moved(chat.MemberLeft, member, member))
	for n := range 5 {
		script(t, s, text(owner, byte(n+1), "while away"))
	}
	script(t, s, moved(chat.MemberJoined, member, member), text(owner, 10, "back"), text(member, 11, "hi"),
		moved(chat.MemberRemoved, owner, member), text(owner, 12, "after"))
	return s
}

func TestRangeNamesWhatIsWithheld(t *testing.T) {
	t.Parallel()
	s := stays(t)
	type span = chat.Span
	for what, c := range map[string]struct {
		ask      message.RangeQuery
		seqs     string
		withheld []span
		covered  span
		head     chat.Seq
	}{
		"all of the owner":         {message.RangeQuery{Reader: owner, From: 1, Limit: 200}, "1 2 3 4 5 6 7 8 9 10 11 12 13", nil, span{From: 1, To: 13}, 13},
		"all of the server":        {message.RangeQuery{From: 1, Limit: 200}, "1 2 3 4 5 6 7 8 9 10 11 12 13", nil, span{From: 1, To: 13}, 13},
		"all of the member":        {message.RangeQuery{Reader: member, From: 1, Limit: 200}, "1 2 3 9 10 11 12", []span{{From: 4, To: 8}}, span{From: 1, To: 12}, 12},
		"the newest page":          {message.RangeQuery{Reader: member, Limit: 2}, "11 12", nil, span{From: 11, To: 12}, 12},
		"back over the gap":        {message.RangeQuery{Reader: member, Limit: 6}, "2 3 9 10 11 12", []span{{From: 4, To: 8}}, span{From: 2, To: 12}, 12},
		"back to the gap":          {message.RangeQuery{Reader: member, Limit: 4}, "9 10 11 12", nil, span{From: 9, To: 12}, 12},
		"within the gap":           {message.RangeQuery{Reader: member, From: 5, To: 6}, "", []span{{From: 5, To: 6}}, span{From: 5, To: 6}, 12},
		"into the gap":             {message.RangeQuery{Reader: member, From: 2, To: 6}, "2 3", []span{{From: 4, To: 6}}, span{From: 2, To: 6}, 12},
		"out of the gap, backward": {message.RangeQuery{Reader: member, From: 5, To: 9, Backward: true}, "9", []span{{From: 5, To: 8}}, span{From: 5, To: 9}, 12},
		"past the removal":         {message.RangeQuery{Reader: member, From: 12, To: 99}, "12", nil, span{From: 12, To: 12}, 12},
		"only past the removal":    {message.RangeQuery{Reader: member, From: 13}, "", nil, span{}, 12},
		"limited":                  {message.RangeQuery{Reader: member, From: 2, Limit: 3}, "2 3 9", []span{{From: 4, To: 8}}, span{From: 2, To: 9}, 12},
		"a huge limit":             {message.RangeQuery{Reader: owner, From: 12, Limit: 1e9}, "12 13", nil, span{From: 12, To: 13}, 13},
	} {
		t.Run(what, func(t *testing.T) {
			c.ask.Conversation = group
			p, err := s.Range(t.Context(), c.ask)
			assert.NoError(t, "range", err)
			seqs := make([]string, 0, len(p.Entries))
			for _, e := range p.Entries {
				seqs = append(seqs, fmt.Sprint(e.Seq))
				assert.True(t, "client ids are the sender's", e.ClientID.IsZero() || e.Sender == c.ask.Reader)
			}
			assert.Equal(t, "seqs", strings.Join(seqs, " "), c.seqs)
			assert.Equal(t, "withheld", p.Withheld, c.withheld)
			assert.Equal(t, "covered", p.Covered, c.covered)
			assert.Equal(t, "head", p.Head.Seq, c.head)
		})
	}
}

func TestRangeHidesHowItWentOn(t *testing.T) {
	t.Parallel()
	s := stays(t)
	p, err := s.Range(t.Context(), message.RangeQuery{Reader: member, Conversation: group})
	assert.NoError(t, "range", err)
	p.Head.TimeMS = 0
	assert.Equal(t, "head of one who was removed", p.Head, chat.Head{
		Conversation: group, Kind: chat.KindGroup, Tier: chat.TierSmall, Seq: 12, Ordinal: 8, MemberSeq: 12,
	})
	_, mine := p.Entries[len(p.Entries)-2].Body.(chat.Text)
	assert.True(t, "own client ids are shown", mine && !p.Entries[len(p.Entries)-2].ClientID.IsZero())
}

func TestRangeRefuses(t *testing.T) {
	t.Parallel()
	s := stays(t)
	for what, c := range map[string]struct {
		ask  message.RangeQuery
		want chat.Reason
	}{
		"a stranger":        {message.RangeQuery{Reader: stranger, Conversation: group}, chat.ReasonConversationNotFound},
		"nothing there":     {message.RangeQuery{Reader: stranger, Conversation: 404}, chat.ReasonConversationNotFound},
		"backwards":         {message.RangeQuery{Reader: owner, Conversation: group, From: 5, To: 4}, chat.ReasonRangeInvalid},
		"a negative limit":  {message.RangeQuery{Reader: owner, Conversation: group, Limit: -1}, chat.ReasonRangeInvalid},
		"conversation zero": {message.RangeQuery{Reader: owner}, chat.ReasonIDInvalid},
	} {
		_, err := s.Range(t.Context(), c.ask)
		assert.Equal(t, what, chat.AsError(err).Reason, c.want)
	}
	_, there := s.Range(t.Context(), message.RangeQuery{Reader: stranger, Conversation: group})
	_, missing := s.Range(t.Context(), message.RangeQuery{Reader: stranger, Conversation: 404})
	assert.Equal(t, "what a stranger hears of what is there and what is not", there.Error(), missing.Error())
}

func TestRangeEndsAtItsBytes(t *testing.T) {
	t.Parallel()
	s := service(t, message.DefaultConfig(), nil)
	script(t, s, founded(owner))
	for n := range 8 {
		script(t, s, text(owner, byte(n+1), strings.Repeat("x", 90_000)))
	}
	p, err := s.Range(t.Context(), message.RangeQuery{Reader: owner, Conversation: group, From: 1, Limit: 200})
	assert.NoError(t, "range", err)
	assert.Equal(t, "covered", p.Covered, chat.Span{From: 1, To: 6})
	p, err = s.Range(t.Context(), message.RangeQuery{Reader: owner, Conversation: group, Limit: 200})
	assert.NoError(t, "range", err)
	assert.Equal(t, "covered backward", p.Covered, chat.Span{From: 5, To: 9})
}
