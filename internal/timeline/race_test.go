package timeline_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// Cursors are given out while appends and passes are under way, and syncs do not wait for the follower. Whatever a device
// missed, its next sync from its own cursor must bring.
func TestCursorsAgainstAppends(t *testing.T) {
	t.Parallel()
	const (
		users         = 6
		conversations = 8
		messages      = 400
	)
	w := open(t, 100)
	w.halt()
	w.cfg.Answer = time.Nanosecond
	w.start()
	members := make([]chat.UserID, users)
	for i := range members {
		members[i] = chat.UserID(i + 1)
	}
	for id := range conversations {
		w.group(chat.ConversationID(id+1), members...)
	}
	var senders, syncers sync.WaitGroup
	stop := make(chan struct{})
	cursors := make([]*timeline.Cursor, users)
	heads := make([]map[chat.ConversationID]chat.Seq, users)
	for i := range users {
		heads[i] = make(map[chat.ConversationID]chat.Seq)
		take := func(c timeline.Changes) {
			for _, v := range c.Views {
				heads[i][v.Head.Conversation] = max(heads[i][v.Head.Conversation], v.Head.Seq)
			}
			cursors[i] = &c.Cursor
		}
		syncers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					take(w.sync(members[i], timeline.Query{Cursor: cursors[i]}))
				}
			}
		})
	}
	for i := range 2 {
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		senders.Go(func() {
			for n := range messages {
				c := chat.ClientID{0: byte(i + 1), 1: byte(n >> 8), 2: byte(n)}
				w.append(&chat.Draft{
					Conversation: chat.ConversationID(1 + rng.IntN(conversations)), Sender: members[rng.IntN(users)],
					ClientID: c, Body: chat.Text{Text: "x"},
				})
			}
		})
	}
	senders.Wait()
	close(stop)
	syncers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	assert.NoError(t, "the follower comes to the end", w.follower.Passed(ctx, w.store.Tail()))
	for i, u := range members {
		for _, v := range w.sync(u, timeline.Query{Cursor: cursors[i]}).Views {
			heads[i][v.Head.Conversation] = v.Head.Seq
		}
		for id := chat.ConversationID(1); id <= conversations; id++ {
			v, err := w.service.View(ctx, u, id)
			assert.NoError(t, "view", err)
			assert.Equal(t, "head on the device", heads[i][id], v.Head.Seq)
		}
	}
}
