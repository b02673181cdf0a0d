package timeline

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Shelf is the port of what must not be lost of timelines, for a [Store] that may lose everything: which conversations users
// are in, their own settings and drafts, and where followers are. It knows nothing of pts. All methods may be called from any
// goroutine and any node; what they return belongs to the caller, arguments are borrowed until return.
//
//   - SHF-1 What was written is durable on return, and every call on any node that begins after that sees it.
//   - SHF-2 Enroll changes a membership if the seq of the change is above that of the row, 0 where there is no row. So the highest
//     seq wins, in whatever order and however often changes come, from whichever node.
//   - SHF-3 PutSettings patches at once with whoever else does, counts Version up by one, and leaves the membership as it is; but
//     where there was none ever, it says that the user is a member, by Seq 0, which any change overrules.
//   - SHF-4 Settings, drafts and versions outlive changes of the membership, and memberships those of settings.
//   - SHF-5 The rows of one user are of one moment.
//   - SHF-6 Errors are *chat.Error. Unavailable promises that nothing was written; of an Enroll that failed otherwise a part may be.
type Shelf interface {
	// Rows returns the rows of each of the users, in order: ascending by conversation, without drafts. At most 128 users a call.
	Rows(ctx context.Context, users []chat.UserID) ([][]Kept, error)
	// Row returns one row, with the draft; the zero Kept, but for the conversation, where there is none.
	Row(ctx context.Context, user chat.UserID, id chat.ConversationID) (Kept, error)
	// Drafts returns the user's drafts in conversations, in order; empty where there is none.
	Drafts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]string, error)
	// Counts returns in how many conversations the users are now, in order.
	Counts(ctx context.Context, users []chat.UserID) ([]int, error)
	// Enroll writes changes of memberships; those whose Membership is None are passed over. At most 1,024 a call, of any users;
	// where several are of one row, they count in their order.
	Enroll(ctx context.Context, changes []Change) error
	// PutSettings patches the user's settings for a conversation. It returns the row as it is then, with the draft.
	PutSettings(ctx context.Context, user chat.UserID, id chat.ConversationID, p Patch) (Kept, error)
	// Position is what PutPosition stored last under the name and the number of a stream; 0 at first.
	Position(ctx context.Context, name string, stream int) (chat.Position, error)
	// PutPosition stores a position, also one below that which is there: who goes on there does again what was done.
	PutPosition(ctx context.Context, name string, stream int, pos chat.Position) error
}

// Kept is what a shelf keeps of a user's part in a conversation.
type Kept struct {
	Conversation chat.ConversationID
	Current      bool     // the user is a member
	Seq          chat.Seq // of the last membership change; 0: none was told
	Settings     Settings
	Version      uint64 // how often the settings were put
}

// Row returns it as a row of a timeline, without a pts. ok is false where it holds settings only, because its membership was
// cleared.
func (k Kept) Row() (row Row, ok bool) {
	return Row{Conversation: k.Conversation, Current: k.Current, Seq: k.Seq, Settings: k.Settings}, k.Current || k.Seq > 0
}
