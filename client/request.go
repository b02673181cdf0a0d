package client

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// call sends a request on the session and waits for the answer. It waits for the client to be online; a connection that
// is lost meanwhile makes it ask again, so only requests that may be repeated go this way.
func (c *Client) call(ctx context.Context, env *throngv1.ClientEnvelope) (*throngv1.Response, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, ErrClosed
	}
	for {
		c.mu.Lock()
		over := c.stateChange
		c.mu.Unlock()
		r, err := c.tryCall(ctx, env)
		if !errors.Is(err, errLinkLost) {
			return r, err
		}
		select { // the session has ended, and the state will tell
		case <-over:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
			return nil, ErrClosed
		}
	}
}

func (c *Client) tryCall(ctx context.Context, env *throngv1.ClientEnvelope) (*throngv1.Response, error) {
	type answer struct {
		r   *throngv1.Response
		err error
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	got := make(chan answer, 1)
	var id uint64
	c.mu.Lock()
	s := c.session
	if s == nil {
		c.mu.Unlock()
		return nil, errLinkLost
	}
	id = s.post(&throngv1.ClientEnvelope{Request: env.GetRequest()}, func(r *throngv1.Response, err error) {
		got <- answer{r, err}
	})
	c.mu.Unlock()
	select {
	case a := <-got:
		return a.r, a.err
	case <-ctx.Done():
		c.locked(func() { delete(s.waiting, id) })
		return nil, ctx.Err()
	case <-c.done:
		return nil, ErrClosed
	}
}

// Page is a range of a conversation's log: its entries and withheld spans together cover one contiguous span.
type Page struct {
	// Entries are ascending.
	Entries []*throngv1.Entry
	// Withheld are spans that are not for this reader.
	Withheld []*throngv1.Span
	// From and To are what the page covers; 0 and 0 where the range lies outside of the log.
	From, To uint64
	// Head is the newest seq that the reader may see.
	Head uint64
	// Profiles are of senders of these entries, in conversations above the small tier; ProfilesLearned tells them too.
	Profiles []*throngv1.Profile
}

// Query names a range: forward from From, or backward from To where From is 0. With neither, the newest page.
type Query struct {
	From, To uint64
	// Limit is 1 to 200; 0 is 50.
	Limit int
	// Backward fills the page from To downward even where From is set.
	Backward bool
}

// Range reads a range of a conversation, for scrolling and for holes. It does not touch what events tell.
func (c *Client) Range(ctx context.Context, conv ConversationID, q Query) (Page, error) {
	req := &throngv1.ListEntriesRequest{
		Conversation: uint64(conv), From: q.From, To: q.To, Limit: uint32(max(q.Limit, 0)), Backward: q.Backward,
	}
	r, err := c.call(ctx, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_ListEntries{ListEntries: req}})
	if err != nil {
		return Page{}, err
	}
	l := r.GetListEntries()
	c.locked(func() { c.met(l.GetProfiles()) })
	for _, e := range l.GetEntries() {
		e.Conversation = uint64(conv)
	}
	return Page{
		Entries: l.GetEntries(), Withheld: l.GetWithheld(),
		From: l.GetCovered().GetFrom(), To: l.GetCovered().GetTo(), Head: l.GetHeadSeq(), Profiles: l.GetProfiles(),
	}, nil
}

// MarkRead moves the user's read position to seq; moving it back changes nothing.
func (c *Client) MarkRead(ctx context.Context, conv ConversationID, seq uint64) error {
	req := &throngv1.MarkReadRequest{Conversation: uint64(conv), Seq: seq}
	r, err := c.call(ctx, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_MarkRead{MarkRead: req}})
	if err != nil {
		return err
	}
	m := r.GetMarkRead()
	c.locked(func() { c.readTo(conv, m.GetReadSeq(), m.GetReadOrdinal()) })
	return nil
}

// MarkUnread marks a conversation as unread on all devices of the user, whatever was read, until the user marks it as read again.
func (c *Client) MarkUnread(ctx context.Context, conv ConversationID) error {
	on := true
	resp, err := c.api.Conversations.UpdateSettings(ctx, connect.NewRequest(&throngv1.UpdateSettingsRequest{Conversation: uint64(conv), MarkedUnread: &on}))
	if err != nil {
		return err
	}
	c.locked(func() { c.settle(conv, resp.Msg.GetSettings()) })
	return nil
}

// OpenDirect finds or makes the direct conversation with a user.
func (c *Client) OpenDirect(ctx context.Context, user UserID) (ConversationID, error) {
	resp, err := c.api.Conversations.OpenDirect(ctx,
		connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(user)}))
	if err != nil {
		return 0, err
	}
	return c.made(resp.Msg.GetConversation()), nil
}

// CreateGroup makes a group with the caller as its owner.
func (c *Client) CreateGroup(ctx context.Context, name string, members ...UserID) (ConversationID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	req := &throngv1.CreateGroupRequest{ClientId: id[:], Name: name, Members: make([]uint64, 0, len(members))}
	for _, m := range members {
		req.Members = append(req.Members, uint64(m))
	}
	resp, err := c.api.Conversations.CreateGroup(ctx, connect.NewRequest(req))
	if err != nil {
		return 0, err
	}
	return c.made(resp.Msg.GetConversation()), nil
}

// made makes the client know a conversation at once that its next sync would tell it of.
func (c *Client) made(pc *throngv1.Conversation) ConversationID {
	id := ConversationID(pc.GetId())
	c.locked(func() {
		if c.whole && c.conversations[id] == nil {
			c.learned(pc, false)
		}
	})
	return id
}
