package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

const (
	// writeAgain is how long the writer rests where Redis did not take what it wrote.
	writeAgain = 250 * time.Millisecond
	// routeReports is after how many reports a route goes by itself: its node has left it behind.
	routeReports = 20
	// rotas is into how many parts what is attached is divided, each reported at a time of its own.
	rotas = 64
	// leftovers is how many routes of dead nodes wait to be removed. What is beyond that is met again.
	leftovers = 1_024
)

// attachText adds a node to routes. KEYS routes. ARGV node, expiry in ms.
const attachText = `
for _, key in ipairs(KEYS) do
  redis.call('SADD', key, ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1`

// route names a user, or a group.
type route struct {
	group bool
	id    uint64
}

func (k route) rota() int { return int(k.id * 0x9E3779B97F4A7C15 >> 58) }

// leftover is a route to a node that is gone.
type leftover struct {
	route
	node cluster.Node
}

// registrar knows what this node has attached, and what of that is to be written. It is written by one goroutine, so that the last
// word on a route is written last.
type registrar struct {
	// immutable after construction
	rejoined chan struct{} // capacity 1: what was lost is written again
	stale    chan leftover // routes to remove
	more     chan struct{} // capacity 1: something is dirty

	// guarded by mu
	mu       sync.Mutex
	attached [rotas]map[route]struct{}
	dirty    map[route]struct{}
	asked    uint64 // counts changes
	written  uint64 // changes up to here are written
	tries    uint64 // counts writes that failed
	failure  error  // of the last try, nil where it succeeded
	moved    chan struct{}
	rejoin   uint64 // when changes up to here are written, what was lost is; 0 where nothing was
	next     time.Time
	turn     int // the part that is reported next
}

func newRegistrar() *registrar {
	g := &registrar{
		rejoined: make(chan struct{}, 1), stale: make(chan leftover, leftovers), more: make(chan struct{}, 1),
		dirty: make(map[route]struct{}), moved: make(chan struct{}),
	}
	for i := range g.attached {
		g.attached[i] = make(map[route]struct{})
	}
	return g
}

// Attach implements [cluster.Registrar].
func (g *registrar) Attach(user chat.UserID) { g.change(route{id: uint64(user)}, true) }

// Detach implements [cluster.Registrar].
func (g *registrar) Detach(user chat.UserID) { g.change(route{id: uint64(user)}, false) }

// AttachGroup implements [cluster.Registrar].
func (g *registrar) AttachGroup(id chat.ConversationID) {
	g.change(route{group: true, id: uint64(id)}, true)
}

// DetachGroup implements [cluster.Registrar].
func (g *registrar) DetachGroup(id chat.ConversationID) {
	g.change(route{group: true, id: uint64(id)}, false)
}

func (g *registrar) change(k route, in bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.attached[k.rota()]
	if _, was := all[k]; was == in {
		return // it is written, or waits to be
	}
	if in {
		all[k] = struct{}{}
	} else {
		delete(all, k)
	}
	g.touch(k)
}

// touch must be called with mu held.
func (g *registrar) touch(k route) {
	g.dirty[k] = struct{}{}
	g.asked++
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// any reports whether one of the routes leads here.
func (g *registrar) any(routes []route) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range routes {
		if _, ok := g.attached[k.rota()][k]; ok {
			return true
		}
	}
	return false
}

// all has everything written again. Nobody waits long for the lock meanwhile: what is attached in between is written anyway.
func (g *registrar) all() {
	for i := range g.attached {
		g.mu.Lock()
		for k := range g.attached[i] {
			g.dirty[k] = struct{}{}
		}
		g.mu.Unlock()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	g.rejoin = g.asked
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// rota has a part of what is attached written again, if its time has come. All parts have theirs within report.
func (g *registrar) rota(now time.Time, report time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next.IsZero() {
		g.next = now
	}
	for ; !now.Before(g.next); g.next = g.next.Add(report / rotas) {
		for k := range g.attached[g.turn] {
			g.touch(k)
		}
		g.turn = (g.turn + 1) % rotas
	}
}

// remove has a route of a dead node removed, sooner or later.
func (g *registrar) remove(k route, n cluster.Node) {
	select {
	case g.stale <- leftover{k, n}:
	default:
	}
}

// Flush implements [cluster.Registrar]. Where Redis does not take what is written it fails with the first try, and what was attached is
// written later.
func (g *registrar) Flush(ctx context.Context) error {
	g.mu.Lock()
	want, tries := g.asked, g.tries
	for g.written < want {
		if g.tries != tries {
			err := g.failure
			g.mu.Unlock()
			if err == nil {
				tries = g.tries
				g.mu.Lock()
				continue
			}
			return unavailable(err, "writing routes")
		}
		moved := g.moved
		g.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return unavailable(ctx.Err(), "writing routes")
		}
		g.mu.Lock()
	}
	g.mu.Unlock()
	return nil
}

// Settled implements [cluster.Settler].
func (g *registrar) Settled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.written >= g.asked
}

