//go:build cluster

package people_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/test/engines"
)

// TestRevocations holds the adapter to REV-1 and REV-2: what one node revokes another one hears within 2 s.
func TestRevocations(t *testing.T) {
	eachSize(t, func(t *testing.T, dsns []string, acting *people.Accounts) {
		ctx := t.Context()
		made, err := acting.Create(ctx, several("ada"), account.Terms{})
		assert.NoError(t, "create", err)
		told := make(chan account.Revocation, 100)
		following, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		hearing := people.New(node(t, dsns))
		go func() {
			hearing.Follow(following, func(r account.Revocation) { told <- r })
			close(ended)
		}()
		hears := func(what string, want account.Revocation) {
			t.Helper()
			select {
			case got := <-told:
				slices.Sort(got.Devices)
				assert.Equal(t, what, got, want)
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: nothing was heard", what)
			}
		}
		for _, m := range made {
			id := m.ID
			device := func(label string) chat.DeviceID {
				d, _, err := acting.Add(ctx, account.Device{User: id, Label: label}, account.Room{Most: 4})
				assert.NoError(t, "device", err)
				return d.ID
			}
			a, b, c, d := device(""), device("phone"), device(""), device("")
			device("") // the first one makes room
			hears("a device that made room", account.Revocation{User: id, Devices: []chat.DeviceID{a}, Reason: chat.ReasonSignedOut})
			_, _, err := acting.Update(ctx, id, nil, account.Ending{Devices: []chat.DeviceID{b}, AtMS: 1})
			assert.NoError(t, "end", err)
			hears("a device that ended", account.Revocation{User: id, Devices: []chat.DeviceID{b}, Reason: chat.ReasonSignedOut})
			_, gone, err := acting.Update(ctx, id, func(a *account.Account) error { a.TokensFromMS = 7; return nil }, account.Ending{All: true, AtMS: 7, Keep: c})
			assert.NoError(t, "end all but one", err)
			slices.Sort(gone)
			assert.True(t, "the others", slices.Contains(gone, d) && !slices.Contains(gone, c))
			hears("all devices and tokens", account.Revocation{User: id, Devices: append([]chat.DeviceID{0}, gone...), Reason: chat.ReasonSignedOut})
			for _, disabled := range []bool{true, false} {
				_, _, err = acting.Update(ctx, id, func(a *account.Account) error { a.Disabled = disabled; return nil }, account.Ending{})
				assert.NoError(t, "disable", err)
			}
			hears("a disabled user", account.Revocation{User: id, Reason: chat.ReasonUserDisabled})
			assert.NoError(t, "delete", acting.Delete(ctx, id, 9))
			hears("a deleted user", account.Revocation{User: id, Reason: chat.ReasonUserDisabled})
		}
		assert.NoError(t, "what is young is kept", acting.Prune(ctx, 1))
		stop()
		<-ended
		assert.Equal(t, "told twice", len(told), 0)
	})
}

// TestRevocationsAfterAnOutage: a node that was cut off hears what it missed once it can.
func TestRevocationsAfterAnOutage(t *testing.T) {
	t.Parallel()
	server := engines.PrivateMariaDB(t)
	dsns := []string{server.Database(t).DSN}
	acting, hearing := people.New(node(t, dsns)), people.New(node(t, dsns))
	ctx := t.Context()
	made, err := acting.Create(ctx, several("ada"), account.Terms{})
	assert.NoError(t, "create", err)
	told := make(chan account.Revocation, 100)
	following, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		hearing.Follow(following, func(r account.Revocation) { told <- r })
		close(ended)
	}()
	for i, m := range made {
		if i == 3 {
			server.Restart(t)
		}
		for { // until the server is back
			if err := acting.Delete(ctx, m.ID, 1); err == nil || errors.Is(err, account.ErrUserNotFound()) {
				break
			}
		}
		select {
		case got := <-told:
			assert.Equal(t, "told", got, account.Revocation{User: m.ID, Reason: chat.ReasonUserDisabled})
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was heard")
		}
	}
	stop()
	<-ended
}
