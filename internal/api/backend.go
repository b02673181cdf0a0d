package api

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Backend answers the requests that travel both on sessions and over HTTP, in the words of the schema. All methods may be
// called from any goroutine and may block for the disk; their errors are for [wire.Error].
type Backend struct {
	// immutable after construction
	messages  Messages
	timelines Timelines
	names     *Introductions // may be nil
	receipts  *Receipts      // may be nil
	now       func() time.Time
}

// NewBackend makes one; names may be nil, and now is the wall clock.
func NewBackend(messages Messages, timelines Timelines, names *Introductions, now func() time.Time) *Backend {
	return &Backend{messages: messages, timelines: timelines, names: names, now: now}
}

// Tell has others told of what is read here; nil tells nobody. It returns b, and comes before all other calls.
func (b *Backend) Tell(r *Receipts) *Backend {
	b.receipts = r
	return b
}

// introduce returns the profiles that an answer carries.
func (b *Backend) introduce(ctx context.Context, senders []chat.UserID) []*throngv1.Profile {
	if b.names == nil || len(senders) == 0 {
		return nil
	}
	return b.names.Of(ctx, senders)
}

// Page sizes of the protocol: 0 is the default, what is above the maximum is the maximum.
const (
	defaultEntries = 50
	defaultSync    = 200
	maxSync        = 500
	maxSyncEntries = 50
	defaultListing = 50
	maxListing     = 200
	defaultMembers = 100
	maxMembers     = 200
)

func pageSize(asked uint32, standard, most int) int {
	if asked == 0 {
		return standard
	}
	return int(min(asked, uint32(most)))
}

// Send appends a message and answers once it is durable.
func (b *Backend) Send(ctx context.Context, who wire.Actor, req *throngv1.SendRequest) (*throngv1.SendResponse, error) {
	d, err := who.Draft(req)
	if err != nil {
		return nil, err
	}
	r, err := b.messages.Append(ctx, d)
	if err != nil {
		return nil, err
	}
	return wire.Sent(r), nil
}

// ListEntries reads a range.
func (b *Backend) ListEntries(ctx context.Context, who wire.Actor, req *throngv1.ListEntriesRequest) (*throngv1.ListEntriesResponse, error) {
	id, err := wire.ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	if req.GetFrom() != 0 && req.GetTo() != 0 && req.GetTo() < req.GetFrom() {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "a range begins at from and ends at to, not the other way")
	}
	page, err := b.messages.Range(ctx, message.RangeQuery{
		Reader: who.User, Conversation: id, From: chat.Seq(req.GetFrom()), To: chat.Seq(req.GetTo()),
		Limit: pageSize(req.GetLimit(), defaultEntries, chat.MaxRangeEntries), Backward: req.GetBackward() || req.GetFrom() == 0,
	})
	if err != nil {
		return nil, err
	}
	out := wire.ListEntries(who.User, id, (*wire.Page)(&page))
	if page.Head.Tier > chat.TierSmall {
		out.Profiles = b.introduce(ctx, wire.Senders(page.Entries))
	}
	return out, nil
}

// ListEdits reads what a message said.
func (b *Backend) ListEdits(ctx context.Context, who wire.Actor, req *throngv1.ListEditsRequest) (*throngv1.ListEditsResponse, error) {
	id, err := wire.ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	versions, more, err := b.messages.Edits(ctx, message.EditsQuery{
		Reader: who.User, Conversation: id, Seq: chat.Seq(req.GetSeq()), Before: chat.Seq(req.GetBefore()),
	})
	if err != nil {
		return nil, err
	}
	return &throngv1.ListEditsResponse{Versions: wire.Versions(versions), More: more}, nil
}

// Focus answers with the heads of what a session has open. The session has put the focus in force before it asks, so nothing
// lies between the heads and the first delivery. What is not the user's is left out, be it there or not.
func (b *Backend) Focus(ctx context.Context, who wire.Actor, req *throngv1.FocusRequest) (*throngv1.FocusResponse, error) {
	ids, err := wire.Focus(req)
	if err != nil {
		return nil, err
	}
	heads, err := b.timelines.Heads(ctx, who.User, ids)
	if err != nil {
		return nil, err
	}
	out := &throngv1.FocusResponse{}
	for _, h := range heads {
		out.Heads = append(out.Heads, wire.Head(who.User, h, nil))
	}
	return out, nil
}

