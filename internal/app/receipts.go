package app

import (
	"context"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/receipt"
)

// wireReceipts builds who has got and read what, as others see it.
func (a *App) wireReceipts() {
	c := a.core
	rooms := readings{standings{c.messages, c.engine.directory}}
	hides := hiders{c}
	c.receipts = receipt.NewHub(a.cfg.Receipt, receipt.Deps{
		Heads: c.messages, Members: rooms, Privacy: hides, Submit: c.messages.Submit, Tell: c.node.told,
		Quiet: func() bool { return c.pressure.Level() >= pressure.ReceiptsOff }, Metrics: a.registry, Logger: a.log,
	})
	c.readers = api.NewReceipts(receipt.New(a.cfg.Receipt, c.engine.positions, rooms, hides), c.receipts)
}

// readings are standings that know entries, too.
type readings struct{ standings }

// Entry implements receipt.Rooms.
func (r readings) Entry(ctx context.Context, user chat.UserID, id chat.ConversationID, seq chat.Seq) (chat.Entry, error) {
	if seq > 0 && seq <= chat.MaxID {
		page, err := r.messages.Range(ctx, message.RangeQuery{Reader: user, Conversation: id, From: seq, To: seq, Limit: 1})
		if err != nil {
			return chat.Entry{}, err //nolint:wrapcheck // it says what it was about
		}
		if len(page.Entries) == 1 {
			return page.Entries[0], nil
		}
	}
	return chat.Entry{}, chat.Errorf(chat.CodeNotFound, chat.ReasonMessageNotFound, "there is no such message for you")
}

// hiders know who hides what from whom.
type hiders struct{ core *core }

// Private implements receipt.Privacy.
func (h hiders) Private(ctx context.Context, users []chat.UserID) ([]chat.UserID, error) {
	return h.core.accounts.Private(ctx, users) //nolint:wrapcheck // it says what it was about
}

// Blockers implements receipt.Privacy.
func (h hiders) Blockers(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	return h.core.relations.Blockers(ctx, user, of) //nolint:wrapcheck // as above
}

// Blocked implements receipt.Privacy.
func (h hiders) Blocked(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	return h.core.relations.Blocked(ctx, user, of) //nolint:wrapcheck // as above
}

// told tells the nodes of those who see it where members of a conversation stand. Nobody misses what does not come.
func (n *node) told(ctx context.Context, t receipt.Told) error {
	nodes, err := n.routes.Users(ctx, t.Users, nil)
	if err != nil || len(nodes) == 0 {
		return err //nolint:wrapcheck // it is counted
	}
	return tell(ctx, n.bus, nodes, &cluster.Delivery{
		Kind: cluster.DeliverReceipts, Conversation: t.Conversation, Users: t.Users, Told: receipt.Append(nil, t.Receipts),
	})
}
