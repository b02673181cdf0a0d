package way

import (
	"time"

	"github.com/throng-im/throng/internal/trace"
)

// Report is what a deployment knows of an entry's way.
type Report struct {
	Conversation uint64
	Seq          uint64
	// Head is the last seq of the conversation.
	Head    uint64
	Kind    string // of the conversation: direct, group or support
	Tier    string // small, medium or large, as of now
	Members uint32
	// Sender is 0 for the server.
	Sender   uint64
	At       time.Time
	ClientID string // empty where the server wrote it
	Body     string // what the entry is: text, created, removed content, …
	// Removed says why content is gone; empty where it is not.
	Removed string
	Slot    uint16
	// Lane of the outbox, and Database; of engines that have them.
	Lane     int
	Database string
	// Outbox is what became of the event.
	Outbox Outbox
	Reads  Reads
	// Trace is its trace's id, and Sampled says that its steps are sent to a collector; empty where the node that was asked traces nothing.
	Trace   string
	Sampled bool
	Nodes   []Node
	// Problems are what could not be found out.
	Problems []string
}

// Outbox is what became of an entry's event.
type Outbox string

// What may have become of it.
const (
	// OutboxNone: events stand beside the log, and followers read them there.
	OutboxNone Outbox = "none"
	// OutboxWaits: it has not been published.
	OutboxWaits Outbox = "waits"
	// OutboxGone: it was published and dropped.
	OutboxGone Outbox = "gone"
	// OutboxUnknown: the database did not answer.
	OutboxUnknown Outbox = "unknown"
)

// Reads is how many have read an entry.
type Reads struct {
	// Read is how many of Of have; Of are the members now, without the sender, who may read it.
	Read, Of int
	// Known is false where there are too many members to count, or they could not be read.
	Known bool
}

// Node is what one node remembers.
type Node struct {
	Name string // its incarnation
	URL  string
	Zone string
	// Asked: it is the node that was asked. Answered is false where it did not answer in time; nothing below is known then.
	Asked    bool
	Answered bool
	// Remembers is false where it is set to remember nothing.
	Remembers bool
	// Started is when it began; what happened before, it cannot remember.
	Started time.Time
	// Skew is how far its clock is ahead of the asked node's, give or take Round: how long question and answer took.
	Skew, Round time.Duration
	Steps       []trace.Step
	// Pulls is how many pages with the entry were read; the steps have the latest of them only.
	Pulls int
}
