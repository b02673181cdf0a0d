package gateway

import (
	"context"
	"math/bits"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Receipts tell who has got and read what, in the words of the schema. Got is called on loops and must not block; the others may, and are called
// from workers.
type Receipts interface {
	Got(user chat.UserID, id chat.ConversationID, seq chat.Seq)
	GetReceipts(ctx context.Context, who wire.Actor, req *throngv1.GetReceiptsRequest) (*throngv1.GetReceiptsResponse, error)
	ListReceipts(ctx context.Context, who wire.Actor, req *throngv1.ListReceiptsRequest) (*throngv1.ListReceiptsResponse, error)
}

// received takes what a device has.
func (s *Server) received(user chat.UserID, positions []*throngv1.Position) {
	if s.deps.Receipts == nil {
		return
	}
	for _, p := range positions {
		s.deps.Receipts.Got(user, chat.ConversationID(p.GetConversation()), chat.Seq(p.GetSeq()))
	}
}

// ask answers requests about who has read what.
func (s *Server) ask(ctx context.Context, who wire.Actor, env *throngv1.ClientEnvelope) (*throngv1.Response, error) {
	if s.deps.Receipts == nil {
		return nil, session.Unsupported()
	}
	out := &throngv1.Response{Id: env.GetId()}
	if req := env.GetGetReceipts(); req != nil {
		res, err := s.deps.Receipts.GetReceipts(ctx, who, req)
		out.Result = &throngv1.Response_GetReceipts{GetReceipts: res}
		return out, err //nolint:wrapcheck // it is one of ours
	}
	res, err := s.deps.Receipts.ListReceipts(ctx, who, env.GetListReceipts())
	out.Result = &throngv1.Response_ListReceipts{ListReceipts: res}
	return out, err //nolint:wrapcheck // as above
}

// receipts takes where members stand to the loops, or drops it where the node or a loop has something else to do: content never waits for it.
func (s *Server) receipts(d *cluster.Delivery) {
	if s.deps.Level != nil && s.deps.Level() >= pressure.ReceiptsOff {
		return
	}
	o := op{kind: opParcel, parcel: session.NewParcel(d)}
	for mask := s.online.loops(d.Users) & (1<<len(s.loops) - 1); mask != 0; mask &= mask - 1 {
		s.loops[bits.TrailingZeros64(mask)].inbox.Offer(o, s.cfg.Inbox/typingRoom)
	}
}

// receipts tells them to those connections of users that have the conversation in view (RCP-6).
func (l *loop) receipts(p *session.Parcel) {
	d := p.Delivery()
	for _, u := range d.Users {
		for c := l.users[u]; c != nil; c = c.next {
			if !c.session.Focused(d.Conversation) {
				continue
			}
			c.session.Deliver(l.now, p)
			if !c.session.Outbox().Empty() {
				l.markWide(c)
			}
		}
	}
}
