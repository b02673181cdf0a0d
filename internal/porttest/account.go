package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// AccountStore is an adapter of the account ports, opened on its own data.
type AccountStore struct {
	Users       account.Users
	Devices     account.Devices
	Invitations account.Invitations
	// Shared says that several nodes may be on the store.
	Shared bool
	// Crash opens what a power loss at this moment leaves, beside the store that goes on.
	Crash func(t testing.TB) AccountStore
	Close func() error
}

// Accounts runs the rules ACC-1 to ACC-12 against an adapter. Open returns a fresh, empty one; the test closes it.
func Accounts(t *testing.T, open func(t testing.TB) AccountStore) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s AccountStore)
	}{
		{"ACC-1 what was answered stands after a crash", accountCrash},
		{"ACC-1 every field comes back", accountFields},
		{"ACC-2 ids are never given twice", accountIDs},
		{"ACC-3 one of many makes a handle", accountRace},
		{"ACC-4 Create is all or nothing", accountAllOrNothing},
		{"ACC-5 Update is alone and discards on error", accountUpdate},
		{"ACC-6 an ending is part of its update", accountEnding},
		{"ACC-7 Delete keeps nothing personal", accountDelete},
		{"ACC-8 one device per label", accountLabel},
		{"ACC-9 the oldest device makes room", accountRoom},
		{"ACC-9 a class of devices is full", accountClass},
		{"ACC-10 an invitation is spent", accountInvitation},
		{"ACC-11 one bootstrap, for the first administrator", accountBootstrap},
		{"ACC-11 nodes that share a store have a bootstrap each", accountBootstraps},
		{"ACC-12 what is missing is not found", accountMissing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			c.run(t, s)
		})
	}
}

func newUser(handle, external string) account.Account {
	return account.Account{User: account.User{Handle: handle, ExternalID: external, Version: 1, CreatedMS: 1}}
}

func (s AccountStore) create(t testing.TB, accounts ...account.Account) []account.Made {
	t.Helper()
	made, err := s.Users.Create(t.Context(), accounts, account.Terms{})
	assert.NoError(t, "create", err)
	assert.Equal(t, "accounts answered", len(made), len(accounts))
	return made
}

func (s AccountStore) one(t testing.TB, id chat.UserID) account.Account {
	t.Helper()
	got, err := s.Users.Accounts(t.Context(), []chat.UserID{id})
	assert.NoError(t, "read", err)
	assert.Equal(t, "accounts read", len(got), 1)
	return got[0]
}

func (s AccountStore) device(t testing.TB, d account.Device) account.Device {
	t.Helper()
	d, _, err := s.Devices.Add(t.Context(), d, account.Room{Most: 100})
	assert.NoError(t, "add a device", err)
	return d
}

func accountFields(t *testing.T, s AccountStore) {
	a := account.Account{
		User: account.User{
			Handle: "ada", ExternalID: "ext/1", Name: "Ada", Avatar: "blob:1", Attributes: map[string]string{"team": "x", "": "y"},
			Version: 3, Admin: true, Disabled: true, CreatedMS: 1_700_000_000_123,
		},
		PasswordSet: 2, TokensFromMS: 99,
	}
	a.Password = "a hash" // any text; the store does not look into it
	a.ID = s.create(t, a)[0].ID
	d := s.device(t, account.Device{
		User: a.ID, Name: "phone", Platform: account.PlatformPhone, CreatedMS: 5, LastUsedMS: 6, Address: "192.0.2.1", Label: "l",
		Refresh: account.Rotation{Number: 7, Current: account.Hash{1}, Previous: account.Hash{2}, DrawnMS: 8, ExpiresMS: 9, Sealed: account.Hash{3}, Pending: true},
	})
	settled := s.device(t, account.Device{User: a.ID, Refresh: account.Rotation{Number: 8, Current: account.Hash{4}, ExpiresMS: 9}})
	for _, store := range []AccountStore{s, s.Crash(t)} {
		assert.Equal(t, "account", store.one(t, a.ID), a)
		byHandle, err := store.Users.ByHandle(t.Context(), "ada")
		assert.NoError(t, "by handle", err)
		assert.Equal(t, "by handle", byHandle, a)
		byExternal, err := store.Users.ByExternal(t.Context(), "ext/1")
		assert.NoError(t, "by external id", err)
		assert.Equal(t, "by external id", byExternal, a)
		got, err := store.Devices.Device(t.Context(), a.ID, d.ID)
		assert.NoError(t, "device", err)
		assert.Equal(t, "device", got, d)
		got, err = store.Devices.Device(t.Context(), a.ID, settled.ID)
		assert.NoError(t, "another device", err)
		assert.Equal(t, "another device", got, settled)
	}
}

