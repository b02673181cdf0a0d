//go:build cluster

package mysql

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/engines"
)

// settings returns those of a store on n fresh databases.
func settings(t testing.TB, n int) Config {
	t.Helper()
	c := DefaultConfig()
	for range n {
		c.Databases = append(c.Databases, engines.MariaDB(t).DSN)
	}
	return c
}

// open opens a store that the test closes at its end.
func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c, Options{})
	assert.NoError(t, "opening", err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A store knows how many there are: at once those that were there before it, and soon those that come and go.
func TestNodesAreCounted(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	c.SlotInterval = 100 * time.Millisecond
	brief := c
	brief.SlotInterval = time.Minute
	first := open(t, c)
	assert.Equal(t, "alone", first.Nodes(), 1)
	second := open(t, c)
	assert.Equal(t, "the second one, at once", second.Nodes(), 2)
	eventually(t, "the first one hears of it", func() bool { return first.Nodes() == 2 })
	command := open(t, brief) // says that it is there for minutes
	eventually(t, "and of a command", func() bool { return first.Nodes() == 3 })
	assert.NoError(t, "closing", second.Close())
	assert.NoError(t, "closing", command.Close())
	eventually(t, "they are gone", func() bool { return first.Nodes() == 1 })
}

func TestSlotsAreSpreadOnce(t *testing.T) {
	t.Parallel()
	c := settings(t, 3)
	var wg sync.WaitGroup
	stores := make([]*Store, 4)
	for i := range stores { // nodes that start together
		wg.Go(func() { stores[i] = open(t, c) })
	}
	wg.Wait()
	count := map[uint64]int{}
	for slot := range chat.Slots {
		for kind := range slotKinds {
			id := stores[0].slots.Load().of[kind][slot].id
			count[id]++
			for _, s := range stores {
				assert.Equal(t, "every node knows the same database", s.slots.Load().of[kind][slot].id, id)
			}
		}
	}
	for id := uint64(1); id <= 3; id++ {
		assert.True(t, "evenly", count[id] >= 2*chat.Slots/3-2 && count[id] <= 2*chat.Slots/3+2)
	}
	assert.True(t, "an epoch", stores[0].Epoch() > 0 && stores[3].Epoch() == stores[0].Epoch())

	// The order of all but the home database does not matter, and one that is new has nothing yet.
	c.Databases[1], c.Databases[2] = c.Databases[2], c.Databases[1]
	c.Databases = append(c.Databases, settings(t, 1).Databases...)
	again := open(t, c)
	for slot := range chat.Slots {
		id := chat.ConversationID(slot)
		assert.Equal(t, "the same database", again.OfConversation(id).id, stores[0].OfConversation(id).id)
		assert.Equal(t, "the same database", again.OfUser(chat.UserID(slot)).dsn, stores[0].OfUser(chat.UserID(slot)).dsn)
	}
	assert.Equal(t, "the number of a new one", again.shards[3].id, uint64(4))
}

func TestWrongDatabasesAreRefused(t *testing.T) {
	t.Parallel()
	ours, theirs := settings(t, 2), settings(t, 1)
	open(t, ours)
	open(t, theirs)
	for _, c := range []struct {
		what      string
		databases []string
		says      string
	}{
		{"one that has slots is missing", ours.Databases[:1], "add it"},
		{"another one first", []string{ours.Databases[1], ours.Databases[0]}, "not the home database"},
		{"a new one first", append(settings(t, 1).Databases, ours.Databases...), "is new"},
		{"one of another install", append([]string{ours.Databases[0], ours.Databases[1]}, theirs.Databases...), "another install"},
	} {
		cfg := ours
		cfg.Databases = c.databases
		_, err := Open(t.Context(), cfg, Options{})
		assert.True(t, c.what, err != nil && strings.Contains(err.Error(), c.says))
	}
	open(t, ours) // nothing was changed by what was refused
}

// I25: tables of a newer version are not touched, unless it says that this one can run on them.
func TestNewerTables(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	s := open(t, c)
	all, err := steps()
	assert.NoError(t, "steps", err)
	db := s.home().db
	_, err = db.ExecContext(t.Context(), "INSERT INTO migration VALUES (9999, 'tomorrow', 0)")
	assert.NoError(t, "a newer step", err)
	floor := func(n int) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), "REPLACE INTO meta (name, number) VALUES (?, ?)", metaFloor, n)
		assert.NoError(t, "floor", err)
	}
	refused := func(what string, o Options) {
		t.Helper()
		_, err := Open(t.Context(), c, o)
		var newer *NewerSchemaError
		assert.True(t, what, errors.As(err, &newer) && newer.Has == 9999 && strings.Contains(err.Error(), "install the newer version"))
	}
	assert.NoError(t, "additive", open(t, c).Ready(t.Context()))
	refused("who reads everything", Options{Whole: true})
	assert.NoError(t, "it looks while it runs", s.checkFloor(t.Context()))
	assert.NoError(t, "and goes on", s.Ready(t.Context()))
	floor(len(all) + 1)
	refused("not additive", Options{})
	assert.NoError(t, "it looks while it runs", s.checkFloor(t.Context()))
	assert.Equal(t, "ready", chat.AsError(s.Ready(t.Context())).Code, chat.CodeUnavailable)
	_, err = db.ExecContext(t.Context(), "DELETE FROM meta WHERE name = ?", metaFloor)
	assert.NoError(t, "floor", err)
	refused("of before there was a floor", Options{})
}

