//go:build cluster

package cluster_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/test/engines"
	"github.com/throng-im/throng/test/proxy"
)

// TestPrimaryLost: the primary of two databases that replicate semi-synchronously is killed under load, for good, and the replica is made the
// primary. Nothing that was acknowledged is lost.
func TestPrimaryLost(t *testing.T) {
	t.Parallel()
	primary := engines.PrivateMariaDB(t, "--server-id=11", "--rpl-semi-sync-master-enabled=ON", "--rpl-semi-sync-master-timeout=600000",
		"--rpl-semi-sync-master-wait-point=AFTER_SYNC")
	replica := engines.PrivateMariaDB(t, "--server-id=12", "--rpl-semi-sync-slave-enabled=ON", "--log-slave-updates")
	_, port, err := net.SplitHostPort(primary.Address())
	if err != nil {
		t.Fatal(err)
	}
	second := server(t, replica.Address())
	ask(t, second, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER='root', MASTER_USE_GTID=slave_pos", port))
	ask(t, second, "START SLAVE")
	first := server(t, primary.Address())
	wait := func(what string, is func() bool) {
		t.Helper()
		if !within(t.Context(), patience, is) {
			t.Fatalf("after %s it is not so that %s", patience, what)
		}
	}
	wait("the replica acknowledges", func() bool {
		return status(t, first, "SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'", "Value") == "1"
	})

	o := own{ground: shared(t)}
	dsn, err := mysql.ParseDSN(primary.Database(t).DSN)
	if err != nil {
		t.Fatal(err)
	}
	way := proxy.New(t, primary.Address()) // as a name that operators move
	dsn.Addr = way.Address()
	o.dsn = dsn.FormatDSN()
	under(t, o, 100, func(ctx context.Context, _ *crowd, _ []outside, _ *rand.Rand) {
		pause(ctx, 4*time.Second)
		primary.Kill(t)
		way.To("")
		ask(t, second, "STOP SLAVE IO_THREAD")
		wait("the replica has applied what it was sent", func() bool {
			return strings.Contains(status(t, second, "SHOW SLAVE STATUS", "Slave_SQL_Running_State"), "has read all relay log")
		})
		ask(t, second, "STOP SLAVE")
		ask(t, second, "RESET SLAVE ALL")
		way.To(replica.Address())
		pause(ctx, 4*time.Second)
	})
}

func server(t *testing.T, address string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = "root", "tcp", address
	db, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func ask(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// status returns a column of the first row that a statement shows; empty where there is none.
func status(t *testing.T, db *sql.DB, statement, column string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	found := ""
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, c := range columns {
			if c == column && found == "" {
				found = string(values[i])
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
