package app

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/near"
	"github.com/throng-im/throng/internal/timeline"
)

// engine is what a server stands on: the ports, filled by the adapters that the configuration names.
type engine struct {
	log       message.Log
	readers   message.Members
	directory conversation.Directory
	people    accountPorts
	relations social.Rows
	positions receipt.Positions
	links     invite.Links
	// tends reports that this node completes what was left half done between users; nil is always.
	tends func() bool
	// revocations tell what other nodes revoked; nil where there are none.
	revocations account.Revocations
	logs        timeline.Logs
	rows        rows
	streams     queue.Streams
	node        cluster.Node
	routes      cluster.Routes
	registrar   cluster.Registrar
	registry    cluster.Registry
	bus         cluster.Bus
	devices     cluster.Devices // nil where one node has all sessions
	shares      limit.Shares    // of limits
	presence    presence.Store
	nodes       func() int // how many there are, as the storage knows
	archives    archives
	shards      int // how many workers append best
	// tended hands over the conversations that this node looks after, some at a time: all of them where it is alone.
	tended func(ctx context.Context, fn func(ids []chat.ConversationID) error) error

	// follower writes timelines from the log; nil where nodes share that. Follow is what does it here, until its context ends.
	follower *timeline.Follower
	follow   func(ctx context.Context) error
	// settled waits until timelines have everything that was appended.
	settled func(ctx context.Context) error
	// below is what runs below everything else, and stops last.
	below []part
	// relays takes lanes of other nodes' commits, a bit for each, and says what a node announces of its own; behind is how long events
	// wait to be published. They are nil where there is no outbox.
	relays func(lanes uint64)
	outbox func(info *cluster.Info)
	behind func() time.Duration

	// recent feeds the ring of recent entries; nil where no feed can say what anybody was told of the log.
	recent message.Feed
	// hot keeps recent entries for all nodes; nil where one node has the ring alone.
	hot message.Hot
	// waits reports that an entry has not been published, and place names the database of a conversation; nil where there is no outbox.
	waits func(ctx context.Context, id chat.ConversationID, seq chat.Seq) (bool, error)
	place func(id chat.ConversationID) string
	// ring has what passed through this node, in front of hot; nil where the ring of recent entries has all of it.
	ring *near.Ring
	// ready says why the storage cannot take writes; nil while it can.
	ready func(ctx context.Context) error
	// meets says why the node cannot meet others; it is nil where there are none.
	meets func(ctx context.Context) error
	// checkpoint copies the database as it is into a folder; nil where that is the database's own affair.
	checkpoint func(ctx context.Context, dir string) error
}

// accountPorts are the ports of the accounts, which one adapter fills.
type accountPorts interface {
	account.Users
	account.Devices
	account.Invitations
}

// rows are timelines that know in how many conversations somebody is.
type rows interface {
	timeline.Store
	Counts(ctx context.Context, users []chat.UserID) ([]int, error)
}

// archives are what exports read and imports write.
type archives interface {
	Picture(ctx context.Context) (picture, error)
	Imports() imports
}

// picture is everything as of one moment, until it is closed.
type picture interface {
	archive.Source
	Close() error
}

// imports is where an import notes what it put where.
type imports interface {
	Users(ctx context.Context, origin string, users []archive.User) ([]chat.UserID, error)
	User(ctx context.Context, origin string, id chat.UserID) (chat.UserID, error)
	Place(ctx context.Context, origin string, c chat.Conversation) (archive.Place, error)
	Placed(ctx context.Context, origin string, id chat.ConversationID) (archive.Place, error)
}
