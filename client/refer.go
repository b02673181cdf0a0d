package client

import (
	"context"
	"slices"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Reply returns the body as an answer to an earlier message of the same conversation. Of an edit and a recall it changes nothing.
func (b Body) Reply(to uint64) Body {
	if !b.amends() {
		b.reply = to
	}
	return b
}

// Mention returns the body as one that names users, 50 at most; the server passes over who is no member. Of an edit and a recall it changes
// nothing: an edited message names whom it named.
func (b Body) Mention(users ...UserID) Body {
	if b.amends() {
		return b
	}
	b.named = slices.Clone(b.named)
	for _, user := range users {
		b.named = append(b.named, uint64(user))
	}
	return b
}

// MentionAll returns the body as one that names all members. In large groups the server takes it from admins only.
func (b Body) MentionAll() Body {
	b.all = !b.amends()
	return b
}

// decided reports whether the log knows more of the body than was sent.
func (b Body) decided() bool { return b.amends() || len(b.named) > 0 }

// Mentions reports whether an entry of somebody else names a user, or all.
func Mentions(e *throngv1.Entry, user UserID) bool {
	return e.GetSender() != uint64(user) && (e.GetMentionAll() || slices.Contains(e.GetMentions(), uint64(user)))
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
	e.ReplyTo, e.Mentions, e.MentionAll = 0, nil, false
}
