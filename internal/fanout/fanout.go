package fanout

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/queue"
)

// Events are the part of [queue.Events] that the fan-out follows.
type Events interface {
	Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error
	Tail() chat.Position
}

// Members is the part of the directory that the fan-out reads: current members, by ascending user id, those above after.
type Members interface {
	Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error)
}

// Deps are what the fan-out needs from others.
type Deps struct {
	Events  Events
	Members Members
	Routes  cluster.Routes
	Bus     cluster.Bus
	// Metrics may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// Fanout takes committed entries to the nodes whose connections are to get them.
type Fanout struct {
	// immutable after construction
	cfg     Config
	events  Events
	members Members
	routes  cluster.Routes
	bus     cluster.Bus
	metrics *metrics
	log     *slog.Logger

	// owned by Run
	at    chat.Position
	cache *cache
	nodes []cluster.Node
	late  late
}

// New makes a fan-out that starts at the present end of the events: nothing that is committed from now on is missed.
func New(cfg Config, deps Deps) (*Fanout, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	log := deps.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Fanout{
		cfg: cfg, events: deps.Events, members: deps.Members, routes: deps.Routes, bus: deps.Bus, log: log,
		metrics: newMetrics(deps.Metrics), at: deps.Events.Tail(), cache: newCache(cfg.CacheMembers),
	}, nil
}

// Run follows the events until ctx ends. After an error it goes on where it was.
func (f *Fanout) Run(ctx context.Context) error {
	for {
		err := f.events.Follow(ctx, f.at, f.handle)
		if ctx.Err() != nil {
			return nil
		}
		f.metrics.retries.Inc()
		f.log.Warn("the fan-out starts again", "error", err)
		select {
		case <-time.After(f.cfg.Retry):
		case <-ctx.Done():
			return nil
		}
	}
}

// handle takes a batch of events.
func (f *Fanout) handle(ctx context.Context, b queue.Batch) error {
	for i := range b.Events {
		ev := &b.Events[i]
		var err error
		if ev.Entry != nil {
			err = f.entry(ctx, ev)
		} else {
			err = f.read(ctx, ev)
		}
		if err != nil {
			return err
		}
	}
	f.at = b.Position
	return nil
}

// read tells a user's other devices what one of them has read.
func (f *Fanout) read(ctx context.Context, ev *chat.Event) error {
	return f.toUsers(ctx, &cluster.Delivery{
		Kind: cluster.DeliverRead, Conversation: ev.Head.Conversation, Users: []chat.UserID{ev.Reader}, Device: ev.Device, Read: ev.Read,
	})
}

// Settings tells a user's other devices that settings changed on one of them. It may be called from any goroutine.
func (f *Fanout) Settings(ctx context.Context, user chat.UserID, device chat.DeviceID, id chat.ConversationID, s chat.Settings) error {
	d := &cluster.Delivery{
		Kind: cluster.DeliverSettings, Conversation: id, Users: []chat.UserID{user}, Device: device, Settings: s,
	}
	nodes, err := f.routes.Users(ctx, d.Users, nil)
	if err != nil {
		return err
	}
	return f.deliver(ctx, nodes, d)
}

// entry delivers a committed entry.
func (f *Fanout) entry(ctx context.Context, ev *chat.Event) error {
	e := ev.Entry
	rec, known := f.cache.get(e.Conversation)
	if known && e.Seq <= rec.seq {
		f.metrics.repeats.Inc()
		return nil
	}
	move := movementOf(e)
	var err error
	if ev.Head.Tier > chat.TierSmall {
		err = f.group(ctx, ev, move, rec, known)
		rec = record{seq: e.Seq}
	} else {
		rec, err = f.small(ctx, ev, move, rec, known)
	}
	if err != nil {
		return err
	}
	// Only now: an entry whose delivery failed comes again.
	f.cache.put(e.Conversation, rec)
	return f.tellMoved(ctx, e.Conversation, move)
}

// small delivers by user route.
func (f *Fanout) small(ctx context.Context, ev *chat.Event, move movement, rec record, known bool) (record, error) {
	e := ev.Entry
	if ev.Was > chat.TierSmall {
		d := &cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: e.Conversation}
		if err := f.toGroup(ctx, d); err != nil {
			return rec, err
		}
	}
	members := rec.members
	if created := e.Seq == 1; created || (known && members != nil && rec.seq+1 == e.Seq) {
		members = move.apply(members)
	} else {
		loaded, err := f.load(ctx, e.Conversation, e.Seq)
		if err != nil {
			return rec, err
		}
		// Who leaves by this entry sees it still, and may be back already as far as the directory knows.
		members = movement{leaving: move.leaving}.apply(loaded)
	}
	d := entryDelivery(ev)
	d.Users = with(members, move.leaving)
	if err := f.send(ctx, d); err != nil {
		return rec, err
	}
	return record{seq: e.Seq, members: members}, f.leave(ctx, e.Conversation, move)
}

