package client

import (
	"context"
	"iter"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Event is something that happened. The types below are all there are.
type Event interface{ event() }

// Phase is where the connection stands.
type Phase uint8

// The phases.
const (
	Idle Phase = iota
	Connecting
	Syncing
	Online
	Waiting
	Closed
)

// String returns the phase's name.
func (p Phase) String() string {
	return [...]string{"idle", "connecting", "syncing", "online", "waiting", "closed"}[p]
}

// CloseReason says why a Client is closed for good.
type CloseReason string

// The reasons.
const (
	ByUser       CloseReason = "by_user"      // Close was called
	ByServer     CloseReason = "by_server"    // signed out, replaced or gone: a person must act
	ReasonAuth   CloseReason = "auth"         // no token that the server takes
	Incompatible CloseReason = "incompatible" // client and server do not understand each other
)

// State is the connection's phase with what belongs to it.
type State struct {
	Phase Phase
	// Attempt counts tries since the client was last stably online; with Connecting and Waiting.
	Attempt int
	// RetryAt is when the next try begins; with Waiting.
	RetryAt time.Time
	// Cause is why the connection ended; with Waiting and Closed.
	Cause error
	// Reason is set with Closed.
	Reason CloseReason
}

// StateChanged tells a new state. While nobody takes events, changes that follow each other are told as one.
type StateChanged struct{ State State }

// Message is the next entry of a conversation: a message, or a change of the conversation itself. Each is told once, in
// the order of seqs.
type Message struct {
	Conversation ConversationID
	// Entry is shared: do not change it.
	Entry *throngv1.Entry
	// Live is false for entries from before the client connected.
	Live bool
}

// Amended tells what a message looks like now that was edited or taken back by the entry of the Message event before it. It comes for
// messages that the client keeps (Options.Window); an application that keeps more has [Amend].
type Amended struct {
	Conversation ConversationID
	// Entry is shared: do not change it.
	Entry *throngv1.Entry
}

// Hole is a range of entries that is not told, because it is too large to pull unasked. Range reads it.
type Hole struct {
	Conversation ConversationID
	From, To     uint64
}

// Behind tells that a large conversation that is not in focus went on, without its messages: Focus brings them, and Range
// reads them. Each head is told once at most, and only the newest of those that nobody took. While the server tells content as
// hints (Degraded) it stands for medium conversations too.
type Behind struct {
	Conversation ConversationID
	Head, Unread uint64
}

// Batching tells how a busy conversation in focus is delivered: messages wait for each other for Interval at most, and who
// sends has to expect to wait for SendWait between two. With zeros each comes at once again.
type Batching struct {
	Conversation       ConversationID
	Interval, SendWait time.Duration
}

// Degraded tells what the server leaves out while it has too much to do; the zero value is nothing. Sending goes on.
type Degraded struct {
	// Level is how many steps the server has gone.
	Level int
	// TypingOff and ReceiptsOff: they are not told. PresenceCounts: only how many are there.
	TypingOff, PresenceCounts, ReceiptsOff bool
	// ContentAsHints: messages of larger groups are pulled.
	ContentAsHints bool
	// AdmissionClosed: who loses the connection may wait for the next one.
	AdmissionClosed bool
}

// ReadChanged tells a new read position of the user, read on this device or another.
type ReadChanged struct {
	Conversation ConversationID
	Seq          uint64
	Unread       uint64
}

// ConversationChanged tells that a conversation is new or looks different.
type ConversationChanged struct{ Conversation Conversation }

// SettingsChanged tells the user's own settings for a conversation.
type SettingsChanged struct {
	Conversation ConversationID
	Settings     Settings
}

// Sent tells that a message of the outbox is stored; its Message event comes in the order of seqs.
type Sent struct {
	Draft Draft
	Ack   Ack
}

// SendDelayed tells that the server wants a message of the outbox later, because of slow mode or a limit; it is sent again by
// itself.
type SendDelayed struct {
	Draft Draft
	Err   *Error
	Until time.Time
}

// SendFailed tells that a message of the outbox was refused for good.
type SendFailed struct {
	Draft Draft
	Err   error
}

// ProfilesLearned tells names of users whose entries follow. Profiles with a version below a known one are old.
type ProfilesLearned struct{ Profiles []*throngv1.Profile }

// RelationsChanged tells that the user's list of relations has changed, here or on another device: Relations.Sync brings it. It may get
// lost, so sync each time that the client gets Online, too.
type RelationsChanged struct{ Version uint64 }

// Reset tells that everything known of conversations is void and comes anew. The outbox stays.
type Reset struct{}

func (StateChanged) event()        {}
func (Message) event()             {}
func (Amended) event()             {}
func (Hole) event()                {}
func (Behind) event()              {}
func (Batching) event()            {}
func (Degraded) event()            {}
func (SendDelayed) event()         {}
func (ReadChanged) event()         {}
func (ConversationChanged) event() {}
func (SettingsChanged) event()     {}
func (Sent) event()                {}
func (SendFailed) event()          {}
func (ProfilesLearned) event()     {}
func (RelationsChanged) event()    {}
func (Reset) event()               {}

// eventQueue holds what is not yet told. It is bounded by those who fill it: streams stop delivering while it is full, and what
// tells how something stands waits once. Guarded by the Client's mu.
type eventQueue struct {
	events []Event
	head   int
	max    int
	ready  chan struct{} // one token while the queue is not empty
}

func newEventQueue(bound int) eventQueue {
	return eventQueue{max: bound, ready: make(chan struct{}, 1)}
}

func (q *eventQueue) room() bool { return len(q.events)-q.head < q.max }

func (q *eventQueue) push(e Event) {
	if _, ok := e.(StateChanged); ok && !q.room() && len(q.events) > q.head {
		if _, again := q.events[len(q.events)-1].(StateChanged); again {
			q.events[len(q.events)-1] = e
			return
		}
	}
	if len(q.events) == cap(q.events) && q.head > len(q.events)/2 { // what was taken makes room, or it would grow for ever
		n := copy(q.events, q.events[q.head:])
		clear(q.events[n:])
		q.events, q.head = q.events[:n], 0
	}
	q.events = append(q.events, e)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// late is an event that is made when it is taken.
type late struct {
	queued *bool
	make   func() Event // nil: there is nothing to tell any more
}

func (late) event() {}

// pushOnce queues an event that tells how something stands, unless it waits already.
func (q *eventQueue) pushOnce(queued *bool, make func() Event) {
	if !*queued {
		*queued = true
		q.push(late{queued: queued, make: make})
	}
}

func (q *eventQueue) pop() (Event, bool) {
	for q.head < len(q.events) {
		e := q.events[q.head]
		q.events[q.head] = nil
		q.head++
		if q.head == len(q.events) {
			q.events, q.head = q.events[:0], 0
		}
		if l, ok := e.(late); ok {
			*l.queued = false
			e = l.make()
		}
		if e != nil {
			return e, true
		}
	}
	return nil, false
}

// Next returns the next event, in order. It waits, and ends with ctx or, when all is told, with ErrClosed. For one
// goroutine at a time, and not beside Options.OnEvent. While nobody takes events the client keeps at most
// Options.MaxEvents and pulls the rest later.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.mu.Lock()
		e, ok := c.events.pop()
		if ok && c.starved && len(c.events.events)-c.events.head <= c.events.max/2 {
			c.starved = false
			c.wake()
		}
		c.mu.Unlock()
		if ok {
			return e, nil
		}
		select {
		case <-c.events.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
			c.mu.Lock()
			e, ok := c.events.pop()
			c.mu.Unlock()
			if ok {
				return e, nil
			}
			return nil, ErrClosed
		}
	}
}

// Events is Next as an iterator. It ends with ctx or when the Client is closed.
func (c *Client) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			e, err := c.Next(ctx)
			if err != nil || !yield(e) {
				return
			}
		}
	}
}
