package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// adminHandler is throng.v1.AdminService. Its access is checked before any of it is called.
type adminHandler struct{ s *Server }

// CreateUsers implements the procedure of the same name.
func (h adminHandler) CreateUsers(
	ctx context.Context, r *connect.Request[throngv1.CreateUsersRequest],
) (*connect.Response[throngv1.CreateUsersResponse], error) {
	users := make([]account.NewUser, len(r.Msg.GetUsers()))
	for i, u := range r.Msg.GetUsers() {
		users[i] = account.NewUser{
			Handle: u.GetHandle(), ExternalID: u.GetExternalId(), Name: u.GetName(), Avatar: u.GetAvatar(),
			Attributes: u.GetAttributes(), Password: u.GetPassword(), Admin: u.GetAdmin(),
		}
	}
	ids, created, err := h.s.deps.Administration.CreateUsers(ctx, users)
	if err != nil {
		return nil, err
	}
	out := &throngv1.CreateUsersResponse{Ids: make([]uint64, len(ids)), Created: uint32(max(created, 0))}
	for i, id := range ids {
		out.Ids[i] = uint64(id)
	}
	return connect.NewResponse(out), nil
}

// GetUser implements the procedure of the same name.
func (h adminHandler) GetUser(ctx context.Context, r *connect.Request[throngv1.GetUserRequest]) (*connect.Response[throngv1.GetUserResponse], error) {
	u, err := h.find(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	list, err := h.s.deps.Users.Devices(ctx, u.ID)
	return respond(&throngv1.GetUserResponse{User: user(u), Devices: devices(list, 0)}, err)
}

func (h adminHandler) find(ctx context.Context, m *throngv1.GetUserRequest) (account.User, error) {
	switch by := m.GetBy().(type) {
	case *throngv1.GetUserRequest_Id:
		id, err := wire.UserID(by.Id)
		if err != nil {
			return account.User{}, err
		}
		return h.s.deps.Users.Get(ctx, id) //nolint:wrapcheck // told as it is
	case *throngv1.GetUserRequest_ExternalId:
		return h.s.deps.Users.ByExternal(ctx, by.ExternalId) //nolint:wrapcheck // told as it is
	case *throngv1.GetUserRequest_Handle:
		return h.s.deps.Users.ByHandle(ctx, by.Handle) //nolint:wrapcheck // told as it is
	default:
		return account.User{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "name the user by id, externalId or handle")
	}
}

// ListUsers implements the procedure of the same name.
func (h adminHandler) ListUsers(ctx context.Context, r *connect.Request[throngv1.ListUsersRequest]) (*connect.Response[throngv1.ListUsersResponse], error) {
	after, err := pageAfter(r.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	limit := pageSize(r.Msg.GetLimit(), defaultMembers, maxMembers)
	list, err := h.s.deps.Users.List(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	out := &throngv1.ListUsersResponse{Users: make([]*throngv1.User, len(list))}
	for i, u := range list {
		out.Users[i] = user(u)
		out.NextPageToken = pageToken(u.ID, len(list), limit)
	}
	return connect.NewResponse(out), nil
}

// UpdateUser implements the procedure of the same name.
func (h adminHandler) UpdateUser(
	ctx context.Context, r *connect.Request[throngv1.UpdateUserRequest],
) (*connect.Response[throngv1.UpdateUserResponse], error) {
	id, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	u, err := h.s.deps.Administration.UpdateUser(ctx, id, account.UserChange{
		ProfileChange: account.ProfileChange{Name: r.Msg.Name, Avatar: r.Msg.Avatar},
		Admin:         r.Msg.Admin, Disabled: r.Msg.Disabled,
	})
	h.s.deps.Names.Forget(id)
	return respond(&throngv1.UpdateUserResponse{User: user(u)}, err)
}

// ResetPassword implements the procedure of the same name.
func (h adminHandler) ResetPassword(
	ctx context.Context, r *connect.Request[throngv1.ResetPasswordRequest],
) (*connect.Response[throngv1.ResetPasswordResponse], error) {
	id, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	password, err := h.s.deps.Administration.ResetPassword(ctx, id, r.Msg.GetPassword())
	return respond(&throngv1.ResetPasswordResponse{Password: password}, err)
}

// IssueToken implements the procedure of the same name.
func (h adminHandler) IssueToken(
	ctx context.Context, r *connect.Request[throngv1.IssueTokenRequest],
) (*connect.Response[throngv1.IssueTokenResponse], error) {
	id, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	d := newDevice(ctx, r.Msg.GetDevice())
	d.Address = "" // of the back end, not of the device
	g, err := h.s.deps.Administration.IssueToken(ctx, id, d)
	if err != nil {
		return nil, err
	}
	res := connect.NewResponse(&throngv1.IssueTokenResponse{Device: uint64(g.Device)})
	res.Msg.Tokens = accountHandler(h).tokens(ctx, res.Header(), g.Tokens, false)
	return res, nil
}

// SignOutUser implements the procedure of the same name.
func (h adminHandler) SignOutUser(
	ctx context.Context, r *connect.Request[throngv1.SignOutUserRequest],
) (*connect.Response[throngv1.SignOutUserResponse], error) {
	id, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	n, err := h.s.deps.Accounts.SignOut(ctx, id, 0, true)
	return respond(&throngv1.SignOutUserResponse{Ended: uint32(max(n, 0))}, err)
}

// EraseUser implements the procedure of the same name. The account goes last: an erasure that was cut off is repeated,
// also for an account that is gone already.
func (h adminHandler) EraseUser(ctx context.Context, r *connect.Request[throngv1.EraseUserRequest]) (*connect.Response[throngv1.EraseUserResponse], error) {
	id, err := wire.UserID(r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	erased := 0
	if r.Msg.GetMessages() {
		if erased, err = h.eraseMessages(ctx, id); err != nil {
			return nil, err
		}
	}
	if err := h.s.leaveGroups(ctx, id); err != nil {
		return nil, err
	}
	if err := h.s.deps.RelationLists.Erase(ctx, id); err != nil {
		return nil, err
	}
	err = h.s.deps.Administration.DeleteUser(ctx, id)
	h.s.deps.Names.Forget(id)
	if err == nil {
		err = h.s.deps.RelationLists.Erase(ctx, id) // also what others put down until the account was gone
	}
	return respond(&throngv1.EraseUserResponse{MessagesErased: uint64(max(erased, 0))}, err)
}

func (h adminHandler) eraseMessages(ctx context.Context, id chat.UserID) (int, error) {
	conversations, err := h.s.conversationsOf(ctx, id)
	if err != nil {
		return 0, err
	}
	erased := 0
	for _, c := range conversations {
		n, err := h.s.deps.Past.Tombstone(ctx, c, chat.Span{From: 1}, id, chat.TombstoneErased)
		if err != nil {
			return erased, err
		}
		erased += n
	}
	return erased, nil
}

// CreateInvitation implements the procedure of the same name.
func (h adminHandler) CreateInvitation(
	ctx context.Context, r *connect.Request[throngv1.CreateInvitationRequest],
) (*connect.Response[throngv1.CreateInvitationResponse], error) {
	code, until, err := h.s.deps.Administration.CreateInvitation(ctx, r.Msg.GetUses(), r.Msg.GetExpiresMs())
	return respond(&throngv1.CreateInvitationResponse{Code: code, ExpiresMs: until}, err)
}
