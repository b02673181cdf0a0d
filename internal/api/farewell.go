package api

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// leaveGroups takes a user whose account ends out of all groups. A group of its own goes to an admin, else to any member, and
// is dissolved where there is nobody. Direct conversations stay with their other user. It may be repeated.
func (s *Server) leaveGroups(ctx context.Context, user chat.UserID) error {
	ids, err := s.conversationsOf(ctx, user)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.leaveGroup(ctx, user, id); err != nil && chat.AsError(err).Code != chat.CodeNotFound {
			return err
		}
	}
	return nil
}

// conversationsOf returns every conversation that the user is or was in. Rows of the timeline follow the log; asking for the
// list first waits for them, so that a group made a moment ago is among them.
func (s *Server) conversationsOf(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error) {
	if _, err := s.deps.Timelines.List(ctx, user, timeline.ListQuery{Limit: 1}); err != nil {
		return nil, err
	}
	return s.deps.Past.Conversations(ctx, user)
}

func (s *Server) leaveGroup(ctx context.Context, user chat.UserID, id chat.ConversationID) error {
	v, err := s.deps.Timelines.View(ctx, user, id)
	if err != nil || v.Role == 0 || v.Conversation.Kind != chat.KindGroup || v.Head.Dissolved {
		return err
	}
	if v.Role == chat.RoleOwner {
		heir, err := s.heir(ctx, user, id)
		if err != nil {
			return err
		}
		if heir == 0 {
			_, err = s.deps.Changes.Dissolve(ctx, 0, id)
			return err
		}
		if _, err := s.deps.Changes.Transfer(ctx, 0, id, heir); err != nil {
			return err
		}
	}
	_, err = s.deps.Changes.Remove(ctx, 0, id, user, "")
	return err
}

// heir is who gets a group that its owner leaves behind; 0 is nobody.
func (s *Server) heir(ctx context.Context, user chat.UserID, id chat.ConversationID) (chat.UserID, error) {
	for _, role := range []chat.Role{chat.RoleAdmin, 0} {
		members, _, err := s.deps.Openings.Members(ctx, 0, id, 0, 2, role)
		if err != nil {
			return 0, err
		}
		for _, m := range members {
			if m.User != user {
				return m.User, nil
			}
		}
	}
	return 0, nil
}
