package timeline

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// PTS is a position in one user's timeline.
type PTS uint64

// Store is the port of the timelines: which conversations a user is in, the order in which the small ones changed, and
// the user's own settings for them. It is derived from the log by one follower ([Follower]), settings apart, and can be
// rebuilt. All methods may be called from any goroutine, Apply from the follower alone.
//
//   - TML-1 Apply writes all rows and the follower's position as one batch.
//   - TML-2 Each change gets a pts above all earlier ones of its user; a user has at most one row per conversation.
//   - TML-3 Since, Last and Conversations return only what is durable: a pts that was given out is never given to another
//     change.
//   - TML-4 Rows of conversations above the small tier change only with membership, settings and tier switches.
//   - TML-5 PutSettings is durable on return and is a change of the user's timeline.
type Store interface {
	// Generation is drawn anew whenever timelines are rebuilt: cursors of another one are answered with a reset.
	Generation() uint64
	// Position is where the follower goes on.
	Position(ctx context.Context) (chat.Position, error)
	// Apply writes changes and the position. It returns the pts given to each change, not necessarily durable yet.
	Apply(ctx context.Context, changes []Change, pos chat.Position) ([]PTS, error)
	// Since returns the user's rows with pts above after, ascending, at most limit.
	Since(ctx context.Context, user chat.UserID, after PTS, limit int) ([]Row, error)
	// Last is the user's newest pts.
	Last(ctx context.Context, user chat.UserID) (PTS, error)
	// Conversations returns all of the user's rows, in no promised order; at most chat.MaxConversations current ones.
	Conversations(ctx context.Context, user chat.UserID) ([]Row, error)
	// Row returns one of them; ok is false where the user never was in the conversation.
	Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (row Row, ok bool, err error)
	// PutSettings stores the user's settings for a conversation; it returns the pts of the change.
	PutSettings(ctx context.Context, user chat.UserID, id chat.ConversationID, s chat.Settings) (PTS, error)
}

// Change is a change of one user's timeline.
type Change struct {
	User         chat.UserID
	Conversation chat.ConversationID
	// Membership is what happened to the user's part in the conversation; None: the conversation went on.
	Membership Membership
	// Tier of the conversation, stored in the row.
	Tier chat.Tier
}

// Membership says how a change touches who is in a conversation.
type Membership uint8

// The kinds of membership change.
const (
	None Membership = iota
	Entered
	Ended
)

// Row is a conversation in a user's timeline.
type Row struct {
	Conversation chat.ConversationID
	PTS          PTS
	Tier         chat.Tier // as of the row's writing
	Current      bool      // the user is a member, as of the row's writing
	Settings     chat.Settings
}
