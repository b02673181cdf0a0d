package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

var _ message.Hot = (*Hot)(nil)

// Hot is message.Hot: a hash for each conversation, of
//
//	lo, hi  the seqs of the oldest and the newest entry that are kept; all between them are
//	b       their bytes
//	f       entries up to here are forgotten, and are not kept again
//	a       the last entry that amended others, which are not kept since
//	NUMBER  the entry of a seq, as in the log
//
// in one key, so that what is forgotten is not kept while what says so is lost: what is lost begins anew with an entry that was just
// committed.
type Hot struct {
	// immutable after construction
	client *Client
}

// NewHot makes the cache of recent entries.
func (c *Client) NewHot() *Hot { return &Hot{client: c} }

// hotAge is how old an entry may be that is kept. One that comes later was held up on its way: what it says may be gone by now.
const hotAge = time.Minute

// keepText keeps an entry. KEYS cache. ARGV seq, entry, the most entries, the most bytes, expiry in ms, and the seqs of those that it amends.
// It answers whether it did.
const keepText = `
local key, seq, most, bytes = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local v = redis.call('HMGET', key, 'lo', 'hi', 'b', 'f')
local lo, hi, b, f = tonumber(v[1] or 0), tonumber(v[2] or 0), tonumber(v[3] or 0), tonumber(v[4] or 0)
if seq <= f or seq <= hi then return 0 end
local size = #ARGV[2]
if hi > 0 and (seq ~= hi + 1 or size > bytes) then
  redis.call('DEL', key)
  lo, hi, b = 0, 0, 0
end
if size > bytes then
  if f > 0 then redis.call('HSET', key, 'f', string.format('%.0f', f)) redis.call('PEXPIRE', key, ARGV[5]) end
  return 0
end
if hi == 0 then lo = seq end
b = b + size
for i = 6, #ARGV do
  local n = tonumber(ARGV[i])
  if n >= lo and n <= hi then
    b = b - redis.call('HSTRLEN', key, ARGV[i])
    redis.call('HDEL', key, ARGV[i])
  end
end
if #ARGV >= 6 then redis.call('HSET', key, 'a', ARGV[1]) end
while seq - lo >= most or b > bytes do
  local field = string.format('%.0f', lo)
  b = b - redis.call('HSTRLEN', key, field)
  redis.call('HDEL', key, field)
  lo = lo + 1
end
redis.call('HSET', key, 'lo', string.format('%.0f', lo), 'hi', ARGV[1], 'b', b, 'f', string.format('%.0f', f), ARGV[1], ARGV[2])
redis.call('PEXPIRE', key, ARGV[5])
return 1`

// coolText forgets entries. KEYS cache. ARGV the highest seq, expiry in ms.
const coolText = `
local f = math.max(tonumber(redis.call('HGET', KEYS[1], 'f') or 0), tonumber(ARGV[1]))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'f', string.format('%.0f', f))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

// Get implements [message.Hot].
func (h *Hot) Get(ctx context.Context, id chat.ConversationID, from, to, amended chat.Seq) ([]chat.Entry, bool) {
	if from == 0 || to < from || to-from >= chat.Seq(h.client.cfg.HotEntries) {
		return nil, false
	}
	fields := make([]string, 0, to-from+3)
	for seq := from; seq <= to; seq++ {
		fields = append(fields, number(uint64(seq)))
	}
	fields = append(fields, "lo", "a")
	answers, err := h.client.do(ctx, opHotGet, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Hmget().Key(h.client.hotKey(id)).Field(fields...).Build()}
	})
	if err != nil {
		return nil, false
	}
	values, err := answers[0].ToArray()
	if err != nil || len(values) != len(fields) {
		return nil, false
	}
	n := len(values) - 2
	if amended >= from { // of what came before, those that it may be about are not wanted
		lo, err := values[n].AsUint64()
		a, _ := values[n+1].AsUint64() // none: nothing that amends was put
		if err != nil || chat.Seq(lo) <= amended && chat.Seq(a) < amended {
			h.client.metrics.hotMisses.Inc()
			return nil, false
		}
	}
	entries := make([]chat.Entry, n)
	for i := range entries {
		text, err := values[i].ToString()
		if err != nil {
			h.client.metrics.hotMisses.Inc()
			return nil, false
		}
		r := record.NewReader([]byte(text))
		entries[i] = r.Entry(id, from+chat.Seq(i))
		if !r.Done() {
			h.client.metrics.hotMisses.Inc() // of a newer node
			return nil, false
		}
	}
	h.client.metrics.hotHits.Inc()
	return entries, true
}

// Put implements [message.Hot].
func (h *Hot) Put(ctx context.Context, entries ...*chat.Entry) {
	cfg, calls, bytes := &h.client.cfg, []scriptCall{}, 0
	for i, e := range entries {
		if time.Since(time.UnixMilli(int64(e.TimeMS))) <= hotAge {
			text := string(record.AppendEntry(nil, e))
			bytes += len(text)
			args := []string{number(uint64(e.Seq)), text, number(uint64(cfg.HotEntries)), number(uint64(cfg.HotBytes)), millis(cfg.HotExpiry)}
			for _, seq := range e.Amends() {
				args = append(args, number(uint64(seq)))
			}
			calls = append(calls, scriptCall{script: h.client.scripts.keep, keys: []string{h.client.hotKey(e.Conversation)}, args: args})
		}
		if len(calls) == 0 || (i < len(entries)-1 && bytes < pipelinedBytes) {
			continue
		}
		if _, err := h.client.run(ctx, opHotPut, calls...); err != nil {
			h.client.log.Debug("entries were not cached", "error", err)
			return
		}
		calls, bytes = nil, 0
	}
}

// Forget implements [message.Hot].
func (h *Hot) Forget(ctx context.Context, id chat.ConversationID, upTo chat.Seq) error {
	answers, err := h.client.run(ctx, opHotForget, scriptCall{
		script: h.client.scripts.cool, keys: []string{h.client.hotKey(id)},
		// What may still be on its way is younger than hotAge then; clocks of nodes may differ.
		args: []string{number(uint64(upTo)), millis(max(h.client.cfg.HotExpiry, 10*hotAge))},
	})
	if err == nil {
		err = answers[0].Error()
	}
	return unavailable(err, "forgetting entries")
}
