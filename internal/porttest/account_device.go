package porttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func accountLabel(t *testing.T, s AccountStore) {
	id := s.create(t, newUser("", "e"))[0].ID
	var wg sync.WaitGroup
	ids := make([]chat.DeviceID, 16)
	for i := range ids {
		wg.Go(func() {
			d, _, err := s.Devices.Add(context.WithoutCancel(t.Context()), account.Device{User: id, Label: "phone", Name: "mine"}, account.Room{Most: 100})
			if err == nil {
				ids[i] = d.ID
			}
		})
	}
	wg.Wait()
	for _, got := range ids {
		assert.True(t, "one id for one label", got != 0 && got == ids[0])
	}
	other := s.create(t, newUser("", "f"))[0].ID
	assert.True(t, "another user's device", s.device(t, account.Device{User: other, Label: "phone"}).ID != ids[0])
}

func accountRoom(t *testing.T, s AccountStore) {
	ctx := t.Context()
	id := s.create(t, newUser("a", ""))[0].ID
	d := make([]account.Device, 0, 3)
	for i, used := range []uint64{30, 10, 20} {
		d = append(d, s.device(t, account.Device{User: id, LastUsedMS: used, Label: string(rune('a' + i))}))
	}
	// A use makes the oldest one younger.
	assert.NoError(t, "touch", s.Devices.Touch(ctx, []account.Use{{User: id, Device: d[1].ID, AtMS: 40, Address: "192.0.2.9"}}))
	touched, err := s.Devices.Device(ctx, id, d[1].ID)
	assert.NoError(t, "touched device", err)
	assert.True(t, "its use", touched.LastUsedMS == 40 && touched.Address == "192.0.2.9")

	_, gone, err := s.Devices.Add(ctx, account.Device{User: id, LastUsedMS: 50}, account.Room{Most: 3})
	assert.NoError(t, "add a fourth", err)
	assert.Equal(t, "made room", gone, []chat.DeviceID{d[2].ID})
	assert.Equal(t, "tokens of the user", s.one(t, id).TokensFromMS, 0)

	// An ended one goes first, is no news, and leaves its mark.
	_, _, err = s.Users.Update(ctx, id, nil, account.Ending{Devices: []chat.DeviceID{d[1].ID}, AtMS: 45})
	assert.NoError(t, "end", err)
	_, gone, err = s.Devices.Add(ctx, account.Device{User: id, LastUsedMS: 51}, account.Room{Most: 3})
	assert.NoError(t, "add a fifth", err)
	assert.Equal(t, "made room", len(gone), 0)
	assert.Equal(t, "tokens that the ended device refused", s.one(t, id).TokensFromMS, 45)
	left, err := s.Devices.Devices(ctx, id)
	assert.NoError(t, "list", err)
	assert.Equal(t, "devices left", len(left), 3)
}