// group delivers by group route.
func (f *Fanout) group(ctx context.Context, ev *chat.Event, move movement, rec record, known bool) error {
	e := ev.Entry
	entering := move.entering
	if ev.Was == chat.TierSmall { // sessions opened until now are not subscribed to it
		all := rec.members
		if !known || rec.seq+1 != e.Seq || all == nil {
			var err error
			if all, err = f.load(ctx, e.Conversation, e.Seq); err != nil {
				return err
			}
		}
		entering = with(all, entering)
	}
	if len(entering) > 0 {
		if err := f.toUsers(ctx, &cluster.Delivery{
			Kind: cluster.DeliverEnter, Conversation: e.Conversation, Users: entering, From: e.Seq,
		}); err != nil {
			return err
		}
	}
	if err := f.send(ctx, entryDelivery(ev)); err != nil {
		return err
	}
	if ev.Head.Tier == chat.TierLarge && ev.Reader != 0 {
		// The sender's other devices may get a bare hint, which does not say whose message it is: it is none that is unread.
		if err := f.read(ctx, ev); err != nil {
			return err
		}
	}
	return f.leave(ctx, e.Conversation, move)
}

// leave ends the subscriptions of those who went. In a small conversation there are none, unless it was larger once and
// was forgotten since: they must not come alive when it grows again.
func (f *Fanout) leave(ctx context.Context, id chat.ConversationID, move movement) error {
	if len(move.leaving) == 0 {
		return nil
	}
	return f.toUsers(ctx, &cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: id, Users: move.leaving})
}

// tellMoved asks the devices of those who came or went to sync.
func (f *Fanout) tellMoved(ctx context.Context, id chat.ConversationID, move movement) error {
	if move.none() {
		return nil
	}
	users := with(move.leaving, move.entering)
	return f.toUsers(ctx, &cluster.Delivery{Kind: cluster.DeliverSync, Conversation: id, Users: users})
}

func entryDelivery(ev *chat.Event) *cluster.Delivery {
	return &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: ev.Entry.Conversation, Device: ev.Device, Entry: ev.Entry, Head: ev.Head,
	}
}

// send delivers an entry by its route.
func (f *Fanout) send(ctx context.Context, d *cluster.Delivery) error {
	f.metrics.entries.Inc()
	if mutant == mutantReordered {
		if d = f.late.swap(d); d == nil {
			return nil
		}
	}
	if d.Users != nil {
		return f.toUsers(ctx, d)
	}
	return f.toGroup(ctx, d)
}

func (f *Fanout) toUsers(ctx context.Context, d *cluster.Delivery) (err error) {
	if f.nodes, err = f.routes.Users(ctx, d.Users, f.nodes[:0]); err != nil {
		return err
	}
	return f.deliver(ctx, f.nodes, d)
}

func (f *Fanout) toGroup(ctx context.Context, d *cluster.Delivery) (err error) {
	if f.nodes, err = f.routes.Group(ctx, d.Conversation, f.nodes[:0]); err != nil {
		return err
	}
	return f.deliver(ctx, f.nodes, d)
}

func (f *Fanout) deliver(ctx context.Context, nodes []cluster.Node, d *cluster.Delivery) error {
	for _, n := range nodes {
		if err := f.bus.Deliver(ctx, n, d); err != nil {
			return err
		}
	}
	return nil
}
