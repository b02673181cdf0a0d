//go:build cluster

package people_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/people"
)

// atEachStatement runs a call on a node that is lost at its first, second, … statement, before or behind it, until the call has no
// further statement. look is what another node finds; err is what the call returned.
func atEachStatement(t *testing.T, dsns []string, call func(ctx context.Context, lost *people.Accounts, name string) error, look func(name string, err error)) {
	t.Helper()
	cuts := 0
	for _, behind := range []bool{false, true} {
		for n := 1; ; n++ {
			cutter, through := cutOff(t, dsns)
			s := node(t, through)
			lost := people.New(s)
			// What a node does once, leasing ids, is tried apart.
			_, err := lost.Create(t.Context(), []account.Account{named(fmt.Sprintf("first-%t-%d", behind, n))}, account.Terms{})
			assert.NoError(t, "before the call", err)
			cutter.arm(n, behind)
			name := fmt.Sprintf("case-%t-%d", behind, n)
			err = call(t.Context(), lost, name)
			cut := cutter.hasCut()
			cutter.end()
			_ = s.Close()
			t.Logf("cut at statement %d (behind: %t): %t, %v", n, behind, cut, err)
			look(name, err)
			if !cut {
				assert.NoError(t, "a call that was not cut off", err)
				break
			}
			cuts++
		}
	}
	assert.True(t, fmt.Sprintf("%d statements to cut at", cuts), cuts >= 4)
}

func named(name string) account.Account {
	return account.Account{User: account.User{Handle: name, ExternalID: "x-" + name, Name: name, Version: 1, CreatedMS: 1}}
}

// several are accounts, enough of them to lie in all databases.
func several(name string) []account.Account {
	var out []account.Account
	for i := range 6 {
		out = append(out, named(fmt.Sprintf("%s-%d", name, i)))
	}
	return out
}

// fits fails the test where an error promises something else than what is found.
func fits(t *testing.T, what string, err error, done bool) {
	t.Helper()
	switch {
	case err == nil:
		assert.True(t, what+": answered, so it is done", done)
	case chat.AsError(err).Code == chat.CodeUnavailable:
		assert.True(t, what+": unavailable, so nothing was stored", !done)
	default:
		assert.Equal(t, what+": code", chat.AsError(err).Code, chat.CodeUnknown)
	}
}

func eachSize(t *testing.T, run func(t *testing.T, dsns []string, other *people.Accounts)) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsns := databases(t, n)
			run(t, dsns, people.New(node(t, dsns)))
		})
	}
}

func TestCreateThatIsCutOff(t *testing.T) {
	eachSize(t, func(t *testing.T, dsns []string, other *people.Accounts) {
		ctx := t.Context()
		atEachStatement(t, dsns, func(ctx context.Context, lost *people.Accounts, name string) error {
			_, err := lost.Create(ctx, several(name), account.Terms{})
			return err
		}, func(name string, err error) {
			var found []chat.UserID
			for _, a := range several(name) {
				byHandle, e := other.ByHandle(ctx, a.Handle)
				if e != nil {
					assert.ErrorIs(t, "by handle", e, account.ErrUserNotFound())
				}
				byExternal, e := other.ByExternal(ctx, a.ExternalID)
				if e != nil {
					assert.ErrorIs(t, "by external id", e, account.ErrUserNotFound())
				}
				assert.Equal(t, "by the external id as by the handle", byExternal, byHandle)
				if byHandle.ID != 0 {
					found = append(found, byHandle.ID)
					a.ID = byHandle.ID
					assert.Equal(t, "the account", byHandle, a)
				}
			}
			assert.True(t, "all or none", len(found) == 0 || len(found) == 6)
			fits(t, name, err, len(found) == 6)
			made, err := other.Create(ctx, several(name), account.Terms{})
			assert.NoError(t, "a repeat on another node", err)
			for i, m := range made {
				assert.Equal(t, "made by the repeat", m.New, len(found) == 0)
				if len(found) > 0 {
					assert.Equal(t, "id", m.ID, found[i])
				}
				_, _, err := other.Add(ctx, account.Device{User: m.ID}, account.Room{Most: 10})
				assert.NoError(t, "a device", err)
			}
		})
		list, err := other.List(ctx, 0, 10_000)
		assert.NoError(t, "list", err)
		assert.True(t, "all are listed, in order", len(list) > 24 && slices.IsSortedFunc(list, func(a, b account.Account) int { return int(a.ID) - int(b.ID) }))
	})
}

