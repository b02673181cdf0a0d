//go:build cluster

package mysql

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/proxy"
)

// behind opens a store whose database is behind a proxy, with limits that a test can wait for, and one beside it that reaches the database
// directly.
func behind(t *testing.T) (s, direct *Store, p *proxy.Proxy) {
	t.Helper()
	c := settings(t, 1)
	c.SlotInterval, c.Timeout, c.LockWait, c.BreakerFailures, c.BreakerRest = time.Minute, 2*time.Second, time.Second, 3, 100*time.Millisecond
	direct = open(t, c)
	d, err := driver.ParseDSN(c.Databases[0])
	assert.NoError(t, "address", err)
	p = proxy.New(t, d.Addr)
	d.Addr = p.Address()
	c.Databases = []string{d.FormatDSN()}
	return open(t, c), direct, p
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !is(); pauseFor(t.Context(), 5*time.Millisecond) {
		assert.True(t, what, time.Now().Before(limit))
	}
}

// T8: a database that does not answer holds those who called it first until their time is over, and nobody after them. What they are told
// is true, and the first call that finds the database again has everybody go on.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	const id = chat.ConversationID(1)
	for name, f := range map[string]proxy.Faults{
		"hears nothing": {HoldRequests: true},
		"says nothing":  {HoldReplies: true},
		"is cut off":    {HoldRequests: true, HoldReplies: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, direct, p := behind(t)
			must(t, s, group(id, alice, bob))
			p.Set(f)
			answers := make([]<-chan answer, 6)
			for n := range answers {
				answers[n] = begin(t, s, words(id, alice, n))
			}
			got, begun := make([]answer, len(answers)), time.Now()
			for n := range answers {
				got[n] = <-answers[n]
				assert.True(t, "nothing is acknowledged", got[n].err != nil)
			}
			assert.True(t, "an attempt is waited for once", time.Since(begun) < 2*s.cfg.Timeout)
			assert.True(t, "calls fail at once", s.home().breaker.State() != breaker.Closed)
			held := 0
			for range 50 {
				begun := time.Now()
				_, err := s.Append(t.Context(), []*chat.Draft{words(id, bob, 1)})
				e := chat.AsError(err)
				assert.Equal(t, "what senders are told", [2]any{e.Code, e.Reason}, [2]any{chat.CodeUnavailable, chat.ReasonStorageUnavailable})
				if time.Since(begun) > s.cfg.Timeout/2 {
					held++ // it tried
					break
				}
				assert.Equal(t, "when to try again", e.RetryAfter, s.cfg.BreakerRest)
				pauseFor(t.Context(), time.Millisecond)
			}
			assert.True(t, "the node is not ready", s.Ready(t.Context()) != nil)
			assert.True(t, "one at a time tries", held <= 1)
			p.Set(proxy.Faults{})
			eventually(t, "the database is found again", func() bool { return s.Ready(t.Context()) == nil })
			assert.Equal(t, "calls", s.home().breaker.State(), breaker.Closed)
			for n := range got {
				isTrue(t, direct, words(id, alice, n), got[n])
			}
			must(t, s, words(id, bob, 2))
		})
	}
}

// T8: connections that lead to a server that is gone cost one call its time, and not one for each of them.
func TestHalfOpenConnections(t *testing.T) {
	t.Parallel()
	s, _, p := behind(t)
	const id = chat.ConversationID(1)
	must(t, s, group(id, alice, bob))
	for range 3 { // so that several connections wait for calls
		answers := make([]<-chan answer, 8)
		for n := range answers {
			answers[n] = begin(t, s, group(id+1+chat.ConversationID(n), alice, bob))
		}
		for n := range answers {
			<-answers[n]
		}
	}
	assert.True(t, "several connections wait", s.home().db.Stats().Idle > 1)
	p.Vanish()
	a := <-begin(t, s, words(id, alice, 1))
	assert.Equal(t, "the first call", chat.AsError(a.err).Code, chat.CodeUnavailable)
	begun := time.Now()
	must(t, s, words(id, alice, 1))
	assert.True(t, "the next has a new connection", time.Since(begun) < s.cfg.Timeout)
}

// Connections that break or are refused hold nobody: calls go on, and find the database as soon as it is there.
func TestBreaker(t *testing.T) {
	t.Parallel()
	s, direct, p := behind(t)
	const id = chat.ConversationID(1)
	must(t, s, group(id, alice, bob))
	for n := range 5 {
		p.Reset()
		must(t, s, words(id, alice, n))
	}
	assert.Equal(t, "after connections that broke", s.home().breaker.State(), breaker.Closed)
	d, err := driver.ParseDSN(direct.cfg.Databases[0])
	assert.NoError(t, "address", err)
	for n := range 3 {
		p.To("")
		a := <-begin(t, s, words(id, bob, n))
		assert.Equal(t, "what senders are told", chat.AsError(a.err).Code, chat.CodeUnavailable)
		p.To(d.Addr)
		must(t, s, words(id, bob, n))
	}
	assert.Equal(t, "after connections that were refused", s.home().breaker.State(), breaker.Closed)
}

// A server that does not answer who connects is unavailable; its caller did not give up.
func TestUnreachedDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, settings(t, 1))
	err := s.home().attempt(t.Context(), "connecting", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond) // as the driver bounds it
		defer cancel()
		_, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
		return err
	})
	assert.True(t, "the driver's error is a deadline", errors.Is(err, context.DeadlineExceeded))
	assert.Equal(t, "what callers are told", chat.AsError(s.translate(err, "connecting")).Code, chat.CodeUnavailable)
	assert.Equal(t, "it is not begun again", endOf(err), endFinal)
}
