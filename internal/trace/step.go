package trace

import "time"

// Kind says which step an entry took.
type Kind uint8

// The steps, in the order of an entry's way. What Counts mean is said with each; 0 where there is nothing to say.
const (
	// Append: from when the send was handed in until it was durable and answered. Counts: drafts in the same append; microseconds that it
	// waited for its turn; microseconds that the append took; microseconds that it waited for the disk after that.
	Append Kind = iota + 1
	// Repeat: the entry stood already, and a repeated send was answered with it. Counts as of Append.
	Repeat
	// Publish: from the commit until the queue's engine had stored the event. Counts: the outbox's lane; events in the same publication.
	Publish
	// Fanout: the entry was handed to the nodes that have receivers. Counts: its way ([WayUsers], …); users named, 0 for a group's
	// subscribers; nodes; deliveries that could not be made. Position is that of the batch in its stream; Stream is [NoStream] where the
	// node that committed delivered by itself.
	Fanout
	// Receive: the delivery reached a node. Counts: event loops that have receivers; how it goes on ([AsContent], …).
	Receive
	// Write: from when an event loop took it until all of its receivers had been written to. Counts: sessions; the loop.
	Write
	// Pull: the entry was in a page that was read by range, from Seq to Until. It is of no single entry, and not exported. Counts: entries.
	Pull
	kinds
)

// Ways of a fan-out.
const (
	// WayUsers is by user route: every member has a row in the timeline.
	WayUsers = iota + 1
	// WayGroup is by group route: members read the conversation's log.
	WayGroup
	// WayDirect is by the node that committed, while the queue is away.
	WayDirect
)

// NoStream stands where a follower followed none.
const NoStream = -1

// How a delivery goes on in a node.
const (
	// AsContent goes out at once.
	AsContent = iota + 1
	// AsRounds goes out in rounds to those who have the conversation open; others get a hint.
	AsRounds
	// AsHints goes out as hints: the server leaves content out at present.
	AsHints
)

// Step is one step of an entry on one node. It is a value: a tracer copies it.
type Step struct {
	Kind         Kind
	Conversation uint64
	Seq          uint64
	// Until is the last seq that the step is about; 0 is Seq.
	Until uint64 `json:",omitempty"`
	// User is the entry's sender, or who pulled; 0 is the server.
	User uint64 `json:",omitempty"`
	// Start is when it began by the node's wall clock, in nanoseconds since 1970; Took how long it took, by the monotonic one.
	Start int64
	Took  time.Duration
	// Counts are figures of the step; see its kind.
	Counts [4]uint32
	// Stream and Position are where a follower stood; of a Fanout.
	Stream   int32  `json:",omitempty"`
	Position uint64 `json:",omitempty"`
	// Caller is the W3C trace context of who sent, of an Append; empty for none.
	Caller string `json:",omitempty"`
}

// About reports that the step is one of the entry.
func (s *Step) About(conversation, seq uint64) bool {
	return s.Conversation == conversation && s.Seq <= seq && seq <= max(s.Seq, s.Until)
}

// StartTime is Start as a time.
func (s *Step) StartTime() time.Time { return time.Unix(0, s.Start) }

// Begun sets when a step began and how long it has taken until now.
func (s *Step) Begun(at time.Time) { s.Start, s.Took = at.UnixNano(), time.Since(at) }

// Name is the kind's, for spans and for people.
func (k Kind) Name() string {
	if k == 0 || k >= kinds {
		return "unknown"
	}
	return [...]string{"append", "repeat", "publish", "fanout", "receive", "write", "pull"}[k-1]
}
