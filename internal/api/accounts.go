package api

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// accountHandler is throng.v1.AccountService. The export is in export.go.
type accountHandler struct{ s *Server }

// maxProfiles bounds one call of ListProfiles.
const maxProfiles = 200

// SignUp implements the procedure of the same name.
func (h accountHandler) SignUp(ctx context.Context, r *connect.Request[throngv1.SignUpRequest]) (*connect.Response[throngv1.SignUpResponse], error) {
	if err := h.s.limitAddress(ctx); err != nil {
		return nil, err
	}
	g, err := h.s.deps.Accounts.SignUp(ctx, account.SignUp{
		Credentials: credentials(ctx, r.Msg.GetHandle(), r.Msg.GetPassword(), r.Msg.GetDevice()),
		Name:        r.Msg.GetName(), Invitation: r.Msg.GetInvitation(),
	})
	if err != nil {
		return nil, err
	}
	res := connect.NewResponse(&throngv1.SignUpResponse{User: user(g.User), Device: uint64(g.Device)})
	res.Msg.Tokens = h.tokens(ctx, res.Header(), g.Tokens, r.Msg.GetDevice().GetCookie())
	return res, nil
}

// SignIn implements the procedure of the same name.
func (h accountHandler) SignIn(ctx context.Context, r *connect.Request[throngv1.SignInRequest]) (*connect.Response[throngv1.SignInResponse], error) {
	if err := h.s.limitAddress(ctx); err != nil {
		return nil, err
	}
	g, err := h.s.deps.Accounts.SignIn(ctx, credentials(ctx, r.Msg.GetHandle(), r.Msg.GetPassword(), r.Msg.GetDevice()))
	if err != nil {
		return nil, err
	}
	res := connect.NewResponse(&throngv1.SignInResponse{User: user(g.User), Device: uint64(g.Device)})
	res.Msg.Tokens = h.tokens(ctx, res.Header(), g.Tokens, r.Msg.GetDevice().GetCookie())
	return res, nil
}

func credentials(ctx context.Context, handle, password string, d *throngv1.NewDevice) account.Credentials {
	return account.Credentials{Handle: handle, Password: password, Device: newDevice(ctx, d)}
}

func newDevice(ctx context.Context, d *throngv1.NewDevice) account.NewDevice {
	platform := account.Platform(255) // refused
	if p := d.GetPlatform(); p >= 0 && p <= throngv1.Platform_PLATFORM_TABLET {
		platform = account.Platform(p)
	}
	return account.NewDevice{Name: d.GetName(), Platform: platform, Address: requestOf(ctx).address}
}

// tokens tells a grant's tokens; the refresh token goes into the cookie where the client wants that.
func (h accountHandler) tokens(ctx context.Context, header http.Header, t account.Tokens, cookie bool) *throngv1.Tokens {
	out := &throngv1.Tokens{
		AccessToken: t.Access, AccessExpiresMs: t.AccessExpiresMS, RefreshToken: t.Refresh, RefreshExpiresMs: t.RefreshExpiresMS,
	}
	if cookie {
		out.RefreshToken = ""
		setCookie(header, requestOf(ctx), t.Refresh, t.RefreshExpiresMS)
	}
	return out
}

// Refresh implements the procedure of the same name.
func (h accountHandler) Refresh(ctx context.Context, r *connect.Request[throngv1.RefreshRequest]) (*connect.Response[throngv1.RefreshResponse], error) {
	if err := h.s.limitAddress(ctx); err != nil {
		return nil, err
	}
	rq := requestOf(ctx)
	token, fromCookie := r.Msg.GetRefreshToken(), false
	if token == "" {
		var err error
		if token, err = cookieToken(rq); err != nil {
			return nil, err
		}
		fromCookie = true
	}
	g, err := h.s.deps.Accounts.Refresh(ctx, token, rq.address)
	if err != nil {
		return nil, h.refreshFailed(ctx, err, fromCookie)
	}
	res := connect.NewResponse(&throngv1.RefreshResponse{})
	res.Msg.Tokens = h.tokens(ctx, res.Header(), g.Tokens, fromCookie)
	return res, nil
}

