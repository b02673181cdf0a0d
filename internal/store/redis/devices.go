package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// newestText notes sessions of devices, each unless another node has a newer one. A session opened when its node says, by the server's
// clock: as long ago as its age the first time, and at what the server said then from there on, so that no delay makes it younger. What
// was noted in the future is of a clock that was set back, and says nothing. Of a user with very many devices all are forgotten, now and then:
// those that are open are noted again with the next report, and most are not.
//
// The first word on a session may be long on its way, and its age is from when it was sent: where the node knows about the server's clock, it
// says when that was, and the session is not taken for younger than it is.
//
// KEYS devices of users. ARGV node, expiry in ms, how long a word is on its way at most, then for each key: device, session, age in
// microseconds, when it opened or 0, when about it opened or 0. It answers now, then for each key, in the same list: whether it is the newest,
// the other node that has or had one, its session, when this one opened.
const newestText = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local me, expiry, late, out = ARGV[1], ARGV[2], ARGV[3], {now}
for i, key in ipairs(KEYS) do
  local a = 5 * i - 1
  local device, session, opened = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 3])
  if opened == 0 or opened > now then
    opened = now - ARGV[a + 2]
    local about = tonumber(ARGV[a + 4])
    if about > 0 then opened = math.min(opened, math.max(about, opened - late)) end
  end
  local since = string.format('%.0f', opened)
  local at, node, theirs = string.match(redis.call('HGET', key, device) or '', '^(%d+) (%S+) (%d+)$')
  local other, newest = node and node ~= me, 1
  if other then
    at = tonumber(at)
    if at <= now and (at > opened or (at == opened and node > me)) then newest = 0 end
  else
    node, theirs = '', '0'
  end
  if newest == 1 then
    if redis.call('HLEN', key) >= 256 then redis.call('DEL', key) end
    redis.call('HSET', key, device, since .. ' ' .. me .. ' ' .. session)
    redis.call('PEXPIRE', key, expiry)
  end
  local n = 4 * i
  out[n - 2], out[n - 1], out[n], out[n + 1] = newest, node, theirs, since
