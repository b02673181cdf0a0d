package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/throng-im/throng/internal/limit"
)

// leaseText settles and grants a claim on a bucket. The key holds when the bucket is full again, in microseconds by the server's clock; it
// is there only while the bucket is not full. A clock that was set back makes nobody wait for longer than twice what it takes to fill.
//
// KEYS bucket. ARGV microseconds for a token, burst, spent, want, parts. It answers {granted, left, microseconds until a token}.
const leaseText = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local every, want, parts = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
local depth = every * ARGV[2]
local was = redis.call('GET', KEYS[1])
local full = math.max(tonumber(was or '0') or 0, now)
full = math.min(math.max(math.min(full, now + 2 * depth) + every * ARGV[3], now), now + 2 * depth)
local there = math.max(math.floor((now + depth - full) / every + 0.000001), 0)
local granted = math.min(want, math.ceil(there / parts))
full = full + every * granted
if full > now then
  redis.call('SET', KEYS[1], string.format('%.2f', full), 'PX', string.format('%.0f', math.ceil((full - now) / 1000)))
elseif was then
  redis.call('DEL', KEYS[1])
end
local wait = 0
if there == granted then wait = math.max(math.ceil(full + every - now - depth), 0) end
return {granted, there - granted, wait}`

// Shares are the buckets that nodes share, by the server's clock. They are one key each, which expires when its bucket is full: those whom
// nobody limits take no room.
type Shares struct{ client *Client }

var _ limit.Shares = (*Shares)(nil)

// NewShares makes the buckets' adapter.
func (c *Client) NewShares() *Shares { return &Shares{client: c} }

// Lease implements [limit.Shares].
func (s *Shares) Lease(ctx context.Context, claims []limit.Claim) error {
	const doing = "leasing shares of limits"
	calls := make([]scriptCall, len(claims))
	for i := range claims {
		c := &claims[i]
		calls[i] = scriptCall{script: s.client.scripts.lease, keys: []string{s.client.bucketKey(c.Limit, c.Key)}, args: []string{
			strconv.FormatFloat(float64(c.Every)/float64(time.Microsecond), 'f', -1, 64), strconv.Itoa(c.Burst), strconv.Itoa(c.Spent),
			strconv.Itoa(max(c.Want, 0)), strconv.Itoa(c.Parts),
		}}
	}
	answers, err := s.client.run(ctx, opLease, calls...)
	if err != nil {
		return unavailable(err, doing)
	}
	for i := range answers {
		n, err := answers[i].AsIntSlice()
		if err == nil && len(n) != 3 {
			err = fmt.Errorf("an answer of %d parts", len(n))
		}
		if err != nil {
			return unavailable(err, doing)
		}
		c := &claims[i]
		c.Granted, c.Left, c.Wait = int(n[0]), int(n[1]), time.Duration(n[2])*time.Microsecond
	}
	return nil
}

// longestKey is how long what somebody is limited by may be, in bytes, to stand in a key as it is.
const longestKey = 64

// bucketKey is the key of a bucket.
func (c *Client) bucketKey(name, key string) string {
	if len(key) > longestKey {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return c.cfg.Prefix + keyBucket + name + ":" + key + "}"
}
