package gateway

import (
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Authenticator checks tokens ([account.Service]). It may block and is called from workers. Its errors end the connection
// with the close code of [wire.CloseCode].
type Authenticator interface {
	Authenticate(ctx context.Context, token, device string) (account.Identity, error)
}

// Sender takes drafts to the log ([message.Service]). Submit is called on a loop and must not block; done is called exactly
// once, from any goroutine, perhaps before Submit returns. Drafts of a conversation keep their order (S-15).
type Sender interface {
	Submit(d *chat.Draft, done func(chat.Result))
}

// Requests answers what sessions ask, in the words of the schema. It may block and is called from workers.
type Requests interface {
	ListEntries(ctx context.Context, who wire.Actor, req *throngv1.ListEntriesRequest) (*throngv1.ListEntriesResponse, error)
	MarkRead(ctx context.Context, who wire.Actor, req *throngv1.MarkReadRequest) (*throngv1.MarkReadResponse, error)
	Sync(ctx context.Context, who wire.Actor, req *throngv1.SyncRequest) (*throngv1.SyncResponse, error)
	Heartbeat(ctx context.Context, who wire.Actor, req *throngv1.HeartbeatRequest) (*throngv1.HeartbeatResponse, error)
	// Focus answers with the heads of what the session has open, which is in force already.
	Focus(ctx context.Context, who wire.Actor, req *throngv1.FocusRequest) (*throngv1.FocusResponse, error)
}

// Subscriber knows what sessions get by group route ([Memberships]). It may block and is called from workers.
type Subscriber interface {
	// Subscriptions returns the conversations above the small tier that the user is a member of by the truth of the log, at a
	// moment after the call began, and from which seq on.
	Subscriptions(ctx context.Context, user chat.UserID) ([]Subscription, error)
}

// Limits slows down who asks too often.
type Limits = session.Limits

// Subscription is a conversation above the small tier that a session gets by group route.
type Subscription struct {
	Conversation chat.ConversationID
	// From is the first seq of the user's membership: what comes before is not delivered.
	From chat.Seq
	// MemberSeq is the seq of the conversation's last member change when the membership was read, or before that.
	MemberSeq chat.Seq
}

// request runs a call that may block and returns the answer.
func request(ctx context.Context, b Requests, who wire.Actor, env *throngv1.ClientEnvelope) (*throngv1.Response, error) {
	out := &throngv1.Response{Id: env.GetId()}
	var err error
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_ListEntries:
		var res *throngv1.ListEntriesResponse
		res, err = b.ListEntries(ctx, who, r.ListEntries)
		out.Result = &throngv1.Response_ListEntries{ListEntries: res}
	case *throngv1.ClientEnvelope_MarkRead:
		var res *throngv1.MarkReadResponse
		res, err = b.MarkRead(ctx, who, r.MarkRead)
		out.Result = &throngv1.Response_MarkRead{MarkRead: res}
	case *throngv1.ClientEnvelope_Sync:
		var res *throngv1.SyncResponse
		res, err = b.Sync(ctx, who, r.Sync)
		out.Result = &throngv1.Response_Sync{Sync: res}
	case *throngv1.ClientEnvelope_Heartbeat:
		var res *throngv1.HeartbeatResponse
		res, err = b.Heartbeat(ctx, who, r.Heartbeat)
		out.Result = &throngv1.Response_Heartbeat{Heartbeat: res}
	case *throngv1.ClientEnvelope_Focus:
		var res *throngv1.FocusResponse
		res, err = b.Focus(ctx, who, r.Focus)
		out.Result = &throngv1.Response_Focus{Focus: res}
	default:
		err = session.Unsupported()
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
