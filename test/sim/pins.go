package sim

import (
	"errors"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// pinned holds what a device knows of the pinned messages of a conversation against what the server says of them, in three ways. A device may
// name one more that is not for the user: it does not know what was said while the user was no member.
func (d *device) pinned(c *throngv1.Conversation) error {
	if c.GetRole() == throngv1.Role_ROLE_UNSPECIFIED {
		return nil // a device keeps what it was told, the server tells no more
	}
	mine := d.client().Pins(client.ConversationID(c.GetId()))
	api := d.world.as(d.user).Messages
	for _, seq := range mine {
		if slices.Contains(c.GetPins(), seq) {
			continue
		}
		link := client.MessageLink("", client.ConversationID(c.GetId()), seq)
		_, err := api.ResolveLink(d.world.ctx, connect.NewRequest(&throngv1.ResolveLinkRequest{Link: link}))
		if !errors.Is(err, &client.Error{Reason: "message_not_found"}) {
			return fmt.Errorf("entry %d of conversation %d is pinned here, not on the server; its link: %w", seq, c.GetId(), err)
		}
	}
	mine = slices.DeleteFunc(mine, func(seq uint64) bool { return !slices.Contains(c.GetPins(), seq) })
	if !slices.Equal(mine, c.GetPins()) {
		return fmt.Errorf("%v of conversation %d are pinned here, %v on the server", mine, c.GetId(), c.GetPins())
	}
	var listed []uint64
	for before := uint64(0); ; {
		page, err := api.ListPins(d.world.ctx, connect.NewRequest(&throngv1.ListPinsRequest{Conversation: c.GetId(), Before: before}))
		if err != nil {
			return fmt.Errorf("listing pins: %w", err)
		}
		for _, p := range page.Msg.GetPins() {
			listed, before = append(listed, p.GetEntry().GetSeq()), p.GetPinSeq()
		}
		if !page.Msg.GetMore() {
			break
		}
	}
	if !slices.Equal(listed, c.GetPins()) { // nothing is removed here but by recalls, which unpin
		return fmt.Errorf("conversation %d lists %v as pinned, and says %v", c.GetId(), listed, c.GetPins())
	}
	return nil
}
