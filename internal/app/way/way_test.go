package way_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/app/way"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/trace"
)

// board is a registry that all nodes share.
type board []cluster.Info

func (b board) Nodes(context.Context) ([]cluster.Info, error) { return b, nil }
func (board) Announce(cluster.Info)                           {}

// truth is a log and a directory: conversation 7 with two entries, of a group of users 1 to 3, and of whom how far has read.
type truth struct {
	body chat.Body
	read map[chat.UserID]chat.Seq
	err  error // of the directory
}

func (truth) Heads(_ context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	if ids[0] != 7 {
		return make([]chat.Head, 1), nil
	}
	return []chat.Head{{Conversation: 7, Kind: chat.KindGroup, Tier: chat.TierSmall, Seq: 2, Members: 3}}, nil
}

func (l truth) Range(_ context.Context, r message.Range) ([]chat.Entry, error) {
	return []chat.Entry{{Conversation: 7, Seq: r.From, Sender: 1, TimeMS: 946_684_800_000, ClientID: chat.ClientID{15: 9}, Body: l.body}}, nil
}

func (l truth) Members(context.Context, chat.ConversationID, chat.UserID, int, chat.Role) ([]chat.Member, error) {
	out := []chat.Member{}
	for u := chat.UserID(1); u <= 3; u++ {
		out = append(out, chat.Member{User: u, Spans: []chat.Span{{From: 1}}})
	}
	return out, l.err
}

func (l truth) Read(_ context.Context, _ chat.ConversationID, u chat.UserID) (chat.Read, error) {
	return chat.Read{Seq: l.read[u]}, nil
}

// receiver hands questions and answers on, as a node does.
type receiver struct{ nodes *way.Nodes }

func (r receiver) Receive(_ context.Context, d *cluster.Delivery) error {
	r.nodes.Receive(d)
	return nil
}

