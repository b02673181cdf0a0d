package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/mysql/transfer"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/internal/timeline"
)

// appenders is how many workers append best to MySQL: each has a connection of its own, and the database commits them together.
const appenders = 16

// clustered opens the engines that nodes share: MySQL has the truth, Kafka its events, Redis what can be lost. It is wired like
// this, each arrow with what it carries:
//
//	MySQL ──outbox──→ relay ──→ Kafka ──streams──→ timelines, fan-out ──→ Redis
//	  └──── committed ──→ waker (relays, here and elsewhere), direct deliveries while Kafka is away
func (a *App) clustered(ctx context.Context, admit func(chat.Head) time.Duration) (*engine, error) {
	cfg, rules, self := a.cfg, a.rules(), cluster.Node(rand.Text())
	rules.Admit = admit
	db, err := mysql.Open(ctx, cfg.MySQL, mysql.Options{Rules: rules, Now: a.options.Now, Registerer: a.registry, Logger: a.log})
	if err != nil {
		return nil, fmt.Errorf("opening MySQL: %w", err)
	}
	a.closers.add(db.Close)
	if err := a.wireTracing(db.Install(), self); err != nil {
		return nil, err
	}
	memory, err := redis.Open(cfg.Redis, redis.WithLogger(a.log), redis.WithMetrics(a.registry))
	if err != nil {
		return nil, fmt.Errorf("opening Redis: %w", err)
	}
	a.closers.add(func() error { memory.Close(); return nil })
	events, err := kafka.New(cfg.Kafka, kafka.Deps{Metrics: a.registry, Logger: a.log})
	if err != nil {
		return nil, fmt.Errorf("opening Kafka: %w", err)
	}
	a.closers.add(events.Close)
	relay, err := queue.NewRelay(cfg.Relay, queue.RelayDeps{Node: string(self), Outbox: db, Publisher: events, Metrics: a.registry, Logger: a.log, Trace: a.tracer})
	if err != nil {
		return nil, fmt.Errorf("building the relay: %w", err)
	}
	accounts := people.New(db)
	e := &engine{
		log: db, readers: db, directory: db, positions: db, logs: db.TimelineLogs(), people: accounts, revocations: accounts, relations: people.NewRelations(db), links: people.NewLinks(db),
		archives: mysqlArchives{transfer.New(db, accounts)}, streams: events, node: self, shards: appenders, ready: db.Ready,
		tended: tendOwn(db, relay.Held), nodes: db.Nodes, waits: db.Waits, place: db.Place, meets: memory.Ping,
	}
	e.tends = func() bool { return relay.Held()&(1<<tendingLane(0)) != 0 } // of the home database's node
	shelf := people.NewShelf(db)
	devices := memory.NewDevices(self, func(r cluster.Replaced) { a.core.node.replaced(r) })
	lost := func() { devices.Again(); a.resync() }
	routes := memory.NewRoutes(self, lost)
	e.devices, e.presence, e.hot, e.shares = devices, memory.NewPresence(routes), memory.NewHot(), memory.NewShares()
	e.routes, e.registrar, e.registry, e.bus = routes, routes, routes, memory.NewBus(lost)
	positions := positionsOf(cfg.Kafka.Topic)
	timelines := memory.NewTimelines(shelf, positions)
	e.rows = sharedRows{timelines.Stream(0), timelines}
	e.follow = func(ctx context.Context) error {
		return events.Share(ctx, timelinesGroup, func(ctx context.Context, s queue.Stream) error {
			f := timeline.NewFollower(cfg.Timeline, timelines.Stream(s.Number()), e.logs, streamEvents{s, a.log}, a.log,
				timeline.WithStoreMarks(), timeline.WithMoved(e.syncs))
			err := f.Run(ctx)
			if err != nil && ctx.Err() == nil {
				a.log.Warn("timelines start again", "stream", s.Number(), "error", err)
			}
			return err
		})
	}
	e.settled = settling{outbox: db, events: events}.wait
	w := newWaker(self, routes, e.bus, relay, a.log)
	e.relays, e.behind = w.wake, w.behind
	e.outbox = func(i *cluster.Info) { i.Lanes, i.Behind = relay.Held(), relay.Behind() }
	a.near(e)
	db.OnCommit(func(list []chat.Event) {
		w.committed(lanesOf(list))
		noteAll(e.ring, list)
		if d := a.core.direct; d != nil {
			d.Committed(list)
		}
	})
	engines := newDependencies(a.log, a.registry,
		dependency{"Redis", checked(memory.Check, memory.Ping), "sends go on, and devices look for what they were not delivered"},
		dependency{
			"Kafka", checked(events.Check, func(ctx context.Context) error { _, err := events.Ends(ctx); return err }),
			"sends go on, and each node delivers what it commits",
		},
	)
	if !a.options.Offline { // a command fails by itself where it needs an engine
		e.below = append(e.below, part{name: "engines", run: engines.run, patience: time.Second})
	}
	e.below = append(e.below,
		part{name: "routes", run: routes.Run, patience: 2 * time.Second},
		part{name: "devices", run: devices.Run, patience: time.Second},
		part{name: "waker", run: w.run, patience: time.Second},
	)
	if cfg.Works() {
		e.below = append(e.below, part{name: "relay", run: relay.Run, patience: 4 * time.Second})
	}
	return e, nil
}