// TestNewcomersAreListed: who has no row yet is listed, counted, changed and deleted as others are.
func TestNewcomersAreListed(t *testing.T) {
	t.Parallel()
	dsns := databases(t, 2)
	other := people.New(node(t, dsns))
	ctx := t.Context()
	admins := 0
	// At the first statement behind the commit the rows of newcomers are missing.
	atEachStatement(t, dsns, func(ctx context.Context, lost *people.Accounts, name string) error {
		all := several(name)
		for i := range all {
			all[i].Admin = true
		}
		_, err := lost.Create(ctx, all, account.Terms{})
		return err
	}, func(name string, err error) {
		n, e := other.Administrators(ctx)
		assert.NoError(t, "count", e)
		if n > admins {
			assert.Equal(t, "all of them count", n-admins, 6)
		}
		fits(t, name, err, n > admins)
		list, e := other.List(ctx, 0, 10_000)
		assert.NoError(t, "list", e)
		listed := 0
		for _, a := range list {
			if a.Admin {
				listed++
			}
		}
		assert.Equal(t, "listed", listed, n)
		admins = n
	})
}

func TestDeleteThatIsCutOff(t *testing.T) {
	eachSize(t, func(t *testing.T, dsns []string, other *people.Accounts) {
		ctx := t.Context()
		ids := make(map[string][]chat.UserID)
		round := 0
		atEachStatement(t, dsns, func(ctx context.Context, lost *people.Accounts, name string) error {
			for _, a := range several(name) {
				a.Admin = true
				made, err := other.Create(ctx, []account.Account{a}, account.Terms{})
				assert.NoError(t, "create", err)
				_, _, err = other.Add(ctx, account.Device{User: made[0].ID, Label: "phone"}, account.Room{Most: 10})
				assert.NoError(t, "device", err)
				ids[name] = append(ids[name], made[0].ID)
			}
			// One of each half of the slots: they lie in both databases where there are two.
			for half := range 2 {
				i := slices.IndexFunc(ids[name], func(id chat.UserID) bool { return int(id.Slot())*2/chat.Slots == half })
				if i < 0 {
					continue
				}
				if err := lost.Delete(ctx, ids[name][i], 1_000); err != nil {
					return err
				}
			}
			return nil
		}, func(name string, err error) {
			round++
			for i, a := range several(name) {
				id := ids[name][i]
				was, e := other.Accounts(ctx, []chat.UserID{id})
				assert.NoError(t, "read", e)
				devices, e := other.Devices(ctx, id)
				assert.NoError(t, "devices", e)
				assert.Equal(t, "devices go with their user", len(devices) == 0, was[0].Deleted)
				if was[0].Deleted {
					assert.Equal(t, "what is left", was[0], account.Account{User: account.User{ID: id, Version: 2, CreatedMS: 1}, Deleted: true})
				}
				if !was[0].Deleted || round%2 == 0 { // a repeat, or whoever comes along
					if e := other.Delete(ctx, id, 1_000); e != nil {
						assert.ErrorIs(t, "a repeat", e, account.ErrUserNotFound())
					}
				} else if round%4 == 1 {
					_, e := other.ByHandle(ctx, a.Handle)
					assert.ErrorIs(t, "by its handle", e, account.ErrUserNotFound())
				}
				_, e = other.Create(ctx, []account.Account{a}, account.Terms{IssuedMS: 1_000})
				assert.ErrorIs(t, "an old token", e, account.ErrEnded())
				made, e := other.Create(ctx, []account.Account{a}, account.Terms{IssuedMS: 1_001, Fresh: true})
				assert.NoError(t, "the names are free", e)
				assert.True(t, "another account", made[0].New && made[0].ID != id)
				assert.NoError(t, "and it goes too", other.Delete(ctx, made[0].ID, 500))
			}
			n, e := other.Administrators(ctx)
			assert.NoError(t, "count", e)
			assert.Equal(t, "administrators", n, 0)
		})
	})
}

