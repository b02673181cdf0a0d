//go:build cluster

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
)

const (
	alice = chat.UserID(1)
	bob   = chat.UserID(2)
	carol = chat.UserID(3)
)

// patience bounds a wait for what never comes where something is broken.
const patience = 30 * time.Second

func group(id chat.ConversationID, members ...chat.UserID) *chat.Draft {
	return &chat.Draft{Conversation: id, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Name: "group", Members: members}}
}

func words(id chat.ConversationID, sender chat.UserID, n int) *chat.Draft {
	return &chat.Draft{
		Conversation: id, Sender: sender, Device: 7, ClientID: chat.ClientID{1, byte(n >> 16), byte(n >> 8), byte(n)},
		Body: chat.Text{Text: fmt.Sprintf("text %d of %d", n, sender)},
	}
}

// must appends drafts that no rule refuses.
func must(t testing.TB, s *Store, drafts ...*chat.Draft) []chat.Result {
	t.Helper()
	a, err := s.Append(t.Context(), drafts)
	assert.NoError(t, "append", err)
	for _, r := range a.Results() {
		if r.Err != nil {
			t.Fatalf("refused: %v", r.Err)
		}
	}
	return a.Results()
}

// whole reads a conversation and checks that nothing of it is missing or there twice: entries, ordinals, head, and an event for each
// entry, which nobody has published.
func whole(t testing.TB, s *Store, id chat.ConversationID) []chat.Entry {
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
		if chat.Countable(e.Body) {
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
	pending, err := s.Pending(t.Context(), queue.LaneOf(id), 1_000_000)
	assert.NoError(t, "pending", err)
	next := 0
	for _, p := range pending {
		if p.Ticket.Conversation == id && p.Event.Entry != nil {
			assert.Equal(t, "its event", *p.Event.Entry, all[next])
			next++
		}
	}
	assert.Equal(t, "an event for each entry", next, len(all))
	return all
}

// raw is a connection of the test's own to a store's home database.
func raw(t testing.TB, s *Store) *sql.Conn {
	t.Helper()
	c, err := driver.ParseDSN(s.cfg.Databases[0])
	assert.NoError(t, "address", err)
	c.MultiStatements, c.InterpolateParams = true, true
	connector, err := driver.NewConnector(c)
	assert.NoError(t, "address", err)
	db := sql.OpenDB(connector)
	conn, err := db.Conn(t.Context())
	assert.NoError(t, "connecting", err)
	t.Cleanup(func() { _, _ = conn.Close(), db.Close() })
	run(t, conn, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
	return conn
}

func run(t testing.TB, conn *sql.Conn, query string, args ...any) {
	t.Helper()
	_, err := conn.ExecContext(t.Context(), query, args...)
	assert.NoError(t, query, err)
}

// waiting finds the connections that wait for a lock in what InnoDB tells of itself. The tables that tell it too are copies, which are
// not made anew while somebody keeps asking.
var waiting = regexp.MustCompile(`(?m)^LOCK WAIT .*\n(?:MariaDB|MySQL) thread id (\d+),`)

// blocked returns the connections that wait for a lock in the database of conn, once there are n of them.
func blocked(t testing.TB, conn *sql.Conn, n int) []uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		var ids []uint64
		var kind, name, status string
		assert.NoError(t, "status", conn.QueryRowContext(ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status))
		for _, m := range waiting.FindAllStringSubmatch(status, -1) {
			id, ours := uint64(0), 0
			assert.NoError(t, "connection", conn.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0), COUNT(*) FROM information_schema.processlist "+
				"WHERE id=? AND db=DATABASE()", m[1]).Scan(&id, &ours))
			if ours > 0 {
				ids = append(ids, id)
			}
		}
		if len(ids) >= n {
			return ids
		}
		pauseFor(ctx, 5*time.Millisecond)
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// answer is what became of an append.
type answer struct {
	results []chat.Result
	err     error
}

// begin appends in the background.
func begin(t testing.TB, s *Store, drafts ...*chat.Draft) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		a, err := s.Append(t.Context(), drafts)
		if err != nil {
			out <- answer{err: err}
			return
		}
		out <- answer{results: a.Results()}
	}()
	return out
}