// timelinesGroup is the group in which nodes share the streams of events for timelines.
const timelinesGroup = "timelines"

// mostPosition is how long the name of a follower's positions may be.
const mostPosition = 64

// positionsOf is the name under which the timelines' positions in a topic are kept: in another topic, of an operator who left events
// behind, they would name other events.
func positionsOf(topic string) string {
	name := timelinesGroup + "." + topic
	if len(name) <= mostPosition {
		return name
	}
	sum := sha256.Sum256([]byte(topic))
	return timelinesGroup + "." + hex.EncodeToString(sum[:16])
}

// sharedRows are timelines that several followers write, each through its own stream; reading is the same through all of them.
type sharedRows struct {
	timeline.Store
	counts interface {
		Counts(ctx context.Context, users []chat.UserID) ([]int, error)
	}
}

// Counts implements rows.
func (s sharedRows) Counts(ctx context.Context, users []chat.UserID) ([]int, error) {
	return s.counts.Counts(ctx, users)
}

// syncsAtOnce bounds how many users one delivery asks to sync.
const syncsAtOnce = 200

// syncs asks devices of users to sync, wherever they are connected. Those who are not told find it by their next heartbeat.
func (e *engine) syncs(ctx context.Context, users []chat.UserID) {
	for some := range slices.Chunk(users, syncsAtOnce) {
		nodes, err := e.routes.Users(ctx, some, nil)
		if err != nil || tell(ctx, e.bus, nodes, &cluster.Delivery{Kind: cluster.DeliverSync, Users: some}) != nil {
			return
		}
	}
}

// resync has every session look for what it may have missed: the bus was away, or this node was not on it.
func (a *App) resync() {
	a.log.Warn("deliveries may have been missed; sessions look for them")
	a.core.engine.ring.Clear()
	a.core.gateway.Resync()
	a.core.presence.Resync()
}

// mysqlArchives are the [archives] of databases that nodes share.
type mysqlArchives struct{ *transfer.Archives }

// Picture implements archives.
func (m mysqlArchives) Picture(ctx context.Context) (picture, error) { return m.Archives.Picture(ctx) }

// Imports implements archives.
func (m mysqlArchives) Imports() imports { return m.Archives.Imports() }

// lanesOf are the lanes of events, a bit for each.
func lanesOf(events []chat.Event) uint64 {
	var lanes uint64
	for i := range events {
		lanes |= 1 << queue.LaneOf(events[i].Head.Conversation)
	}
	return lanes
}
