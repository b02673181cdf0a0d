package account_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// DEV-5, DEV-6, DEV-7.
func TestRoom(t *testing.T) {
	t.Parallel()
	d := func(id chat.DeviceID, p account.Platform, used, ended uint64) account.Device {
		return account.Device{ID: id, Platform: p, LastUsedMS: used, EndedMS: ended}
	}
	phones := []account.Device{
		d(1, account.PlatformPhone, 30, 0), d(2, account.PlatformPhone, 10, 0), d(3, account.PlatformDesktop, 5, 0),
		d(4, account.PlatformPhone, 1, 40), d(5, account.PlatformTerminal, 7, 0), d(6, account.PlatformUnspecified, 6, 0),
	}
	for _, c := range []struct {
		name    string
		room    account.Room
		fresh   account.Platform
		gone    []chat.DeviceID
		refused bool
	}{
		{"no bound of its own", account.Room{Most: 10}, account.PlatformPhone, nil, false},
		{"room in the class", account.Room{Most: 10, OfClass: 3, Refuse: true}, account.PlatformPhone, nil, false},
		{"the oldest phone", account.Room{Most: 10, OfClass: 2}, account.PlatformPhone, []chat.DeviceID{2}, false},
		{"both phones where the bound was lowered", account.Room{Most: 10, OfClass: 1}, account.PlatformPhone, []chat.DeviceID{2, 1}, false},
		{"refused", account.Room{Most: 10, OfClass: 2, Refuse: true}, account.PlatformPhone, nil, true},
		{"terminals are desktops", account.Room{Most: 10, OfClass: 2}, account.PlatformDesktop, []chat.DeviceID{3}, false},
		{"a class that nobody is in", account.Room{Most: 10, OfClass: 1, Refuse: true}, account.PlatformTablet, nil, false},
		{"no class", account.Room{Most: 10, OfClass: 1, Refuse: true}, account.PlatformUnspecified, nil, false},
		{"a platform of a later version", account.Room{Most: 10, OfClass: 1, Refuse: true}, 200, nil, false},
		{"ended ones go first where all are too many", account.Room{Most: 6, Refuse: true}, account.PlatformWeb, []chat.DeviceID{4}, false},
		{"then the oldest of all", account.Room{Most: 5, Refuse: true}, account.PlatformWeb, []chat.DeviceID{4, 3}, false},
		{"what went for the class counts", account.Room{Most: 6, OfClass: 2}, account.PlatformPhone, []chat.DeviceID{2}, false},
		{"one alone", account.Room{Most: 1, OfClass: 1}, account.PlatformPhone, []chat.DeviceID{2, 1, 4, 3, 6, 5}, false},
	} {
		given := slices.Clone(phones)
		gone, err := c.room.Make(given, account.Device{Platform: c.fresh})
		ids := make([]chat.DeviceID, 0, len(gone))
		for _, g := range gone {
			ids = append(ids, g.ID)
		}
		assert.Equal(t, c.name+": refused", err != nil, c.refused)
		if !slices.Equal(ids, c.gone) {
			t.Errorf("%s: %v went, want %v", c.name, ids, c.gone)
		}
		for i := range given {
			assert.Equal(t, c.name+": the list given", given[i].ID, phones[i].ID)
		}
	}
}

// DEV-6, DEV-7: over sign-in, with what the others are told.
func TestSessionsOfAClass(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, above := range []string{account.AboveEndOldest, account.AboveRefuse} {
		w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.Sessions = account.Sessions{Phone: 1, Above: above} })
		first := w.join(t, "ada")
		w.pass(time.Minute)
		desktop := credentials("ada", password)
		desktop.Device.Platform = account.PlatformDesktop
		_, err := w.SignIn(ctx, desktop)
		assert.NoError(t, "another class", err)
		second, err := w.SignIn(ctx, credentials("ada", password))
		if above == account.AboveRefuse {
			refused(t, "a second phone", err, chat.ReasonTooManyDevices)
			assert.Equal(t, "told", len(w.revocations()), 0)
			wrong := credentials("ada", "not the password")
			_, err = w.SignIn(ctx, wrong)
			refused(t, "a stranger learns nothing", err, chat.ReasonSignInFailed)
			_, err = w.SignOut(ctx, first.User.ID, first.Device, false)
			assert.NoError(t, "sign out", err)
			_, err = w.SignIn(ctx, credentials("ada", password))
			assert.NoError(t, "with room again", err)
			continue
		}
		assert.NoError(t, "a second phone", err)
		assert.Equal(t, "told", w.revocations(),
			[]account.Revocation{{User: first.User.ID, Devices: []chat.DeviceID{first.Device}, Reason: chat.ReasonDisplaced}})
		_, err = w.Authenticate(ctx, first.Tokens.Access, "")
		refused(t, "the first phone", err, chat.ReasonSignedOut)
		_, err = w.refresh(t, first.Tokens.Refresh)
		refused(t, "its refresh token", err, chat.ReasonSignedOut)
		_, err = w.Authenticate(ctx, second.Tokens.Access, "")
		assert.NoError(t, "the second phone", err)
	}
}

// DEV-2, DEV-3, DEV-4.
func TestSignOutOthers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t, nil)
	first := w.join(t, "ada")
	var others []chat.DeviceID
	var tokens []account.Tokens
	for range 3 {
		g, err := w.SignIn(ctx, credentials("ada", password))
		assert.NoError(t, "sign in", err)
		others, tokens = append(others, g.Device), append(tokens, g.Tokens)
	}
	n, err := w.SignOutOthers(ctx, first.User.ID, first.Device)
	assert.NoError(t, "sign out the others", err)
	assert.Equal(t, "ended", n, 3)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: first.User.ID, Devices: others, Reason: chat.ReasonSignedOut}})
	for _, had := range tokens {
		_, err = w.Authenticate(ctx, had.Access, "")
		refused(t, "an access token", err, chat.ReasonSignedOut)
		_, err = w.refresh(t, had.Refresh)
		refused(t, "a refresh token", err, chat.ReasonSignedOut)
	}
	_, err = w.Authenticate(ctx, first.Tokens.Access, "")
	assert.NoError(t, "the one that asked", err)
	n, err = w.SignOutOthers(ctx, first.User.ID, first.Device)
	assert.True(t, "again", n == 0 && err == nil && len(w.revocations()) == 0)
}
