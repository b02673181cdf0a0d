package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// embedded opens the engine in this process: the log, the directory, accounts, timelines and the events are one database in the
// data folder; routes and bus are this process's memory.
func (a *App) embedded(admit func(chat.Head) time.Duration) (*engine, error) {
	sizes, rules := a.cfg.Sizes(), a.rules()
	rules.Admit = admit
	s, err := pebble.Open(a.cfg.DatabaseDir(), pebble.Options{
		CacheBytes: sizes.Cache, MemTableBytes: uint64(sizes.MemTable), MinFreeBytes: uint64(a.cfg.Store.ReserveBytes),
		OpenFiles: divide(openFiles()).store, FS: a.options.FS, Rules: rules, Logger: a.log, Registerer: a.registry, Now: a.options.Now, Fatal: a.fatal,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	a.closers.add(s.Close)
	timelines, err := s.Timelines()
	if err != nil {
		return nil, fmt.Errorf("opening the timelines: %w", err)
	}
	node := cluster.Node(rand.Text())
	salt, err := a.folder.Secret("tracing")
	if err != nil {
		return nil, err
	}
	if err := a.wireTracing(binary.BigEndian.Uint64(salt), node); err != nil {
		return nil, err
	}
	routes := local.NewRoutes(node)
	follower := timeline.NewFollower(a.cfg.Timeline, timelines, s.TimelineLogs(), s.TimelineEvents(), a.log, timeline.WithMetrics(a.registry))
	return &engine{
		log: s, readers: s, directory: s, positions: s, people: s.Accounts(), relations: s.Relations(), links: s.Links(), logs: s.TimelineLogs(), rows: timelines,
		follower: follower, follow: follower.Run, streams: local.NewStreams(s),
		settled: func(ctx context.Context) error { return follower.Passed(ctx, s.TimelineEvents().Tail()) },
		node:    node, routes: routes, registrar: routes, registry: local.NewRegistry(), bus: local.NewBus(),
		shares: local.NewShares(nil), presence: local.NewPresence().Join(string(node)), nodes: func() int { return 1 },
		archives: pebbleArchives{s}, tended: tendAll(pebbleArchives{s}), recent: s.RecentEvents(), checkpoint: s.Checkpoint, shards: 1,
		ready: func(context.Context) error { return s.Ready() },
	}, nil
}

// pebbleArchives are the [archives] of the embedded engine.
type pebbleArchives struct{ store *pebble.Store }

func (p pebbleArchives) Picture(ctx context.Context) (picture, error) { return p.store.Picture(ctx) }

func (p pebbleArchives) Imports() imports { return p.store.Imports() }

// rules are those of the log's decisions.
func (a *App) rules() message.Rules {
	rules := a.cfg.Tiers
	rules.Amending, rules.Mentioning = &a.cfg.Amending, &a.cfg.Mentioning
	return rules
}
