package gateway_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// backend is a log in memory that answers as the services do. Tokens read "user:device" or "user:device:expiresMS".
type backend struct {
	mu      sync.Mutex
	seqs    map[chat.ConversationID]chat.Seq
	drafts  []*chat.Draft
	subs    map[chat.UserID][]gateway.Subscription
	gate    chan struct{} // nil: sends are answered at once; else each waits for a token
	page    int           // bytes of text in the answer to ListEntries
	lists   atomic.Int64  // how many calls there were of it
	listing chan struct{} // nil: it is answered at once; else when this is closed
	onQuery func()        // called by Subscriptions
	failure error         // of Subscriptions
	onFocus func()        // called by Focus
	onToken func()        // called by Authenticate
}

func newBackend() *backend {
	return &backend{seqs: make(map[chat.ConversationID]chat.Seq), subs: make(map[chat.UserID][]gateway.Subscription)}
}

func (b *backend) Authenticate(_ context.Context, token, _ string) (account.Identity, error) {
	b.mu.Lock()
	hook := b.onToken
	b.mu.Unlock()
	if hook != nil {
		hook()
	}
	parts := strings.Split(token, ":")
	if len(parts) < 2 {
		return account.Identity{}, chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "no such token")
	}
	user, _ := strconv.ParseUint(parts[0], 10, 64)
	device, _ := strconv.ParseUint(parts[1], 10, 64)
	id := account.Identity{User: chat.UserID(user), Device: chat.DeviceID(device)}
	if len(parts) > 2 {
		id.ExpiresMS, _ = strconv.ParseUint(parts[2], 10, 64)
	}
	return id, nil
}

func (b *backend) Submit(d *chat.Draft, done func(chat.Result)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seqs[d.Conversation]++
	seq := b.seqs[d.Conversation]
	b.drafts = append(b.drafts, d)
	r := chat.Result{Seq: seq, Ordinal: chat.Ordinal(seq), TimeMS: 1}
	if b.gate == nil {
		done(r)
		return
	}
	go func() { // ends with the token
		<-b.gate
		done(r)
	}()
}

func (b *backend) ListEntries(_ context.Context, _ wire.Actor, req *throngv1.ListEntriesRequest) (*throngv1.ListEntriesResponse, error) {
	if req.GetConversation() == 404 {
		return nil, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "no such conversation")
	}
	b.lists.Add(1)
	if b.listing != nil {
		<-b.listing
	}
	return &throngv1.ListEntriesResponse{Conversation: req.GetConversation(), Entries: []*throngv1.Entry{
		{Seq: 1, Body: &throngv1.Entry_Text{Text: strings.Repeat("x", b.page)}},
	}}, nil
}

func (b *backend) MarkRead(_ context.Context, _ wire.Actor, req *throngv1.MarkReadRequest) (*throngv1.MarkReadResponse, error) {
	return &throngv1.MarkReadResponse{ReadSeq: req.GetSeq()}, nil
}

func (b *backend) Sync(context.Context, wire.Actor, *throngv1.SyncRequest) (*throngv1.SyncResponse, error) {
	return &throngv1.SyncResponse{Reset_: true}, nil
}

func (b *backend) Heartbeat(context.Context, wire.Actor, *throngv1.HeartbeatRequest) (*throngv1.HeartbeatResponse, error) {
	return &throngv1.HeartbeatResponse{Digest: 7}, nil
}

// Focus answers with heads of what is open, at seq 1,000 + the id, and refuses 13.
func (b *backend) Focus(_ context.Context, _ wire.Actor, req *throngv1.FocusRequest) (*throngv1.FocusResponse, error) {
	b.mu.Lock()
	hook := b.onFocus
	b.mu.Unlock()
	if hook != nil {
		hook()
	}
	res := &throngv1.FocusResponse{}
	for _, id := range req.GetConversations() {
		if id == 13 {
			return nil, chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "not now")
		}
		res.Heads = append(res.Heads, &throngv1.Head{Conversation: id, Seq: 1_000 + id})
	}
	return res, nil
}

func (b *backend) Subscriptions(_ context.Context, user chat.UserID) ([]gateway.Subscription, error) {
	b.mu.Lock()
	subs, hook, err := b.subs[user], b.onQuery, b.failure
	b.mu.Unlock()
	if hook != nil {
		hook()
	}
	return subs, err
}

func (b *backend) Epoch() uint64 { return 1 }

// deps are the gateway's, all from one backend.
func (b *backend) deps(routes cluster.Registrar) gateway.Deps {
	return gateway.Deps{Auth: b, Sender: b, Requests: b, Subscriptions: b, Routes: routes, Epoch: b.Epoch}
}
