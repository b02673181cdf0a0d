package archive

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Target is the install that an import goes into. All methods are durable on return, Submit when it calls done.
type Target interface {
	TargetPeople

	// Place finds or reserves the conversation for one of the origin; direct ones by their pair, which is in ids of the target.
	Place(ctx context.Context, origin string, c chat.Conversation) (Place, error)
	// Placed is what Place returned; the zero Place where there is none.
	Placed(ctx context.Context, origin string, id chat.ConversationID) (Place, error)
	// Submit appends; done is called once. Order of calls per conversation is order of seqs.
	Submit(d *chat.Draft, done func(chat.Result))
	// Settle waits until timelines have everything that was appended.
	Settle(ctx context.Context) error
	// Settings stores a user's settings for a conversation. It reports false for who never was a member there.
	Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, s chat.Settings) (bool, error)
}

// TargetPeople are the users of a [Target].
type TargetPeople interface {
	// Users finds or makes accounts, by external id, then by handle, then under their own id where that is free; it returns
	// their ids in the target. The same user of the same origin is always the same account.
	Users(ctx context.Context, origin string, users []User) ([]chat.UserID, error)
	// User is what Users returned for the origin's id; 0 where it was not imported.
	User(ctx context.Context, origin string, id chat.UserID) (chat.UserID, error)
	// Handle reports whether a sign-in name can be one here.
	Handle(name string) bool
	// Relation has a user say something about another one; what stands already stays as it is.
	Relation(ctx context.Context, r Relation) error
	// Privacy has a user say who may do what; what was said already stays as it is.
	Privacy(ctx context.Context, p Privacy) error
}

// Place is where a conversation goes.
type Place struct {
	ID chat.ConversationID
	// Head is how many entries stand there already.
	Head chat.Seq
	// Shared: the conversation was there before the import, so that seqs do not tell what was imported.
	Shared bool
}

// Position is how far an import came: everything before is stored, and a later import may begin there.
type Position struct {
	Origin string `json:"origin"`
	Line   uint64 `json:"line"`
	Offset int64  `json:"offset"`
	// Sum is of the line at the position: another archive, or one that was changed before it, is noticed by it.
	Sum     uint32  `json:"sum,omitempty"`
	Counts  Counts  `json:"counts"`
	Cleaned Cleaned `json:"cleaned"`
}

// ImportOptions of an import.
type ImportOptions struct {
	// From is where to begin; the reader still starts at the first byte of the archive.
	From Position
	// Progress is called now and then with a position that is stored.
	Progress func(Position)
}
