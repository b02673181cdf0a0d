package porttest

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/timeline"
)

// Engine is a log with the ports that stand on the same data.
type Engine struct {
	Log       message.Log
	Directory conversation.Directory
	Events    queue.Events
	Logs      timeline.Logs
	Positions receipt.Positions
	Outbox    queue.Outbox // of engines that have one
	// Crash opens what a power loss at this moment leaves, beside the engine that goes on.
	Crash func(t testing.TB) Engine
	Close func() error
}

// engineCase is one rule of a port and how it is tested.
type engineCase struct {
	name string
	run  func(t *testing.T, e Engine)
}

func runEngine(t *testing.T, open func(t testing.TB) Engine, cases []engineCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			t.Cleanup(func() { _ = e.Close() })
			c.run(t, e)
		})
	}
}

const (
	alice = chat.UserID(1)
	bob   = chat.UserID(2)
	carol = chat.UserID(3)
	eve   = chat.UserID(9)
)

func draft(id chat.ConversationID, sender chat.UserID, n int, b chat.Body) *chat.Draft {
	return &chat.Draft{Conversation: id, Sender: sender, ClientID: clientID(n), Device: chat.DeviceID(sender) + 100, Body: b}
}

func clientID(n int) chat.ClientID { return chat.ClientID{1, byte(n >> 16), byte(n >> 8), byte(n)} }

func text(id chat.ConversationID, sender chat.UserID, n int) *chat.Draft {
	return draft(id, sender, n, chat.Text{Text: fmt.Sprintf("text %d of %d", n, sender)})
}

func group(id chat.ConversationID, members ...chat.UserID) *chat.Draft {
	return &chat.Draft{Conversation: id, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Name: "group", Members: members}}
}

func (e Engine) apply(t testing.TB, drafts ...*chat.Draft) message.Applied {
	t.Helper()
	a, err := e.Log.Append(t.Context(), drafts)
	assert.NoError(t, "appending", err)
	return a
}

// do appends and waits.
func (e Engine) do(t testing.TB, drafts ...*chat.Draft) []chat.Result {
	t.Helper()
	a := e.apply(t, drafts...)
	assert.NoError(t, "waiting", a.Wait(t.Context()))
	return a.Results()
}

// must appends drafts that no rule refuses, and waits.
func (e Engine) must(t testing.TB, drafts ...*chat.Draft) []chat.Result {
	t.Helper()
	results := e.do(t, drafts...)
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("draft %d: refused: %v", i, r.Err)
		}
	}
	return results
}

func (e Engine) head(t testing.TB, id chat.ConversationID) chat.Head {
	t.Helper()
	heads, err := e.Log.Heads(t.Context(), []chat.ConversationID{id})
	assert.NoError(t, "reading a head", err)
	return heads[0]
}

// entries reads a whole log.
func (e Engine) entries(t testing.TB, id chat.ConversationID) []chat.Entry {
	t.Helper()
	var all []chat.Entry
	for {
		page, err := e.Log.Range(t.Context(), message.Range{Conversation: id, From: chat.Seq(len(all) + 1), Limit: 200})
		assert.NoError(t, "reading a range", err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

// contiguous checks that the log of a conversation is 1…n and that its head says so.
func (e Engine) contiguous(t testing.TB, id chat.ConversationID) []chat.Entry {
	t.Helper()
	all := e.entries(t, id)
	ordinal := chat.Ordinal(0)
	for i, entry := range all {
		assert.Equal(t, "seq", entry.Seq, chat.Seq(i+1))
		if chat.Countable(entry.Body) {
			ordinal++
		}
		assert.Equal(t, "ordinal", entry.Ordinal, ordinal)
	}
	head := e.head(t, id)
	assert.Equal(t, "head's seq", head.Seq, chat.Seq(len(all)))
	assert.Equal(t, "head's ordinal", head.Ordinal, ordinal)
	return all
}

func reasonOf(r chat.Result) chat.Reason {
	if r.Err == nil {
		return ""
	}
	return r.Err.Reason
}
