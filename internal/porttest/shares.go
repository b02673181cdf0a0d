package porttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

// Shares runs the rules SHR-1 to SHR-6 against an adapter. Open returns shares of which nothing was claimed.
func Shares(t *testing.T, open func(t testing.TB) limit.Shares) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s limit.Shares)
	}{
		{"SHR-1 SHR-2 a bucket is full at first, and gives parts of what is there", sharesParts},
		{"SHR-1 SHR-4 a bucket fills at its rate, up to its burst", sharesFill},
		{"SHR-2 those who claim at once are granted the burst together", sharesAtOnce},
		{"SHR-2 SHR-3 SHR-4 claims are answered as a plain bucket answers", sharesModel},
		{"SHR-3 what was spent is owed, up to the burst", sharesOwed},
		{"SHR-3 what is given back is there again, and no more than that", sharesGivenBack},
		{"SHR-5 buckets know nothing of each other", sharesApart},
		{"SHR-6 whoever gave up is told", sharesCanceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// still is a claim on a bucket that does not fill while a test runs.
func still(key string, spent, want, parts int) limit.Claim {
	return limit.Claim{Limit: "still", Key: key, Every: time.Hour, Burst: 100, Spent: spent, Want: want, Parts: parts}
}

// lease claims, and returns the answers.
func lease(t testing.TB, s limit.Shares, claims ...limit.Claim) []limit.Claim {
	t.Helper()
	assert.NoError(t, "lease", s.Lease(t.Context(), claims))
	return claims
}

func granted(t testing.TB, what string, c limit.Claim, granted, left int) {
	t.Helper()
	assert.Equal(t, what+": granted", c.Granted, granted)
	assert.Equal(t, what+": left", c.Left, left)
	assert.Equal(t, what+": there is a wait where nothing is left", c.Wait > 0, left == 0)
}

func sharesParts(t *testing.T, s limit.Shares) {
	got := lease(t, s,
		still("a", 0, 1_000, 4), still("a", 0, 10, 4), still("a", 0, 1_000, 4), still("a", 0, 0, 4), still("a", 0, 1_000, 1), still("a", 0, 5, 2))
	granted(t, "a quarter", got[0], 25, 75)
	granted(t, "no more than it wants", got[1], 10, 65)
	granted(t, "a quarter, rounded up", got[2], 17, 48)
	granted(t, "nothing wanted", got[3], 0, 48)
	granted(t, "the rest", got[4], 48, 0)
	granted(t, "nothing is there", got[5], 0, 0)
	assert.True(t, "the next comes within an hour", got[5].Wait > 50*time.Minute && got[5].Wait <= time.Hour)
}

func sharesFill(t *testing.T, s limit.Shares) {
	const every, burst = 20 * time.Millisecond, 10
	claim := limit.Claim{Limit: "fills", Key: "a", Every: every, Burst: burst, Want: burst, Parts: 1}
	began := time.Now()
	got := lease(t, s, claim)[0]
	granted(t, "all", got, burst, 0)
	assert.True(t, "the next comes", got.Wait <= every)
	sum := got.Granted
	for time.Since(began) < 300*time.Millisecond {
		time.Sleep(got.Wait)
		got = lease(t, s, claim)[0]
		sum += got.Granted
	}
	most := burst + int(time.Since(began)/every) + 1
	assert.True(t, fmt.Sprintf("%d of %d", sum, most), sum >= burst+10 && sum <= most)
	time.Sleep(burst*every + 50*time.Millisecond)
	granted(t, "full again", lease(t, s, claim)[0], burst, 0)
}

func sharesAtOnce(t *testing.T, s limit.Shares) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	sum := 0
	for range 8 {
		wg.Go(func() {
			for range 20 {
				claims := []limit.Claim{still("a", 0, 3, 3), still("a", 0, 2, 5)}
				if err := s.Lease(t.Context(), claims); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sum += claims[0].Granted + claims[1].Granted
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "granted together", sum, 100)
}

// sharesModel compares with a bucket that does not fill, over random claims.
func sharesModel(t *testing.T, s limit.Shares) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	there := map[string]int{"a": 100, "b": 100, "c": 100}
	for range 20 {
		claims := make([]limit.Claim, 25)
		for i := range claims {
			claims[i] = still(string(rune('a'+r.IntN(3))), r.IntN(40)-20, r.IntN(30)-2, 1+r.IntN(6))
		}
		for i, c := range lease(t, s, claims...) {
			n := max(min(there[c.Key]-c.Spent, 100), -100)
			want := max(min(c.Want, (max(n, 0)+c.Parts-1)/c.Parts), 0)
			there[c.Key] = n - want
			granted(t, fmt.Sprintf("claim %d %+v", i, c), c, want, max(n-want, 0))
			if c.Left == 0 {
				hours := float64(1 - (n - want))
				assert.True(t, fmt.Sprintf("a wait of %s", c.Wait), c.Wait.Hours() <= hours && c.Wait.Hours() > hours-0.2)
			}
		}
	}
}

func sharesOwed(t *testing.T, s limit.Shares) {
	got := lease(t, s, still("a", 130, 5, 1), still("a", 1_000, 5, 1), still("a", -100, 5, 1), still("a", -1, 5, 1))
	granted(t, "owed", got[0], 0, 0)
	assert.True(t, "the wait is for all that is owed", got[0].Wait > 30*time.Hour && got[0].Wait <= 31*time.Hour)
	granted(t, "owed, up to the burst", got[1], 0, 0)
	assert.True(t, "the wait is bounded", got[1].Wait > 100*time.Hour && got[1].Wait <= 101*time.Hour)
	granted(t, "nothing is owed", got[2], 0, 0)
	granted(t, "one is there", got[3], 1, 0)
}

func sharesGivenBack(t *testing.T, s limit.Shares) {
	got := lease(t, s, still("a", 0, 60, 1), still("a", -20, 0, 1), still("a", -1_000, 0, 1), still("a", 0, 100, 1))
	granted(t, "leased", got[0], 60, 40)
	granted(t, "given back", got[1], 0, 60)
	granted(t, "never more than full", got[2], 0, 100)
	granted(t, "all", got[3], 100, 0)
}

func sharesApart(t *testing.T, s limit.Shares) {
	long := strings.Repeat("x", 200)
	keys := []string{"a", "b", "", "a}b", "{a}", "with space\n", "ein Schlüssel", long, long + "y", "::1/64"}
	claims := make([]limit.Claim, 0, len(keys)+1)
	for _, key := range keys {
		claims = append(claims, still(key, 0, 1_000, 1))
	}
	other := still("a", 0, 1_000, 1)
	other.Limit = "another"
	for _, c := range lease(t, s, append(claims, other)...) {
		granted(t, fmt.Sprintf("%s %q", c.Limit, c.Key), c, 100, 0)
	}
}

func sharesCanceled(t *testing.T, s limit.Shares) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Lease(ctx, []limit.Claim{still("a", 0, 1, 1)})
	assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeCanceled)
}