// write writes what is dirty until ctx ends.
func (g *registrar) write(ctx context.Context, c *Client, node cluster.Node) {
	for {
		select {
		case <-g.more:
		case l := <-g.stale:
			c.removeRoute(ctx, l)
			continue
		case <-ctx.Done():
			return
		}
		for failing := false; ; failing = true {
			err := g.round(ctx, c, node)
			if err == nil && failing {
				// What was given up may still be on its way to the server, and come after what was written since.
				g.all()
			}
			if err == nil || ctx.Err() != nil {
				break
			}
			t := time.NewTimer(writeAgain)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
		}
	}
}

// round writes everything that is dirty at its beginning.
func (g *registrar) round(ctx context.Context, c *Client, node cluster.Node) error {
	g.mu.Lock()
	work, upTo := g.dirty, g.asked
	g.dirty = make(map[route]struct{})
	g.mu.Unlock()
	var err error
	part := make([]routeState, 0, pipelined/2)
	for k := range work {
		part = append(part, routeState{k, false})
		if len(part) == cap(part) || len(part) == len(work) {
			if err = g.part(ctx, c, node, part); err != nil {
				break
			}
			for _, s := range part {
				delete(work, s.route)
			}
			part = part[:0]
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failure = err
	if err != nil {
		g.tries++
		for k := range work {
			g.dirty[k] = struct{}{}
		}
	} else {
		g.written = upTo
		if g.rejoin != 0 && g.written >= g.rejoin {
			g.rejoin = 0
			select {
			case g.rejoined <- struct{}{}:
			default:
			}
		}
	}
	close(g.moved)
	g.moved = make(chan struct{})
	return err
}

// fail tells those who wait that nothing is written for now.
func (g *registrar) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failure = err
	g.tries++
	close(g.moved)
	g.moved = make(chan struct{})
}

// routeState is a route and whether it leads here.
type routeState struct {
	route
	in bool
}

// part writes some routes as they are now: what changed again since is dirty again.
func (g *registrar) part(ctx context.Context, c *Client, node cluster.Node, part []routeState) error {
	g.mu.Lock()
	for i := range part {
		_, part[i].in = g.attached[part[i].rota()][part[i].route]
	}
	g.mu.Unlock()
	expiry := millis(max(routeReports*c.cfg.Report, 10*time.Minute))
	most := c.together()
	var attach []scriptCall
	var detach []route
	attached := 0
	for _, s := range part {
		if !s.in {
			detach = append(detach, s.route)
			continue
		}
		if attached%most == 0 {
			attach = append(attach, scriptCall{script: c.scripts.attach, args: []string{string(node), expiry}})
		}
		attached++
		call := &attach[len(attach)-1]
		call.keys = append(call.keys, c.routeKey(s.route))
	}
	answers, err := c.run(ctx, opRoutes, attach...)
	if err == nil && len(detach) > 0 {
		var gone []rueidis.RedisResult
		gone, err = c.do(ctx, opRoutes, func(b rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, len(detach))
			for i, k := range detach {
				commands[i] = b.Srem().Key(c.routeKey(k)).Member(string(node)).Build()
			}
			return commands
		})
		answers = append(answers, gone...)
	}
	for i := range answers {
		if err == nil {
			err = answers[i].Error() // of a full server: it takes nothing more
		}
	}
	return err
}

// removeRoute removes a route of a dead node. It is of no weight: who meets it again tries again.
func (c *Client) removeRoute(ctx context.Context, l leftover) {
	_, err := c.do(ctx, opRoutes, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Srem().Key(c.routeKey(l.route)).Member(string(l.node)).Build()}
	})
	if err != nil {
		c.log.Debug("a route of a node that is gone was not removed", "error", err)
	}
}
