package account_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

func TestSignUpAndIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	up := w.join(t, "Ada.L@Example")
	assert.Equal(t, "handle", up.User.Handle, "ada.l@example")
	assert.True(t, "no administrator by itself", !up.User.Admin)
	in, err := w.SignIn(t.Context(), credentials("ＡＤＡ.l@example", password))
	assert.NoError(t, "sign in with another form of the name", err)
	assert.True(t, "same user, another device", in.User.ID == up.User.ID && in.Device != up.Device)
	for _, g := range []account.Grant{up, in} {
		id, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
		assert.NoError(t, "its token", err)
		assert.True(t, "its identity", id.User == g.User.ID && id.Device == g.Device && !id.Server && !id.Admin)
	}
	_, err = w.SignUp(t.Context(), account.SignUp{Credentials: credentials("ADA.L@EXAMPLE", password)})
	refused(t, "the same name again", err, chat.ReasonHandleTaken)
	devices, err := w.Devices(t.Context(), up.User.ID)
	assert.NoError(t, "list devices", err)
	assert.Equal(t, "devices", len(devices), 2)
	assert.True(t, "no secrets in the list", devices[0].Refresh == (account.Rotation{}))
}

// TestUnknownUserCostsAWrongPassword holds guarantees 3.9 no. 32: the same answer after the same work.
func TestUnknownUserCostsAWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.join(t, "ada")
	_, _, err := w.CreateUsers(t.Context(), []account.NewUser{{Handle: "nopassword"}})
	assert.NoError(t, "make a user without a password", err)
	answers := map[string]error{}
	for _, handle := range []string{"ada", "nobody", "nopassword"} {
		before := w.Hashes()
		_, err := w.SignIn(t.Context(), credentials(handle, "wrong password"))
		refused(t, handle, err, chat.ReasonSignInFailed)
		assert.Equal(t, "hashes for "+handle, w.Hashes()-before, 1)
		answers[handle] = err
	}
	for handle, err := range answers {
		assert.Equal(t, "answer for "+handle, *chat.AsError(err), *chat.AsError(answers["ada"]))
	}
}

// TestBadPasswords holds guarantees 3.9 no. 34: what is too long is refused before it is hashed.
func TestBadPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	before := w.Hashes()
	for name, p := range map[string]string{
		"1 MiB": strings.Repeat("x", 1<<20), "1,025 bytes": strings.Repeat("x", 1025), "not UTF-8": "password\xff",
		"1,025 bytes when composed": strings.Repeat("\u0958", 300),
	} {
		_, err := w.SignIn(t.Context(), credentials("ada", p))
		refused(t, "sign in: "+name, err, chat.ReasonPasswordInvalid)
		_, err = w.SignUp(t.Context(), account.SignUp{Credentials: credentials("bob", p)})
		refused(t, "sign up: "+name, err, chat.ReasonPasswordInvalid)
		_, err = w.ChangePassword(t.Context(), g.User.ID, g.Device, password, p)
		refused(t, "change: "+name, err, chat.ReasonPasswordInvalid)
		_, err = w.ResetPassword(t.Context(), g.User.ID, p)
		refused(t, "reset: "+name, err, chat.ReasonPasswordInvalid)
		err = w.DeleteAccount(t.Context(), g.User.ID, p)
		refused(t, "delete: "+name, err, chat.ReasonPasswordInvalid)
	}
	for _, p := range []string{"", "short", "7 chars", strings.Repeat("é", 7)} {
		_, err := w.SignUp(t.Context(), account.SignUp{Credentials: credentials("bob", p)})
		refused(t, fmt.Sprintf("sign up with %q", p), err, chat.ReasonPasswordInvalid)
	}
	assert.Equal(t, "hashes", w.Hashes()-before, 0)
	long := strings.Repeat("x", 1024)
	_, err := w.SignUp(t.Context(), account.SignUp{Credentials: credentials("bob", long)})
	assert.NoError(t, "1,024 bytes", err)
	_, err = w.SignIn(t.Context(), credentials("bob", long[:1023]))
	refused(t, "all of them count", err, chat.ReasonSignInFailed)
	_, err = w.SignUp(t.Context(), account.SignUp{Credentials: credentials("eve", "passwo\u0301rd")})
	assert.NoError(t, "a decomposed password", err)
	_, err = w.SignIn(t.Context(), credentials("eve", "passw\u00f3rd"))
	assert.NoError(t, "the same, composed", err)
}