func TestUpdateThatIsCutOff(t *testing.T) {
	eachSize(t, func(t *testing.T, dsns []string, other *people.Accounts) {
		ctx := t.Context()
		made, err := other.Create(ctx, several("ada"), account.Terms{})
		assert.NoError(t, "create", err)
		id := made[5].ID
		var device account.Device
		atEachStatement(t, dsns, func(ctx context.Context, lost *people.Accounts, name string) error {
			var err error
			device, _, err = other.Add(ctx, account.Device{User: id}, account.Room{Most: 10})
			assert.NoError(t, "device", err)
			_, _, err = lost.Update(ctx, id, func(a *account.Account) error { a.Name = name; return nil }, account.Ending{All: true, AtMS: 5})
			return err
		}, func(name string, err error) {
			was, e := other.Accounts(ctx, []chat.UserID{id})
			assert.NoError(t, "read", e)
			_, e = other.Device(ctx, id, device.ID)
			assert.Equal(t, "the device goes with the change", e != nil, was[0].Name == name)
			fits(t, name, err, was[0].Name == name)
		})
	})
}

// TestIDsOfLostNodes: whatever becomes of a range of ids, none is given twice.
func TestIDsOfLostNodes(t *testing.T) {
	t.Parallel()
	dsns := databases(t, 2)
	given := make(map[chat.UserID]string)
	for n := 1; n < 14; n++ {
		cutter, through := cutOff(t, dsns)
		s := node(t, through)
		lost, other := people.New(s), people.New(node(t, dsns))
		cutter.arm(n, n%2 == 0)
		_, _ = lost.Create(t.Context(), several(fmt.Sprintf("lost-%d", n)), account.Terms{})
		cutter.end()
		_ = s.Close()
		for _, name := range []string{fmt.Sprintf("lost-%d", n), fmt.Sprintf("other-%d", n)} {
			made, err := other.Create(t.Context(), several(name), account.Terms{})
			assert.NoError(t, "create", err)
			for i, m := range made {
				if m.New {
					assert.Equal(t, "nobody had the id", given[m.ID], "")
				}
				given[m.ID] = fmt.Sprintf("%s-%d", name, i)
			}
		}
	}
}

// TestTwoNodesAtOnce: nodes that make, change and delete the same accounts never meet in something half done.
func TestTwoNodesAtOnce(t *testing.T) {
	eachSize(t, func(t *testing.T, dsns []string, first *people.Accounts) {
		ctx := t.Context()
		nodes := []*people.Accounts{first, people.New(node(t, dsns))}
		const rounds = 30
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				a := nodes[w%2]
				for i := range rounds {
					name := fmt.Sprintf("user-%d", (i+w)%5)
					made, err := a.Create(ctx, []account.Account{named(name)}, account.Terms{})
					if err != nil {
						t.Errorf("create: %v", err)
						return
					}
					_, _, err = a.Add(ctx, account.Device{User: made[0].ID, Label: "phone"}, account.Room{Most: 5})
					if err == nil && i%3 == w%3 {
						err = a.Delete(ctx, made[0].ID, uint64(i+1))
					}
					if err != nil && chat.AsError(err).Code != chat.CodeNotFound { // the other node was faster
						t.Errorf("use: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		owners := make(map[string]chat.UserID)
		list, err := nodes[0].List(ctx, 0, 10_000)
		assert.NoError(t, "list", err)
		for _, a := range list {
			assert.Equal(t, "other accounts of "+a.Handle, owners[a.Handle], 0)
			owners[a.Handle] = a.ID
			for _, n := range nodes {
				found, err := n.ByHandle(ctx, a.Handle)
				assert.NoError(t, "by handle", err)
				assert.Equal(t, "by handle", found, a)
			}
			devices, err := nodes[1].Devices(ctx, a.ID)
			assert.NoError(t, "devices", err)
			assert.True(t, "at most one phone", len(devices) <= 1)
		}
	})
}
