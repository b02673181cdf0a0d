package mysql

import (
	"errors"
	"fmt"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/breaker"
)

// Config says where the databases are and how they are talked to.
type Config struct {
	// Databases are where everything is kept, each as user:password@tcp(host:port)/name. The first one is the home database, which also
	// keeps what is unique over all; the order of the others does not matter. All nodes name the same ones.
	Databases []string `config:"databases,secret"`
	// WeakDurability lets a node run on databases whose settings can lose what was acknowledged when they lose power. It is for trying
	// things out.
	WeakDurability bool
	// MaxConnections is the most connections of this node to one database. Calls wait for one beyond that.
	MaxConnections int
	// IdleConnections is how many connections to one database are kept for the next call.
	IdleConnections int
	// ConnectionLifetime is how old a connection may get, so that one leads to a server that was replaced for no longer than that.
	ConnectionLifetime time.Duration
	// DialTimeout bounds how long it takes to connect.
	DialTimeout time.Duration
	// Timeout bounds how long an answer to a statement is waited for. Where it ends a commit, senders are told that it is in doubt.
	Timeout time.Duration
	// LockWait is how long a transaction waits for another one's rows before it begins again; in whole seconds.
	LockWait time.Duration
	// IdleTransaction is how long a transaction may wait for its node before the database ends it: what a node that was paused or cut off
	// has locked is free again then. In whole seconds.
	IdleTransaction time.Duration
	// SlotInterval is how often a node looks where the slots are.
	SlotInterval time.Duration
	// BreakerFailures in a row, of calls that a database did not answer, are taken as a sign that it hangs or is gone: calls fail at once then.
	BreakerFailures int
	// BreakerRest is how often one of them tries whether it answers again.
	BreakerRest time.Duration
}

// DefaultConfig returns the defaults, without a database.
func DefaultConfig() Config {
	return Config{
		MaxConnections: 32, IdleConnections: 16, ConnectionLifetime: 10 * time.Minute, DialTimeout: 5 * time.Second,
		Timeout: 10 * time.Second, LockWait: 3 * time.Second, IdleTransaction: 5 * time.Second, SlotInterval: 5 * time.Second,
		BreakerFailures: 8, BreakerRest: 500 * time.Millisecond,
	}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Databases) == 0 {
		problem("databases: name at least one, as user:password@tcp(host:port)/name")
	}
	places := map[string]bool{}
	for i, dsn := range c.Databases {
		d, err := driver.ParseDSN(dsn)
		if err != nil {
			problem("databases: number %d is not written as user:password@tcp(host:port)/name", i+1) // the driver's error may hold the password
			continue
		}
		if d.DBName == "" {
			problem("databases: number %d names no database behind the slash", i+1)
		}
		if place := d.Addr + "/" + d.DBName; places[place] {
			problem("databases: number %d is the same as one before it", i+1)
		} else {
			places[place] = true
		}
	}
	if c.MaxConnections < 2 || c.MaxConnections > 10_000 {
		problem("max_connections: %d is not from 2 to 10000", c.MaxConnections)
	}
	if c.IdleConnections < 0 || c.IdleConnections > c.MaxConnections {
		problem("idle_connections: %d is not from 0 to max_connections (%d)", c.IdleConnections, c.MaxConnections)
	}
	for _, d := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"connection_lifetime", c.ConnectionLifetime, time.Second, 24 * time.Hour},
		{"dial_timeout", c.DialTimeout, 100 * time.Millisecond, time.Minute},
		{"timeout", c.Timeout, time.Second, 10 * time.Minute},
		{"lock_wait", c.LockWait, time.Second, 5 * time.Minute},
		{"idle_transaction", c.IdleTransaction, time.Second, 5 * time.Minute},
		{"slot_interval", c.SlotInterval, 100 * time.Millisecond, time.Minute},
	} {
		if d.value < d.least || d.value > d.most {
			problem("%s: %s is not from %s to %s", d.name, d.value, d.least, d.most)
		}
	}
	if err := c.breaker().Validate(); err != nil {
		problem("breaker_failures, breaker_rest: %w", err)
	}
	if c.LockWait >= c.Timeout {
		problem("lock_wait: %s must be shorter than timeout (%s), or a wait for a lock ends as a lost connection", c.LockWait, c.Timeout)
	}
	return errors.Join(problems...)
}

func (c Config) breaker() breaker.Config {
	return breaker.Config{Failures: c.BreakerFailures, Rest: c.BreakerRest}
}
