package app

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// retainedBound is how many conversations are remembered by how far their content has gone already.
const retainedBound = 1 << 20

// retain ends the life of messages that are older than the setting, until ctx ends.
func (a *App) retain(ctx context.Context) error {
	tick := time.NewTicker(a.cfg.Retention.Interval)
	defer tick.Stop()
	gone := make(map[chat.ConversationID]chat.Seq)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		keep := a.live.Load().retention
		if keep == 0 {
			continue
		}
		n, err := a.retainOnce(ctx, a.options.Now().Add(-keep), gone)
		if err != nil && ctx.Err() == nil {
			a.log.Warn("old messages could not all be removed; they will be next time", "error", err)
		}
		if n > 0 {
			a.log.Info("old messages were removed", "messages", n)
		}
	}
}

func (a *App) retainOnce(ctx context.Context, before time.Time, gone map[chat.ConversationID]chat.Seq) (removed int, err error) {
	if len(gone) > retainedBound {
		clear(gone)
	}
	picture, err := a.core.engine.archives.Picture(ctx)
	if err != nil {
		return 0, fmt.Errorf("looking for old messages: %w", err)
	}
	defer func() { _ = picture.Close() }()
	beforeMS := uint64(max(0, before.UnixMilli()))
	err = picture.Conversations(ctx, func(c chat.Conversation) error {
		last, err := a.lastBefore(ctx, c.ID, beforeMS)
		if err != nil || last <= gone[c.ID] {
			return err
		}
		n, err := a.core.messages.Tombstone(ctx, c.ID, chat.Span{From: gone[c.ID] + 1, To: last}, 0, chat.TombstoneRetention)
		removed += n
		if err == nil {
			gone[c.ID] = last
		}
		return err
	})
	return removed, err
}

// lastBefore is the last entry before a time, by halving: times do not fall within a conversation, clocks that were set back
// apart, which keep messages a little longer or less.
func (a *App) lastBefore(ctx context.Context, id chat.ConversationID, beforeMS uint64) (chat.Seq, error) {
	heads, err := a.core.engine.log.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return 0, fmt.Errorf("looking for old messages: %w", err)
	}
	low, high := chat.Seq(0), heads[0].Seq
	for low < high {
		middle := low + (high-low+1)/2
		at, err := a.core.engine.log.Range(ctx, message.Range{Conversation: id, From: middle, To: middle, Limit: 1})
		if err != nil {
			return 0, fmt.Errorf("looking for old messages: %w", err)
		}
		if len(at) == 1 && at[0].TimeMS < beforeMS {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}