// refreshFailed drops the cookie where its token will never be good again.
func (h accountHandler) refreshFailed(ctx context.Context, err error, fromCookie bool) error {
	if e := chat.AsError(err); !fromCookie || e.Code != chat.CodeUnauthenticated {
		return err
	}
	out := h.s.connectError(ctx, err)
	setCookie(out.Meta(), requestOf(ctx), "", 0)
	return out
}

// SignOut implements the procedure of the same name.
func (h accountHandler) SignOut(ctx context.Context, r *connect.Request[throngv1.SignOutRequest]) (*connect.Response[throngv1.SignOutResponse], error) {
	if r.Msg.GetOthers() {
		return h.signOutOthers(ctx, r.Msg)
	}
	rq := requestOf(ctx)
	device := rq.caller.device
	if n := r.Msg.GetDevice(); n != 0 && !r.Msg.GetAll() {
		id, err := wire.DeviceID(n)
		if err != nil {
			return nil, err
		}
		device = id
	}
	if device == 0 && !r.Msg.GetAll() {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "name the device, or all of them")
	}
	n, err := h.s.deps.Accounts.SignOut(ctx, rq.caller.user, device, r.Msg.GetAll())
	if err != nil {
		return nil, err
	}
	res := connect.NewResponse(&throngv1.SignOutResponse{Ended: uint32(max(n, 0))})
	if rq.site == siteSame && (r.Msg.GetAll() || device == rq.caller.device) {
		setCookie(res.Header(), rq, "", 0)
	}
	return res, nil
}

func (h accountHandler) signOutOthers(ctx context.Context, m *throngv1.SignOutRequest) (*connect.Response[throngv1.SignOutResponse], error) {
	c := requestOf(ctx).caller
	if m.GetAll() || m.GetDevice() != 0 {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "others goes with neither device nor all")
	}
	if c.device == 0 {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "this token names no device that could stay")
	}
	n, err := h.s.deps.Accounts.SignOutOthers(ctx, c.user, c.device)
	return respond(&throngv1.SignOutResponse{Ended: uint32(max(n, 0))}, err)
}

// ListDevices implements the procedure of the same name.
func (h accountHandler) ListDevices(
	ctx context.Context, _ *connect.Request[throngv1.ListDevicesRequest],
) (*connect.Response[throngv1.ListDevicesResponse], error) {
	c := requestOf(ctx).caller
	list, err := h.s.deps.Users.Devices(ctx, c.user)
	return respond(&throngv1.ListDevicesResponse{Devices: devices(list, c.device)}, err)
}

// GetMe implements the procedure of the same name.
func (h accountHandler) GetMe(ctx context.Context, _ *connect.Request[throngv1.GetMeRequest]) (*connect.Response[throngv1.GetMeResponse], error) {
	u, err := h.s.deps.Users.Get(ctx, requestOf(ctx).caller.user)
	return respond(&throngv1.GetMeResponse{User: user(u)}, err)
}

// UpdateProfile implements the procedure of the same name.
func (h accountHandler) UpdateProfile(
	ctx context.Context, r *connect.Request[throngv1.UpdateProfileRequest],
) (*connect.Response[throngv1.UpdateProfileResponse], error) {
	attributes := r.Msg.GetAttributes()
	u, err := h.s.deps.Accounts.UpdateProfile(ctx, requestOf(ctx).caller.user, account.ProfileChange{
		Name: r.Msg.Name, Avatar: r.Msg.Avatar, Attributes: attributes, SetAttributes: r.Msg.GetSetAttributes() || len(attributes) > 0,
	})
	h.s.deps.Names.Forget(requestOf(ctx).caller.user)
	return respond(&throngv1.UpdateProfileResponse{User: user(u)}, err)
}

