package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// sqlMode makes the server refuse what it would else cut off or guess.
const sqlMode = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"

// connector opens connections whose session is set up.
type connector struct {
	sqldriver.Connector
	session string
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (sqldriver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	exec, ok := conn.(sqldriver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the driver cannot execute"), conn.Close())
	}
	if _, err := exec.ExecContext(ctx, c.session, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("setting up the session: %w", err), conn.Close())
	}
	return conn, nil
}

// dialect is which of the two servers it is: sessions are set up in different words, nothing else.
type dialect uint8

const (
	dialectMySQL dialect = iota + 1
	dialectMariaDB
)

// session returns the statements that set a session up. What a node that vanished has locked must be free again soon: MariaDB can
// end idle transactions, MySQL only idle connections, which the pool gives back sooner than that. MariaDB is also kept from making a
// table of a long list of keys: it would be joined in any order, and heads locked in that order lead to deadlocks.
func (c Config) session(d dialect) string {
	idle := "in_predicate_conversion_threshold=0, idle_transaction_timeout"
	if d == dialectMySQL {
		idle = "wait_timeout"
	}
	return fmt.Sprintf("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION sql_mode='%s', time_zone='+00:00', "+
		"innodb_lock_wait_timeout=%d, %s=%d", sqlMode, seconds(c.LockWait), idle, seconds(c.IdleTransaction))
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }

// open returns the pool of one database. It connects only to learn which server it is.
func (c Config) open(ctx context.Context, dsn string) (*sql.DB, error) {
	d, err := driver.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the address is not written as user:password@tcp(host:port)/name")
	}
	d.InterpolateParams, d.MultiStatements, d.ParseTime, d.ClientFoundRows = true, true, false, true
	d.AllowAllFiles, d.AllowCleartextPasswords = false, d.AllowCleartextPasswords && d.TLS != nil
	d.Collation = "utf8mb4_bin"
	d.Timeout, d.ReadTimeout, d.WriteTimeout = c.DialTimeout, c.Timeout, c.Timeout
	d.Logger = &driver.NopLogger{}
	d.Params = nil
	if d.TLS != nil && d.TLS.MinVersion == 0 {
		d.TLS.MinVersion = tls.VersionTLS12
	}
	plain, err := driver.NewConnector(d)
	if err != nil {
		return nil, err
	}
	server, err := which(ctx, plain)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{Connector: plain, session: c.session(server)})
	db.SetMaxOpenConns(c.MaxConnections)
	db.SetMaxIdleConns(c.IdleConnections)
	db.SetConnMaxLifetime(c.ConnectionLifetime)
	if server == dialectMySQL {
		db.SetConnMaxIdleTime(c.IdleTransaction * 3 / 4)
	}
	return db, nil
}

// which asks a server what it is.
func which(ctx context.Context, plain sqldriver.Connector) (dialect, error) {
	db := sql.OpenDB(plain)
	defer func() { _ = db.Close() }()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return 0, err
	}
	return dialectOf(version)
}