// MarkRead moves a read position forward.
func (b *Backend) MarkRead(ctx context.Context, who wire.Actor, req *throngv1.MarkReadRequest) (*throngv1.MarkReadResponse, error) {
	d, err := who.Mark(req)
	if err != nil {
		return nil, err
	}
	r, err := b.messages.Append(ctx, d)
	if err != nil {
		return nil, err
	}
	if b.receipts != nil && r.Read.Seq == d.Mark {
		b.receipts.Moved(who.User, d.Conversation, d.Mark)
	}
	// The view knows where the reader's part of the log ends; a head of the log itself would tell too much to who has left.
	v, err := b.timelines.View(ctx, who.User, d.Conversation)
	if err != nil {
		return nil, err
	}
	if v.Settings.MarkedUnread && v.Role != 0 && d.Mark >= v.Read.Seq { // it was read before it was marked, and is again
		off := false
		if _, err := b.timelines.Settings(ctx, who.User, d.Conversation, timeline.SettingsPatch{MarkedUnread: &off}); err != nil {
			return nil, err
		}
	}
	return &throngv1.MarkReadResponse{
		ReadSeq: uint64(max(r.Read.Seq, v.Read.Seq)), ReadOrdinal: uint64(max(r.Read.Ordinal, v.Read.Ordinal)), Unread: v.Unread,
	}, nil
}

// Sync answers what changed since a cursor.
func (b *Backend) Sync(ctx context.Context, who wire.Actor, req *throngv1.SyncRequest) (*throngv1.SyncResponse, error) {
	q := timeline.Query{
		Limit: pageSize(req.GetLimit(), defaultSync, maxSync), Entries: pageSize(req.GetEntries(), 0, maxSyncEntries),
	}
	if c := req.GetCursor(); c != nil {
		q.Cursor = &timeline.Cursor{Epoch: c.GetEpoch(), Generation: c.GetGeneration(), PTS: timeline.PTS(c.GetPts())}
	}
	changes, err := b.timelines.Sync(ctx, who.User, q)
	if err != nil {
		return nil, err
	}
	return &throngv1.SyncResponse{
		Reset_: changes.Reset, Conversations: conversations(who.User, changes.Views), Cursor: cursor(changes.Cursor),
		More: changes.More, TotalUnread: changes.TotalUnread, Profiles: b.introduce(ctx, sendersOf(changes.Views)),
	}, nil
}

// sendersOf names who wrote the entries of views above the small tier.
func sendersOf(views []timeline.View) []chat.UserID {
	var out []chat.UserID
	for i := range views {
		v := &views[i]
		if v.Head.Tier <= chat.TierSmall {
			continue
		}
		out = append(out, wire.Senders(v.Entries)...)
		if v.Last != nil {
			out = append(out, v.Last.Sender)
		}
	}
	return out
}

// Heartbeat answers with the digest, without its heads where the device knows them.
func (b *Backend) Heartbeat(ctx context.Context, who wire.Actor, req *throngv1.HeartbeatRequest) (*throngv1.HeartbeatResponse, error) {
	d, err := b.timelines.Digest(ctx, who.User)
	if err != nil {
		return nil, err
	}
	res := &throngv1.HeartbeatResponse{
		Cursor: cursor(d.Cursor), Digest: d.Hash, TimeMs: uint64(max(0, b.now().UnixMilli())),
		TotalUnread: d.TotalUnread,
	}
	if d.Hash != req.GetDigest() {
		res.Heads = wire.Heads(d.Heads)
	}
	return res, nil
}

func cursor(c timeline.Cursor) *throngv1.Cursor {
	return &throngv1.Cursor{Epoch: c.Epoch, Generation: c.Generation, Pts: uint64(c.PTS)}
}

func conversations(reader chat.UserID, views []timeline.View) []*throngv1.Conversation {
	out := make([]*throngv1.Conversation, len(views))
	for i := range views {
		out[i] = wire.Conversation(reader, (*wire.View)(&views[i]))
	}
	return out
}