end
return out`

// newestParts is how many parts an answer of it has for each key, behind the first one.
const newestParts = 4

// Devices are the newest sessions of devices, as one node sees them: in Redis one hash for each user, which expires when nobody reports
// any more. They are written behind [Devices.Opened] by [Devices.Run] alone, and all of them again within each [Config.Report], in case that
// Redis evicted them, or that who was replaced was not told.
type Devices struct {
	// immutable after construction
	client   *Client
	node     cluster.Node
	replaced func(cluster.Replaced)
	start    time.Time
	more     chan struct{} // capacity 1: something is dirty

	// owned by Run
	ahead  int64         // the server's clock less this node's from the start, in microseconds, or a little more than that; 0: not known
	looked time.Duration // when that was found, from the start

	// guarded by mu
	mu    sync.Mutex
	open  [rotas]map[deviceOf]seat
	dirty map[deviceOf]struct{}
	turn  int       // the part that is reported next
	next  time.Time // when
}

// deviceOf names a device.
type deviceOf struct {
	user   chat.UserID
	device chat.DeviceID
}

func (d deviceOf) rota() int { return route{id: uint64(d.user)}.rota() }

// seat is a session.
type seat struct {
	session uint64
	opened  time.Duration // from the start
	since   int64         // by the server's clock, in microseconds; 0 until it is noted
}

var _ cluster.Devices = (*Devices)(nil)

// NewDevices makes the devices of a node. Replaced is called by one goroutine, with what was replaced here or on another node; it must
// not block.
func (c *Client) NewDevices(node cluster.Node, replaced func(cluster.Replaced)) *Devices {
	d := &Devices{
		client: c, node: node, replaced: replaced, start: time.Now(), more: make(chan struct{}, 1), dirty: make(map[deviceOf]struct{}),
	}
	for i := range d.open {
		d.open[i] = make(map[deviceOf]seat)
	}
	return d
}

// Opened implements [cluster.Devices].
func (d *Devices) Opened(user chat.UserID, device chat.DeviceID, session uint64) {
	k := deviceOf{user, device}
	d.mu.Lock()
	defer d.mu.Unlock()
	if was, ok := d.open[k.rota()][k]; ok && was.session >= session {
		return // loops of a node tell in any order
	}
	d.open[k.rota()][k] = seat{session: session, opened: time.Since(d.start)}
	d.touch(k)
}

// Closed implements [cluster.Devices]. What Redis knows of it expires: the next session is newer in any case.
func (d *Devices) Closed(user chat.UserID, device chat.DeviceID, session uint64) {
	k := deviceOf{user, device}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[k.rota()][k].session == session {
		delete(d.open[k.rota()], k)
	}
}

// touch must be called with mu held.
func (d *Devices) touch(k deviceOf) {
	d.dirty[k] = struct{}{}
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends.
func (d *Devices) Run(ctx context.Context) error {
	report := time.NewTicker(d.client.cfg.Report / rotas)
	defer report.Stop()
	for {
		select {
		case <-d.more:
		case <-report.C:
			d.report(time.Now())
			continue
		case <-ctx.Done():
			return nil
		}
		if err := d.write(ctx); err == nil || ctx.Err() != nil {
			continue
		}
		t := time.NewTimer(writeAgain)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// report has the parts of what is open written again whose time has come.
func (d *Devices) report(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next.IsZero() {
		d.next = now
	}
	for ; !now.Before(d.next); d.next = d.next.Add(d.client.cfg.Report / rotas) {
		for k := range d.open[d.turn] {
			d.touch(k)
		}
		d.turn = (d.turn + 1) % rotas
	}
}

// Again has all of what is open written again: Redis may have lost it.
func (d *Devices) Again() {
	for i := range d.open {
		d.mu.Lock()
		for k := range d.open[i] {
			d.touch(k)
		}
		d.mu.Unlock()
	}
}

// write writes everything that is dirty at its beginning. What it does not get to is dirty again.
func (d *Devices) write(ctx context.Context) error {
	d.mu.Lock()
	work := d.dirty
	d.dirty = make(map[deviceOf]struct{})
	d.mu.Unlock()
	part := make([]deviceOf, 0, min(len(work), pipelined))
	for k := range work {
		part = append(part, k)
		if len(part) < pipelined && len(part) < len(work) {
			continue
		}
		if err := d.part(ctx, part); err != nil {
			d.mu.Lock()
			for k := range work {
				d.touch(k)
			}
			d.mu.Unlock()
			d.client.log.Debug("sessions of devices were not noted", "error", err)
			return err
		}
		for _, k := range part {
			delete(work, k)
		}
		part = part[:0]
	}
	return nil
}

// noted keeps when a session opened by the server's clock.
func (d *Devices) noted(k deviceOf, session uint64, since int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.open[k.rota()][k]; s.session == session {
		s.since = since
		d.open[k.rota()][k] = s
	}
}

// part writes some devices as they are now, as many with a run of the script as the server takes.
func (d *Devices) part(ctx context.Context, part []deviceOf) error {
	expiry := millis(max(routeReports*d.client.cfg.Report, 10*time.Minute))
	most, begun := d.client.together(), time.Since(d.start)
	devices, seats, calls := make([]deviceOf, 0, len(part)), make([]seat, 0, len(part)), make([]scriptCall, 0, 1+len(part)/most)
	d.mu.Lock()
	for _, k := range part {
		s, ok := d.open[k.rota()][k]
		if !ok {
			continue
		}
		if len(devices)%most == 0 {
			calls = append(calls, scriptCall{script: d.client.scripts.newest, args: []string{
				string(d.node), expiry, strconv.FormatInt(d.client.cfg.Timeout.Microseconds(), 10),
			}})
		}
		about := int64(0)
		if d.ahead != 0 {
			about = d.ahead + s.opened.Microseconds()
		}
		devices, seats = append(devices, k), append(seats, s)
		call := &calls[len(calls)-1]
		call.keys = append(call.keys, d.client.devicesKey(k.user))
		call.args = append(call.args, strconv.FormatUint(uint64(k.device), 10), strconv.FormatUint(s.session, 10),
			strconv.FormatInt((begun-s.opened).Microseconds(), 10), strconv.FormatInt(s.since, 10), strconv.FormatInt(about, 10))
	}
	d.mu.Unlock()
	answers, err := d.client.run(ctx, opDevices, calls...)
	if err != nil {
		return err
	}
	for i := range answers {
		all, err := answers[i].ToArray()
		if n := len(calls[i].keys); err == nil && len(all) != 1+newestParts*n {
			err = fmt.Errorf("an answer of %d parts for %d devices", len(all), n)
		}
		if err != nil {
			return err
		}
		if now, _ := all[0].AsInt64(); i == 0 {
			d.clock(begun, now)
		}
		for n := range calls[i].keys {
			d.learn(devices[n], seats[n], all[1+newestParts*n:])
		}
		devices, seats = devices[len(calls[i].keys):], seats[len(calls[i].keys):]
	}
	return nil
}

const (
	// prompt is how long a call takes that tells well what the server's clock says, and looksApart for how long that holds where none does.
	prompt     = 20 * time.Millisecond
	looksApart = time.Minute
)

// clock notes what the server's clock said after a moment, and before now. In a Redis Cluster each server has one of its own.
func (d *Devices) clock(begun time.Duration, said int64) {
	now := time.Since(d.start)
	if !d.client.cfg.Cluster && (d.ahead == 0 || now-begun <= prompt || now-d.looked > looksApart) {
		d.ahead, d.looked = said-begun.Microseconds(), now
	}
}

// learn takes what the script answered for one device.
func (d *Devices) learn(k deviceOf, s seat, answer []rueidis.RedisMessage) {
	newest, _ := answer[0].AsInt64() // what is no number is 0, and no node "": nobody was replaced
	node, _ := answer[1].ToString()
	text, _ := answer[2].ToString()
	session, _ := strconv.ParseUint(text, 10, 64)
	since, _ := answer[3].AsInt64()
	d.noted(k, s.session, since)
	switch {
	case node == "":
	case newest == 1:
		d.replaced(cluster.Replaced{Node: cluster.Node(node), User: k.user, Device: k.device, Session: session})
	default:
		d.replaced(cluster.Replaced{Node: d.node, User: k.user, Device: k.device, Session: s.session})
	}
}