// accountClass has callers sign in at once where a class has room for two.
func accountClass(t *testing.T, s AccountStore) {
	ctx := t.Context()
	id := s.create(t, newUser("a", ""))[0].ID
	phone := func(used uint64, r account.Room) (account.Device, []chat.DeviceID, error) {
		return s.Devices.Add(ctx, account.Device{User: id, Platform: account.PlatformPhone, LastUsedMS: used}, r)
	}
	other := s.device(t, account.Device{User: id, Platform: account.PlatformWeb, LastUsedMS: 1})
	refuse := account.Room{Most: 100, OfClass: 2, Refuse: true}
	var wg sync.WaitGroup
	var in, out atomic.Int32
	for i := range 12 {
		wg.Go(func() {
			switch _, _, err := phone(uint64(10+i), refuse); {
			case err == nil:
				in.Add(1)
			case errors.Is(err, account.ErrTooManyDevices()):
				out.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "phones with room for 2", in.Load(), 2)
	assert.Equal(t, "refused", out.Load(), 10)
	before, err := s.Devices.Devices(ctx, id)
	assert.NoError(t, "list", err)
	assert.Equal(t, "devices", len(before), 3)

	d, gone, err := phone(50, account.Room{Most: 100, OfClass: 2})
	assert.NoError(t, "one for which the oldest goes", err)
	oldest := before[1]
	if before[2].LastUsedMS < oldest.LastUsedMS {
		oldest = before[2]
	}
	assert.Equal(t, "which went", gone, []chat.DeviceID{oldest.ID})
	after, err := s.Crash(t).Devices.Devices(ctx, id)
	assert.NoError(t, "list after a crash", err)
	assert.Equal(t, "devices after a crash", len(after), 3)
	assert.True(t, "the other class was left alone", after[0].ID == other.ID && after[2].ID == d.ID)
}

func accountInvitation(t *testing.T, s AccountStore) {
	ctx := t.Context()
	code := account.Hash{7}
	assert.NoError(t, "invite", s.Invitations.Invite(ctx, account.Invitation{Code: code, Uses: 3, ExpiresMS: 100}))
	var wg sync.WaitGroup
	var in, out atomic.Int32
	for i := range 12 {
		wg.Go(func() {
			_, err := s.Users.Create(context.WithoutCancel(t.Context()), []account.Account{newUser(string(rune('a'+i)), "")},
				account.Terms{Fresh: true, Invitation: code, NowMS: 99})
			if err == nil {
				in.Add(1)
			} else if chat.AsError(err).Reason == chat.ReasonInvitationSpent {
				out.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "accounts of an invitation with 3 uses", in.Load(), 3)
	assert.Equal(t, "refused", out.Load(), 9)
	list, err := s.Users.List(ctx, 0, 100)
	assert.NoError(t, "list", err)
	assert.Equal(t, "accounts", len(list), 3)

	late := account.Hash{8}
	assert.NoError(t, "invite", s.Invitations.Invite(ctx, account.Invitation{Code: late, Uses: 1, ExpiresMS: 100}))
	_, err = s.Users.Create(ctx, []account.Account{newUser("late", "")}, account.Terms{Fresh: true, Invitation: late, NowMS: 100})
	assert.ErrorIs(t, "at its expiry", err, account.ErrInvitationInvalid())
	_, err = s.Users.Create(ctx, []account.Account{newUser(list[0].Handle, "")}, account.Terms{Fresh: true, Invitation: late, NowMS: 99})
	assert.ErrorIs(t, "a handle that is taken", err, account.ErrHandleTaken())
	i, err := s.Invitations.Invitation(ctx, late)
	assert.NoError(t, "read", err)
	assert.Equal(t, "uses after refusals", i.Uses, 1)
	assert.NoError(t, "prune", s.Invitations.Prune(ctx, 101))
	_, err = s.Invitations.Invitation(ctx, late)
	assert.ErrorIs(t, "pruned", err, account.ErrInvitationInvalid())
}

func accountBootstrap(t *testing.T, s AccountStore) {
	ctx := t.Context()
	first, second := account.Hash{1}, account.Hash{2}
	for _, code := range []account.Hash{first, second} {
		assert.NoError(t, "invite", s.Invitations.Invite(ctx, account.Invitation{Code: code, Uses: 5, ExpiresMS: 100, Bootstrap: true}))
	}
	use := func(handle string, code account.Hash) ([]account.Made, error) {
		return s.Users.Create(ctx, []account.Account{newUser(handle, "")}, account.Terms{Fresh: true, Invitation: code, NowMS: 1})
	}
	if !s.Shared {
		_, err := use("old", first)
		assert.ErrorIs(t, "an older bootstrap", err, account.ErrInvitationInvalid())
	}
	made, err := use("root", second)
	assert.NoError(t, "the newest bootstrap", err)
	assert.True(t, "an administrator", made[0].Admin && s.one(t, made[0].ID).Admin)
	_, err = use("second", second)
	assert.ErrorIs(t, "with an administrator there", err, account.ErrInvitationSpent())
	_, _, err = s.Users.Update(ctx, made[0].ID, func(a *account.Account) error {
		a.Admin = false
		return nil
	}, account.Ending{})
	assert.NoError(t, "resign", err)
	n, err := s.Users.Administrators(ctx)
	assert.NoError(t, "count", err)
	assert.Equal(t, "administrators", n, 0)
	_, err = use("next", second)
	assert.NoError(t, "with no administrator again", err)
	n, err = s.Crash(t).Users.Administrators(ctx)
	assert.NoError(t, "count after a crash", err)
	assert.Equal(t, "administrators after a crash", n, 1)
}

// accountBootstraps has nodes start side by side and people use the links of all of them at once: one becomes the administrator, and none
// of the other links is good for anything afterwards.
func accountBootstraps(t *testing.T, s AccountStore) {
	if !s.Shared {
		return // ACC-11 says the opposite of a store of one process
	}
	ctx := t.Context()
	const nodes = 5
	var wg sync.WaitGroup
	var made atomic.Int64
	each := func(do func(n int)) {
		for n := range nodes {
			wg.Go(func() { do(n) })
		}
		wg.Wait()
	}
	code := func(n int) account.Hash { return account.Hash{byte(n + 1)} }
	each(func(n int) {
		if err := s.Invitations.Invite(ctx, account.Invitation{Code: code(n), Uses: 1, ExpiresMS: 100, Bootstrap: true}); err != nil {
			t.Errorf("inviting: %v", err)
		}
	})
	for n := range nodes {
		_, err := s.Invitations.Invitation(ctx, code(n))
		assert.NoError(t, "the invitation of each node", err)
	}
	each(func(n int) {
		terms := account.Terms{Fresh: true, Invitation: code(n), NowMS: 1}
		list, err := s.Users.Create(ctx, []account.Account{newUser(fmt.Sprint("root", n), "")}, terms)
		switch {
		case err == nil && list[0].Admin:
			made.Add(1)
		case !errors.Is(err, account.ErrInvitationSpent()) && !errors.Is(err, account.ErrInvitationInvalid()):
			t.Errorf("node %d: %v", n, err)
		}
	})
	assert.Equal(t, "administrators made", made.Load(), 1)
	count, err := s.Users.Administrators(ctx)
	assert.NoError(t, "count", err)
	assert.Equal(t, "administrators", count, 1)
	left := 0
	for n := range nodes {
		if _, err := s.Invitations.Invitation(ctx, code(n)); err == nil {
			left++
		}
	}
	assert.Equal(t, "invitations left, of who used it", left, 1)
	for n := range 66 { // nobody keeps more than so many
		code := account.Hash{200, byte(n)}
		assert.NoError(t, "invite", s.Invitations.Invite(ctx, account.Invitation{Code: code, Uses: 1, ExpiresMS: uint64(200 + n), Bootstrap: true}))
	}
	_, err = s.Invitations.Invitation(ctx, account.Hash{200, 0})
	assert.ErrorIs(t, "the oldest of many", err, account.ErrInvitationInvalid())
	_, err = s.Invitations.Invitation(ctx, account.Hash{200, 65})
	assert.NoError(t, "the newest of many", err)
}

// accountCrash races makers of the same handles, and cuts the power again and again while they run.
func accountCrash(t *testing.T, s AccountStore) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	const workers, handles = 8, 40
	const newest = 300 // answers to look at after a crash: those before them stood in an earlier one
	type answer struct {
		handle string
		id     chat.UserID
		device chat.DeviceID
	}
	var mu sync.Mutex
	var answered []answer
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			// Bounded: where crashes are slow (race detector, busy machine), the store must not grow meanwhile.
			for range 1_000 {
				if ctx.Err() != nil {
					return
				}
				handle := "user" + string(rune('a'+r.IntN(handles)))
				made, err := s.Users.Create(ctx, []account.Account{newUser(handle, "x"+handle)}, account.Terms{})
				if err != nil {
					continue
				}
				d, _, err := s.Devices.Add(ctx, account.Device{User: made[0].ID, LastUsedMS: 1}, account.Room{Most: 1_000})
				if err != nil {
					continue
				}
				mu.Lock()
				answered = append(answered, answer{handle: handle, id: made[0].ID, device: d.ID})
				mu.Unlock()
			}
		})
	}
	rounds := 15
	if s.Shared {
		rounds = 4 // a node crashes and its store goes on: there is no moment at which it is torn
	}
	for round := range rounds {
		mu.Lock()
		before := answered[max(0, len(answered)-newest):len(answered):len(answered)]
		mu.Unlock()
		after := s.Crash(t)
		ids := map[string]chat.UserID{}
		var top chat.UserID
		for _, a := range before {
			got, err := after.Users.ByHandle(t.Context(), a.handle)
			assert.NoError(t, "an answered handle after the crash", err)
			assert.Equal(t, "its id", got.ID, a.id)
			_, err = after.Devices.Device(t.Context(), a.id, a.device)
			assert.NoError(t, "an answered device after the crash", err)
			ids[a.handle] = a.id
			top = max(top, a.id)
		}
		owners := map[chat.UserID]bool{}
		for _, id := range ids {
			assert.True(t, "one handle per account", !owners[id])
			owners[id] = true
		}
		made := after.create(t, newUser(fmt.Sprintf("after%d", round), ""))
		assert.True(t, "ids go on above the answered ones", made[0].New && made[0].ID > top)
		assert.NoError(t, "close", after.Close())
	}
	stop()
	wg.Wait()
	assert.True(t, "something was answered", len(answered) > 0)
}
