package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	receiptsRetry = 2 * time.Second
	// namedMembers is up to how many members a conversation of the medium tier has whose deliveries the server hears of, for receipts.
	namedMembers = 200
)

// Receipt is up to where another member has read and got. Read is 0 where that is not told; what was read was got.
type Receipt struct {
	User      UserID
	Read, Got uint64
}

// Receipts are who has got and read one message, its sender not counted.
type Receipts struct {
	// Read and Got are by rising id; Read is a part of them in a large conversation (Sampled), of which nobody knows who has got.
	Read, Got []UserID
	ReadCount int
	GotCount  int
	// Of is how many members see the message.
	Of      int
	Sampled bool
	// ReadHidden: the user sends no read receipts, and so sees none.
	ReadHidden bool
}

// ReceiptsChanged tells that other members of a conversation that is in focus have got or read more; Client.Receipts says up to where.
type ReceiptsChanged struct{ Conversation ConversationID }

func (ReceiptsChanged) event() {}

// receipts are where the others of conversations in focus stand. Guarded by the Client's mu.
type receipts struct {
	rooms map[ConversationID]*receiptRoom
}

type receiptRoom struct {
	known  map[UserID]Receipt
	news   map[UserID]Receipt // what was told while the list was on its way
	asking bool
	asked  *session  // the connection that was asked
	after  time.Time // not before
	queued bool
}

// Receipts returns where the other members of a conversation in focus stand, by rising id; of large ones, and where that is not known yet, it is
// empty. Who has sent a message has read what is before it.
func (c *Client) Receipts(id ConversationID) []Receipt {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.receipts.rooms[id]
	if r == nil {
		return nil
	}
	out := make([]Receipt, 0, len(r.known))
	for _, is := range r.known {
		out = append(out, is)
	}
	slices.SortFunc(out, func(a, b Receipt) int { return cmp.Compare(a.User, b.User) })
	return out
}

// GetReceipts asks who has got and who has read a message.
func (c *Client) GetReceipts(ctx context.Context, id ConversationID, seq uint64) (Receipts, error) {
	r, err := c.call(ctx, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_GetReceipts{
		GetReceipts: &throngv1.GetReceiptsRequest{Conversation: uint64(id), Seq: seq},
	}})
	a := r.GetGetReceipts()
	users := func(ids []uint64) (out []UserID) {
		for _, u := range ids {
			out = append(out, UserID(u))
		}
		return out
	}
	return Receipts{
		Read: users(a.GetRead()), Got: users(a.GetGot()), ReadCount: int(a.GetReadCount()), GotCount: int(a.GetGotCount()), Of: int(a.GetOf()),
		Sampled: a.GetSampled(), ReadHidden: a.GetReadHidden(),
	}, err
}

// SetReadReceipts says whether others see what the user has read; who does not show it does not see it of others.
func (c *Client) SetReadReceipts(ctx context.Context, on bool) error {
	off := !on
	_, err := c.api.Social.UpdatePrivacy(ctx, connect.NewRequest(&throngv1.UpdatePrivacyRequest{NoReadReceipts: &off}))
	if err == nil {
		c.locked(func() {
			for _, r := range c.receipts.rooms {
				r.asked = nil // what is seen is another thing from now on
			}
		})
		c.wake()
	}
	return err
}

// receiptsDue asks where the others of conversations stand that have come into focus, and returns when to look again.
func (c *Client) receiptsDue(s *session, now time.Time) (next time.Time) {
	for id := range c.receipts.rooms {
		if !slices.Contains(s.taken, id) {
			delete(c.receipts.rooms, id)
		}
	}
	for _, id := range s.taken {
		cv := c.conversations[id]
		if cv == nil || !cv.known || cv.tier == throngv1.Tier_TIER_LARGE || cv.view.Role == throngv1.Role_ROLE_UNSPECIFIED {
			continue
		}
		r := c.receipts.rooms[id]
		if r == nil {
			r = &receiptRoom{}
			if c.receipts.rooms == nil {
				c.receipts.rooms = map[ConversationID]*receiptRoom{}
			}
			c.receipts.rooms[id] = r
		}
		switch {
		case r.asking || r.asked == s:
		case now.Before(r.after):
			next = sooner(next, r.after)
		default:
			c.askReceipts(s, id, r)
		}
	}
	return next
}

func (c *Client) askReceipts(s *session, id ConversationID, r *receiptRoom) {
	r.asking, r.asked, r.news = true, s, map[UserID]Receipt{}
	req := &throngv1.ListReceiptsRequest{Conversation: uint64(id)}
	s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_ListReceipts{ListReceipts: req}}, func(a *throngv1.Response, err error) {
		news := r.news
		r.asking, r.news = false, nil
		var e *Error
		switch {
		case errors.Is(err, errLinkLost):
			r.asked = nil
			return
		case errors.As(err, &e) && e.Retryable():
			r.asked, r.after = nil, time.Now().Add(max(receiptsRetry, e.RetryAfter))
		default: // of a large conversation, or an older server, there are none
			r.known = news
			for _, is := range a.GetListReceipts().GetReceipts() {
				raise(r.known, receiptOf(is))
			}
			c.receiptsChanged(id, r)
		}
		c.wake()
	})
}

func receiptOf(r *throngv1.Receipt) Receipt {
	return Receipt{User: UserID(r.GetUser()), Read: r.GetReadSeq(), Got: r.GetGotSeq()}
}

// raise takes the higher positions, and reports whether one is.
func raise(known map[UserID]Receipt, is Receipt) bool {
	was := known[is.User]
	now := Receipt{User: is.User, Read: max(was.Read, is.Read), Got: max(was.Got, is.Got, is.Read)}
	known[is.User] = now
	return now != was
}

// receiptsMoved takes where members stand now.
func (c *Client) receiptsMoved(v *throngv1.ReceiptsMoved) {
	id := ConversationID(v.GetConversation())
	r := c.receipts.rooms[id]
	if r == nil {
		return
	}
	moved := false
	for _, p := range v.GetReceipts() {
		is := receiptOf(p)
		if is.User == c.me || is.User == 0 {
			continue
		}
		if r.news != nil {
			raise(r.news, is)
		}
		if r.known != nil {
			moved = raise(r.known, is) || moved
		}
	}
	if moved {
		c.receiptsChanged(id, r)
	}
}

// wrote takes that a member's message is there: whoever writes has read what is before it. Of those whose reading is not told it says no more
// than itself.
func (c *Client) wrote(id ConversationID, user UserID, seq uint64) {
	r := c.receipts.rooms[id]
	if r == nil {
		return
	}
	if was, ok := r.known[user]; ok {
		is := Receipt{User: user, Got: seq}
		if was.Read > 0 {
			is.Read = seq
		}
		if raise(r.known, is) {
			c.receiptsChanged(id, r)
		}
	}
}

func (c *Client) receiptsChanged(id ConversationID, r *receiptRoom) {
	c.events.pushOnce(&r.queued, func() Event { return ReceiptsChanged{Conversation: id} })
}
