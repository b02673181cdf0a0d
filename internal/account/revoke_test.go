package account_test

import (
	"context"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// devicesPort has a name that no method of the port has, so that it can be embedded.
type devicesPort = account.Devices

// slowDevices lets a test do something between a read of a device and its answer.
type slowDevices struct {
	devicesPort
	between   func()
	beforeAdd func()
}

func (s *slowDevices) Add(ctx context.Context, d account.Device, r account.Room) (account.Device, []chat.DeviceID, error) {
	if s.beforeAdd != nil {
		s.beforeAdd()
	}
	return s.devicesPort.Add(ctx, d, r)
}

func (s *slowDevices) Device(ctx context.Context, user chat.UserID, id chat.DeviceID) (account.Device, error) {
	d, err := s.devicesPort.Device(ctx, user, id)
	if s.between != nil {
		s.between()
	}
	return d, err
}

// slowUsers is slowDevices for accounts.
type slowUsers struct {
	account.Users
	between func()
}

func (s *slowUsers) Accounts(ctx context.Context, ids []chat.UserID) ([]account.Account, error) {
	a, err := s.Users.Accounts(ctx, ids)
	if s.between != nil {
		s.between()
	}
	return a, err
}

// TestStateThatWasReadTooEarly ends a device, or disables its user, while its state is on the way from the store.
func TestStateThatWasReadTooEarly(t *testing.T) {
	t.Parallel()
	var devices *slowDevices
	var users *slowUsers
	w := newWorld(t, func(_ *account.Config, d *account.Deps) {
		devices, users = &slowDevices{devicesPort: d.Devices}, &slowUsers{Users: d.Users}
		d.Devices, d.Users = devices, users
	})
	ctx := t.Context()
	g := w.join(t, "ada")
	devices.between = func() {
		devices.between = nil
		_, err := w.SignOut(ctx, g.User.ID, g.Device, false)
		assert.NoError(t, "sign out", err)
	}
	_, _ = w.Authenticate(ctx, g.Tokens.Access, "") // either answer is right for a question that was under way
	_, err := w.Authenticate(ctx, g.Tokens.Access, "")
	refused(t, "after the sign-out", err, chat.ReasonSignedOut)

	g = w.join(t, "eve")
	yes := true
	users.between = func() {
		users.between = nil
		_, err := w.UpdateUser(ctx, g.User.ID, account.UserChange{Disabled: &yes})
		assert.NoError(t, "disable", err)
	}
	_, _ = w.Authenticate(ctx, g.Tokens.Access, "")
	_, err = w.Authenticate(ctx, g.Tokens.Access, "")
	refused(t, "after the ban", err, chat.ReasonUserDisabled)
}

// TestSignInAgainstPasswordChange changes the password between the check of the old one and the device that it lets in.
func TestSignInAgainstPasswordChange(t *testing.T) {
	t.Parallel()
	var devices *slowDevices
	w := newWorld(t, func(_ *account.Config, d *account.Deps) {
		devices = &slowDevices{devicesPort: d.Devices}
		d.Devices = devices
	})
	ctx := t.Context()
	g := w.join(t, "ada")
	devices.beforeAdd = func() {
		devices.beforeAdd = nil
		_, err := w.ChangePassword(ctx, g.User.ID, g.Device, password, "another password")
		assert.NoError(t, "change", err)
	}
	_, err := w.SignIn(ctx, credentials("ada", password))
	refused(t, "signing in with the old password", err, chat.ReasonSignInFailed)
	left, err := w.Devices(ctx, g.User.ID)
	assert.NoError(t, "list", err)
	assert.True(t, "only the device that changed the password is left", len(left) == 1 && left[0].ID == g.Device)
}