// TestWeakHashIsUpgraded holds guarantees 3.9 no. 35.
func TestWeakHashIsUpgraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.join(t, "ada")
	stored := func() account.Account {
		a, err := w.store.ByHandle(t.Context(), "ada")
		assert.NoError(t, "read", err)
		return a
	}
	_, _, err := w.store.Update(t.Context(), g.User.ID, func(a *account.Account) error {
		a.Password = account.WeakHash(password)
		return nil
	}, account.Ending{})
	assert.NoError(t, "store a weak hash", err)
	_, err = w.SignIn(t.Context(), credentials("ada", "wrong password"))
	refused(t, "a wrong password", err, chat.ReasonSignInFailed)
	assert.True(t, "still weak after a wrong password", !account.IsCurrentHash(stored().Password))
	_, err = w.SignIn(t.Context(), credentials("ada", password))
	assert.NoError(t, "sign in", err)
	assert.True(t, "made again", account.IsCurrentHash(stored().Password))
	strong := stored().Password
	_, err = w.SignIn(t.Context(), credentials("ada", password))
	assert.NoError(t, "sign in with the new hash", err)
	assert.Equal(t, "not made once more", stored().Password, strong)
}

func TestStoredHashes(t *testing.T) {
	t.Parallel()
	good := account.WeakHash(password)
	assert.NoError(t, "a good one", account.ParsePHC(good))
	for _, text := range []string{
		"", "plain", "$2y$10$abcdefghijklmnopqrstuv", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=8192", "m=99999999", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=9999", 1),
		strings.Replace(good, "p=1", "p=0", 1), good + "$", good[:len(good)-40], good + "!",
	} {
		if account.ParsePHC(text) == nil {
			t.Errorf("%q was taken for a hash", text)
		}
	}
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.HashConcurrency, c.HashQueue = 2, 3 })
	w.join(t, "ada")
	release := w.HoldHashers()
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 3)
	for range 3 {
		go func() { // ends when cancelled
			_, err := w.SignIn(ctx, credentials("nobody", password))
			results <- err
		}()
	}
	for w.Waiting() < 3 {
		runtime.Gosched()
	}
	before := w.Hashes()
	_, err := w.SignIn(t.Context(), credentials("ada", password))
	refused(t, "one more than may wait", err, chat.ReasonOverloaded)
	assert.True(t, "told when to come back", chat.AsError(err).RetryAfter > 0)
	assert.Equal(t, "hashes", w.Hashes()-before, 0)
	cancel()
	for range 3 {
		refused(t, "who gave up", <-results, chat.ReasonCanceled)
	}
	release()
	_, err = w.SignIn(t.Context(), credentials("ada", password))
	assert.NoError(t, "when there is room again", err)
}

// However many passwords of groups wait, sign-ins have their queue.
func TestSharedSecretsWaitApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.HashConcurrency, c.HashQueue = 2, 3 })
	w.join(t, "ada")
	release := w.HoldHashers()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan error, 4)
	for range 4 { // one at the hasher, three before it
		go func() { // ends when cancelled
			_, err := w.HashSecret(ctx, "open sesame")
			results <- err
		}()
	}
	for w.WaitingSecrets() < 3 || w.Waiting() < 1 {
		runtime.Gosched()
	}
	_, err := w.HashSecret(t.Context(), "open sesame")
	refused(t, "one more than may wait", err, chat.ReasonOverloaded)
	_, err = w.CheckSecret(t.Context(), "", "open sesame")
	refused(t, "to compare is no different", err, chat.ReasonOverloaded)
	in := make(chan error, 1)
	go func() { // ends with the slots free
		_, err := w.SignIn(t.Context(), credentials("ada", password))
		in <- err
	}()
	for w.Waiting() < 2 {
		runtime.Gosched()
	}
	cancel()
	for range 4 {
		refused(t, "who gave up", <-results, chat.ReasonCanceled)
	}
	release()
	assert.NoError(t, "a sign-in", <-in)
}

func TestSignInIsThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.join(t, "ada")
	limited := newWorld(t, func(_ *account.Config, d *account.Deps) {
		d.Users, d.Devices, d.Invitations, d.Now = w.store, w.store, w.store, w.clock
		d.SignInHandle = limit.New[string](limit.Bucket{Rate: 0.1, Burst: 3, Keys: 100}, w.clock)
		d.SignInAddress = limit.NewAddresses(limit.Bucket{Rate: 1, Burst: 5, Keys: 100}, w.clock)
		d.SignUpAddress = limit.NewAddresses(limit.Bucket{Rate: 1, Burst: 1, Keys: 100}, w.clock)
	})
	try := func(handle, password, address string) error {
		c := credentials(handle, password)
		c.Device.Address = address
		_, err := limited.SignIn(t.Context(), c)
		return err
	}
	for range 10 {
		assert.NoError(t, "the right password costs nothing", try("ada", password, "192.0.2.1"))
	}
	for i := range 3 {
		refused(t, "guess", try("ada", "wrong password", fmt.Sprint("192.0.2.", i)), chat.ReasonSignInFailed)
	}
	before := limited.Hashes()
	err := try("ADA", "wrong password", "192.0.2.9")
	refused(t, "one more guess from elsewhere", err, chat.ReasonRateLimited)
	assert.Equal(t, "wait", chat.AsError(err).RetryAfter, 10*time.Second)
	assert.Equal(t, "hashes", limited.Hashes()-before, 0)
	for i := range 5 {
		refused(t, "guessing names", try(fmt.Sprint("name", i), "wrong password", "2001:db8::1"), chat.ReasonSignInFailed)
	}
	refused(t, "from the same /64", try("another", "wrong password", "2001:db8::2"), chat.ReasonRateLimited)
	w.pass(10 * time.Second)
	assert.NoError(t, "after the wait", try("ada", password, "192.0.2.1"))

	up := func(handle string) error {
		_, err := limited.SignUp(t.Context(), account.SignUp{Credentials: credentials(handle, password)})
		return err
	}
	assert.NoError(t, "an account", up("bob"))
	refused(t, "another one at once", up("eve"), chat.ReasonRateLimited)
}

