package mysql

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
)

// triedFor is how long a ping may take that tries whether a database answers again.
const triedFor = 3 * time.Second

// attempt makes one attempt of a call, unless the database has not answered of late: then it fails at once, so that a database that hangs
// holds nobody for longer than the first of them.
func (d *shard) attempt(ctx context.Context, what string, run func() error) error {
	call, err := d.breaker.Begin()
	if err != nil {
		away := chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: the database does not answer", what)
		away.RetryAfter = d.store.cfg.BreakerRest
		return away
	}
	end := call.Drop // run panicked
	defer func() { end() }()
	begun := time.Now()
	err = run()
	waited := time.Since(begun)
	switch {
	case err != nil && ctx.Err() != nil:
		// Who gives up at once says nothing about the database; who had a deadline of its own that others would call long, does.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && waited > d.store.cfg.Timeout/4 {
			end = func() { call.End(true) }
			d.forsake()
		}
	case unreached(err), err != nil && broken(err) && waited >= d.store.cfg.Timeout:
		end = func() { call.End(true) }
		d.forsake()
		err = &silentError{err}
	default: // connections that break or are refused hold nobody: they are tried again at once
		end = func() { call.End(false) }
	}
	return err
}

// unreached reports that the server did not even answer who wanted to connect.
func unreached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && op.Timeout()
}

// forsake closes the connections that nobody uses: where one had no answer they may all lead to a server that is gone, and each would have
// somebody wait for as long.
func (d *shard) forsake() {
	d.db.SetMaxIdleConns(0)
	d.db.SetMaxIdleConns(d.store.cfg.IdleConnections)
}

// ping asks whether the database answers. While calls fail at once, it fails at once too, and now and then it is the one that tries.
func (d *shard) ping(ctx context.Context) error {
	was := d.breaker.State()
	call, err := d.breaker.Begin()
	if err != nil {
		return err //nolint:wrapcheck // Ready says what it means
	}
	limit := d.store.cfg.Timeout
	if was != breaker.Closed {
		limit = min(limit, triedFor)
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = d.db.PingContext(inner)
	switch {
	case err == nil && was != breaker.Closed:
		call.End(false)
	case err == nil, ctx.Err() != nil:
		call.Drop() // a database that answers a ping may hang all the same
	default:
		call.End(true)
		d.forsake()
	}
	return err
}