func accountIDs(t *testing.T, s AccountStore) {
	first := s.create(t, newUser("a", ""), newUser("b", ""))
	d := s.device(t, account.Device{User: first[1].ID})
	assert.NoError(t, "delete", s.Users.Delete(t.Context(), first[1].ID, 1))
	after := s.Crash(t)
	again := after.create(t, newUser("b", ""))
	assert.True(t, "a new id after the deleted one", again[0].New && again[0].ID > first[1].ID)
	other := after.device(t, account.Device{User: again[0].ID})
	assert.True(t, "a new device id", other.ID > d.ID)
	assert.True(t, "ids fit JavaScript", uint64(again[0].ID) <= chat.MaxID)
}

func accountRace(t *testing.T, s AccountStore) {
	const callers = 16
	var wg sync.WaitGroup
	ids := make([]account.Made, callers)
	fresh := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			made, err := s.Users.Create(context.WithoutCancel(t.Context()), []account.Account{newUser("", "one")}, account.Terms{})
			if err == nil {
				ids[i] = made[0]
			}
			_, fresh[i] = s.Users.Create(context.WithoutCancel(t.Context()), []account.Account{newUser("two", "")}, account.Terms{Fresh: true})
		})
	}
	wg.Wait()
	made, won := 0, 0
	for i := range callers {
		assert.Equal(t, "id of the external user", ids[i].ID, ids[0].ID)
		if ids[i].New {
			made++
		}
		if fresh[i] == nil {
			won++
		} else {
			assert.ErrorIs(t, "losing a handle", fresh[i], account.ErrHandleTaken())
		}
	}
	assert.Equal(t, "makers of the external user", made, 1)
	assert.Equal(t, "makers of the handle", won, 1)
}

func accountAllOrNothing(t *testing.T, s AccountStore) {
	ctx := t.Context()
	there := s.create(t, newUser("ada", "e1"))[0].ID
	_, err := s.Users.Create(ctx, []account.Account{newUser("new", ""), newUser("ada", "")}, account.Terms{Fresh: true})
	assert.ErrorIs(t, "fresh ones of which one is there", err, account.ErrHandleTaken())
	_, err = s.Users.Create(ctx, []account.Account{newUser("new", ""), newUser("ada", "e2")}, account.Terms{})
	assert.ErrorIs(t, "somebody else's handle", err, account.ErrHandleTaken())
	_, err = s.Users.ByHandle(ctx, "new")
	assert.ErrorIs(t, "the one before the refused one", err, account.ErrUserNotFound())

	made := s.create(t, newUser("", "e1"), newUser("ada", ""), newUser("other", "e1"), newUser("twice", ""), newUser("twice", ""))
	for i, m := range made[:3] {
		assert.Equal(t, fmt.Sprintf("account %d that is there", i), m, account.Made{ID: there})
	}
	assert.True(t, "a repeat within one call", made[3].New && !made[4].New && made[3].ID == made[4].ID)
	_, err = s.Users.ByHandle(ctx, "other")
	assert.ErrorIs(t, "an account that is there gets no new handle", err, account.ErrUserNotFound())
}

func accountUpdate(t *testing.T, s AccountStore) {
	ctx := t.Context()
	id := s.create(t, newUser("ada", "x"))[0].ID
	stop := errors.New("stop")
	_, _, err := s.Users.Update(ctx, id, func(a *account.Account) error {
		a.Name = "lost"
		return stop
	}, account.Ending{All: true})
	assert.ErrorIs(t, "fn's error", err, stop)
	assert.Equal(t, "name after a refused update", s.one(t, id).Name, "")

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				_, _, _ = s.Users.Update(context.WithoutCancel(t.Context()), id, func(a *account.Account) error {
					a.Version++
					a.Handle, a.ID, a.ExternalID, a.Deleted = "changed", 77, "changed", true
					return nil
				}, account.Ending{})
			}
		})
	}
	wg.Wait()
	want := newUser("ada", "x")
	want.ID, want.Version = id, 41
	assert.Equal(t, "after 40 updates at once", s.one(t, id), want)
}

func accountEnding(t *testing.T, s AccountStore) {
	ctx := t.Context()
	id := s.create(t, newUser("ada", ""))[0].ID
	keep := s.device(t, account.Device{User: id})
	plain := s.device(t, account.Device{User: id})
	labelled := s.device(t, account.Device{User: id, Label: "phone"})
	_, gone, err := s.Users.Update(ctx, id, func(a *account.Account) error {
		a.Password = "new"
		return nil
	}, account.Ending{All: true, Keep: keep.ID, AtMS: 50})
	assert.NoError(t, "end all but one", err)
	slices.Sort(gone)
	assert.Equal(t, "ended", gone, slices.Sorted(slices.Values([]chat.DeviceID{plain.ID, labelled.ID})))
	left, err := s.Devices.Devices(ctx, id)
	assert.NoError(t, "list", err)
	assert.Equal(t, "left", left, []account.Device{keep})
	_, err = s.Devices.Device(ctx, id, plain.ID)
	assert.ErrorIs(t, "a device without a label", err, account.ErrDeviceNotFound())
	stays, err := s.Devices.Device(ctx, id, labelled.ID)
	assert.NoError(t, "a device with a label", err)
	assert.Equal(t, "its end", stays.EndedMS, 50)
	_, gone, err = s.Users.Update(ctx, id, nil, account.Ending{Devices: []chat.DeviceID{labelled.ID, plain.ID, 999}, AtMS: 60})
	assert.NoError(t, "end again", err)
	assert.Equal(t, "ended twice", len(gone), 0)
	_, gone, err = s.Users.Update(ctx, id, nil, account.Ending{Devices: []chat.DeviceID{keep.ID}, AtMS: 60})
	assert.NoError(t, "end one", err)
	assert.Equal(t, "ended", gone, []chat.DeviceID{keep.ID})
	assert.Equal(t, "the update's own part", s.one(t, id).Password, "new")
}

