package engines

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Database is a database of a test's own, empty at first. It is gone when the test has ended.
type Database struct {
	Name string
	// DSN reaches the database by github.com/go-sql-driver/mysql.
	DSN string
}

// MariaDBServer is a MariaDB for one test.
type MariaDBServer struct{ *Process }

var sharedMariaDB shared

// MariaDB returns a fresh database on the shared server, which is durable: it has a binary log, and syncs at every commit.
func MariaDB(t testing.TB) Database {
	t.Helper()
	d := freshDatabase(t, sharedMariaDB.get(t, "THRONG_TEST_MYSQL", func() (*Process, error) { return newMariaDB(nil) }))
	t.Cleanup(func() { statement(t, d.DSN, "DROP DATABASE "+d.Name) })
	return d
}

// PrivateMariaDB starts a server for one test. Args go to mariadbd behind those of the shared one, which they override.
func PrivateMariaDB(t testing.TB, args ...string) *MariaDBServer {
	t.Helper()
	p, err := newMariaDB(args)
	return &MariaDBServer{private(t, p, err)}
}

// Database returns a fresh database on the server.
func (s *MariaDBServer) Database(t testing.TB) Database {
	t.Helper()
	return freshDatabase(t, s.names)
}

// innodbLog is small: a template is copied often, and tests write little.
const innodbLog = "--innodb-log-file-size=32M"

func newMariaDB(args []string) (*Process, error) {
	daemon, err := find("mariadbd", "Debian's mariadb-server")
	if err != nil {
		return nil, err
	}
	dir, err := folder("mariadb")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := template.copy(data); err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = "root", "tcp", loopback(port)
	p := &Process{name: "MariaDB", folder: dir, address: c.Addr, names: c.FormatDSN()}
	p.command = append([]string{
		daemon, "--no-defaults", "--datadir=" + data, "--tmpdir=" + dir, "--user=root", "--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port),
		"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--skip-name-resolve",
		"--innodb-use-native-aio=0", "--innodb-buffer-pool-size=128M", innodbLog, "--max-connections=500", "--performance-schema=OFF",
		"--log-bin=" + filepath.Join(data, "binlog"), "--binlog-format=ROW", "--server-id=1", "--sync-binlog=1",
		"--innodb-flush-log-at-trx-commit=1", "--character-set-server=utf8mb4",
	}, args...)
	p.probe = func(ctx context.Context) error {
		return connected(p.names, func(db *sql.DB) error { return db.PingContext(ctx) })
	}
	return p, nil
}

// datadir is a data folder that a server of this process may begin with: a copy costs less than a bootstrap.
type datadir struct {
	// guarded by mu
	mu     sync.Mutex
	folder string
}

var template datadir

func (d *datadir) copy(to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folder == "" {
		install, err := find("mariadb-install-db", "Debian's mariadb-server")
		if err != nil {
			return err
		}
		dir, err := folder("template")
		if err != nil {
			return err
		}
		// A server that starts removes tables from its folder for temporary ones: each has one of its own.
		err = run(install, "--no-defaults", "--datadir="+filepath.Join(dir, "data"), "--tmpdir="+dir, "--user=root", "--skip-test-db",
			"--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-use-native-aio=0", innodbLog)
		if err != nil {
			return err
		}
		d.folder = dir
	}
	if err := os.CopyFS(to, os.DirFS(filepath.Join(d.folder, "data"))); err != nil {
		return fmt.Errorf("copying a data folder: %w", err)
	}
	return nil
}

func (d *datadir) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folder == "" {
		return nil
	}
	dir := d.folder
	d.folder = ""
	return os.RemoveAll(dir)
}

// connected calls use with a pool that is closed behind it.
func connected(dsn string, use func(db *sql.DB) error) error {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return fmt.Errorf("the DSN of a MariaDB for tests: %w", err)
	}
	c.Logger = &mysql.NopLogger{} // what goes wrong is in the error
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return fmt.Errorf("the DSN of a MariaDB for tests: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // there is nothing to lose
	return use(db)
}

// statementLimit is how long creating or dropping a database may take.
const statementLimit = 30 * time.Second

func statement(t testing.TB, dsn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), statementLimit)
	defer cancel()
	err := connected(dsn, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, query)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func freshDatabase(t testing.TB, server string) Database {
	t.Helper()
	c, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatalf("the DSN of a MariaDB for tests: %v", err)
	}
	c.DBName = prefix()
	statement(t, server, "CREATE DATABASE "+c.DBName)
	return Database{Name: c.DBName, DSN: c.FormatDSN()}
}
