package fanout

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// turn is what a run of events says of one conversation: planned by one goroutine, then delivered with others'.
//
//	plan, event by event ──→ steps, in order, by stages ──→ of each stage: routes of all turns, then deliveries of all turns
//
// A step that asks for a route which an earlier step may have changed is of a later stage.
type turn struct {
	// immutable after construction
	*follower

	id     chat.ConversationID
	events []*chat.Event

	// ownership passes: who plans, then who delivers
	rec     record // as of the last event that is planned
	entries bool   // rec has moved
	steps   []step
	stage   int
	keep    []*chat.Entry // for the hot cache
	err     error
}

// step is a delivery by a route.
type step struct {
	delivery *cluster.Delivery
	group    bool // by group route; else by that of the delivery's users
	stage    int
}

// loads reports that planning will read a member list, for whichever of the events.
func (t *turn) loads() bool {
	rec := t.rec
	for _, ev := range t.events {
		if ev.Entry == nil || ev.Entry.Seq <= rec.seq {
			continue
		}
		if rec.asks(ev) {
			return true
		}
		rec.seq = ev.Entry.Seq
		if ev.Head.Tier > chat.TierSmall {
			rec.members = nil
		} else if rec.members == nil {
			rec.members = []chat.UserID{} // they will be known, whoever they are
		}
	}
	return false
}

// plan makes steps of the events. With an error none of them is to be delivered.
func (t *turn) plan(ctx context.Context) {
	for _, ev := range t.events {
		if ev.Entry == nil {
			if ev.Known() {
				t.read(ev)
			}
		} else if t.err = t.entry(ctx, ev); t.err != nil {
			t.steps = nil
			return
		}
	}
}

// read tells a user's other devices what one of them has read.
func (t *turn) read(ev *chat.Event) {
	t.toUsers(&cluster.Delivery{
		Kind: cluster.DeliverRead, Conversation: t.id, Users: []chat.UserID{ev.Reader}, Device: ev.Device, Read: ev.Read,
	})
}

// entry delivers a committed entry.
func (t *turn) entry(ctx context.Context, ev *chat.Event) error {
	e := ev.Entry
	if e.Seq <= t.rec.seq {
		t.metrics.repeats.Inc()
		return nil
	}
	move := movementOf(e)
	var err error
	var members []chat.UserID
	if ev.Head.Tier > chat.TierSmall {
		err = t.group(ctx, ev, move)
	} else {
		members, err = t.small(ctx, ev, move)
	}
	if err != nil {
		return err
	}
	t.rec, t.entries = record{seq: e.Seq, members: members}, true
	t.tellMoved(move)
	return nil
}

// small delivers by user route.
func (t *turn) small(ctx context.Context, ev *chat.Event, move movement) (members []chat.UserID, err error) {
	e := ev.Entry
	if ev.Was > chat.TierSmall {
		t.toGroup(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: t.id, From: e.Seq})
	}
	if !t.rec.asks(ev) {
		members = move.apply(t.rec.members)
	} else {
		loaded, err := t.load(ctx, t.id, e.Seq)
		if err != nil {
			return nil, err
		}
		// Who leaves by this entry sees it still, and may be back already as far as the directory knows.
		members = movement{leaving: move.leaving}.apply(loaded)
	}
	d := entryDelivery(ev)
	d.Users = with(members, move.leaving)
	t.send(d)
	t.leave(ev, move)
	return members, nil
}

// group delivers by group route.
func (t *turn) group(ctx context.Context, ev *chat.Event, move movement) error {
	e := ev.Entry
	entering := move.entering
	if ev.Was == chat.TierSmall { // sessions opened until now are not subscribed to it
		all := t.rec.members
		if t.rec.asks(ev) {
			var err error
			if all, err = t.load(ctx, t.id, e.Seq); err != nil {
				return err
			}
		}
		entering = with(all, entering)
	}
	if t.hot != nil {
		t.keep = append(t.keep, e)
	}
	if len(entering) > 0 {
		t.toUsers(&cluster.Delivery{
			Kind: cluster.DeliverEnter, Conversation: t.id, Users: entering, From: e.Seq, MemberWas: ev.MemberWas,
		})
		t.stage++ // the group's route leads to the nodes of those who have entered
	}
	t.send(entryDelivery(ev))
	if ev.Head.Tier == chat.TierLarge && ev.Reader != 0 {
		// The sender's other devices may get a bare hint, which does not say whose message it is: it is none that is unread.
		t.read(ev)
	}
	t.leave(ev, move)
	return nil
}

// leave ends the subscriptions of those who went. In a small conversation there are none, unless it was larger once and
// was forgotten since: they must not come alive when it grows again.
func (t *turn) leave(ev *chat.Event, move movement) {
	if len(move.leaving) > 0 {
		t.toUsers(&cluster.Delivery{
			Kind: cluster.DeliverLeave, Conversation: t.id, Users: move.leaving, From: ev.Entry.Seq, MemberWas: ev.MemberWas,
		})
	}
}

// tellMoved asks the devices of those who came or went to sync.
func (t *turn) tellMoved(move movement) {
	if !move.none() {
		t.toUsers(&cluster.Delivery{Kind: cluster.DeliverSync, Conversation: t.id, Users: with(move.leaving, move.entering)})
	}
}

func entryDelivery(ev *chat.Event) *cluster.Delivery {
	return &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: ev.Entry.Conversation, Device: ev.Device, Entry: ev.Entry, Head: ev.Head,
		MemberWas: ev.MemberWas,
	}
}

// send delivers an entry by its route.
func (t *turn) send(d *cluster.Delivery) {
	t.metrics.entries.Inc()
	if mutant == mutantReordered {
		if d = t.late.swap(d); d == nil {
			return
		}
	}
	if d.Users != nil {
		t.toUsers(d)
	} else {
		t.toGroup(d)
	}
}

func (t *turn) toUsers(d *cluster.Delivery) {
	t.steps = append(t.steps, step{delivery: d, stage: t.stage})
}

func (t *turn) toGroup(d *cluster.Delivery) {
	t.steps = append(t.steps, step{delivery: d, group: true, stage: t.stage})
}
