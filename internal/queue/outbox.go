package queue

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Lanes is in how many lanes the events of an outbox are kept apart, for leases and order: each has [chat.Slots] / Lanes slots.
const Lanes = 64

// Lane is a run of neighbouring slots: 0 to Lanes - 1.
type Lane int

// LaneOf returns the lane of a conversation.
func LaneOf(id chat.ConversationID) Lane { return Lane(id.Slot()) / (chat.Slots / Lanes) }

// Outbox holds the events of committed appends in the log's own engine, until they are published. A lane is relayed by the node
// that has leased it.
//
//   - OBX-1 An append and its events are committed together, or not at all.
//   - OBX-2 Pending begins with the oldest events that are not done; those of a conversation are in their order, without any
//     of them left out.
//   - OBX-3 Done drops the named events and no others. What is not named stays, and is pending again.
//   - OBX-4 Waiting names every lane of those asked for that has an event which was committed before the call and is not done.
//   - OBX-5 A lane is leased to one node at a time, by the engine's clock; after a lease has run out another node may take it.
type Outbox interface {
	// Lease renews the lanes that the node has, takes free ones up to its fair share of [Lanes] among the nodes that lease, and
	// gives back what it has above that. The lanes it returns are the node's for term from the beginning of the call.
	Lease(ctx context.Context, node string, term time.Duration) ([]Lane, error)
	// Release gives all of the node's lanes back.
	Release(ctx context.Context, node string) error
	// Waiting returns those of the lanes that may have something pending. It is asked often, and costs one small read however many
	// lanes there are.
	Waiting(ctx context.Context, lanes []Lane) ([]Lane, error)
	// Pending returns at most limit events of a lane. It costs one read, also where there is nothing.
	Pending(ctx context.Context, lane Lane, limit int) ([]Pending, error)
	Done(ctx context.Context, tickets []Ticket) error
}

// Pending is an event that waits to be published.
type Pending struct {
	Ticket Ticket
	Event  chat.Event
	// Age is how long the event has been there, by the engine's clock. It shows how far behind a relay is, and decides nothing.
	Age time.Duration
}

// Ticket names an event in an outbox: an entry by its seq; a read position that moved by the head's seq then, reader and position.
type Ticket struct {
	Conversation chat.ConversationID
	Seq          chat.Seq
	Reader       chat.UserID // 0 for an entry
	Read         chat.Seq
}

// Publisher puts events into the streams that [Streams] shares out.
//
//   - PUB-1 Publish returns nil once the queue's engine has stored all events. After an error some may be stored.
//   - PUB-2 Events of one conversation, published by one caller at a time, keep their order, also where a Publish failed and is
//     repeated from the first event on: what comes again is a repeat, and nothing overtakes what was not stored.
type Publisher interface {
	Publish(ctx context.Context, lane Lane, events []chat.Event) error
}
