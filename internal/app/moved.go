package app

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/timeline"
)

// movedAtOnce bounds how many changes of memberships are told together.
const movedAtOnce = 200

// moved tells users, wherever they are connected, that their lists show who they are in: it subscribes them to what they came into, and asks
// their devices to sync. A device that connected after a member change was delivered, and before the list showed it, was told neither. Who is not
// told now finds it by the next heartbeat.
func (e *engine) moved(ctx context.Context, moved []timeline.Change) {
	for some := range slices.Chunk(moved, movedAtOnce) {
		told := movements(some)
		nodes, err := e.routes.Users(ctx, told[len(told)-1].Users, nil)
		if err != nil {
			return
		}
		for _, d := range told {
			if tell(ctx, e.bus, nodes, d) != nil {
				return
			}
		}
	}
}

// movements are the deliveries that changes of memberships make: who enters each conversation above the small tier, and last who is to sync.
// Members of small conversations are found without a subscription.
func movements(moved []timeline.Change) []*cluster.Delivery {
	type entry struct {
		id  chat.ConversationID
		seq chat.Seq
	}
	var told []*cluster.Delivery
	enter, sync := make(map[entry]*cluster.Delivery), &cluster.Delivery{Kind: cluster.DeliverSync}
	for _, c := range moved {
		sync.Users = append(sync.Users, c.User)
		if c.Membership != timeline.Entered || !c.Quiet {
			continue
		}
		by := entry{c.Conversation, c.Seq}
		if enter[by] == nil {
			enter[by] = &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: c.Conversation, From: c.Seq}
			told = append(told, enter[by])
		}
		enter[by].Users = append(enter[by].Users, c.User)
	}
	return append(told, sync)
}
