package app

import (
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/timeline"
)

// engine is what a server stands on: the ports, filled by the adapters that the configuration names.
type engine struct {
	log       message.Log
	readers   message.Members
	directory conversation.Directory
	people    people
	logs      timeline.Logs
	rows      rows
	events    timeline.Events
	streams   queue.Streams
	node      cluster.Node
	routes    cluster.Routes
	registrar cluster.Registrar
	bus       cluster.Bus
	registry  cluster.Registry
	archives  archives

	// recent feeds the ring of recent entries; nil where no feed can say what anybody was told of the log.
	recent message.Feed
	// ready says why the storage cannot take writes; nil while it can.
	ready func(ctx context.Context) error
	// checkpoint copies the database as it is into a folder; nil where that is the database's own affair.
	checkpoint func(ctx context.Context, dir string) error
}

// people are the ports of the accounts, which one adapter fills.
type people interface {
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
