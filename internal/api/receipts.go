package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Readers answers who has got and read what ([receipt.Service]).
type Readers interface {
	Get(ctx context.Context, viewer chat.UserID, id chat.ConversationID, seq chat.Seq) (receipt.Answer, error)
	List(ctx context.Context, viewer chat.UserID, id chat.ConversationID) (list []chat.Receipt, readHidden bool, err error)
}

// News takes what is new of members' positions ([receipt.Hub]). It does not block.
type News interface {
	Moved(user chat.UserID, id chat.ConversationID, read chat.Seq)
	Got(user chat.UserID, id chat.ConversationID, seq chat.Seq)
}

// Receipts answers the requests about receipts that travel both on sessions and over HTTP, in the words of the schema. All methods may be called
// from any goroutine; their errors are for [wire.Error].
type Receipts struct {
	// immutable after construction
	readers Readers
	News
}

// NewReceipts makes it.
func NewReceipts(readers Readers, news News) *Receipts {
	return &Receipts{readers: readers, News: news}
}

// GetReceipts tells who has got and who has read an entry.
func (r *Receipts) GetReceipts(ctx context.Context, who wire.Actor, req *throngv1.GetReceiptsRequest) (*throngv1.GetReceiptsResponse, error) {
	id, err := wire.ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	a, err := r.readers.Get(ctx, who.User, id, chat.Seq(req.GetSeq()))
	if err != nil {
		return nil, err
	}
	return &throngv1.GetReceiptsResponse{
		Read: userIDs(a.Read), Got: userIDs(a.Got), ReadCount: a.ReadCount, GotCount: a.GotCount, Of: a.Of, Sampled: a.Sampled, ReadHidden: a.ReadHidden,
	}, nil
}

// ListReceipts tells where the other members stand.
func (r *Receipts) ListReceipts(ctx context.Context, who wire.Actor, req *throngv1.ListReceiptsRequest) (*throngv1.ListReceiptsResponse, error) {
	id, err := wire.ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	list, hidden, err := r.readers.List(ctx, who.User, id)
	if err != nil {
		return nil, err
	}
	return &throngv1.ListReceiptsResponse{Receipts: wire.Receipts(list), ReadHidden: hidden}, nil
}

func userIDs(list []chat.UserID) []uint64 {
	out := make([]uint64, len(list))
	for i, u := range list {
		out[i] = uint64(u)
	}
	return out
}

// receiptHandler is throng.v1.ReceiptService.
type receiptHandler struct{ s *Server }

// GetReceipts implements the procedure of the same name.
func (h receiptHandler) GetReceipts(
	ctx context.Context, r *connect.Request[throngv1.GetReceiptsRequest],
) (*connect.Response[throngv1.GetReceiptsResponse], error) {
	return respond(h.s.deps.Receipts.GetReceipts(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// ListReceipts implements the procedure of the same name.
func (h receiptHandler) ListReceipts(
	ctx context.Context, r *connect.Request[throngv1.ListReceiptsRequest],
) (*connect.Response[throngv1.ListReceiptsResponse], error) {
	return respond(h.s.deps.Receipts.ListReceipts(ctx, requestOf(ctx).caller.actor(), r.Msg))
}

// HideEntries implements the procedure of the same name.
func (h receiptHandler) HideEntries(
	ctx context.Context, r *connect.Request[throngv1.HideEntriesRequest],
) (*connect.Response[throngv1.HideEntriesResponse], error) {
	id, spans, err := wire.Hide(r.Msg)
	if err != nil {
		return nil, err
	}
	user := requestOf(ctx).caller.user
	if err := h.s.deps.Messages.Hide(ctx, user, id, spans); err != nil {
		return nil, err
	}
	settings, err := h.s.deps.Timelines.Touch(ctx, user, id)
	return respond(&throngv1.HideEntriesResponse{Settings: wire.Settings(settings)}, err)
}
