package session

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Limits slows down who asks too often. Each method takes one token, or says how long to wait. They are called on loops and must
// not block.
type Limits interface {
	TakeRequest(user chat.UserID) time.Duration
	// TakeSend returns nil, or the refusal with its reason and the time to wait.
	TakeSend(user chat.UserID, id chat.ConversationID) *chat.Error
	// GiveSend gives the conversation's token back where the send was refused: who is not in a conversation does not use up
	// what its members may send.
	GiveSend(id chat.ConversationID)
}

// CallKind says what a session wants done.
type CallKind uint8

// The kinds of call.
const (
	CallAuthenticate CallKind = iota + 1
	CallSubscribe             // look up subscriptions; the shell answers with Subscribed
	CallSend                  // submit Draft; answered with Sent
	CallRequest               // run Request; answered with Answered
	CallTyping                // tell that the user types in Conversation; nothing comes back
	CallReceived              // note what the device has of Positions; nothing comes back
)

// Call is something that a session wants done outside of the loop.
type Call struct {
	Kind  CallKind
	ID    uint64
	Draft *chat.Draft
	// Request of a CallRequest or CallAuthenticate.
	Request *throngv1.ClientEnvelope
	// Conversation of a CallTyping.
	Conversation chat.ConversationID
	// Positions of a CallReceived, as they came.
	Positions []*throngv1.Position
}

// Unsupported is the answer to a request that nobody knows (S-17).
func Unsupported() *chat.Error {
	return chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "this server does not know the request")
}
