package app

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/mysql"
)

const (
	// retainedBound is how many conversations are remembered by how far their content has gone already.
	retainedBound = 1 << 20
	// retainedAtOnce is how many conversations are looked at between two looks at whether they are still this node's.
	retainedAtOnce = 500
)

// retain ends the life of messages that are older than the setting, until ctx ends. Of the nodes of a cluster each does it for the databases
// that are its own.
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
	beforeMS := uint64(max(0, before.UnixMilli()))
	err = a.core.engine.tended(ctx, func(ids []chat.ConversationID) error {
		if len(gone) > retainedBound {
			clear(gone)
		}
		heads, err := a.core.engine.log.Heads(ctx, ids)
		if err != nil {
			return fmt.Errorf("looking for old messages: %w", err)
		}
		for i, id := range ids {
			last, err := a.lastBefore(ctx, id, gone[id], heads[i].Seq, beforeMS)
			if err != nil {
				return err
			}
			if last <= gone[id] {
				continue
			}
			n, err := a.core.messages.Tombstone(ctx, id, chat.Span{From: gone[id] + 1, To: last}, 0, chat.TombstoneRetention)
			removed += n
			if err != nil {
				return err //nolint:wrapcheck // it says what it was about
			}
			gone[id] = last
		}
		return nil
	})
	return removed, err
}

// lastBefore is the last entry before a time, by halving: times do not fall within a conversation, clocks that were set back
// apart, which keep messages a little longer or less. The entries up to low are known to be before it, and head is the last one.
func (a *App) lastBefore(ctx context.Context, id chat.ConversationID, low, head chat.Seq, beforeMS uint64) (chat.Seq, error) {
	for middle, high := low+1, head; low < high; middle = low + (high-low+1)/2 {
		// The first look is at the next entry, after which most conversations need no other.
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

// tendAll hands over the conversations of an install that one process has.
func tendAll(all archives) func(ctx context.Context, fn func(ids []chat.ConversationID) error) error {
	return func(ctx context.Context, fn func(ids []chat.ConversationID) error) error {
		p, err := all.Picture(ctx)
		if err != nil {
			return fmt.Errorf("looking at the conversations: %w", err)
		}
		defer func() { _ = p.Close() }()
		ids := make([]chat.ConversationID, 0, retainedAtOnce)
		err = p.Conversations(ctx, func(c chat.Conversation) error {
			if ids = append(ids, c.ID); len(ids) < cap(ids) {
				return nil
			}
			err := fn(ids)
			ids = ids[:0]
			return err
		})
		if err == nil && len(ids) > 0 {
			err = fn(ids)
		}
		return err
	}
}

// tendOwn hands over the conversations of those databases that are this node's to look after. A database is that of the node that
// has leased one lane of the outbox, so that it has another node within the lease's time where that one dies, and never two for long; two that
// do the same do it twice.
func tendOwn(db *mysql.Store, held func() uint64) func(ctx context.Context, fn func(ids []chat.ConversationID) error) error {
	return func(ctx context.Context, fn func(ids []chat.ConversationID) error) error {
		for i, d := range db.Databases() {
			lane := tendingLane(i)
			for behind := chat.ConversationID(0); held()&(1<<lane) != 0; {
				ids, last, err := db.ConversationsIn(ctx, d, behind, retainedAtOnce)
				if err == nil && len(ids) > 0 {
					err = fn(ids)
				}
				if err != nil {
					return err
				}
				if behind = last; last == 0 {
					break
				}
			}
		}
		return nil
	}
}

// tendingLane is the lane whose node looks after a database. Nodes lease neighbouring lanes, so that those of the first databases lie far apart.
func tendingLane(database int) queue.Lane {
	return queue.Lane(bits.Reverse64(uint64(database)) / (1 << 64 / queue.Lanes))
}
