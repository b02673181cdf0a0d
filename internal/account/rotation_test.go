package account_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// use shows an access token, as any request and any connection does.
func (w *world) use(t testing.TB, g account.Grant) {
	t.Helper()
	_, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.NoError(t, "use the access token", err)
}

// renew refreshes with the token of a grant, which must be good.
func (w *world) renew(t testing.TB, g account.Grant) account.Grant {
	t.Helper()
	next, err := w.refresh(t, g.Tokens.Refresh)
	assert.NoError(t, "refresh", err)
	return next
}

// stolen shows a refresh token that must end the device, and with it whatever is current.
func (w *world) stolen(t testing.TB, spent, current account.Grant) {
	t.Helper()
	_, err := w.refresh(t, spent.Tokens.Refresh)
	refused(t, "a spent token", err, chat.ReasonSignedOut)
	assert.Equal(t, "told", w.revocations(),
		[]account.Revocation{{User: spent.User.ID, Devices: []chat.DeviceID{spent.Device}, Reason: chat.ReasonSignedOut}})
	_, err = w.refresh(t, current.Tokens.Refresh)
	refused(t, "the current token", err, chat.ReasonSignedOut)
}

// HTTP-15: the token of a refresh whose answer was lost stays good.
func TestLostAnswersOfRefreshes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	old := w.join(t, "ada")
	seen := map[string]bool{old.Tokens.Refresh: true}
	var last account.Grant
	for _, away := range []time.Duration{0, time.Minute, time.Hour, 30 * 24 * time.Hour, 59 * 24 * time.Hour} {
		w.pass(away)
		last = w.renew(t, old)
		assert.True(t, "another token each time", !seen[last.Tokens.Refresh])
		assert.True(t, "good for two months from now", last.Tokens.RefreshExpiresMS == uint64(w.clock().Add(60*24*time.Hour).UnixMilli()))
		seen[last.Tokens.Refresh] = true
	}
	w.use(t, last)
	w.use(t, w.renew(t, last))
	assert.Equal(t, "nothing ended", len(w.revocations()), 0)
}

func TestTheFirstUseSpendsTheOldToken(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(t *testing.T, w *world, fresh account.Grant) account.Grant{
		"of the access token": func(t *testing.T, w *world, fresh account.Grant) account.Grant {
			w.use(t, fresh)
			return fresh
		},
		"of the access token of a repeated answer": func(t *testing.T, w *world, fresh account.Grant) account.Grant {
			w.pass(time.Second) // else it is the same, byte for byte
			w.use(t, w.renew(t, fresh))
			return fresh
		},
		"of the refresh token": func(t *testing.T, w *world, fresh account.Grant) account.Grant { return w.renew(t, fresh) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			old := w.join(t, "ada")
			fresh := w.renew(t, old)
			current := use(t, w, fresh)
			w.pass(31 * time.Second)
			w.stolen(t, old, current)
		})
	}
}

// Neither what was given out before the refresh nor what was given out in a lost answer shows that the newest one came.
func TestOtherTokensSettleNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	old := w.join(t, "ada")
	lost := w.renew(t, old)
	w.use(t, old)
	w.pass(31 * time.Second)
	w.renew(t, old)
	w.use(t, lost)
	w.pass(31 * time.Second)
	w.use(t, w.renew(t, old))
}

// Whoever kept the answer that the owner did not get is found out, used it or not.
func TestATheftWhileTheAnswerIsPending(t *testing.T) {
	t.Parallel()
	t.Run("the thief uses it first", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		owner := w.join(t, "ada")
		thief := w.renew(t, owner)
		w.use(t, thief)
		w.pass(31 * time.Second)
		w.stolen(t, owner, thief)
	})
	t.Run("the thief waits until the owner has gone on", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		owner := w.join(t, "ada")
		thief := w.renew(t, owner)
		w.pass(31 * time.Second)
		next := w.renew(t, owner)
		assert.True(t, "they do not share", next.Tokens.Refresh != thief.Tokens.Refresh)
		w.use(t, next)
		w.stolen(t, thief, next)
	})
	t.Run("both within the grace, until one of them refreshes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		owner := w.join(t, "ada")
		shared := w.renew(t, owner)
		w.use(t, shared)
		assert.Equal(t, "the owner's answer", w.renew(t, owner).Tokens.Refresh, shared.Tokens.Refresh)
		next := w.renew(t, shared)
		w.use(t, next)
		w.pass(31 * time.Second)
		w.stolen(t, shared, next)
	})
}

func TestPendingTokensExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	old := w.join(t, "ada")
	w.renew(t, old)
	w.pass(60 * 24 * time.Hour)
	_, err := w.refresh(t, old.Tokens.Refresh)
	refused(t, "after two months of silence", err, chat.ReasonSignedOut)
}

// Several tabs ask at once, use what they get at once, and ask again for an answer that got lost.
func TestRefreshAndUseRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	for range 5 {
		w.pass(time.Hour)
		var wg sync.WaitGroup
		got := make([]account.Grant, 8)
		for i := range got {
			wg.Go(func() {
				ctx := context.WithoutCancel(t.Context())
				for range 2 {
					next, err := w.Refresh(ctx, g.Tokens.Refresh, "")
					if err != nil {
						return
					}
					if _, err := w.Authenticate(ctx, next.Tokens.Access, ""); err != nil {
						return
					}
					got[i] = next
				}
			})
		}
		wg.Wait()
		for _, one := range got {
			assert.True(t, "the same token for all", one.Tokens.Refresh != "" && one.Tokens.Refresh == got[0].Tokens.Refresh)
		}
		w.pass(time.Minute)
		g = got[0]
	}
	assert.Equal(t, "nothing ended", len(w.revocations()), 0)
}

// A node that remembers the device from before a refresh on another node still sees the first use.
func TestTheFirstUseOnAnotherNode(t *testing.T) {
	t.Parallel()
	a := newWorld(t, nil)
	b := newWorld(t, func(_ *account.Config, d *account.Deps) {
		d.Users, d.Devices, d.Invitations = a.store, a.store, a.store
	})
	old := a.join(t, "ada")
	b.use(t, old)
	fresh := a.renew(t, old)
	b.use(t, fresh)
	a.pass(31 * time.Second)
	a.stolen(t, old, fresh)
}

// stuck is a store that takes no changes of devices, as on a full disk.
type stuck struct {
	devices

	full func() bool
}

// devices is the port under a name that its method of the same name does not hide.
type devices interface{ account.Devices }

func (s stuck) UpdateDevice(ctx context.Context, user chat.UserID, id chat.DeviceID, fn func(*account.Device) error) (account.Device, error) {
	if s.full() {
		return account.Device{}, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageFull, "full")
	}
	return s.devices.UpdateDevice(ctx, user, id, fn)
}

func TestAFullDiskKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	full := false
	var log bytes.Buffer
	w := newWorld(t, func(_ *account.Config, d *account.Deps) {
		d.Logger = slog.New(slog.NewTextHandler(&log, nil))
		d.Devices = stuck{devices: d.Devices, full: func() bool { return full }}
	})
	old := w.join(t, "ada")
	fresh := w.renew(t, old)
	full = true
	for range 5 {
		w.use(t, fresh)
	}
	assert.Equal(t, "warnings within a minute", strings.Count(log.String(), "stays good"), 1)
	w.pass(time.Minute)
	w.use(t, fresh)
	w.use(t, fresh)
	assert.Equal(t, "warnings after it", strings.Count(log.String(), "stays good"), 2)
	assert.True(t, "how many were held back", strings.HasSuffix(log.String(), "held_back=4\n"))
	full = false
	w.use(t, fresh)
	w.pass(31 * time.Second)
	w.stolen(t, old, fresh)
}
