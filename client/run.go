package client

import (
	"context"
	"errors"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	dialTimeout  = 15 * time.Second
	tokenTimeout = 30 * time.Second // whatever the source of tokens does, the next try begins
	maxAuthTries = 2                // rejected tokens in a row before the client gives up
	maxShift     = 16
)

// run keeps the client connected until its life ends or the server ends it.
func (c *Client) run() {
	told := make(chan struct{})
	if c.opts.OnEvent != nil {
		go func() { // ends when done is closed and all is told
			defer close(told)
			for e := range c.Events(context.Background()) {
				c.opts.OnEvent(e)
			}
		}()
	} else {
		close(told)
	}
	end := c.keepConnected()
	c.stop()
	c.finish(end) // closes done, which ends the telling once all is told
	<-told
	close(c.ended)
}

// retry is what the end of a connection asks for.
type retry struct {
	closed CloseReason // set: never again
	auth   bool        // the token was rejected
	after  time.Duration
}

func (c *Client) keepConnected() State {
	attempt, rejected, why := 0, 0, TokenFirst
	for {
		attempt++
		c.locked(func() { c.setState(State{Phase: Connecting, Attempt: attempt}) })
		online, err := c.connection(why, attempt)
		if c.life.Err() != nil {
			return State{Phase: Closed, Reason: ByUser}
		}
		if online > 0 {
			rejected = 0
		}
		if online >= c.opts.StableAfter {
			attempt = 0
		}
		r := judge(err)
		why = TokenFirst
		if r.auth {
			why = TokenRejected
			if rejected++; rejected > maxAuthTries {
				r.closed = ReasonAuth
			}
		}
		if r.closed != "" {
			return State{Phase: Closed, Reason: r.closed, Cause: err}
		}
		var delay time.Duration
		c.locked(func() { delay = c.delay(attempt, r.after) })
		if r.auth && rejected == 1 {
			delay = 0 // a new token is tried at once
		}
		c.opts.Log.Info("connection ended", "error", err, "retry_in", delay)
		if !c.wait(State{Phase: Waiting, Attempt: attempt, RetryAt: time.Now().Add(delay), Cause: err}, delay) {
			return State{Phase: Closed, Reason: ByUser}
		}
	}
}

// delay is full jitter over an exponential bound; the server's word wins, with jitter on top. It runs with mu held, which
// guards the source of randomness.
func (c *Client) delay(attempt int, after time.Duration) time.Duration {
	bound := min(c.opts.BackoffCap, c.opts.BackoffBase<<min(max(attempt-1, 0), maxShift))
	jitter := time.Duration(c.opts.Random() * float64(bound))
	if after > 0 {
		return after + min(jitter, after/2+c.opts.BackoffBase)
	}
	return jitter
}

func (c *Client) wait(st State, d time.Duration) bool {
	c.locked(func() { c.setState(st) })
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.hurry:
		return true
	case <-c.life.Done():
		return false
	}
}

// connection runs one connection from the dial to its end and returns how long it was online.
func (c *Client) connection(why TokenReason, attempt int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(c.life, tokenTimeout)
	token, err := c.opts.Tokens.Token(ctx, why)
	cancel()
	if err != nil {
		return 0, &tokenError{err}
	}
	conn, gateway, err := c.open(token)
	if err != nil {
		return 0, err
	}
	s := newSession(c, conn)
	s.start()
	online, err := s.serve(token, attempt)
	s.stop(err)
	if e := (*CloseError)(nil); errors.As(err, &e) {
		if s.closing != nil && e.RetryAfter == 0 {
			e.RetryAfter = time.Duration(s.closing.GetRetryAfterMs()) * time.Millisecond
		}
		if e.Code >= closeMoved && e.Code < closeToken {
			c.door.moved(gateway)
		}
	}
	return online, err
}

// tokenError is a failure to get a token.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "get a token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// The ranges of close codes; docs/spec/close.md says what each asks for.
const (
	closeBackoff = 4000
	closeMoved   = 4100
	closeToken   = 4200
	closePerson  = 4300
	closeFault   = 4400
	closeEnd     = 4500
)

// judge reads from the end of a connection what to do next.
func judge(err error) retry {
	var (
		ce *CloseError
		he *HandshakeError
		te *tokenError
		e  *Error
	)
	switch {
	case errors.As(err, &te):
		if permanent(te.err) {
			return retry{closed: ReasonAuth}
		}
		return retry{}
	case errors.As(err, &ce):
		return judgeClose(ce)
	case errors.As(err, &he):
		if he.Status == 400 || he.Status == 426 {
			return retry{closed: Incompatible}
		}
		return retry{auth: he.Status == 401, after: he.RetryAfter}
	case errors.As(err, &e):
		switch {
		case e.Code == throngv1.Code_CODE_UNAUTHENTICATED:
			return retry{auth: true}
		case e.Code == throngv1.Code_CODE_UNSUPPORTED:
			return retry{closed: Incompatible}
		case e.Code == throngv1.Code_CODE_GONE, e.Reason == "user_disabled":
			return retry{closed: ByServer}
		}
		return retry{after: e.RetryAfter}
	default:
		return retry{}
	}
}

func judgeClose(e *CloseError) retry {
	switch {
	case e.Code >= closeBackoff && e.Code < closeToken:
		return retry{after: e.RetryAfter}
	case e.Code >= closeToken && e.Code < closePerson:
		return retry{auth: true}
	case e.Code >= closePerson && e.Code < closeFault:
		return retry{closed: ByServer}
	case e.Code >= closeFault && e.Code < closeEnd, breach(e):
		return retry{closed: Incompatible}
	default:
		return retry{after: e.RetryAfter}
	}
}

// breach reports a code of RFC 6455 by which the server says that it could not read the client (CLOSE-2). What this side
// could not read may have been damaged on its way.
func breach(e *CloseError) bool {
	return !e.Local && (e.Code == 1002 || e.Code == 1003 || e.Code == 1007 || e.Code == 1009)
}

func (c *Client) locked(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
}
