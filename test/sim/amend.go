package sim

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// passing begins the texts that are taken back one day. They count as gone from the beginning: the history knows a message by a key that stays.
const passing = "gone|"

// gone is the key of what was taken back.
const gone = "*throngv1.Entry_Tombstone"

// amend edits a message of the user, or takes one back, or writes one that is taken back later, where entries stand whose history is not
// judged: of one message there are several. What it edits keeps its key.
func (d *device) amend(ctx context.Context, r room) error {
	page, err := d.api().Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{Conversation: uint64(r.id), Limit: 50}))
	if err != nil {
		return nil //nolint:nilerr // what did not work is part of life
	}
	if list := page.Msg.GetEntries(); len(list) > 0 && d.intN(4) == 0 {
		target := list[d.intN(len(list))].GetSeq()
		body := client.Pin(target)
		if d.intN(3) == 0 {
			body = client.Unpin(target)
		}
		_, _ = d.client().Send(d.world.ctx, r.id, body)
		return nil
	}
	var own []*throngv1.Entry
	for _, e := range page.Msg.GetEntries() {
		if client.UserID(e.GetSender()) == d.user && e.GetText() != "" {
			own = append(own, e)
		}
	}
	body := client.Text(fmt.Sprintf("%s%d", passing, d.intN(1_000)))
	if len(own) > 0 && d.intN(4) > 0 {
		e := own[d.intN(len(own))]
		if was := keyOf(e); was != gone {
			body = client.Edit(e.GetSeq(), fmt.Sprintf("%s|edit %d", was, d.intN(1_000)))
		} else if body = client.Edit(e.GetSeq(), fmt.Sprintf("%sedit %d", passing, d.intN(1_000))); d.intN(2) == 0 {
			body = client.Recall(e.GetSeq(), "")
		}
	}
	if all := page.Msg.GetEntries(); len(all) > 0 && d.intN(2) == 0 { // which may be no message, or gone: the server says
		body = body.Reply(all[d.intN(len(all))].GetSeq())
	}
	if d.intN(3) == 0 {
		body = body.Mention(d.user, d.world.devices[d.intN(len(d.world.devices))].user)
	}
	_, _ = d.client().Send(d.world.ctx, r.id, body)
	return nil
}

// show has the application show an entry, and what it makes of others. The caller holds mu.
func (d *device) show(s *history.Stream, m client.Message) {
	if d.shownOf != s {
		d.shownOf, d.shown = s, map[client.ConversationID]map[uint64]*throngv1.Entry{}
	}
	shown := d.shown[m.Conversation]
	if shown == nil || client.Enters(m.Entry, d.user) {
		shown = map[uint64]*throngv1.Entry{}
		d.shown[m.Conversation] = shown
	}
	shown[m.Entry.GetSeq()] = m.Entry
	if client.Target(m.Entry) != 0 {
		for seq, e := range shown {
			shown[seq], _ = client.Amend(e, m.Entry)
		}
	}
}

// converged holds what the application shows against what the server tells now (I27).
func (d *device) converged(id client.ConversationID) error {
	page, err := d.world.as(d.user).Messages.ListEntries(d.world.ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(id), Limit: pageEntries,
	}))
	if err != nil {
		return fmt.Errorf("listing entries: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range page.Msg.GetEntries() {
		shown := d.shown[id][e.GetSeq()]
		if shown == nil {
			continue
		}
		mine, theirs := proto.CloneOf(shown), proto.CloneOf(e)
		for _, one := range []*throngv1.Entry{mine, theirs} {
			one.Conversation, one.ClientId = 0, nil
		}
		if !proto.Equal(mine, theirs) {
			return fmt.Errorf("entry %d of conversation %d is shown as %v, the server says %v", e.GetSeq(), id, mine, theirs)
		}
	}
	return nil
}
