package chat

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// sdk fills Server, Reader and People from the SDK.
type sdk struct{ *client.Client }

// pageEntries is how many entries a step back in history loads.
const pageEntries = 100

// Before reads the page that ends before a seq.
func (s sdk) Before(ctx context.Context, id client.ConversationID, seq uint64) (client.Page, error) {
	if seq <= 1 {
		return client.Page{}, nil
	}
	return s.Range(ctx, id, client.Query{To: seq - 1, Limit: pageEntries, Backward: true})
}

// Put puts an edit, a recall or a reply into the outbox.
func (s sdk) Put(id client.ConversationID, b client.Body) error {
	_, err := s.Client.Send(context.Background(), id, b)
	return err
}

// Send puts a text into the outbox.
func (s sdk) Send(id client.ConversationID, text string) error {
	_, err := s.Client.Send(context.Background(), id, client.Text(text))
	return err
}

// Pending are the conversation's messages in the outbox.
func (s sdk) Pending(id client.ConversationID) []client.Draft {
	var list []client.Draft
	for _, m := range s.Unsent() {
		if m.Draft.Conversation == id {
			list = append(list, m.Draft)
		}
	}
	return list
}

// Profiles looks up names.
func (s sdk) Profiles(ctx context.Context, users []client.UserID) ([]*throngv1.Profile, error) {
	req := &throngv1.ListProfilesRequest{Users: make([]uint64, 0, len(users))}
	for _, user := range users {
		req.Users = append(req.Users, uint64(user))
	}
	resp, err := s.API().Accounts.ListProfiles(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetProfiles(), nil
}

// find turns sign-in names into users.
func (s sdk) find(ctx context.Context, handles ...string) ([]client.UserID, error) {
	users := make([]client.UserID, 0, len(handles))
	for _, handle := range handles {
		resp, err := s.API().Accounts.FindUser(ctx, connect.NewRequest(&throngv1.FindUserRequest{Handle: handle}))
		var e *client.Error
		if errors.As(err, &e) && e.Code == throngv1.Code_CODE_NOT_FOUND {
			return nil, &client.Error{Code: e.Code, Reason: e.Reason, Message: "There is nobody called " + handle + "."}
		}
		if err != nil {
			return nil, err
		}
		users = append(users, client.UserID(resp.Msg.GetProfile().GetUser()))
	}
	return users, nil
}

// OpenDirect finds or makes the conversation with somebody.
func (s sdk) OpenDirect(ctx context.Context, handle string) (client.ConversationID, error) {
	users, err := s.find(ctx, handle)
	if err != nil {
		return 0, err
	}
	return s.Client.OpenDirect(ctx, users[0])
}

// CreateGroup makes a group.
func (s sdk) CreateGroup(ctx context.Context, name string, handles []string) (client.ConversationID, error) {
	users, err := s.find(ctx, handles...)
	if err != nil {
		return 0, err
	}
	return s.Client.CreateGroup(ctx, name, users...)
}

// AddMembers invites people into a group.
func (s sdk) AddMembers(ctx context.Context, id client.ConversationID, handles []string) error {
	users, err := s.find(ctx, handles...)
	if err != nil {
		return err
	}
	req := &throngv1.AddMembersRequest{Conversation: uint64(id), Role: throngv1.Role_ROLE_MEMBER}
	for _, user := range users {
		req.Users = append(req.Users, uint64(user))
	}
	_, err = s.API().Conversations.AddMembers(ctx, connect.NewRequest(req))
	return err
}

// Rename gives a group another name.
func (s sdk) Rename(ctx context.Context, id client.ConversationID, name string) error {
	_, err := s.API().Conversations.UpdateGroup(ctx, connect.NewRequest(&throngv1.UpdateGroupRequest{
		Conversation: uint64(id), Name: &name,
	}))
	return err
}

// Leave ends the user's membership.
func (s sdk) Leave(ctx context.Context, id client.ConversationID) error {
	_, err := s.API().Conversations.Leave(ctx, connect.NewRequest(&throngv1.LeaveRequest{Conversation: uint64(id)}))
	return err
}

// Mention puts a message into the outbox that names people.
func (s sdk) Mention(ctx context.Context, id client.ConversationID, b client.Body, handles []string) error {
	var users []client.UserID
	for _, handle := range handles {
		found, err := s.find(ctx, handle)
		var e *client.Error
		switch {
		case errors.As(err, &e) && e.Code == throngv1.Code_CODE_NOT_FOUND:
		case err != nil:
			return err
		}
		users = append(users, found...)
	}
	return s.Put(id, b.Mention(users...))
}
