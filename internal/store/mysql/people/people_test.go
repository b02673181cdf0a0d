//go:build cluster

package people_test

import (
	"os"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// databases are fresh ones on the shared server.
func databases(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for range n {
		out = append(out, engines.MariaDB(t).DSN)
	}
	return out
}

// node opens a node's store on databases.
func node(t testing.TB, dsns []string) *mysql.Store {
	t.Helper()
	return nodeOf(t, dsns, 8)
}

func nodeOf(t testing.TB, dsns []string, connections int) *mysql.Store {
	t.Helper()
	cfg := mysql.DefaultConfig()
	cfg.Databases = dsns
	cfg.MaxConnections, cfg.IdleConnections = connections, connections/2
	cfg.SlotInterval = time.Minute
	s, err := mysql.Open(t.Context(), cfg, mysql.Options{})
	assert.NoError(t, "open", err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// accounts are those of a node. A crash is one of the node, and what is opened after it another node: the databases go on.
func accounts(t testing.TB, dsns []string) porttest.AccountStore {
	t.Helper()
	s := node(t, dsns)
	a := people.New(s)
	return porttest.AccountStore{
		Shared: true,
		Users:  a, Devices: a, Invitations: a, Close: s.Close,
		Crash: func(t testing.TB) porttest.AccountStore { return accounts(t, dsns) },
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.Accounts(t, func(t testing.TB) porttest.AccountStore { return accounts(t, databases(t, n)) })
		})
	}
}

func TestShelf(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.Shelf(t, func(t testing.TB) timeline.Shelf { return people.NewShelf(node(t, databases(t, n))) })
		})
	}
}

// relations are those of a node; what is opened after a crash is another node.
func relations(t testing.TB, dsns []string) porttest.RelationStore {
	t.Helper()
	s := node(t, dsns)
	return porttest.RelationStore{
		Rows: people.NewRelations(s), Close: s.Close,
		Crash: func(t testing.TB) porttest.RelationStore { return relations(t, dsns) },
	}
}

// links are those of a node; what is opened after a crash is another node.
func links(t testing.TB, dsns []string) porttest.LinkStore {
	t.Helper()
	s := node(t, dsns)
	return porttest.LinkStore{
		Links: people.NewLinks(s), Close: s.Close,
		Crash: func(t testing.TB) porttest.LinkStore { return links(t, dsns) },
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	porttest.Links(t, func(t testing.TB) porttest.LinkStore { return links(t, databases(t, 2)) })
}

func TestRelations(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			porttest.Relations(t, func(t testing.TB) porttest.RelationStore { return relations(t, databases(t, n)) })
		})
	}
}
