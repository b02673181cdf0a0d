package fanout

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/trace"
)

// follower takes the entries of one stream to their receivers. It is owned by the goroutine that runs it.
type follower struct {
	*Fanout

	stream queue.Stream
	at     chat.Position
	cache  *cache
	nodes  []cluster.Node
	late   late
	to     chat.Position // of the batch that is handled
	lost   uint32        // deliveries that were passed over
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

// handle takes a batch of events.
func (f *follower) handle(ctx context.Context, b queue.Batch) error {
	f.to = b.Position
	for i := range b.Events {
		if err := f.event(ctx, &b.Events[i]); err != nil {
			return err
		}
	}
	f.at = b.Position
	return f.stream.Commit(ctx, b.Position)
}

func (f *follower) event(ctx context.Context, ev *chat.Event) error {
	if ev.Entry != nil {
		return f.entry(ctx, ev)
	}
	if !ev.Known() {
		return nil
	}
	return f.read(ctx, ev)
}

// read tells a user's other devices what one of them has read.
func (f *follower) read(ctx context.Context, ev *chat.Event) error {
	return f.toUsers(ctx, &cluster.Delivery{
		Kind: cluster.DeliverRead, Conversation: ev.Head.Conversation, Users: []chat.UserID{ev.Reader}, Device: ev.Device, Read: ev.Read,
	})
}

// entry delivers a committed entry.
func (f *follower) entry(ctx context.Context, ev *chat.Event) error {
	e := ev.Entry
	rec, known := f.cache.get(e.Conversation)
	if known && e.Seq <= rec.seq {
		f.metrics.repeats.Inc()
		return nil
	}
	move := movementOf(e)
	var err error
	if ev.Head.Tier > chat.TierSmall {
		err = f.group(ctx, ev, move, rec, known)
		rec = record{seq: e.Seq}
	} else {
		rec, err = f.small(ctx, ev, move, rec, known)
	}
	if err != nil {
		return err
	}
	// Only now: an entry whose delivery failed comes again.
	f.cache.put(e.Conversation, rec)
	return f.tellMoved(ctx, e.Conversation, move)
}

// small delivers by user route.
func (f *follower) small(ctx context.Context, ev *chat.Event, move movement, rec record, known bool) (record, error) {
	e := ev.Entry
	if ev.Was > chat.TierSmall {
		d := &cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: e.Conversation, From: e.Seq}
		if err := f.toGroup(ctx, d); err != nil {
			return rec, err
		}
	}
	members := rec.members
	if created := e.Seq == 1; created || (known && members != nil && rec.seq+1 == e.Seq) {
		members = move.apply(members)
	} else {
		loaded, err := f.load(ctx, e.Conversation, e.Seq)
		if err != nil {
			return rec, err
		}
		// Who leaves by this entry sees it still, and may be back already as far as the directory knows.
		members = movement{leaving: move.leaving}.apply(loaded)
	}
	d := entryDelivery(ev)
	d.Users = with(members, move.leaving)
	if err := f.send(ctx, d, trace.WayUsers); err != nil {
		return rec, err
	}
	return record{seq: e.Seq, members: members}, f.leave(ctx, ev, move)
}

// group delivers by group route.
func (f *follower) group(ctx context.Context, ev *chat.Event, move movement, rec record, known bool) error {
	e := ev.Entry
	if f.hot != nil {
		f.hot.Put(ctx, e) // before anybody is told of it, and pulls
	}
	entering := move.entering
	if ev.Was == chat.TierSmall { // sessions opened until now are not subscribed to it
		all := rec.members
		if !known || rec.seq+1 != e.Seq || all == nil {
			var err error
			if all, err = f.load(ctx, e.Conversation, e.Seq); err != nil {
				return err
			}
		}
		entering = with(all, entering)
	}
	if len(entering) > 0 {
		if err := f.toUsers(ctx, &cluster.Delivery{
			Kind: cluster.DeliverEnter, Conversation: e.Conversation, Users: entering, From: e.Seq, MemberWas: ev.MemberWas,
		}); err != nil {
			return err
		}
	}
	if err := f.send(ctx, entryDelivery(ev), trace.WayGroup); err != nil {
		return err
	}
	if ev.Head.Tier == chat.TierLarge && ev.Reader != 0 {
		// The sender's other devices may get a bare hint, which does not say whose message it is: it is none that is unread.
		if err := f.read(ctx, ev); err != nil {
			return err
		}
	}
	return f.leave(ctx, ev, move)
}

