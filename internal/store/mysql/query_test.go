//go:build cluster

package mysql

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/record"
)

// Every query goes by the primary key, to as many rows as it returns: what it costs does not grow with what is stored.
func TestQueriesGoByThePrimaryKey(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	c.SlotInterval = time.Minute // it reads, too
	s := open(t, c)
	var all []chat.UserID
	for u := range chat.UserID(1000) {
		all = append(all, u+1)
	}
	for id := range chat.ConversationID(20) {
		must(t, s, group(id+1, all...))
	}
	for n := range 300 {
		must(t, s, words(chat.ConversationID(1+n%20), alice, n))
	}
	conn := raw(t, s)
	run(t, conn, "ANALYZE TABLE holding, head, entry, member, leader, repeated, outbox, conversation")
	ids := []chat.ConversationID{1, 3, 5, 7, 9}
	var spans text
	pendingQuery(&spans, s.slots.Load().runs(s.home(), 0, laneSlots-1), 10)
	guards := guard{kind: slotConversation, slots: []chat.Slot{1, 5, 900}}
	tickets := []queue.Ticket{{Conversation: 1, Seq: 2}, {Conversation: 1, Seq: 3}}
	var many []chat.ConversationID // more than the servers like to look up one by one
	var manyParts []partKey
	for id := range chat.ConversationID(maxKeys) {
		many, manyParts = append(many, id+1), append(manyParts, partKey{id + 1, 1})
	}
	for query, most := range map[string]int{
		headQuery(ids):  5,
		aboutQuery(ids): 5,
		partQuery([]partKey{{1, 1}, {1, 2}, {2, 1}, {5, 999}}):                                                                    4,
		repeatQuery([]record.RepeatKey{{Conversation: 1, Sender: 1}, {Conversation: 2, Sender: 1}, {Conversation: 9, Sender: 3}}): 3,
		ordinalQuery([]entryKey{{1, 1}, {2, 3}, {3, 9}}):                                                                          3,
		doneQuery(tickets):   2,
		guards.query():       3,
		headQuery(many):      maxKeys,
		partQuery(manyParts): maxKeys,
	} {
		for _, step := range explain(t, s, query) {
			assert.True(t, "by key: "+query+": "+step.kind+" "+step.key, step.kind == "range" && step.key == "PRIMARY")
			assert.True(t, "no more than it has to: "+query, step.rows <= most)
		}
	}
	for _, step := range explain(t, s, spans.String()) {
		assert.True(t, "what is pending goes by key: "+step.kind+" "+step.key, step.key == "PRIMARY" || step.key == "")
	}
	// A page of members reads that page: the server counts the rows that it reads.
	for what, call := range map[string]func(ctx context.Context) error{
		"members": func(ctx context.Context) error { _, err := s.Members(ctx, 7, 500, 10, 0); return err },
		"owner":   func(ctx context.Context) error { _, err := s.Members(ctx, 7, 0, 10, chat.RoleOwner); return err },
		"users":   func(ctx context.Context) error { _, err := s.TimelineLogs().Members(ctx, 7, 500, 10); return err },
		"parts":   func(ctx context.Context) error { _, err := s.TimelineLogs().Parts(ctx, 5, ids); return err },
		"range": func(ctx context.Context) error {
			_, err := s.Range(ctx, message.Range{Conversation: 7, Limit: 5, Backward: true})
			return err
		},
	} {
		n := reads(t, s, call)
		assert.True(t, what+" reads little", n > 0 && n <= 20)
	}
}

type planStep struct {
	kind, key string
	rows      int
}

func explain(t *testing.T, s *Store, query string) []planStep {
	t.Helper()
	result, err := s.home().db.QueryContext(t.Context(), "EXPLAIN "+query)
	assert.NoError(t, "explain", err)
	defer func() { _ = result.Close() }()
	names, err := result.Columns()
	assert.NoError(t, "columns", err)
	var steps []planStep
	for result.Next() {
		values := make([]*string, len(names))
		to := make([]any, len(names))
		for i := range values {
			to[i] = &values[i]
		}
		assert.NoError(t, "scan", result.Scan(to...))
		var step planStep
		for i, name := range names {
			value := ""
			if values[i] != nil {
				value = *values[i]
			}
			switch strings.ToLower(name) {
			case "type":
				step.kind = value
			case "key":
				step.key = value
			case "rows":
				for _, c := range value {
					step.rows = step.rows*10 + int(c-'0')
				}
			}
		}
		steps = append(steps, step)
	}
	assert.NoError(t, "explain", result.Err())
	return steps
}

// reads counts the rows that the server reads for a call, on the single connection of a store of its own.
func reads(t *testing.T, s *Store, call func(ctx context.Context) error) int {
	t.Helper()
	db := s.home().db
	db.SetMaxOpenConns(1)
	defer db.SetMaxOpenConns(s.cfg.MaxConnections)
	count := func() int {
		n := 0
		result, err := db.QueryContext(t.Context(), "SHOW SESSION STATUS WHERE Variable_name IN "+
			"('Handler_read_key', 'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next')")
		assert.NoError(t, "status", err)
		for result.Next() {
			var name string
			var value int
			assert.NoError(t, "status", result.Scan(&name, &value))
			n += value
		}
		assert.NoError(t, "status", result.Close())
		return n
	}
	before := count()
	own := count() - before // what counting itself reads
	assert.NoError(t, "call", call(t.Context()))
	return count() - before - 2*own
}
