//go:build cluster

package cluster_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/test/engines"
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
	way := newWay(t, primary.Address())
	dsn.Addr = way.address()
	o.dsn = dsn.FormatDSN()
	under(t, o, 100, func(ctx context.Context, _ *crowd, _ []outside, _ *rand.Rand) {
		pause(ctx, 4*time.Second)
		primary.Kill(t)
		way.close()
		ask(t, second, "STOP SLAVE IO_THREAD")
		wait("the replica has applied what it was sent", func() bool {
			return strings.Contains(status(t, second, "SHOW SLAVE STATUS", "Slave_SQL_Running_State"), "has read all relay log")
		})
		ask(t, second, "STOP SLAVE")
		ask(t, second, "RESET SLAVE ALL")
		way.to(replica.Address())
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

// way is an address that leads to one server after another, as a name does that operators move.
type way struct {
	listener net.Listener

	// guarded by mu
	mu     sync.Mutex
	target string // empty while it leads nowhere
	conns  map[net.Conn]struct{}
}

func newWay(t *testing.T, target string) *way {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	go w.run() // ends with the listener
	t.Cleanup(func() { _ = l.Close(); w.close() })
	return w
}

func (w *way) address() string {
	return "127.0.0.1:" + strconv.Itoa(w.listener.Addr().(*net.TCPAddr).Port) //nolint:errcheck // it is one
}

func (w *way) run() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(in) // ends with its connections
	}
}

func (w *way) carry(in net.Conn) {
	w.mu.Lock()
	target := w.target
	w.conns[in] = struct{}{}
	w.mu.Unlock()
	defer func() { _ = in.Close() }()
	if target == "" {
		return
	}
	out, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	go func() { // ends with its connections
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// to leads to another server from now on.
func (w *way) to(target string) {
	w.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
}

// close breaks all connections and leads nowhere.
func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = ""
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}
