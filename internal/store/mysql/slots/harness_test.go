//go:build cluster

package slots_test

import (
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/slots"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

const (
	alice = chat.UserID(1)
	bob   = chat.UserID(2)
	carol = chat.UserID(3)
)

// land is two databases, with nodes on them that look where the slots are as seldom as they may.
type land struct {
	dsns  []string
	nodes []*mysql.Store
}

func newLand(t testing.TB, nodes int) *land {
	t.Helper()
	l := &land{dsns: []string{engines.MariaDB(t).DSN, engines.MariaDB(t).DSN}}
	for range nodes {
		l.nodes = append(l.nodes, l.open(t))
	}
	return l
}

// open opens a store that the test closes at its end.
func (l *land) open(t testing.TB) *mysql.Store {
	t.Helper()
	c := mysql.DefaultConfig()
	c.Databases, c.MaxConnections, c.IdleConnections, c.SlotInterval = l.dsns, 8, 8, time.Minute
	s, err := mysql.Open(t.Context(), c, mysql.Options{})
	assert.NoError(t, "open", err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// exec runs a statement in the n-th database, from outside.
func (l *land) exec(t testing.TB, n int, query string) {
	t.Helper()
	db, err := sql.Open("mysql", l.dsns[n])
	assert.NoError(t, "open", err)
	_, err = db.ExecContext(t.Context(), query)
	assert.NoError(t, query, err)
	assert.NoError(t, "close", db.Close())
}

// rows counts what a database has of a table.
func (l *land) rows(t testing.TB, n int, from string) (count int) {
	t.Helper()
	db, err := sql.Open("mysql", l.dsns[n])
	assert.NoError(t, "open", err)
	assert.NoError(t, from, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+from).Scan(&count))
	assert.NoError(t, "close", db.Close())
	return count
}

// late has every move look as if its mover had said nothing for too long.
func (l *land) late(t testing.TB) {
	t.Helper()
	l.exec(t, 0, "UPDATE slot_move SET until_us=0")
}

// move moves slots to the n-th database.
func (l *land) move(t testing.TB, n int, tell func(slots.Progress), all ...slots.Slot) error {
	t.Helper()
	s := l.open(t)
	return slots.New(s, tell).Move(t.Context(), all, s.Databases()[n])
}

// killed moves a slot with a mover that is gone when it comes to a step.
func (l *land) killed(t testing.TB, n int, at slots.Step, slot slots.Slot) {
	t.Helper()
	s := l.open(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = slots.New(s, func(p slots.Progress) {
			if p.Step == at {
				runtime.Goexit()
			}
		}).Move(t.Context(), []slots.Slot{slot}, s.Databases()[n])
		t.Errorf("the mover did not come to %s", at)
	}()
	<-over
}

// home returns conversations that lie in the first database, in one slot.
func inOneSlot(s *mysql.Store, n int) (ids []chat.ConversationID, slot slots.Slot) {
	for id := chat.ConversationID(1); len(ids) < n; id++ {
		if s.OfConversation(id) == s.Home() && (len(ids) == 0 || id.Slot() == slot.Number) {
			ids, slot.Number = append(ids, id), id.Slot()
		}
	}
	return ids, slot
}

func group(id chat.ConversationID, members ...chat.UserID) *chat.Draft {
	return &chat.Draft{Conversation: id, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Name: "group", Members: members}}
}

func words(id chat.ConversationID, sender chat.UserID, n int) *chat.Draft {
	return &chat.Draft{
		Conversation: id, Sender: sender, Device: 7, ClientID: chat.ClientID{1, byte(n >> 16), byte(n >> 8), byte(n)},
		Body: chat.Text{Text: fmt.Sprintf("text %d of %d", n, sender)},
	}
}

// send appends a draft, again while it is unavailable, and returns what it became.
func send(t testing.TB, s *mysql.Store, d *chat.Draft) chat.Result {
	for begun := time.Now(); ; {
		var r chat.Result
		a, err := s.Append(t.Context(), []*chat.Draft{d})
		if err == nil {
			if r = a.Results()[0]; r.Err == nil {
				return r
			}
			err = r.Err
		}
		if code := chat.AsError(err).Code; code != chat.CodeUnavailable && code != chat.CodeUnknown || time.Since(begun) > 30*time.Second {
			t.Errorf("appending to %d: %v", d.Conversation, err)
			return r
		}
	}
}

// whole reads a conversation and checks that nothing of it is missing or there twice.
func whole(t testing.TB, s *mysql.Store, id chat.ConversationID) []chat.Entry {
	t.Helper()
	var all []chat.Entry
	for {
		page, err := s.Range(t.Context(), message.Range{Conversation: id, From: chat.Seq(len(all) + 1), Limit: 200})
		assert.NoError(t, "range", err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	ordinal := chat.Ordinal(0)
	sent := map[[2]any]bool{}
	for i, e := range all {
		assert.Equal(t, "seq", e.Seq, chat.Seq(i+1))
		if _, buried := e.Body.(chat.Tombstone); buried || chat.Countable(e.Body) {
			ordinal++
		}
		assert.Equal(t, "ordinal", e.Ordinal, ordinal)
		if key := [2]any{e.Sender, e.ClientID}; !e.ClientID.IsZero() {
			assert.True(t, "no message is there twice", !sent[key])
			sent[key] = true
		}
	}
	heads, err := s.Heads(t.Context(), []chat.ConversationID{id})
	assert.NoError(t, "head", err)
	assert.True(t, "the head is the last entry's", heads[0].Seq == chat.Seq(len(all)) && heads[0].Ordinal == ordinal)
	return all
}

// alone checks that a database has nothing of a slot's conversations.
func (l *land) alone(t testing.TB, n int, ids []chat.ConversationID) {
	t.Helper()
	for _, table := range []string{"head", "entry", "repeated", "member", "leader", "conversation", "outbox"} {
		for _, id := range ids {
			assert.Equal(t, "rows of "+table, l.rows(t, n, fmt.Sprintf("%s WHERE conversation=%d", table, id)), 0)
		}
	}
	assert.Equal(t, "notes", l.rows(t, n, "slot_change"), 0)
	assert.Equal(t, "moves", l.rows(t, 0, "slot_move"), 0)
}

func has(all []chat.Entry, d *chat.Draft) bool {
	return slices.ContainsFunc(all, func(e chat.Entry) bool { return e.ClientID == d.ClientID && e.Sender == d.Sender })
}
