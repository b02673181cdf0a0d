package sim

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	tailUsers = 6
	// foundMargin is what the answer to a heartbeat and a pull may take.
	foundMargin = 5 * time.Second
)

// Tail loses the last delivery of a conversation that then is quiet, on a connection that stays, and wants each device to have
// its entries within one heartbeat all the same. The seed draws the settings, with them the conversation's tier.
func Tail(t *testing.T, seed uint64) error {
	t.Helper()
	w, logs := newWorld(t, seed, nil)
	defer w.end()
	return w.explain(w.loseTail(), logs)
}

func (w *World) loseTail() error {
	if err := w.node.start(w.ctx); err != nil {
		return err
	}
	defer w.close()
	if err := w.makeUsers(tailUsers); err != nil {
		return fmt.Errorf("setting the world up: %w", err)
	}
	group, err := w.as(w.users[0]).Conversations.CreateGroup(w.ctx, connect.NewRequest(&throngv1.CreateGroupRequest{
		ClientId: newID(w.rng), Name: "quiet", Members: ids(w.users[:2+w.rng.IntN(tailUsers-1)]),
	}))
	if err != nil {
		return err
	}
	r := room{id: client.ConversationID(group.Msg.GetConversation().GetId()), group: true}
	d := w.newDevice("reader", w.users[1])
	if err := d.install(); err != nil {
		return err
	}
	if err := d.client().Connect(w.ctx); err != nil {
		return err
	}
	time.Sleep(w.within(w.shape.heartbeat)) // the loss falls anywhere between two heartbeats
	w.step("what the server writes is lost")
	d.link.SetLossy(true)
	var last uint64
	for range 1 + w.rng.IntN(5) {
		resp, err := w.as(w.users[0]).Messages.Send(w.ctx, connect.NewRequest(&throngv1.SendRequest{
			Conversation: uint64(r.id), ClientId: newID(w.rng), Body: &throngv1.SendRequest_Text{Text: "the last word"},
		}))
		if err != nil {
			return err
		}
		last = resp.Msg.GetSeq()
	}
	time.Sleep(time.Second)
	if d.toldOf(r.id) == last {
		return fmt.Errorf("seq %d arrived, though it was to be lost", last)
	}
	d.link.SetLossy(false)
	w.step("it arrives again, but for seq %d", last)
	time.Sleep(w.shape.heartbeat + foundMargin)
	if told := d.toldOf(r.id); told != last {
		return fmt.Errorf("%s after the loss the device was told %d of %d; its state is %+v", w.shape.heartbeat+foundMargin, told, last, d.client().State())
	}
	if err := d.level(); err != nil {
		return err
	}
	return w.leave()
}
