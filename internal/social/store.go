package social

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Rows is the port of the relations. All methods may be called from any goroutine; what they return belongs to the caller, arguments
// are borrowed until return.
//
//   - SOC-1 What a method returns is durable, and so is what it did: it stands after any crash.
//   - SOC-2 Change shows fn the latest state of the user and of the row, and stores both as fn leaves them, in one step; of several at
//     once each is shown what the one before left. fn may be called again. fn's error stores nothing and is returned.
//   - SOC-3 A row that fn leaves as the zero one, with Other alone, is removed.
//   - SOC-4 Since returns rows with versions above one, ascending by version, each with what the owner is of the same moment.
//   - SOC-5 About returns all rows of a user, ascending by the other one, those without a version too.
//   - SOC-6 Due returns rows that are due, of any users, ascending by user and other one, above a pair; fewer than asked are the last.
//   - SOC-7 Erase removes everything that lies with a user, and nothing of others.
//   - SOC-8 Every error but fn's own is a *chat.Error. A closed store answers unavailable.
//   - SOC-9 Toward returns what Relations of each of the users would.
type Rows interface {
	Change(ctx context.Context, user, other chat.UserID, fn func(o *Owner, r *Relation) error) (Owner, Relation, error)
	// Relations returns rows in the order asked; one with Other alone where there is none.
	Relations(ctx context.Context, user chat.UserID, others []chat.UserID) ([]Relation, error)
	// Toward returns the rows of users about one other, in the order of the users; the zero Relation with that Other where there is none.
	Toward(ctx context.Context, users []chat.UserID, other chat.UserID) ([]Relation, error)
	// Owner is the zero value for who has no rows.
	Owner(ctx context.Context, user chat.UserID) (Owner, error)
	Since(ctx context.Context, user chat.UserID, version uint64, limit int) (Owner, []Relation, error)
	About(ctx context.Context, user, after chat.UserID, limit int) ([]Relation, error)
	Due(ctx context.Context, after Pair, limit int) ([]Pair, error)
	Erase(ctx context.Context, user chat.UserID) error
}

// Pair names a row. Other is 0 for one that has the sweeper bring a user's conversations to the user's settings.
type Pair struct{ User, Other chat.UserID }