// leave ends the subscriptions of those who went. In a small conversation there are none, unless it was larger once and
// was forgotten since: they must not come alive when it grows again.
func (f *follower) leave(ctx context.Context, ev *chat.Event, move movement) error {
	if len(move.leaving) == 0 {
		return nil
	}
	return f.toUsers(ctx, &cluster.Delivery{
		Kind: cluster.DeliverLeave, Conversation: ev.Entry.Conversation, Users: move.leaving, From: ev.Entry.Seq, MemberWas: ev.MemberWas,
	})
}

// tellMoved asks the devices of those who came or went to sync.
func (f *follower) tellMoved(ctx context.Context, id chat.ConversationID, move movement) error {
	if move.none() {
		return nil
	}
	users := with(move.leaving, move.entering)
	return f.toUsers(ctx, &cluster.Delivery{Kind: cluster.DeliverSync, Conversation: id, Users: users})
}

func entryDelivery(ev *chat.Event) *cluster.Delivery {
	return &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: ev.Entry.Conversation, Device: ev.Device, Entry: ev.Entry, Head: ev.Head,
		MemberWas: ev.MemberWas,
	}
}

// send delivers an entry by its route, and has that noted.
func (f *follower) send(ctx context.Context, d *cluster.Delivery, way uint32) error {
	if !f.trace.On() {
		return f.sendEntry(ctx, d)
	}
	begin, lost := time.Now(), f.lost
	if err := f.sendEntry(ctx, d); err != nil {
		return err
	}
	e := d.Entry
	step := trace.Step{
		Kind: trace.Fanout, Conversation: uint64(e.Conversation), Seq: uint64(e.Seq), User: uint64(e.Sender),
		Counts: [4]uint32{way, uint32(len(d.Users)), uint32(len(f.nodes)), f.lost - lost}, Stream: trace.NoStream,
	}
	if f.stream != nil {
		step.Stream, step.Position = int32(f.stream.Number()), uint64(f.to)
	} else {
		step.Counts[0] = trace.WayDirect
	}
	step.Begun(begin)
	f.trace.Add(step)
	return nil
}

func (f *follower) sendEntry(ctx context.Context, d *cluster.Delivery) error {
	f.metrics.entries.Inc()
	if mutant == mutantReordered {
		if d = f.late.swap(d); d == nil {
			return nil
		}
	}
	if d.Users != nil {
		return f.toUsers(ctx, d)
	}
	return f.toGroup(ctx, d)
}

func (f *follower) toUsers(ctx context.Context, d *cluster.Delivery) (err error) {
	if f.nodes, err = f.routes.Users(ctx, d.Users, f.nodes[:0]); err == nil {
		err = f.deliver(ctx, f.nodes, d)
	}
	return f.passOver(err)
}

func (f *follower) toGroup(ctx context.Context, d *cluster.Delivery) (err error) {
	if f.nodes, err = f.routes.Group(ctx, d.Conversation, f.nodes[:0]); err == nil {
		err = f.deliver(ctx, f.nodes, d)
	}
	return f.passOver(err)
}

// passOver lets go of a delivery that routes or bus are not there for: those that follow must not wait for it, and devices find by
// digests what they were not told.
func (f *follower) passOver(err error) error {
	if err == nil || chat.AsError(err).Code != chat.CodeUnavailable {
		return err
	}
	f.metrics.lost.Inc()
	f.lost++
	return nil
}