// ChangePassword implements the procedure of the same name.
func (h accountHandler) ChangePassword(
	ctx context.Context, r *connect.Request[throngv1.ChangePasswordRequest],
) (*connect.Response[throngv1.ChangePasswordResponse], error) {
	c := requestOf(ctx).caller
	n, err := h.s.deps.Accounts.ChangePassword(ctx, c.user, c.device, r.Msg.GetOldPassword(), r.Msg.GetNewPassword())
	return respond(&throngv1.ChangePasswordResponse{Ended: uint32(max(n, 0))}, err)
}

// DeleteAccount implements the procedure of the same name.
func (h accountHandler) DeleteAccount(
	ctx context.Context, r *connect.Request[throngv1.DeleteAccountRequest],
) (*connect.Response[throngv1.DeleteAccountResponse], error) {
	user := requestOf(ctx).caller.user
	err := h.s.deps.Accounts.DeleteAccount(ctx, user, r.Msg.GetPassword())
	h.s.deps.Names.Forget(user)
	if err == nil {
		// The password was checked with the deletion, so the groups come second; what is cut off here an administrator's
		// EraseUser does again.
		err = errors.Join(h.s.leaveGroups(ctx, user), h.s.deps.RelationLists.Erase(ctx, user))
	}
	return respond(&throngv1.DeleteAccountResponse{}, err)
}

// ListProfiles implements the procedure of the same name.
func (h accountHandler) ListProfiles(
	ctx context.Context, r *connect.Request[throngv1.ListProfilesRequest],
) (*connect.Response[throngv1.ListProfilesResponse], error) {
	if len(r.Msg.GetUsers()) > maxProfiles {
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "at most %d profiles are answered at once", maxProfiles)
	}
	ids, err := wire.UserIDs(r.Msg.GetUsers())
	if err != nil {
		return nil, err
	}
	list, err := h.s.deps.Users.Profiles(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := &throngv1.ListProfilesResponse{Profiles: make([]*throngv1.Profile, len(list))}
	for i, p := range list {
		out.Profiles[i] = profile(p)
	}
	return connect.NewResponse(out), nil
}

// FindUser implements the procedure of the same name. Who is not there, who does not want to be found, and what cannot be a handle have one
// answer; the search box of a client need not know the rules.
func (h accountHandler) FindUser(ctx context.Context, r *connect.Request[throngv1.FindUserRequest]) (*connect.Response[throngv1.FindUserResponse], error) {
	caller := requestOf(ctx).caller.user
	if caller != 0 {
		if wait := h.s.deps.Limits.TakeFind(caller); wait > 0 {
			return nil, limit.Error(wait)
		}
	}
	u, err := h.s.deps.Users.ByHandle(ctx, r.Msg.GetHandle())
	e := chat.AsError(err)
	nobody := e != nil && (e.Reason == chat.ReasonHandleInvalid || e.Reason == chat.ReasonUserNotFound)
	if nobody || err == nil && u.Privacy.Unlisted && caller != 0 && caller != u.ID {
		u, err = account.User{}, chat.Errorf(chat.CodeNotFound, chat.ReasonUserNotFound, "there is no user of that name")
	}
	return respond(&throngv1.FindUserResponse{Profile: profile(u.Profile())}, err)
}

func user(u account.User) *throngv1.User {
	return &throngv1.User{
		Id: uint64(u.ID), Handle: u.Handle, ExternalId: u.ExternalID, Name: u.Name, Avatar: u.Avatar, Attributes: u.Attributes,
		Version: u.Version, Admin: u.Admin, CreatedMs: u.CreatedMS, Disabled: u.Disabled,
	}
}

func profile(p account.Profile) *throngv1.Profile {
	return &throngv1.Profile{User: uint64(p.User), Name: p.Name, Avatar: p.Avatar, Version: p.Version}
}

func devices(list []account.Device, current chat.DeviceID) []*throngv1.Device {
	out := make([]*throngv1.Device, len(list))
	for i, d := range list {
		out[i] = &throngv1.Device{
			Id: uint64(d.ID), Name: d.Name, Platform: throngv1.Platform(d.Platform), CreatedMs: d.CreatedMS, LastUsedMs: d.LastUsedMS,
			Address: d.Address, Current: current != 0 && d.ID == current,
		}
	}
	return out
}
