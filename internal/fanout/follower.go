package fanout

import (
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// follower takes the entries of one stream to their receivers. It is owned by the goroutine that runs it.
type follower struct {
	*Fanout

	stream queue.Stream
	at     chat.Position
	cache  *cache
	late   late
	to     chat.Position // of the batch that is handled
}

func newFollower(f *Fanout, s queue.Stream) *follower {
	return &follower{Fanout: f, stream: s, cache: newCache(f.cfg.CacheMembers)}
}

// run follows the stream until ctx ends. After an error it goes on where it was.
func (f *follower) run(ctx context.Context) error {
	begun := false
	for {
		err := error(nil)
		if !begun {
			f.at, err = f.stream.Position(ctx)
			begun = err == nil
		}
		if err == nil {
			err = f.stream.Follow(ctx, f.at, f.handle)
		}
		if ctx.Err() != nil {
			return nil
		}
		f.metrics.retries.Inc()
		f.log.Warn("the fan-out starts again", "stream", f.stream.Number(), "error", err)
		switch e := chat.AsError(err); {
		case e.Code == chat.CodeGone:
			f.at = f.stream.Tail() // what was dropped is found by digests
		case e.Reason == chat.ReasonCursorInvalid:
			begun = false // the stream has lost its end, and knows where the group goes on
		}
		select {
		case <-time.After(f.cfg.Retry):
		case <-ctx.Done():
			return nil
		}
	}
}

// handle takes a batch of events. The position moves once all of them are dealt with.
func (f *follower) handle(ctx context.Context, b queue.Batch) error {
	f.to = b.Position
	if err := f.events(ctx, b.Events); err != nil {
		return err
	}
	f.at = b.Position
	return f.stream.Commit(ctx, b.Position)
}

// loadsAtOnce bounds how many member lists are read side by side.
const loadsAtOnce = 16

// events delivers a run of events: its conversations side by side, the events of each in order. Those whose members have to be read keep
// nobody else waiting. With an error it has delivered those of some conversations, whose entries are passed over when they come again; the
// others' come again from their first one on.
func (f *follower) events(ctx context.Context, events []chat.Event) error {
	turns := f.turns(events)
	slots := make(chan struct{}, loadsAtOnce)
	var loading sync.WaitGroup
	var ready, cold []*turn
	for _, t := range turns {
		if len(turns) == 1 || !t.loads() {
			t.plan(ctx)
			ready = append(ready, t)
			continue
		}
		cold = append(cold, t)
		loading.Go(func() { // no more than there are events in a batch
			slots <- struct{}{}
			defer func() { <-slots }()
			t.plan(ctx)
		})
	}
	f.deliver(ctx, ready)
	loading.Wait()
	f.deliver(ctx, cold)
	var err error
	for _, t := range turns {
		switch {
		case t.err == nil && t.entries:
			f.cache.put(t.id, t.rec)
		case t.err != nil && err == nil:
			err = t.err
		}
	}
	return err
}

// turns sorts events by conversation.
func (f *follower) turns(events []chat.Event) []*turn {
	all := make([]*turn, 0, len(events))
	by := make(map[chat.ConversationID]*turn, len(events))
	for i := range events {
		ev := &events[i]
		id := ev.Head.Conversation
		t := by[id]
		if t == nil {
			t = &turn{follower: f, id: id, rec: f.cache.get(id)}
			by[id] = t
			all = append(all, t)
		}
		t.events = append(t.events, ev)
	}
	return all
}
