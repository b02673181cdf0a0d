package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/cluster"
)

// renewalText renews the lease of a node, says what it is, and tells which nodes live. Leases end by the server's clock.
//
// The tenure of a node is drawn anew with each lease that did not follow on one that ran: a node whose renewal had no answer sees by the
// next one that its lease had run out before.
//
// KEYS live, info. ARGV node, info, lease in ms, a tenure in case that this is another one.
// It answers {whether the lease still ran, replication id, nodes, their infos, the tenure}.
const renewalText = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
local ran = (ends and tonumber(ends) >= now) and 1 or 0
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, n in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now))) do
  redis.call('ZREM', KEYS[1], n)
  redis.call('HDEL', KEYS[2], n, n .. '#')
end
local tenure = ran == 1 and redis.call('HGET', KEYS[2], ARGV[1] .. '#')
if not tenure then
  tenure = ARGV[4]
  redis.call('HSET', KEYS[2], ARGV[1] .. '#', tenure)
end
local live = redis.call('ZRANGE', KEYS[1], 0, -1)
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
return {ran, id, live, redis.call('HMGET', KEYS[2], unpack(live)), tenure}`

// farewellText ends the lease of a node.
const farewellText = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1], ARGV[1] .. '#')
return 1`

// watchingText looks whether a key of the node is still there, and leaves one for the next time. KEYS key. ARGV expiry in ms.
const watchingText = `
local was = redis.call('SET', KEYS[1], '1', 'PX', ARGV[1], 'GET')
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
return {was and 1 or 0, id}`

// renewals is how many fit into a lease that have no answer: what has not come for so long may have renewed it all the same, and the next one
// is on its way.
const renewals = 4

// watches is on how many keys a node looks for losses in a Redis Cluster, each in another 64th of the slots.
const watches = 64

// lifeOf is what renewals tell, as of one moment. It is immutable.
type lifeOf struct {
	at    time.Time // before it was asked for
	nodes map[cluster.Node]struct{}
	infos []cluster.Info          // by name
	texts map[string]cluster.Info // as nodes said it: most say the same again
}

// renew renews the lease and looks who lives. lost is whether anything in Redis may be gone that this node had written: its lease,
// or the server that knew of it.
func (r *Routes) renew(ctx context.Context) (lost bool, err error) {
	r.renewing.Lock()
	defer r.renewing.Unlock()
	began := time.Now()
	info, err := json.Marshal(r.self())
	if err != nil {
		return false, fmt.Errorf("writing down the node: %w", err) // it is made of strings and numbers
	}
	lease := r.client.cfg.Lease
	if mutant == mutantLeaseForever {
		lease = 1_000 * time.Hour
	}
	calls := []scriptCall{{
		script: r.client.scripts.renewal, keys: []string{r.client.cfg.Prefix + keyLive, r.client.cfg.Prefix + keyInfo},
		args: []string{string(r.node), string(info), millis(lease), rand.Text()},
	}}
	for _, tag := range r.tags {
		key := r.client.cfg.Prefix + keyWatch + tag + "}:" + string(r.node)
		calls = append(calls, scriptCall{script: r.client.scripts.watching, keys: []string{key}, args: []string{millis(10 * r.client.cfg.Lease)}})
	}
	ctx, cancel := context.WithTimeout(ctx, r.client.cfg.Lease/renewals)
	defer cancel()
	answers, err := r.client.run(ctx, opRenew, calls...)
	if err != nil {
		return false, unavailable(err, "renewing the lease")
	}
	for i := range answers {
		all, err := answers[i].ToArray()
		if err != nil || len(all) < 2 {
			return false, unavailable(fmt.Errorf("answer %d: %w", i, err), "renewing the lease")
		}
		ran, _ := all[0].AsInt64() // what is no number is not 1
		id, _ := all[1].ToString()
		if (ran != 1 || r.replicas[i] != id) && mutant != mutantLossUnnoticed {
			lost = true
		}
		r.replicas[i] = id
		if i > 0 {
			continue
		}
		if len(all) < 5 {
			return false, unavailable(fmt.Errorf("an answer of %d parts", len(all)), "renewing the lease")
		}
		tenure, _ := all[4].ToString()
		if tenure != r.tenure && mutant != mutantLossUnnoticed {
			lost = true
		}
		r.tenure = tenure
		names, err := all[2].AsStrSlice()
		if err != nil {
			return false, unavailable(err, "renewing the lease")
		}
		infos, err := all[3].ToArray()
		if err != nil {
			return false, unavailable(err, "renewing the lease")
		}
		texts := make([]string, len(infos))
		for i := range infos {
			texts[i], _ = infos[i].ToString() // nil where it was evicted
		}
		r.seen(began, names, texts)
	}
	return lost, nil
}

