package client

import (
	"context"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Reply returns the body as an answer to an earlier message of the same conversation. Of an edit and a recall it changes nothing.
func (b Body) Reply(to uint64) Body {
	if !b.amends() {
		b.reply = to
	}
	return b
}

// ReplyTo is the seq of the message that the body answers; 0 for none.
func (b Body) ReplyTo() uint64 { return b.reply }

// ReplyTo is the seq of the message that this one answers; 0 for none. [Client.Quoted] has what that one says.
func (m Message) ReplyTo() uint64 { return m.Entry.GetReplyTo() }

// Quoted returns the message that an entry answers, as it looks now: edited, or a tombstone where it has gone. It is nil, without an error,
// where the entry answers none, and where the user may not see the one that it answers. What the client keeps it does not ask for.
func (c *Client) Quoted(ctx context.Context, conv ConversationID, e *throngv1.Entry) (*throngv1.Entry, error) {
	seq := e.GetReplyTo()
	if seq == 0 {
		return nil, nil //nolint:nilnil // see above
	}
	if kept := c.kept(conv, seq); kept != nil {
		return kept, nil
	}
	page, err := c.Range(ctx, conv, Query{From: seq, To: seq, Limit: 1})
	if err != nil {
		return nil, err
	}
	for _, e := range page.Entries {
		if e.GetSeq() == seq {
			return e, nil
		}
	}
	return nil, nil //nolint:nilnil // see above
}

// kept is an entry as the client keeps it; nil where it does not.
func (c *Client) kept(conv ConversationID, seq uint64) *throngv1.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cv := c.conversations[conv]; cv != nil {
		for _, e := range cv.window {
			if e.GetSeq() == seq {
				return e
			}
		}
	}
	return nil
}

// unrefer takes from an entry what it refers to: its content has gone.
func unrefer(e *throngv1.Entry) {
	e.ReplyTo = 0
}
