package account_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func (w *world) refresh(t testing.TB, token string) (account.Grant, error) {
	t.Helper()
	return w.Refresh(t.Context(), token, "192.0.2.7")
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	token := g.Tokens.Refresh
	seen := map[string]bool{token: true}
	for range 5 {
		w.pass(time.Hour)
		next, err := w.refresh(t, token)
		assert.NoError(t, "refresh", err)
		assert.True(t, "the same device, a new token", next.Device == g.Device && !seen[next.Tokens.Refresh])
		_, err = w.Authenticate(t.Context(), next.Tokens.Access, "")
		assert.NoError(t, "its access token", err)
		token = next.Tokens.Refresh
		seen[token] = true
	}
	devices, err := w.Devices(t.Context(), g.User.ID)
	assert.NoError(t, "list", err)
	assert.True(t, "where it was used", devices[0].Address == "192.0.2.7" && devices[0].LastUsedMS == uint64(w.clock().UnixMilli()))
	w.pass(60 * 24 * time.Hour)
	_, err = w.refresh(t, token)
	refused(t, "after two months of silence", err, chat.ReasonSignedOut)
}

func TestLostAnswerOfARefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	first, err := w.refresh(t, g.Tokens.Refresh)
	assert.NoError(t, "refresh", err)
	w.pass(29 * time.Second)
	again, err := w.refresh(t, g.Tokens.Refresh)
	assert.NoError(t, "the same question after a lost answer", err)
	assert.Equal(t, "the same refresh token", again.Tokens.Refresh, first.Tokens.Refresh)
	_, err = w.Authenticate(t.Context(), again.Tokens.Access, "")
	assert.NoError(t, "its access token", err)
	next, err := w.refresh(t, again.Tokens.Refresh)
	assert.NoError(t, "going on", err)
	_, err = w.refresh(t, next.Tokens.Refresh)
	assert.NoError(t, "and on", err)
}

func TestSpentRefreshTokenEndsTheDevice(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]struct {
		rotations int
		wait      time.Duration
		present   int // which of the tokens comes again
	}{
		"the previous one, after the grace": {rotations: 1, wait: 31 * time.Second, present: 0},
		"an older one, within the grace":    {rotations: 2, wait: 0, present: 0},
		"a much older one":                  {rotations: 5, wait: time.Hour, present: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			g := w.join(t, "ada")
			other, err := w.SignIn(t.Context(), credentials("ada", password))
			assert.NoError(t, "another device", err)
			tokens := []string{g.Tokens.Refresh}
			access := g.Tokens.Access
			for range steps.rotations {
				next, err := w.refresh(t, tokens[len(tokens)-1])
				assert.NoError(t, "refresh", err)
				tokens, access = append(tokens, next.Tokens.Refresh), next.Tokens.Access
			}
			_, err = w.Authenticate(t.Context(), access, "")
			assert.NoError(t, "before", err)
			w.pass(steps.wait)
			_, err = w.refresh(t, tokens[steps.present])
			refused(t, "the spent token", err, chat.ReasonSignedOut)
			assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: g.User.ID, Devices: []chat.DeviceID{g.Device}, Reason: chat.ReasonSignedOut}})
			_, err = w.refresh(t, tokens[len(tokens)-1])
			refused(t, "the current token", err, chat.ReasonSignedOut)
			_, err = w.Authenticate(t.Context(), access, "")
			if r := chat.AsError(err).Reason; r != chat.ReasonSignedOut && r != chat.ReasonTokenExpired {
				t.Fatalf("the access token: got %v", err)
			}
			_, err = w.refresh(t, other.Tokens.Refresh)
			assert.NoError(t, "the other device", err)
		})
	}
}

func TestMadeUpRefreshTokensEndNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	next, err := w.refresh(t, g.Tokens.Refresh)
	assert.NoError(t, "refresh", err)
	for number := range byte(4) {
		_, err := w.refresh(t, account.ForgeRefresh(g.Tokens.Refresh, number))
		refused(t, fmt.Sprint("made up, number ", number), err, chat.ReasonTokenInvalid)
	}
	for _, bad := range []string{"", "throng_rt_", "x", next.Tokens.Access, serverKey, next.Tokens.Refresh + "A", next.Tokens.Refresh[:90], "throng_rt_\xff"} {
		_, err := w.refresh(t, bad)
		refused(t, fmt.Sprintf("%q", bad), err, chat.ReasonTokenInvalid)
	}
	assert.Equal(t, "revocations", len(w.revocations()), 0)
	_, err = w.refresh(t, next.Tokens.Refresh)
	assert.NoError(t, "the current token", err)
}

func TestRefreshRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	var wg sync.WaitGroup
	got := make([]account.Grant, 16)
	for i := range got {
		wg.Go(func() { got[i], _ = w.Refresh(context.WithoutCancel(t.Context()), g.Tokens.Refresh, "") })
	}
	wg.Wait()
	for _, other := range got {
		assert.True(t, "all tabs of a browser get the same token", other.Tokens.Refresh != "" && other.Tokens.Refresh == got[0].Tokens.Refresh)
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	a := w.join(t, "ada")
	b, err := w.SignIn(ctx, credentials("ada", password))
	assert.NoError(t, "another device", err)
	eve := w.join(t, "eve")
	ids := map[string]account.Identity{}
	for name, g := range map[string]account.Grant{"a": a, "b": b} {
		ids[name], err = w.Authenticate(ctx, g.Tokens.Access, "")
		assert.NoError(t, name, err)
	}
	_, err = w.SignOut(ctx, eve.User.ID, a.Device, false)
	refused(t, "somebody else's device", err, chat.ReasonDeviceNotFound)
	n, err := w.SignOut(ctx, a.User.ID, a.Device, false)
	assert.True(t, "one ended", err == nil && n == 1)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: a.User.ID, Devices: []chat.DeviceID{a.Device}, Reason: chat.ReasonSignedOut}})
	_, err = w.Authenticate(ctx, a.Tokens.Access, "")
	refused(t, "its access token, at once", err, chat.ReasonSignedOut)
	refused(t, "its live connection", w.Check(ctx, ids["a"]), chat.ReasonSignedOut)
	_, err = w.refresh(t, a.Tokens.Refresh)
	refused(t, "its refresh token", err, chat.ReasonSignedOut)
	_, err = w.SignOut(ctx, a.User.ID, a.Device, false)
	refused(t, "again", err, chat.ReasonDeviceNotFound)
	assert.NoError(t, "the other device", w.Check(ctx, ids["b"]))

	n, err = w.SignOut(ctx, a.User.ID, 0, true)
	assert.True(t, "the rest ended", err == nil && n == 1)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: a.User.ID, Devices: []chat.DeviceID{ids["b"].Device, 0}, Reason: chat.ReasonSignedOut}})
	refused(t, "the other device", w.Check(ctx, ids["b"]), chat.ReasonSignedOut)
	_, err = w.Authenticate(ctx, eve.Tokens.Access, "")
	assert.NoError(t, "somebody else", err)
	_, err = w.SignIn(ctx, credentials("ada", password))
	assert.NoError(t, "signing in again at once", err)
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	a := w.join(t, "ada")
	b, err := w.SignIn(ctx, credentials("ada", password))
	assert.NoError(t, "another device", err)
	_, err = w.ChangePassword(ctx, a.User.ID, a.Device, "not the password", "another password")
	refused(t, "without the old one", err, chat.ReasonSignInFailed)
	n, err := w.ChangePassword(ctx, a.User.ID, a.Device, password, "another password")
	assert.True(t, "the other device ended", err == nil && n == 1)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: a.User.ID, Devices: []chat.DeviceID{b.Device}, Reason: chat.ReasonSignedOut}})
	_, err = w.Authenticate(ctx, a.Tokens.Access, "")
	assert.NoError(t, "the device that asked", err)
	_, err = w.Authenticate(ctx, b.Tokens.Access, "")
	refused(t, "the other device", err, chat.ReasonSignedOut)
	_, err = w.SignIn(ctx, credentials("ada", password))
	refused(t, "the old password", err, chat.ReasonSignInFailed)
	_, err = w.SignIn(ctx, credentials("ada", "another password"))
	assert.NoError(t, "the new password", err)
}

func TestResetPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	a := w.join(t, "ada")
	made, err := w.ResetPassword(ctx, a.User.ID, "")
	assert.NoError(t, "reset", err)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: a.User.ID, Devices: []chat.DeviceID{a.Device, 0}, Reason: chat.ReasonSignedOut}})
	_, err = w.Authenticate(ctx, a.Tokens.Access, "")
	refused(t, "its device", err, chat.ReasonSignedOut)
	_, err = w.SignIn(ctx, credentials("ada", made))
	assert.NoError(t, "the password that was made", err)
	_, err = w.ResetPassword(ctx, 999, "")
	refused(t, "nobody's", err, chat.ReasonUserNotFound)
	ids, _, err := w.CreateUsers(ctx, []account.NewUser{{ExternalID: "x"}})
	assert.NoError(t, "make a company's user", err)
	_, err = w.ResetPassword(ctx, ids[0], "")
	refused(t, "of who cannot sign in", err, chat.ReasonFieldInvalid)
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	a := w.join(t, "ada")
	yes, no := true, false
	_, err := w.UpdateUser(ctx, a.User.ID, account.UserChange{Disabled: &yes})
	assert.NoError(t, "disable", err)
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: a.User.ID, Reason: chat.ReasonUserDisabled}})
	_, err = w.Authenticate(ctx, a.Tokens.Access, "")
	refused(t, "access token", err, chat.ReasonUserDisabled)
	_, err = w.refresh(t, a.Tokens.Refresh)
	refused(t, "refresh token", err, chat.ReasonUserDisabled)
	_, err = w.SignIn(ctx, credentials("ada", password))
	refused(t, "password", err, chat.ReasonUserDisabled)
	_, err = w.SignIn(ctx, credentials("ada", "wrong password"))
	refused(t, "wrong password", err, chat.ReasonSignInFailed)
	_, err = w.IssueToken(ctx, a.User.ID, account.NewDevice{})
	refused(t, "issued token", err, chat.ReasonUserDisabled)
	_, err = w.UpdateUser(ctx, a.User.ID, account.UserChange{Disabled: &no})
	assert.NoError(t, "enable", err)
	_, err = w.Authenticate(ctx, a.Tokens.Access, "")
	assert.NoError(t, "access token again", err)
}

func TestMaxDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.MaxDevices = 2 })
	first := w.join(t, "ada")
	for range 2 {
		w.pass(time.Second)
		_, err := w.SignIn(t.Context(), credentials("ada", password))
		assert.NoError(t, "another device", err)
	}
	assert.Equal(t, "told", w.revocations(), []account.Revocation{{User: first.User.ID, Devices: []chat.DeviceID{first.Device}, Reason: chat.ReasonDisplaced}})
	_, err := w.Authenticate(t.Context(), first.Tokens.Access, "")
	refused(t, "the oldest device", err, chat.ReasonSignedOut)
}

func TestUsesAreWrittenLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	w.pass(10 * time.Minute)
	id, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "use", err)
	w.Seen(id, "192.0.2.33")
	last := func() account.Device {
		d, err := w.Devices(t.Context(), g.User.ID)
		assert.NoError(t, "list", err)
		return d[0]
	}
	assert.Equal(t, "not written yet", last().Address, "")
	account.WriteUses(w.Service, t.Context())
	assert.True(t, "written", last().LastUsedMS == uint64(w.clock().UnixMilli()) && last().Address == "192.0.2.33")
}
