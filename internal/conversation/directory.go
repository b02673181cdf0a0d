package conversation

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Directory is the port of what stands about conversations besides their entries. Members and settings of a group are
// written by appends of the log (same engine, same shard); a Directory only reads them. All methods may be called from any
// goroutine; what they return is durable and belongs to the caller.
//
//   - DIR-1 Conversation, Member and Read answer not_found (conversation_not_found) or, for a user who never was a member,
//     a zero Member and a zero Read.
//   - DIR-2 Members pages current members by ascending user id, those above after. With a role they are those who have it now; owners
//     and admins are found without looking at the other members.
//   - DIR-6 Bans pages who was a member and is banned (chat.Member.BannedUntilMS, which may have passed) in the same way, and as fast.
//   - DIR-3 Pair is the commit point of a direct conversation: of any number of callers with the same pair all get the id
//     of the first one, for ever.
//   - DIR-4 Ids that Reserve gave out are never given out again, after any crash.
//   - DIR-5 Claim is the commit point of a group: of any number of callers with the same actor and client id all get the id
//     of the first one, for ever.
type Directory interface {
	Conversation(ctx context.Context, id chat.ConversationID) (chat.Conversation, error)
	Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Member, error)
	// Members returns at most limit members; role 0 is any.
	Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error)
	// Bans returns at most limit of those who are banned.
	Bans(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.Member, error)
	Read(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Read, error)
	// Pair returns the direct conversation of two users, low <= high; create is taken as its id where there is none, and 0
	// means only to look (0 comes back where there is none).
	Pair(ctx context.Context, low, high chat.UserID, create chat.ConversationID) (chat.ConversationID, error)
	// Claim returns the conversation that the actor made under a client id; create is taken as its id where there is none,
	// and 0 means only to look (0 comes back where there is none).
	Claim(ctx context.Context, actor chat.UserID, client chat.ClientID, create chat.ConversationID) (chat.ConversationID, error)
	// Reserve gives out n fresh conversation ids, the first of which it returns; n is 1 to 10,000.
	Reserve(ctx context.Context, n int) (chat.ConversationID, error)
}