// member is a node of a deployment in a bubble.
func member(t *testing.T, name cluster.Node, b board, bus cluster.Bus, tr *trace.Tracer, answers bool) *way.Nodes {
	t.Helper()
	n := way.NewNodes(way.Deps{Self: name, Registry: b, Bus: bus, Tracer: tr, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(bus.Listen(name, receiver{n}))
	if answers {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		t.Cleanup(func() { stop(); assert.NoError(t, "running", <-done) })
	}
	return n
}

// TestAskingNodes: those who answer are told of with what they remember, one that does not is named, and nobody waits for it for long.
func TestAskingNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now() // in the year 2000
		b := board{
			{Node: "asked", URL: "wss://a.example/v1", Started: begun.Add(-time.Hour)},
			{Node: "other", URL: "wss://b.example/v1", Started: begun.Add(time.Second)},
			{Node: "hung"},
			{Node: "forgetful"},
		}
		bus := local.NewBus()
		none := trace.Default()
		none.RecentBytes = 0
		here, there := trace.New(trace.Default(), trace.Deps{}), trace.New(trace.Default(), trace.Deps{})
		asked := member(t, "asked", b, bus, here, true)
		member(t, "other", b, bus, there, true)
		member(t, "hung", b, bus, nil, false)
		member(t, "forgetful", b, bus, trace.New(none, trace.Deps{}), true)
		step := func(tr *trace.Tracer, s trace.Step) {
			s.Conversation, s.Seq, s.Start = 7, 2, time.Now().UnixNano()
			tr.Add(s)
			time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's time
		}
		step(here, trace.Step{Kind: trace.Append, User: 1, Took: time.Millisecond, Counts: [4]uint32{3, 100, 800, 100}})
		step(here, trace.Step{Kind: trace.Publish, Counts: [4]uint32{25, 2}})
		step(there, trace.Step{Kind: trace.Fanout, Counts: [4]uint32{trace.WayUsers, 3, 2, 1}, Stream: 4, Position: 99})
		step(there, trace.Step{Kind: trace.Receive, Counts: [4]uint32{1, trace.AsContent}})
		step(there, trace.Step{Kind: trace.Write, Counts: [4]uint32{2, 1}})
		for range 30 {
			step(there, trace.Step{Kind: trace.Pull, User: 3, Until: 2})
		}
		f := &way.Finder{
			Log: truth{body: chat.Text{Text: "secret"}}, Directory: truth{read: map[chat.UserID]chat.Seq{2: 2, 3: 1}}, Nodes: asked, Tracer: here,
			Waits: func(context.Context, chat.ConversationID, chat.Seq) (bool, error) { return true, nil },
			Place: func(chat.ConversationID) string { return "db/throng" },
		}
		at := time.Now()
		r, err := f.Find(t.Context(), 7, 2)
		assert.NoError(t, "finding", err)
		assert.Equal(t, "who does not answer is waited for", time.Since(at), 2*time.Second)
		assert.Equal(t, "nodes", len(r.Nodes), 4)
		assert.Equal(t, "pages", r.Nodes[1].Pulls, 30)
		assert.Equal(t, "steps of the other", len(r.Nodes[1].Steps), 3+20)
		var text strings.Builder
		assert.NoError(t, "writing", r.Write(&text))
		for _, part := range []string{
			"7/2           text by user 1, stored as of 2000-01-01 00:00:00.000 UTC", "00000000-0000-0000-0000-000000000009", "group of 3 members, small; it ends at seq 2",
			"lane", "database db/throng", "published     NO", "to 2 sessions, and read in 30 pages by range", "by 1 of the 2 members who may",
			"handed in; waited 100µs, stored in 800µs with 2 other drafts, durable 100µs later", "lane 25, 2 events together",
			"on write: to the nodes of 3 members, which are 2; NOT ALL WERE REACHED", "stream 4, position up to 99", "came to the node; goes out at once",
			"written to 2 sessions of event loop 1", "user 3 read seq 2 to 2 by range", "a.example", "(asked here)",
			"what hung remembers: it did not answer within 2s", "what forgetfu did: it is set to remember nothing", "what b.example did before 00:00:01, when it was started",
		} {
			assert.True(t, "the report says "+part+":\n"+text.String(), strings.Contains(text.String(), part))
		}
		assert.True(t, "no content", !strings.Contains(text.String(), "secret"))
		order := []string{"append", "publish", "fanout", "receive", "write"}
		assert.True(t, "in order", slices.IsSortedFunc(order, func(a, b string) int {
			return strings.Index(text.String(), "  "+a+" ") - strings.Index(text.String(), "  "+b+" ")
		}))
	})
}

// TestNotAllIsKnown: an engine that does not answer costs its part of the report, and removed content says so.
func TestNotAllIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("it is away")
		f := &way.Finder{
			Log: truth{body: chat.Tombstone{Reason: chat.TombstoneErased}}, Directory: truth{err: away},
			Nodes: member(t, "asked", nil, local.NewBus(), nil, false),
			Waits: func(context.Context, chat.ConversationID, chat.Seq) (bool, error) {
				return false, errors.Join(away, away)
			},
		}
		r, err := f.Find(t.Context(), 7, 1)
		assert.NoError(t, "finding", err)
		var text strings.Builder
		assert.NoError(t, "writing", r.Write(&text))
		for _, part := range []string{
			"its content is gone: it was erased", "published     unknown", "read          unknown", "delivered     unknown: no node remembers it",
			"whether its event waits in the outbox is unknown: it is away\n", "who has read it is unknown: it is away", "when it was handed in, and on which node",
		} {
			assert.True(t, "the report says "+part+":\n"+text.String(), strings.Contains(text.String(), part))
		}
		for _, c := range []struct {
			id     chat.ConversationID
			seq    chat.Seq
			reason chat.Reason
		}{{8, 1, chat.ReasonConversationNotFound}, {7, 3, chat.ReasonRangeInvalid}, {7, 0, chat.ReasonRangeInvalid}} {
			_, err := f.Find(t.Context(), c.id, c.seq)
			assert.Equal(t, "reason", chat.AsError(err).Reason, c.reason)
		}
	})
}
