package account_test

import (
	"context"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// neighbour is another node on the store of a world.
func (w *world) neighbour(t testing.TB, change func(*account.Config, *account.Deps)) *world {
	t.Helper()
	return newWorld(t, func(c *account.Config, d *account.Deps) {
		d.Users, d.Devices, d.Invitations, d.Now = w.store, w.store, w.store, w.clock
		withCompany(nil)(c, d)
		if change != nil {
			change(c, d)
		}
	})
}

func keepFor(d time.Duration) func(*account.Config, *account.Deps) {
	return func(c *account.Config, _ *account.Deps) { c.CacheFor = d }
}

// TestCacheFor: what another node changes is known here after the bound, or not before somebody says so (I20).
func TestCacheFor(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	there := newWorld(t, nil)
	g := there.join(t, "ada")
	bounded, told := there.neighbour(t, keepFor(3*time.Second)), there.neighbour(t, keepFor(0))
	known := map[*world]account.Identity{}
	for _, here := range []*world{bounded, told} {
		id, err := here.Authenticate(ctx, g.Tokens.Access, "")
		assert.NoError(t, "before", err)
		known[here] = id
	}
	_, err := there.SignOut(ctx, g.User.ID, g.Device, false)
	assert.NoError(t, "sign out on another node", err)
	gone := there.revocations()
	there.pass(2_999 * time.Millisecond)
	assert.NoError(t, "within the bound", bounded.Check(ctx, known[bounded]))
	there.pass(time.Millisecond)
	refused(t, "after it", bounded.Check(ctx, known[bounded]), chat.ReasonSignedOut)
	assert.Equal(t, "nobody is told by that", len(bounded.revocations()), 0)

	there.pass(time.Minute)
	assert.NoError(t, "not told", told.Check(ctx, known[told]))
	told.Forget(ctx, gone[0])
	refused(t, "told", told.Check(ctx, known[told]), chat.ReasonSignedOut)
	assert.Equal(t, "who closes connections is told", told.revocations(), gone)
}

// TestAnnounce: this node's revocations go out, those that it is told of do not.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var here *world
	var sent []account.Revocation
	there := newWorld(t, func(_ *account.Config, d *account.Deps) {
		d.Announce = func(r account.Revocation) {
			sent = append(sent, r)
			here.Forget(ctx, r)
		}
	})
	here = there.neighbour(t, func(_ *account.Config, d *account.Deps) {
		d.Announce = func(account.Revocation) { t.Error("a revocation went round") }
	})
	g := there.join(t, "ada")
	id, err := here.Authenticate(ctx, g.Tokens.Access, "")
	assert.NoError(t, "before", err)
	yes := true
	_, err = there.UpdateUser(ctx, g.User.ID, account.UserChange{Disabled: &yes})
	assert.NoError(t, "disable", err)
	refused(t, "at once on the other node", here.Check(ctx, id), chat.ReasonUserDisabled)
	want := []account.Revocation{{User: g.User.ID, Reason: chat.ReasonUserDisabled}}
	assert.Equal(t, "announced", sent, want)
	assert.Equal(t, "told there", here.revocations(), want)
}

// TestForgetLate: a revocation that comes late does not end what began after it.
func TestForgetLate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	there := newWorld(t, withCompany(nil))
	here := there.neighbour(t, nil)
	late := func(what string, want ...account.Revocation) {
		t.Helper()
		for _, r := range there.revocations() {
			here.Forget(ctx, r)
		}
		assert.Equal(t, what, here.revocations(), want)
	}

	phone, err := there.Authenticate(ctx, there.companyToken(t, "emp/7"), "phone")
	assert.NoError(t, "first sight", err)
	laptop, err := there.Authenticate(ctx, there.companyToken(t, "emp/7"), "laptop")
	assert.NoError(t, "first sight", err)
	_, err = there.SignOut(ctx, phone.User, 0, true)
	assert.NoError(t, "sign all out", err)
	there.pass(2 * time.Second)
	_, err = here.Authenticate(ctx, there.companyToken(t, "emp/7"), "phone")
	assert.NoError(t, "the phone is back", err)
	late("the phone is left alone", account.Revocation{User: phone.User, Devices: []chat.DeviceID{laptop.Device, 0}, Reason: chat.ReasonSignedOut})

	g := there.join(t, "ada")
	_, err = there.SignOut(ctx, g.User.ID, g.Device, false)
	assert.NoError(t, "sign out", err)
	_, err = there.SignIn(ctx, credentials("ada", password))
	assert.NoError(t, "sign in again", err)
	late("that one is gone for good", account.Revocation{User: g.User.ID, Devices: []chat.DeviceID{g.Device}, Reason: chat.ReasonSignedOut})

	yes, no := true, false
	for _, disabled := range []*bool{&yes, &no} {
		_, err = there.UpdateUser(ctx, g.User.ID, account.UserChange{Disabled: disabled})
		assert.NoError(t, "disable and enable", err)
	}
	late("enabled again")
	assert.NoError(t, "delete", there.DeleteUser(ctx, g.User.ID))
	late("deleted", account.Revocation{User: g.User.ID, Reason: chat.ReasonUserDisabled})
}

// feed tells what a test gives it.
type feed chan account.Revocation

func (f feed) Follow(ctx context.Context, tell func(account.Revocation)) {
	for {
		select {
		case r := <-f:
			tell(r)
		case <-ctx.Done():
			return
		}
	}
}

// TestRevocationsAreFollowed: what the store tells reaches who closes connections, without any announcement.
func TestRevocationsAreFollowed(t *testing.T) {
	t.Parallel()
	there := newWorld(t, nil)
	g := there.join(t, "ada")
	assert.NoError(t, "delete", there.DeleteUser(t.Context(), g.User.ID))
	revoked := there.revocations()
	told := feed(make(chan account.Revocation))
	here := there.neighbour(t, func(_ *account.Config, d *account.Deps) { d.Revocations = told })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- here.Run(ctx) }()
	told <- revoked[0]
	told <- revoked[0] // the first one is through once the second is taken
	assert.Equal(t, "told", here.revocations()[:1], revoked)
	stop()
	assert.NoError(t, "run", <-done)
}
