package sim

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// arrange makes a conversation, or changes who is in one and what they may do there.
func (d *device) arrange(ctx context.Context, rooms []room) error {
	whom := d.world.users[d.intN(len(d.world.users))]
	switch n := d.intN(20); {
	case n == 0:
		return d.openDirect(ctx, whom)
	case n == 1 && len(rooms) < maxRooms:
		return d.createGroup(ctx, whom)
	}
	var groups []room
	for _, r := range rooms {
		if r.changing {
			groups = append(groups, r)
		}
	}
	if len(groups) > 0 {
		d.change(ctx, uint64(groups[d.intN(len(groups))].id), uint64(whom))
	}
	return nil
}

// maxRooms keeps a world's conversations busy.
const maxRooms = 10

func (d *device) openDirect(ctx context.Context, whom client.UserID) error {
	resp, err := d.api().Conversations.OpenDirect(ctx, connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(whom)}))
	if err != nil {
		return nil //nolint:nilerr // what did not work is part of life
	}
	return d.world.opened(d.user, whom, resp.Msg.GetConversation())
}

// createGroup asks twice, as somebody does who did not hear the first answer.
func (d *device) createGroup(ctx context.Context, whom client.UserID) error {
	req := &throngv1.CreateGroupRequest{ClientId: d.newID(), Name: "later", Members: []uint64{uint64(whom)}, Open: d.intN(2) == 0}
	var id uint64
	for range 2 {
		resp, err := d.api().Conversations.CreateGroup(ctx, connect.NewRequest(req))
		if err != nil {
			continue
		}
		if got := resp.Msg.GetConversation().GetId(); id != 0 && got != id {
			return fmt.Errorf("one CreateGroup gave the conversations %d and %d", id, got)
		}
		id = resp.Msg.GetConversation().GetId()
		d.world.addRoom(resp.Msg.GetConversation(), true)
	}
	d.world.step("%s creates group %d", d.name, id)
	return nil
}

func (d *device) change(ctx context.Context, id, whom uint64) {
	api := d.api().Conversations
	var (
		what string
		err  error
	)
	switch n := d.intN(50); {
	case n >= 40:
		what, err = d.moderate(ctx, id, whom)
	case n < 7:
		what = "removes"
		_, err = api.RemoveMember(ctx, connect.NewRequest(&throngv1.RemoveMemberRequest{Conversation: id, User: whom}))
	case n < 14:
		what = "leaves"
		_, err = api.Leave(ctx, connect.NewRequest(&throngv1.LeaveRequest{Conversation: id}))
	case n < 21:
		what = "joins"
		_, err = api.Join(ctx, connect.NewRequest(&throngv1.JoinRequest{Conversation: id}))
	case n < 30:
		what = "adds"
		_, err = api.AddMembers(ctx, connect.NewRequest(&throngv1.AddMembersRequest{Conversation: id, Users: []uint64{whom}}))
	case n < 33:
		what = "promotes"
		_, err = api.SetRole(ctx, connect.NewRequest(&throngv1.SetRoleRequest{
			Conversation: id, User: whom, Role: throngv1.Role(1 + d.intN(2)),
		}))
	case n < 35:
		what = "transfers to"
		_, err = api.Transfer(ctx, connect.NewRequest(&throngv1.TransferRequest{Conversation: id, User: whom}))
	case n < 37:
		what = "mutes"
		until := d.world.node.now().Add(time.Duration(d.intN(20)) * time.Second).UnixMilli()
		_, err = api.MuteMember(ctx, connect.NewRequest(&throngv1.MuteMemberRequest{
			Conversation: id, User: whom, UntilMs: uint64(until),
		}))
	case n < 39:
		what = "renames"
		name := fmt.Sprintf("group of %s at %d", d.name, time.Now().UnixMilli())
		_, err = api.UpdateGroup(ctx, connect.NewRequest(&throngv1.UpdateGroupRequest{Conversation: id, Name: &name}))
	case d.world.faults.dissolves:
		what = "dissolves"
		_, err = api.Dissolve(ctx, connect.NewRequest(&throngv1.DissolveRequest{Conversation: id}))
	}
	d.world.step("%s %s (%d) in %d: %v", d.name, what, whom, id, err)
}

// moderate does what admins do besides, for times that pass before the world ends.
func (d *device) moderate(ctx context.Context, id, whom uint64) (what string, err error) {
	api := d.api().Conversations
	until := uint64(max(0, d.world.node.now().Add(time.Duration(d.intN(20))*time.Second).UnixMilli()))
	terms := func(req *throngv1.UpdateGroupRequest) error {
		req.Conversation = id
		_, err := api.UpdateGroup(ctx, connect.NewRequest(req))
		return err
	}
	switch d.intN(7) {
	case 0:
		_, err = api.BanMember(ctx, connect.NewRequest(&throngv1.BanMemberRequest{Conversation: id, User: whom, UntilMs: until, Reason: "sim"}))
		return "bans", err
	case 1:
		_, err = api.Unban(ctx, connect.NewRequest(&throngv1.UnbanRequest{Conversation: id, User: whom}))
		return "lifts the ban of", err
	case 2:
		_, err = api.SetNickname(ctx, connect.NewRequest(&throngv1.SetNicknameRequest{Conversation: id, User: whom, Nickname: "called by " + d.name}))
		return "names", err
	case 3:
		on := d.intN(2) == 0
		return "opens or closes the history, not", terms(&throngv1.UpdateGroupRequest{History: &on})
	case 4:
		return "asks for quiet, not", terms(&throngv1.UpdateGroupRequest{QuietUntilMs: &until})
	case 5:
		joining := []throngv1.Joining{throngv1.Joining_JOINING_OPEN, throngv1.Joining_JOINING_INVITED, throngv1.Joining_JOINING_OPEN}[d.intN(3)]
		return "changes how to join, not", terms(&throngv1.UpdateGroupRequest{Joining: &joining})
	default:
		said := fmt.Sprintf("announced by %s at %d", d.name, time.Now().UnixMilli())
		return "announces, not", terms(&throngv1.UpdateGroupRequest{Announcement: &said})
	}
}