func accountDelete(t *testing.T, s AccountStore) {
	ctx := t.Context()
	a := newUser("ada", "e1")
	a.Name, a.Avatar, a.Password, a.Attributes, a.Admin = "Ada", "blob:1", "hash", map[string]string{"k": "v"}, true
	id := s.create(t, a)[0].ID
	d := s.device(t, account.Device{User: id, Label: "phone"})
	assert.NoError(t, "delete", s.Users.Delete(ctx, id, 1_000))
	assert.Equal(t, "what is left", s.one(t, id), account.Account{User: account.User{ID: id, Version: 2, CreatedMS: 1}, Deleted: true})
	_, err := s.Devices.Device(ctx, id, d.ID)
	assert.ErrorIs(t, "its device", err, account.ErrDeviceNotFound())
	_, _, err = s.Devices.Add(ctx, account.Device{User: id}, account.Room{Most: 10})
	assert.ErrorIs(t, "a new device", err, account.ErrUserNotFound())
	assert.ErrorIs(t, "deleting again", s.Users.Delete(ctx, id, 2_000), account.ErrUserNotFound())
	_, _, err = s.Users.Update(ctx, id, nil, account.Ending{})
	assert.ErrorIs(t, "changing it", err, account.ErrUserNotFound())
	n, err := s.Users.Administrators(ctx)
	assert.NoError(t, "count administrators", err)
	assert.Equal(t, "administrators", n, 0)
	list, err := s.Users.List(ctx, 0, 10)
	assert.NoError(t, "list", err)
	assert.Equal(t, "listed", len(list), 0)

	for _, issued := range []uint64{1, 1_000} {
		_, err = s.Users.Create(ctx, []account.Account{newUser("", "e1")}, account.Terms{IssuedMS: issued})
		assert.ErrorIs(t, fmt.Sprintf("a token issued at %d", issued), err, account.ErrEnded())
	}
	made, err := s.Users.Create(ctx, []account.Account{newUser("ada", "e1")}, account.Terms{IssuedMS: 1_001})
	assert.NoError(t, "a token issued later", err)
	assert.True(t, "another account", made[0].New && made[0].ID != id)
}

func accountMissing(t *testing.T, s AccountStore) {
	ctx := t.Context()
	_, err := s.Users.ByHandle(ctx, "nobody")
	assert.ErrorIs(t, "handle", err, account.ErrUserNotFound())
	_, err = s.Users.ByExternal(ctx, "nobody")
	assert.ErrorIs(t, "external id", err, account.ErrUserNotFound())
	assert.Equal(t, "account", s.one(t, 12345), account.Account{})
	_, err = s.Devices.Device(ctx, 1, 1)
	assert.ErrorIs(t, "device", err, account.ErrDeviceNotFound())
	_, err = s.Devices.UpdateDevice(ctx, 1, 1, func(*account.Device) error { return nil })
	assert.ErrorIs(t, "updated device", err, account.ErrDeviceNotFound())
	assert.NoError(t, "touching nothing", s.Devices.Touch(ctx, []account.Use{{User: 1, Device: 1, AtMS: 1}}))
	_, err = s.Invitations.Invitation(ctx, account.Hash{1})
	assert.ErrorIs(t, "invitation", err, account.ErrInvitationInvalid())

	assert.NoError(t, "close", s.Close())
	for name, call := range map[string]func() error{
		"Create": func() error {
			_, err := s.Users.Create(ctx, []account.Account{newUser("a", "")}, account.Terms{})
			return err
		},
		"Read": func() error {
			_, err := s.Users.Accounts(ctx, []chat.UserID{1})
			return err
		},
		"Find": func() error {
			_, err := s.Users.ByHandle(ctx, "a")
			return err
		},
		"Devices": func() error {
			_, err := s.Devices.Devices(ctx, 1)
			return err
		},
		"Invite": func() error { return s.Invitations.Invite(ctx, account.Invitation{}) },
		"Touch":  func() error { return s.Devices.Touch(ctx, []account.Use{{User: 1, Device: 1}}) },
	} {
		var e *chat.Error
		if err := call(); !errors.As(err, &e) || e.Code != chat.CodeUnavailable {
			t.Errorf("%s of a closed store: got %v, want unavailable", name, err)
		}
	}
}
