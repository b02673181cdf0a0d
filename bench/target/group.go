package target

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	membersAtOnce = 1_000 // the most that the API takes
	uuidOwn       = 0x80  // RFC 9562: version 8, one of one's own making
	uuidVariant   = 0x80
	settleTime    = 2 * time.Minute // for followers to see the last member of a million
)

// MakeGroup makes a group of members, the first of them its owner, in chunks of 1,000.
func (s *Server) MakeGroup(ctx context.Context, name string, members []client.UserID, tell live.Func) (client.ConversationID, error) {
	if len(members) == 0 {
		return 0, errors.New("a group needs a member")
	}
	web := Web()
	defer web.CloseIdleConnections()
	api := s.API(web, members[0])
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return 0, err
	}
	id[6], id[8] = uuidOwn|id[6]&0x0f, uuidVariant|id[8]&0x3f
	first := min(len(members), membersAtOnce)
	resp, err := api.Conversations.CreateGroup(ctx, connect.NewRequest(&throngv1.CreateGroupRequest{
		ClientId: id, Name: name, Members: numbers(members[1:first]),
	}))
	if err != nil {
		return 0, fmt.Errorf("create a group: %w", err)
	}
	conv := resp.Msg.GetConversation().GetId()
	chunks := (len(members) - first + membersAtOnce - 1) / membersAtOnce
	err = Each(ctx, "members", chunks, parallel, tell, func(ctx context.Context, c int) error {
		from := first + c*membersAtOnce
		_, err := api.Conversations.AddMembers(ctx, connect.NewRequest(&throngv1.AddMembersRequest{
			Conversation: conv, Users: numbers(members[from:min(from+membersAtOnce, len(members))]),
		}))
		if err != nil {
			return fmt.Errorf("add members: %w", err)
		}
		return nil
	})
	return client.ConversationID(conv), err
}

// AwaitMember waits until a member's own list shows the conversation: then the followers have seen everything up to there.
func (s *Server) AwaitMember(ctx context.Context, user client.UserID, conv client.ConversationID) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	web := Web()
	defer web.CloseIdleConnections()
	api := s.API(web, user)
	pause := time.NewTicker(progressEvery)
	defer pause.Stop()
	for {
		resp, err := api.Messages.Sync(ctx, connect.NewRequest(&throngv1.SyncRequest{}))
		if err != nil {
			return fmt.Errorf("wait for the members: %w", err)
		}
		for _, c := range resp.Msg.GetConversations() {
			if c.GetId() == uint64(conv) {
				return nil
			}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the members: %w", ctx.Err())
		}
	}
}

// SetTier gives a group a tier whatever its size.
func (s *Server) SetTier(ctx context.Context, conv client.ConversationID, tier throngv1.Tier) error {
	web := Web()
	defer web.CloseIdleConnections()
	_, err := s.API(web, 0).Admin.SetTier(ctx, connect.NewRequest(&throngv1.SetTierRequest{Conversation: uint64(conv), Tier: tier}))
	if err != nil {
		return fmt.Errorf("set the tier: %w", err)
	}
	return nil
}

// Head is the last seq of a conversation as a member sees it.
func (s *Server) Head(ctx context.Context, user client.UserID, conv client.ConversationID) (uint64, error) {
	web := Web()
	defer web.CloseIdleConnections()
	resp, err := s.API(web, user).Messages.ListEntries(ctx, connect.NewRequest(&throngv1.ListEntriesRequest{
		Conversation: uint64(conv), Limit: 1,
	}))
	if err != nil {
		return 0, fmt.Errorf("read the head: %w", err)
	}
	return resp.Msg.GetHeadSeq(), nil
}

func numbers(ids []client.UserID) []uint64 {
	out := make([]uint64, len(ids))
	for i, id := range ids {
		out[i] = uint64(id)
	}
	return out
}