func TestSignUpPolicies(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{account.SignUpOpen, account.SignUpInvitation, account.SignUpClosed} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.SignUp = policy })
			up := func(handle, code string) error {
				_, err := w.SignUp(t.Context(), account.SignUp{Credentials: credentials(handle, password), Invitation: code})
				return err
			}
			code, expires, err := w.CreateInvitation(t.Context(), 2, 0)
			assert.NoError(t, "invite", err)
			assert.Equal(t, "a week", expires, uint64(w.clock().UnixMilli())+7*24*3600*1000)
			if err := up("plain", ""); policy == account.SignUpOpen {
				assert.NoError(t, "without a code", err)
			} else {
				refused(t, "without a code", err, chat.ReasonSignUpClosed)
			}
			before := w.Hashes()
			refused(t, "a wrong code", up("wrong", "abc"), chat.ReasonInvitationInvalid)
			assert.Equal(t, "hashes", w.Hashes()-before, 0)
			if policy == account.SignUpClosed {
				refused(t, "an invitation", up("a", code), chat.ReasonSignUpClosed)
				return
			}
			assert.NoError(t, "first use", up("a", code))
			refused(t, "a name that is taken", up("a", code), chat.ReasonHandleTaken)
			assert.NoError(t, "second use", up("b", " "+code+"\n"))
			refused(t, "third use", up("c", code), chat.ReasonInvitationSpent)
			late, _, err := w.CreateInvitation(t.Context(), 0, uint64(w.clock().UnixMilli())+1)
			assert.NoError(t, "invite for a millisecond", err)
			w.pass(time.Millisecond)
			refused(t, "too late", up("d", late), chat.ReasonInvitationInvalid)
		})
	}
	w := newWorld(t, nil)
	for _, bad := range []struct {
		uses    uint32
		expires uint64
	}{{1 << 20, 0}, {1, 1}, {1, 1 << 62}} {
		_, _, err := w.CreateInvitation(t.Context(), bad.uses, bad.expires)
		refused(t, fmt.Sprint(bad), err, chat.ReasonFieldInvalid)
	}
}

// TestBootstrap holds guarantees 3.9 no. 39.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *account.Config, _ *account.Deps) { c.SignUp = account.SignUpClosed })
	old, ok, err := w.Bootstrap(t.Context())
	assert.True(t, "a token on an empty server", err == nil && ok && old != "")
	token, ok, err := w.Bootstrap(t.Context())
	assert.True(t, "another one after a restart", err == nil && ok && token != old)
	up := func(handle, code string) (account.Grant, error) {
		return w.SignUp(t.Context(), account.SignUp{Credentials: credentials(handle, password), Invitation: code})
	}
	_, err = up("root", old)
	refused(t, "the older token", err, chat.ReasonInvitationInvalid)

	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.SignUp(context.WithoutCancel(t.Context()), account.SignUp{
				Credentials: credentials(fmt.Sprint("root", i), password), Invitation: token,
			})
		})
	}
	wg.Wait()
	won := slices.IndexFunc(errs, func(err error) bool { return err == nil })
	assert.True(t, "one of them won", won >= 0)
	for i, err := range errs {
		if i != won {
			refused(t, "the others", err, chat.ReasonInvitationSpent)
		}
	}
	g, err := w.SignIn(t.Context(), credentials(fmt.Sprint("root", won), password))
	assert.NoError(t, "sign in", err)
	assert.True(t, "an administrator", g.User.Admin)
	id, err := w.Authenticate(t.Context(), g.Tokens.Access, "")
	assert.True(t, "whose tokens say so", err == nil && id.Admin)
	_, ok, err = w.Bootstrap(t.Context())
	assert.True(t, "no token with an administrator there", err == nil && !ok)
}
