package chat

import (
	"context"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Server is what the screen needs of a live connection. The SDK fills it (sdk.go), tests fill it with a world of their own.
// Methods without a context do not wait.
type Server interface {
	Conversations() []client.Conversation
	Latest(id client.ConversationID) []*throngv1.Entry
	TotalUnread() uint64
	// Send puts a text into the outbox.
	Send(id client.ConversationID, text string) error
	Others

	// Put puts an edit, a recall or a reply into the outbox.
	Put(id client.ConversationID, b client.Body) error
	// Pending are the messages that are not stored yet, oldest first.
	Pending(id client.ConversationID) []client.Draft
	// Retry ends a wait before the next connection.
	Retry()
}

// Others are those who are there at the same time. No method waits.
type Others interface {
	// Typing tells the others that the user is typing; it may be called as often as that is so.
	Typing(id client.ConversationID)
	// Typists are who else is typing.
	Typists(id client.ConversationID) []client.UserID
	// Watch has the server tell how the members of a conversation are there, in place of those before; none is nobody.
	Watch(people []client.Watched, ids ...client.ConversationID)
	// Presence is how somebody is there who is watched; OnlineCount how many sessions of a larger group that is.
	Presence(user client.UserID) throngv1.PresenceState
	OnlineCount(id client.ConversationID) int
	// Receipts are where the others of the open conversation stand.
	Receipts(id client.ConversationID) []client.Receipt
}

// Reader is what reading a conversation takes. Each call waits for the server.
type Reader interface {
	// Before reads the page that ends before a seq.
	Before(ctx context.Context, id client.ConversationID, seq uint64) (client.Page, error)
	MarkRead(ctx context.Context, id client.ConversationID, seq uint64) error
	// MarkUnread marks it as unread, until the user reads in it again.
	MarkUnread(ctx context.Context, id client.ConversationID) error
	// Hide deletes entries for the user alone.
	Hide(ctx context.Context, id client.ConversationID, spans ...client.Span) error
	// Focus tells what is on the screen, in place of what was. Giving up with ctx takes nothing back.
	Focus(ctx context.Context, ids ...client.ConversationID) error
}

// Social is what the user and others are to each other. Each call waits for the server.
type Social interface {
	// Relate does what a command says about somebody: friend, accept, refuse, withdraw, unfriend, follow, unfollow, block, unblock or remark. text is the
	// note of a request, or the name to remember somebody by.
	Relate(ctx context.Context, command, handle, text string) error
	// Privacy is whom the user takes messages of: all, groups or friends. A word that is not empty changes it.
	Privacy(ctx context.Context, from string) (string, error)
	// List has people find the user by the handle, or nobody.
	List(ctx context.Context, on bool) error
	// Relations is the list as it is now.
	Relations(ctx context.Context) ([]*throngv1.Relation, error)
}

// People is what the screen asks about users and groups. Each call waits for the server.
type People interface {
	Profiles(ctx context.Context, users []client.UserID) ([]*throngv1.Profile, error)
	OpenDirect(ctx context.Context, handle string) (client.ConversationID, error)
	CreateGroup(ctx context.Context, name string, handles []string) (client.ConversationID, error)
	AddMembers(ctx context.Context, id client.ConversationID, handles []string) error
	Rename(ctx context.Context, id client.ConversationID, name string) error
	Leave(ctx context.Context, id client.ConversationID) error
	Referring
	Moderation
}

// Referring is what messages with others in them take. Each call waits for the server.
type Referring interface {
	// Mention puts a message into the outbox that names people. Where there is nobody of a name, it names the others.
	Mention(ctx context.Context, id client.ConversationID, b client.Body, handles []string) error
}