// Who looks at databases makes none: a wrong address would be as it should be.
func TestTablesAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	all, err := steps()
	assert.NoError(t, "steps", err)
	refused := func(what string, has int, words string) {
		t.Helper()
		_, err := Open(t.Context(), c, Options{Made: true})
		var older *OlderSchemaError
		assert.True(t, what, errors.As(err, &older) && older.Has == has && older.Knows == len(all) && strings.Contains(err.Error(), words))
	}
	refused("an empty one", 0, "database 1 of the configuration: it has no tables")
	db, err := c.open(t.Context(), c.Databases[0])
	assert.NoError(t, "open", err)
	t.Cleanup(func() { _ = db.Close() })
	count := func(query string) (n int) {
		t.Helper()
		assert.NoError(t, query, db.QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
	assert.Equal(t, "tables", count("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"), 0)
	open(t, c)
	looks, err := Open(t.Context(), c, Options{Made: true})
	assert.NoError(t, "after a node", err)
	assert.NoError(t, "close", looks.Close())
	_, err = db.ExecContext(t.Context(), "DELETE FROM migration WHERE version = ?", len(all))
	assert.NoError(t, "an older one", err)
	refused("an older one", len(all)-1, "a node of this version changes them when it starts")
	assert.Equal(t, "version", count("SELECT MAX(version) FROM migration"), len(all)-1)
}

// I25: a node that waits for its turn to change the tables, and finds that a newer one was faster, looks whether it can run on them.
func TestNewerTablesWhileItWaits(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	s := open(t, c)
	d := s.home()
	exec := func(query string) {
		t.Helper()
		_, err := d.db.ExecContext(t.Context(), query)
		assert.NoError(t, query, err)
	}
	for _, runs := range []bool{true, false} {
		exec("DELETE FROM migration WHERE version > 5")
		opened := make(chan error, 1)
		err := d.locked(t.Context(), "migrate", func() error {
			go func() {
				s, err := Open(t.Context(), c, Options{})
				if err == nil {
					err = s.Close()
				}
				opened <- err
			}()
			eventually(t, "it waits", func() bool {
				n := 0
				err := d.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE db=DATABASE() AND state='User lock'").Scan(&n)
				assert.NoError(t, "connections", err)
				return n > 0
			})
			exec("INSERT INTO migration VALUES (9999, 'tomorrow', 0)")
			if !runs {
				exec("UPDATE meta SET number = 9999 WHERE name = '" + metaFloor + "'")
			}
			return nil
		})
		assert.NoError(t, "the newer one", err)
		err = <-opened
		var newer *NewerSchemaError
		if runs {
			assert.NoError(t, "it runs on them", err)
		} else {
			assert.True(t, "it is refused", errors.As(err, &newer) && newer.Has == 9999)
		}
	}
}

// T13: a server that can lose what it acknowledged is refused, or runs with a warning.
func TestWeakServersAreRefused(t *testing.T) {
	t.Parallel()
	weak := engines.PrivateMariaDB(t, "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2")
	c := DefaultConfig()
	c.Databases = []string{weak.Database(t).DSN}
	_, err := Open(t.Context(), c, Options{})
	var e *WeakDurabilityError
	assert.True(t, "refused", errors.As(err, &e) && len(e.Settings) == 2)
	c.WeakDurability = true
	s := open(t, c)
	assert.NoError(t, "ready", s.Ready(t.Context()))
}

// Transactions that lock each other's rows are begun again, and all of them are done in the end.
func TestDeadlocksAreBegunAgain(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 1))
	d := s.home()
	_, err := d.db.ExecContext(t.Context(), "INSERT INTO meta VALUES ('a', 0), ('b', 0)")
	assert.NoError(t, "rows", err)
	const workers, each = 6, 10
	var wg sync.WaitGroup
	for w := range workers {
		names := [2]string{"a", "b"}
		if w%2 == 1 {
			names[0], names[1] = names[1], names[0]
		}
		wg.Go(func() {
			for range each {
				err := d.transact(t.Context(), "test", func(t2 *tx) error {
					for _, name := range names {
						if _, err := t2.exec(t.Context(), "UPDATE meta SET number = number + 1 WHERE name = ?", name); err != nil {
							return err
						}
					}
					return nil
				})
				assert.NoError(t, "transaction", err)
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"a", "b"} {
		n, err := d.number(t.Context(), name)
		assert.True(t, "each once", err == nil && n == workers*each)
	}
}

// What fn refuses, and what it panics with, leaves nothing behind and no connection that is in a transaction.
func TestTransactionsThatEndEarlyLeaveNothing(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	c.MaxConnections, c.IdleConnections = 2, 2
	s := open(t, c)
	d := s.home()
	put := func(t2 *tx) {
		_, err := t2.exec(t.Context(), "INSERT INTO meta VALUES ('x', 1)")
		assert.NoError(t, "insert", err)
	}
	for range 5 {
		refusal := chat.Errorf(chat.CodeConflict, chat.ReasonVersionConflict, "no")
		err := d.transact(t.Context(), "test", func(t2 *tx) error { put(t2); return refusal })
		assert.ErrorIs(t, "refused", err, refusal)
		func() {
			defer func() { assert.True(t, "it panicked", recover() != nil) }()
			_ = d.transact(t.Context(), "test", func(t2 *tx) error { put(t2); panic("test") })
		}()
		ctx, cancel := context.WithCancel(t.Context())
		err = d.transact(ctx, "test", func(t2 *tx) error { put(t2); cancel(); return nil })
		assert.Equal(t, "given up before the commit", chat.AsError(err).Code, chat.CodeCanceled)
		err = d.transact(t.Context(), "test", func(t2 *tx) error {
			put(t2)
			_, err := t2.exec(t.Context(), "INSERT INTO meta VALUES ('x', 2)")
			assert.True(t, "the server's own error", isDuplicate(err))
			return io.ErrShortBuffer
		})
		assert.Equal(t, "another error", chat.AsError(err).Code, chat.CodeUnavailable)
		n, err := d.number(t.Context(), "x")
		assert.True(t, "nothing is there", n == 0 && err == nil)
	}
	err := d.transact(t.Context(), "test", func(t2 *tx) error { put(t2); return nil })
	assert.NoError(t, "one that does not end early", err)
}

// T9: a node that stops in the middle of a transaction does not keep others out for long.
func TestIdleTransactionsEnd(t *testing.T) {
	t.Parallel()
	c := settings(t, 1)
	c.IdleTransaction, c.LockWait = time.Second, 3*time.Second
	s := open(t, c)
	d := s.home()
	update := func(t2 *tx) error {
		_, err := t2.exec(t.Context(), "UPDATE meta SET number = number + 1 WHERE name = ?", metaEpoch)
		return err
	}
	attempts := 0
	err := d.transact(t.Context(), "test", func(t2 *tx) error {
		if attempts++; attempts > 1 {
			return update(t2)
		}
		assert.NoError(t, "locking", update(t2))
		other := make(chan error)
		go func() { other <- d.transact(t.Context(), "test", update) }()
		assert.NoError(t, "another node's, meanwhile", <-other)
		return nil
	})
	assert.NoError(t, "the one that stopped", err)
	assert.Equal(t, "its attempts", attempts, 2)
	n, err := d.number(t.Context(), metaEpoch)
	assert.True(t, "each once", err == nil && n == 3)
}

func TestAClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 2))
	was := s.Epoch()
	assert.NoError(t, "raising", s.RaiseEpoch(t.Context()))
	assert.NoError(t, "closing", s.Close())
	assert.NoError(t, "closing again", s.Close())
	assert.Equal(t, "ready", chat.AsError(s.Ready(t.Context())).Code, chat.CodeUnavailable)
	_, err := s.home().number(t.Context(), metaEpoch)
	assert.Equal(t, "a read", chat.AsError(err).Code, chat.CodeUnavailable)
	err = s.home().transact(t.Context(), "test", func(t2 *tx) error {
		_, err := t2.exec(t.Context(), "DELETE FROM meta")
		return err
	})
	assert.Equal(t, "a write", chat.AsError(err).Code, chat.CodeUnavailable)
	assert.True(t, "the epoch was raised", open(t, s.cfg).Epoch() > was)
}
