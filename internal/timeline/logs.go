package timeline

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Logs is the port through which timelines read what the log's append keeps: heads, members and read positions. All
// methods may be called from any goroutine; what they return is durable and belongs to the caller, entries apart, which
// may be shared.
//
//   - TLG-1 The parts of one call are of one moment, as far as their conversations are of one slot.
//   - TLG-2 A call sees everything that was durable when it began.
type Logs interface {
	// Epoch is raised when the log was restored from a backup.
	Epoch() uint64
	// Parts returns the user's part of each conversation, in order; a zero Head where there is no such conversation.
	Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]Part, error)
	// Conversations returns what stands about each conversation, in order; zero where there is none.
	Conversations(ctx context.Context, ids []chat.ConversationID) ([]chat.Conversation, error)
	// Newest returns the last entries of each want, ascending and contiguous up to its To.
	Newest(ctx context.Context, wants []Want) ([][]chat.Entry, error)
	// Members pages the ids of current members, ascending, those above after.
	Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error)
}

// Crowds is the port through which digests look at conversations above the small tier. A million members look at the same one
// within half a minute, so it may answer from memory.
//
//   - CRW-1 A part is as of a moment not before the call: it shows whatever anybody was told before, and nothing from behind the
//     end of the user's membership. It is zero where the user is no member.
type Crowds interface {
	// Parts returns the user's part of each conversation, in order; of Member only the spans count.
	Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]Part, error)
}

// Part is what the log says about one user's part in a conversation.
type Part struct {
	Head   chat.Head // not capped
	Member chat.Member
	Read   chat.Read
	// End is the last entry that an ended membership shows, without its body; zero for current members.
	End chat.Entry
}

// Want asks for the newest entries of a conversation.
type Want struct {
	Conversation chat.ConversationID
	To           chat.Seq // the last one
	Limit        int      // at least 1
	MaxBytes     int      // stored bytes; at least one entry comes whatever its size
}

// Events is the port that feeds the follower: the rules EVT-1 to EVT-5 of the queue package.
type Events interface {
	// Follow calls handle with runs of events, borrowed until it returns, and the position after them, until ctx ends (then
	// it returns nil) or handle fails.
	Follow(
		ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error,
	) error
	// Tail is the position after everything committed.
	Tail() chat.Position
	// Trim drops events up to and including the position.
	Trim(ctx context.Context, upTo chat.Position) error
}
