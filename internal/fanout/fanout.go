package fanout

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/trace"
)

// Members is the part of the directory that the fan-out reads: current members, by ascending user id, those above after.
type Members interface {
	Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error)
}

// Hot is the part of message.Hot that the fan-out writes.
type Hot interface {
	Put(ctx context.Context, entries ...*chat.Entry)
}

// Deps are what the fan-out needs from others.
type Deps struct {
	Streams queue.Streams
	Members Members
	Routes  cluster.Routes
	Bus     cluster.Bus
	// Hot keeps recent entries of conversations above the small tier for those who pull them; nil keeps none.
	Hot Hot
	// Metrics may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	// Trace notes where entries were delivered; nil notes nothing.
	Trace *trace.Tracer
}

// Fanout takes committed entries to the nodes whose connections are to get them.
type Fanout struct {
	// immutable after construction
	cfg     Config
	streams queue.Streams
	members Members
	routes  cluster.Routes
	bus     cluster.Bus
	hot     Hot
	metrics *metrics
	log     *slog.Logger
	trace   *trace.Tracer
}

// New makes a fan-out.
func New(cfg Config, deps Deps) (*Fanout, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	log := deps.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Fanout{
		cfg: cfg, streams: deps.Streams, members: deps.Members, routes: deps.Routes, bus: deps.Bus, hot: deps.Hot, log: log, trace: deps.Trace,
		metrics: newMetrics(deps.Metrics),
	}, nil
}

// groupName is that of the group in which nodes share the streams of events for fan-out.
const groupName = "fanout"

// Run follows the streams that this node is given until ctx ends.
func (f *Fanout) Run(ctx context.Context) error {
	return f.streams.Share(ctx, groupName, func(ctx context.Context, s queue.Stream) error { return newFollower(f, s).run(ctx) })
}

// Settings tells a user's other devices that settings changed on one of them. It may be called from any goroutine.
func (f *Fanout) Settings(ctx context.Context, user chat.UserID, device chat.DeviceID, id chat.ConversationID, s chat.Settings) error {
	d := &cluster.Delivery{
		Kind: cluster.DeliverSettings, Conversation: id, Users: []chat.UserID{user}, Device: device, Settings: s,
	}
	return f.tellUser(ctx, d)
}

// Relations tells a user's devices that the list of relations has come to a version. It may be called from any goroutine.
func (f *Fanout) Relations(ctx context.Context, user chat.UserID, version uint64) error {
	return f.tellUser(ctx, &cluster.Delivery{Kind: cluster.DeliverRelations, Users: []chat.UserID{user}, Version: version})
}

// tellUser takes a delivery to the nodes where its user has connections.
func (f *Fanout) tellUser(ctx context.Context, d *cluster.Delivery) error {
	nodes, err := f.routes.Users(ctx, d.Users, nil)
	if err != nil {
		return err
	}
	parcels := make([]cluster.Parcel, len(nodes))
	for i, n := range nodes {
		parcels[i] = cluster.Parcel{Node: n, Delivery: d}
	}
	f.bus.Post(ctx, parcels)
	for i := range parcels {
		err = cmp.Or(err, parcels[i].Err)
	}
	return err
}