// seen notes who lives.
func (r *Routes) seen(at time.Time, names, infos []string) {
	life := &lifeOf{at: at, nodes: make(map[cluster.Node]struct{}, len(names)), texts: make(map[string]cluster.Info, len(names))}
	before := r.life.Load().texts
	for i, n := range names {
		life.nodes[cluster.Node(n)] = struct{}{}
		if i >= len(infos) {
			continue
		}
		info, known := before[infos[i]]
		if (known || json.Unmarshal([]byte(infos[i]), &info) == nil) && info.Node == cluster.Node(n) {
			life.infos = append(life.infos, info)
			life.texts[infos[i]] = info
		}
	}
	slices.SortFunc(life.infos, func(a, b cluster.Info) int { return strings.Compare(string(a.Node), string(b.Node)) })
	r.life.Store(life)
}

// lives reports whether a node has a lease. One that is not known is asked for, once, since it may be a new one.
func (r *Routes) lives(ctx context.Context, n cluster.Node) (bool, error) {
	if n == r.node {
		return true, nil
	}
	life := r.life.Load()
	if _, ok := life.nodes[n]; ok {
		return true, nil
	}
	if r.buried(n) {
		return false, nil
	}
	asked := time.Now()
	r.look.Lock()
	defer r.look.Unlock()
	if life = r.life.Load(); !life.at.After(asked) {
		lost, err := r.renew(ctx)
		if err != nil {
			return false, err
		}
		if lost {
			r.rejoin()
		}
		life = r.life.Load()
	}
	_, ok := life.nodes[n]
	if !ok {
		r.bury(n)
	}
	return ok, nil
}

// buryFor is how long a node must have been without a lease until its routes are removed: by then it is known to have gone, and
// not only to have been out of touch.
const buryFor = time.Minute

// buried reports whether a node is known to have no lease.
func (r *Routes) buried(n cluster.Node) bool {
	r.graves.Lock()
	defer r.graves.Unlock()
	_, ok := r.dead[n]
	return ok
}

// bury notes a node that has no lease.
func (r *Routes) bury(n cluster.Node) {
	r.graves.Lock()
	defer r.graves.Unlock()
	if _, ok := r.dead[n]; !ok {
		r.dead[n] = time.Now()
	}
}

// raise takes those out of the dead who live. Those of whom nothing is left in Redis are forgotten in time.
func (r *Routes) raise() {
	life := r.life.Load()
	r.graves.Lock()
	defer r.graves.Unlock()
	for n, since := range r.dead {
		if _, ok := life.nodes[n]; ok || time.Since(since) > 100*buryFor {
			delete(r.dead, n)
		}
	}
}

// gone reports whether a node has been dead for so long that its routes are removed.
func (r *Routes) gone(n cluster.Node) bool {
	r.graves.Lock()
	defer r.graves.Unlock()
	since, ok := r.dead[n]
	return ok && time.Since(since) > buryFor
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// spread returns one hash tag for each 64th of the slots of a Redis Cluster: every master has at least one of them, as long as slots
// lie together.
func spread() []string {
	tags := make([]string, watches)
	for i, left := 0, watches; left > 0; i++ {
		tag := strconv.Itoa(i)
		if at := slotOf(tag) * watches / clusterSlots; tags[at] == "" {
			tags[at] = tag
			left--
		}
	}
	return tags
}

const clusterSlots = 16_384

// slotOf is the slot of a hash tag: its CRC-16/XMODEM.
func slotOf(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % clusterSlots
}
