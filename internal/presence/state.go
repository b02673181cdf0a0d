package presence

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// State is how a user is there, over all devices: the highest that one of them says. Who is busy on one device does not want to be
// disturbed on another; who is away on one may be there on another.
type State uint8

// The states, in their order. A device that is suspended, or from which nothing is heard, is offline.
const (
	Offline State = iota
	Away
	Online
	Busy
)

// Status is how a user is there.
type Status struct {
	User  chat.UserID
	State State
	// Version rises with each word of a node about the user; of two statuses the higher one is newer.
	Version uint64
}

// Word is what a node says of a user: the highest state of the sessions that it has.
type Word struct {
	User  chat.UserID
	State State
}

// Noted is what comes of a word: how the user is now, and which nodes are to be told.
type Noted struct {
	Status

	Watchers []string
}

// Count is how many sessions a node has in a conversation above the small tier.
type Count struct {
	Conversation chat.ConversationID
	Online       uint32
}

// Store is the port of who is there on all nodes, as one node sees it. It loses everything at any time: who uses it says everything
// again once in a while. All methods may be called from any goroutine.
//
//   - PST-1 Note says for each word, in order, how the user is with it: the highest state that a live node noted last.
//   - PST-2 After Watch has returned without an error, Note on any node names this one for these users, until Unwatch.
//   - PST-3 Watch and Read answer for each user in order how the user is now; Version 0 and offline where nothing is known.
//   - PST-4 Versions of a user rise with each Note, over all nodes; Watch and Read change none.
//   - PST-5 What a node noted counts for nothing once it is gone, within its lease, 10 s at most; Nodes shows it no more then.
//   - PST-6 Counts returns for each conversation the sum of what live nodes reported last.
type Store interface {
	Note(ctx context.Context, words []Word) ([]Noted, error)
	Watch(ctx context.Context, users []chat.UserID) ([]Status, error)
	Unwatch(ctx context.Context, users []chat.UserID) error
	Read(ctx context.Context, users []chat.UserID) ([]Status, error)
	// Report says how many sessions this node has in conversations; 0 is none any more.
	Report(ctx context.Context, counts []Count) error
	Counts(ctx context.Context, ids []chat.ConversationID) ([]uint64, error)
	// Nodes are those that live, this one included, by name.
	Nodes() []string
}
