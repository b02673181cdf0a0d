package sim

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

func asError(err error, to **client.Error) bool { return errors.As(err, to) }

// live does what a person with this device does, until the world heals.
func (d *device) live(until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(d.rng.ExpFloat64() * float64(2*time.Second)))
		d.move()
	}
}

func (d *device) move() {
	w := d.world
	id := w.rooms[d.rng.IntN(len(w.rooms))]
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	switch n := d.rng.IntN(100); {
	case n < 55:
		for range 1 + d.rng.IntN(4) {
			d.send(id)
		}
	case n < 70:
		if v, ok := d.client().Conversation(id); ok && v.Last != nil {
			_ = d.client().MarkRead(ctx, id, v.Last.GetSeq()-min(v.Last.GetSeq()-1, uint64(d.rng.IntN(3))))
		}
	case n < 85:
		d.pull(ctx, id)
	case n < 95:
		d.changeMembers(ctx)
	case n < 97 && w.faults.restarts:
		w.step("%s restarts", d.name)
		if err := d.restart(); err != nil {
			w.fail(err)
		}
	default:
		_ = d.settings(ctx, id)
	}
}

// pull reads a page from somewhere and records it.
func (d *device) pull(ctx context.Context, id client.ConversationID) {
	from := uint64(1 + d.rng.IntN(20))
	op := d.world.record(history.Op{Kind: history.Pull, Client: d.number(), Conversation: uint64(id), From: from})
	resp, err := d.client().API().Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(id), From: from, Limit: 200,
	}))
	if err != nil {
		return
	}
	page := resp.Msg
	var keys []string
	for _, e := range page.GetEntries() {
		keys = append(keys, keyOf(e))
		d.world.saw(d.user, uint64(id), e.GetSeq())
	}
	op.OK(func(o *history.Op) {
		o.Keys = keys
		o.Whole = len(keys) < 200 && from <= page.GetHeadSeq()
	})
}

// changeMembers adds, removes or lets leave somebody of a group whose members may change.
func (d *device) changeMembers(ctx context.Context) {
	w := d.world
	var groups []client.ConversationID
	for _, id := range w.rooms {
		if w.changing[id] {
			groups = append(groups, id)
		}
	}
	if len(groups) == 0 {
		return
	}
	id := groups[d.rng.IntN(len(groups))]
	whom := uint64(w.users[d.rng.IntN(len(w.users))])
	api := d.client().API().Conversations
	var err error
	switch d.rng.IntN(4) {
	case 0:
		_, err = api.RemoveMember(ctx, connect.NewRequest(&throngv1.RemoveMemberRequest{Conversation: uint64(id), User: whom}))
	case 1:
		_, err = api.Leave(ctx, connect.NewRequest(&throngv1.LeaveRequest{Conversation: uint64(id)}))
	case 2:
		_, err = api.Join(ctx, connect.NewRequest(&throngv1.JoinRequest{Conversation: uint64(id)}))
	default:
		_, err = api.AddMembers(ctx, connect.NewRequest(&throngv1.AddMembersRequest{Conversation: uint64(id), Users: []uint64{whom}}))
	}
	w.step("%s changes members of %d (%d): %v", d.name, id, whom, err)
}

func (d *device) settings(ctx context.Context, id client.ConversationID) error {
	muted := d.rng.IntN(2) == 0
	_, err := d.client().API().Conversations.UpdateSettings(ctx, connect.NewRequest(&throngv1.UpdateSettingsRequest{
		Conversation: uint64(id), Muted: &muted,
	}))
	return err
}
