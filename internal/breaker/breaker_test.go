package breaker_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/breaker"
)

func begin(t *testing.T, b *breaker.Breaker) breaker.Call {
	t.Helper()
	c, err := b.Begin()
	assert.NoError(t, "begin", err)
	return c
}

func refused(t *testing.T, b *breaker.Breaker, want error) {
	t.Helper()
	_, err := b.Begin()
	assert.True(t, "refused", errors.Is(err, want))
}

func TestFailuresInARowOpenIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Failures: 3, Rest: time.Second})
		for range 5 {
			begin(t, b).End(true)
			begin(t, b).End(true)
			begin(t, b).End(false)
		}
		assert.Equal(t, "after failures with a success between them", b.State(), breaker.Closed)
		for range 3 {
			begin(t, b).End(true)
		}
		assert.Equal(t, "after three in a row", b.State(), breaker.Open)
		refused(t, b, breaker.ErrOpen)
	})
}

func TestOneCallTriesAfterARest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Failures: 1, Rest: time.Second})
		begin(t, b).End(true)
		rest(time.Second - 1)
		refused(t, b, breaker.ErrOpen)
		rest(1)
		assert.Equal(t, "rested", b.State(), breaker.HalfOpen)
		probe := begin(t, b)
		refused(t, b, breaker.ErrOpen)
		probe.End(true)
		refused(t, b, breaker.ErrOpen)
		rest(time.Second)
		begin(t, b).Drop() // it gave up, which says nothing
		begin(t, b).End(false)
		assert.Equal(t, "after it succeeded", b.State(), breaker.Closed)
	})
}

func TestWhatWasUnderWayIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Failures: 2, Rest: time.Second})
		late := []breaker.Call{begin(t, b), begin(t, b), begin(t, b), begin(t, b)}
		late[0].End(true)
		late[1].End(true)
		late[2].End(false)
		assert.Equal(t, "a success from before it opened", b.State(), breaker.Open)
		rest(time.Second)
		begin(t, b).End(false)
		begin(t, b).End(true)
		late[3].End(true)
		assert.Equal(t, "a failure from before it opened", b.State(), breaker.Closed)
	})
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	b := breaker.New(breaker.Config{Failures: 1, Rest: time.Second, Calls: 2})
	first, second := begin(t, b), begin(t, b)
	refused(t, b, breaker.ErrFull)
	first.End(false)
	begin(t, b).Drop()
	third := begin(t, b)
	refused(t, b, breaker.ErrFull)
	second.End(false)
	third.End(false)
}

// A dependency that hangs holds as many callers as may be, once; then nobody waits but who tries.
func TestAHungDependencyHoldsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const deadline, callers = 500 * time.Millisecond, 100
		b := breaker.New(breaker.Config{Failures: 5, Rest: time.Second, Calls: 20})
		held := time.Duration(0)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for end := time.Now().Add(10 * time.Second); time.Now().Before(end); rest(10 * time.Millisecond) {
					c, err := b.Begin()
					if err != nil {
						continue
					}
					rest(deadline)
					c.End(true)
					mu.Lock()
					held += deadline
					mu.Unlock()
				}
			})
		}
		all.Wait()
		// Twenty at first, and who comes before five of them have failed; then one for each rest and try.
		most := (20 + 5 + 7) * deadline
		assert.True(t, "held for "+held.String()+" of "+(callers*10*time.Second).String(), held <= most)
	})
}

// rest lets virtual time pass.
func rest(d time.Duration) { <-time.After(d) }

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg   breaker.Config
		valid bool
	}{
		{breaker.Config{Failures: 1, Rest: 1}, true},
		{breaker.Config{Failures: 1, Rest: 1, Calls: 1}, true},
		{breaker.Config{Rest: 1}, false},
		{breaker.Config{Failures: 1}, false},
		{breaker.Config{Failures: 1, Rest: 1, Calls: -1}, false},
	} {
		assert.Equal(t, "valid", c.cfg.Validate() == nil, c.valid)
	}
}
