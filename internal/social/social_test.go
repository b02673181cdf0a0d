package social_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/pebble"
)

const (
	alice  = chat.UserID(1)
	bob    = chat.UserID(2)
	nobody = chat.UserID(99)
)

// world is relations on a store in memory, with a clock that stands still until it is moved.
type world struct {
	*social.Service
	rows *pebble.Relations

	mu   sync.Mutex
	now  time.Time
	told map[chat.UserID]uint64
	gone chat.UserID
}

func newWorld(t *testing.T, change func(*social.Config)) *world {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open the store", err)
	t.Cleanup(func() { _ = s.Close() })
	w := &world{rows: s.Relations(), now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), told: map[chat.UserID]uint64{}, gone: nobody}
	cfg := social.Default()
	if change != nil {
		change(&cfg)
	}
	w.Service, err = social.New(cfg, social.Deps{Rows: w.rows, Users: w, Tell: w.tell, Now: func() time.Time { return w.now }})
	assert.NoError(t, "make the service", err)
	return w
}

func (w *world) tell(user chat.UserID, version uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[user] = version
}

// Exist implements social.Users.
func (w *world) Exist(_ context.Context, ids []chat.UserID) (missing []chat.UserID, err error) {
	for _, id := range ids {
		if id == nobody || id == w.gone {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

func (w *world) list(t *testing.T, user chat.UserID, c social.Cursor) social.Page {
	t.Helper()
	p, err := w.Since(t.Context(), user, c, 0)
	assert.NoError(t, "list", err)
	return p
}

func reasonOf(err error) chat.Reason {
	if err == nil {
		return ""
	}
	return chat.AsError(err).Reason
}

// REL-1, REL-2, REL-4: a request, its answer and its end, as both see them.
func TestFriends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, ms := t.Context(), uint64(w.now.UnixMilli())
	v, err := w.Request(ctx, alice, bob, "it's me")
	assert.NoError(t, "request", err)
	assert.Equal(t, "alice sees", v, social.View{Other: bob, Friendship: social.Requested, Note: "it's me", SinceMS: ms})
	p := w.list(t, bob, social.Cursor{})
	assert.Equal(t, "bob sees", p.Views, []social.View{{Other: alice, Friendship: social.Incoming, Note: "it's me", SinceMS: ms}})
	assert.Equal(t, "bob's devices are told", w.told[bob], p.Next.Version)

	again, err := w.Request(ctx, alice, bob, "it's me")
	assert.NoError(t, "once more", err)
	assert.Equal(t, "changes nothing", again, v)
	assert.Equal(t, "nobody is told", len(w.list(t, bob, p.Next).Views), 0)

	v, err = w.Accept(ctx, bob, alice)
	assert.NoError(t, "accept", err)
	assert.Equal(t, "friends", v.Friendship, social.Friends)
	_, err = w.Accept(ctx, bob, alice)
	assert.NoError(t, "accepting twice", err)
	_, err = w.Refuse(ctx, bob, alice)
	assert.Equal(t, "too late to refuse", reasonOf(err), chat.ReasonAlreadyFriends)
	_, err = w.Withdraw(ctx, alice, bob)
	assert.Equal(t, "too late to withdraw", reasonOf(err), chat.ReasonAlreadyFriends)

	v, err = w.Unfriend(ctx, bob, alice)
	assert.NoError(t, "unfriend", err)
	assert.True(t, "nothing is left", v.Empty())
	assert.Equal(t, "alice's list says who went", w.list(t, alice, social.Cursor{}).Views, []social.View{{Other: bob}})

	_, err = w.Request(ctx, alice, bob, "")
	assert.NoError(t, "asking again", err)
	_, err = w.Refuse(ctx, bob, alice)
	assert.NoError(t, "refuse", err)
	_, err = w.Accept(ctx, bob, alice)
	assert.Equal(t, "what was refused cannot be accepted", reasonOf(err), chat.ReasonRequestNotFound)
	assert.True(t, "alice's request is gone", w.list(t, alice, social.Cursor{}).Views[0].Empty())
	_, err = w.Request(ctx, alice, bob, "")
	assert.NoError(t, "asking again", err)
	_, err = w.Withdraw(ctx, alice, bob)
	assert.NoError(t, "withdraw", err)
	_, err = w.Accept(ctx, bob, alice)
	assert.Equal(t, "what was withdrawn cannot be accepted", reasonOf(err), chat.ReasonRequestNotFound)
}

// REL-7, REL-8: follows and remarks are the user's own.
func TestOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	v, err := w.Follow(ctx, alice, bob, true)
	assert.NoError(t, "follow", err)
	assert.True(t, "she follows him", v.Follow)
	v, err = w.Remark(ctx, alice, bob, "  Bobby ")
	assert.NoError(t, "remark", err)
	assert.Equal(t, "the remark", v, social.View{Other: bob, Follow: true, Remark: "Bobby"})
	assert.Equal(t, "bob sees nothing", len(w.list(t, bob, social.Cursor{}).Views), 0)
	assert.Equal(t, "bob is told nothing", w.told[bob], uint64(0))
	_, err = w.Remark(ctx, alice, bob, "")
	assert.NoError(t, "no remark", err)
	v, err = w.Follow(ctx, alice, bob, false)
	assert.NoError(t, "unfollow", err)
	assert.True(t, "nothing is left", v.Empty())
}

// REL-9, REL-10: what is refused, and stores nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	request := func(other chat.UserID, note string) error { _, err := w.Request(ctx, alice, other, note); return err }
	remark := func(other chat.UserID, name string) error { _, err := w.Remark(ctx, alice, other, name); return err }
	follow := func(other chat.UserID, on bool) error { _, err := w.Follow(ctx, alice, other, on); return err }
	accept := func(other chat.UserID) error { _, err := w.Accept(ctx, alice, other); return err }
	for what, c := range map[string]struct {
		err  error
		want chat.Reason
	}{
		"oneself":                    {request(alice, ""), chat.ReasonFieldInvalid},
		"accepting oneself":          {accept(alice), chat.ReasonFieldInvalid},
		"following oneself":          {follow(alice, true), chat.ReasonFieldInvalid},
		"nobody":                     {request(nobody, ""), chat.ReasonUserNotFound},
		"following nobody":           {follow(nobody, true), chat.ReasonUserNotFound},
		"accepting nobody's request": {accept(bob), chat.ReasonRequestNotFound},
		"a long note":                {request(bob, strings.Repeat("é", chat.MaxRequestNote+1)), chat.ReasonFieldTooLarge},
		"a broken note":              {request(bob, "\xff"), chat.ReasonTextNotUTF8},
		"a note with an escape":      {request(bob, "\x1b[31m"), chat.ReasonFieldInvalid},
		"a long remark":              {remark(bob, strings.Repeat("é", chat.MaxNameRunes+1)), chat.ReasonFieldTooLarge},
		"a remark of two lines":      {remark(bob, "a\nb"), chat.ReasonFieldInvalid},
	} {
		assert.Equal(t, what, reasonOf(c.err), c.want)
	}
	assert.Equal(t, "nothing is stored", w.list(t, alice, social.Cursor{}).Next, social.Cursor{})
}

// REL-11: requests a day, and requests that wait.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *social.Config) { c.RequestsPerDay, c.RequestsWaiting = 3, 2 })
	ctx := t.Context()
	request := func(user, other chat.UserID) *chat.Error {
		_, err := w.Request(ctx, user, other, "")
		return chat.AsError(err)
	}
	for other := chat.UserID(10); other < 13; other++ {
		assert.True(t, "within the day's", request(alice, other) == nil)
	}
	assert.True(t, "asking one of them again is none", request(alice, 10) == nil)
	e := request(alice, 13)
	assert.Equal(t, "the fourth", e.Reason, chat.ReasonRateLimited)
	assert.Equal(t, "until midnight", e.RetryAfter, 16*time.Hour+51*time.Minute+51*time.Second)
	_, err := w.Withdraw(ctx, alice, 10)
	assert.NoError(t, "withdraw", err)
	assert.Equal(t, "withdrawing gives none back", request(alice, 13).Reason, chat.ReasonRateLimited)
	w.now = w.now.Add(24 * time.Hour)
	assert.True(t, "the next day", request(alice, 13) == nil)
	w.now = w.now.Add(-24 * time.Hour)
	assert.True(t, "a clock that was set back", request(alice, 14) == nil && request(alice, 15) == nil)
	assert.Equal(t, "gives no second day", request(alice, 16).Reason, chat.ReasonRateLimited)

	assert.True(t, "one waits", request(20, bob) == nil)
	assert.True(t, "two wait", request(21, bob) == nil)
	assert.Equal(t, "the third", request(22, bob).Reason, chat.ReasonRequestsFull)
	_, err = w.Refuse(ctx, bob, 20)
	assert.NoError(t, "refuse", err)
	assert.True(t, "there is room again", request(22, bob) == nil)
}

// REL-10: bounds hold in the step that stores.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	_, _, err := w.rows.Change(ctx, alice, 7, func(o *social.Owner, _ *social.Relation) error {
		o.Wants, o.Follows, o.Remarks = chat.MaxRelations, chat.MaxRelations-1, chat.MaxRelations
		return nil
	})
	assert.NoError(t, "a user with many", err)
	_, err = w.Request(ctx, alice, bob, "")
	assert.Equal(t, "friends", reasonOf(err), chat.ReasonTooManyRelations)
	_, err = w.Remark(ctx, alice, bob, "Bobby")
	assert.Equal(t, "remarks", reasonOf(err), chat.ReasonTooManyRelations)
	_, err = w.Follow(ctx, alice, bob, true)
	assert.NoError(t, "the last follow", err)
	_, err = w.Follow(ctx, alice, 3, true)
	assert.Equal(t, "one more", reasonOf(err), chat.ReasonTooManyRelations)
	_, err = w.Follow(ctx, alice, bob, false)
	assert.NoError(t, "unfollow", err)
}

// REL-12, REL-13: a list in pages, and one that begins anew.
func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	for other := chat.UserID(10); other < 15; other++ {
		_, err := w.Follow(ctx, alice, other, true)
		assert.NoError(t, "follow", err)
	}
	var seen []chat.UserID
	at := social.Cursor{}
	for pages := 1; ; pages++ {
		p, err := w.Since(ctx, alice, at, 2)
		assert.NoError(t, "page", err)
		for _, v := range p.Views {
			seen = append(seen, v.Other)
		}
		if at = p.Next; !p.More {
			assert.Equal(t, "pages", pages, 3)
			break
		}
	}
	assert.Equal(t, "in the order of changes", seen, []chat.UserID{10, 11, 12, 13, 14})
	assert.NoError(t, "one of them has gone", w.Erase(ctx, 12))
	p := w.list(t, alice, at)
	assert.True(t, "anew", p.Reset)
	assert.Equal(t, "those who are left", len(p.Views), 4)
	assert.True(t, "a cursor of before a restore begins anew", w.list(t, alice, social.Cursor{Version: 1 << 40, Floor: p.Next.Floor}).Reset)
	assert.True(t, "one of now does not", !w.list(t, alice, p.Next).Reset)
}

// REL-15: what was due about somebody who has gone goes, too.
func TestSweepForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	_, _, err := w.rows.Change(ctx, alice, 5, func(o *social.Owner, r *social.Relation) error {
		o.Version, r.Version, r.Due, r.Follow, o.Follows = 1, 1, true, true, 1
		return nil
	})
	assert.NoError(t, "a row that is due", err)
	w.gone = 5
	assert.NoError(t, "sweep", w.Sweep(ctx))
	rows, err := w.rows.About(ctx, alice, 0, 10)
	assert.NoError(t, "about", err)
	assert.Equal(t, "rows", len(rows), 0)
	o, err := w.rows.Owner(ctx, alice)
	assert.NoError(t, "owner", err)
	assert.Equal(t, "it is not counted", o.Follows, uint32(0))
}

// doors notes whose conversations were settled, and may fail.
type doors struct {
	mu      sync.Mutex
	settled [][2]chat.UserID
	peers   []chat.UserID
	fail    error
}

// Peers implements social.Doors.
func (d *doors) Peers(context.Context, chat.UserID) ([]chat.UserID, error) { return d.peers, nil }

func (d *doors) Settle(_ context.Context, a, b chat.UserID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settled = append(d.settled, [2]chat.UserID{a, b})
	return d.fail
}

// REL-17, REL-18, REL-19: a block is the blocker's alone.
func TestBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	d := &doors{}
	var err error
	w.Service, err = social.New(social.Default(), social.Deps{Rows: w.rows, Users: w, Tell: w.tell, Doors: d})
	assert.NoError(t, "service", err)
	ctx := t.Context()
	_, err = w.Request(ctx, alice, bob, "")
	assert.NoError(t, "request", err)
	_, err = w.Accept(ctx, bob, alice)
	assert.NoError(t, "accept", err)
	before, told := w.list(t, alice, social.Cursor{}), w.told[alice]

	d.settled, d.fail = nil, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the log is away")
	_, err = w.Block(ctx, bob, alice, true)
	assert.Equal(t, "a block that is not in force yet", reasonOf(err), chat.ReasonInDoubt)
	bar, err := w.Bar(ctx, alice, bob)
	assert.NoError(t, "bar", err)
	assert.True(t, "stands", bar.On)
	d.fail = nil
	v, err := w.Block(ctx, bob, alice, true)
	assert.NoError(t, "asking again", err)
	assert.True(t, "he blocks her, and they stay friends", v.Block && v.Friendship == social.Friends)
	assert.Equal(t, "their conversation was settled", d.settled, [][2]chat.UserID{{bob, alice}, {bob, alice}})
	assert.Equal(t, "alice sees what she saw", w.list(t, alice, social.Cursor{}), before)
	assert.Equal(t, "her devices are told nothing", w.told[alice], told)
	back, err := w.Bar(ctx, bob, alice)
	assert.NoError(t, "bar", err)
	assert.True(t, "he may write to her", !back.On)

	_, err = w.Unfriend(ctx, alice, bob)
	assert.NoError(t, "unfriend", err)
	at := w.list(t, bob, social.Cursor{}).Next
	hers, err := w.Request(ctx, alice, bob, "please")
	assert.NoError(t, "request", err)
	assert.Equal(t, "for her it waits", hers.Friendship, social.Requested)
	assert.Equal(t, "he sees none", len(w.list(t, bob, at).Views), 0)
	v, err = w.Block(ctx, bob, alice, false)
	assert.NoError(t, "unblock", err)
	assert.Equal(t, "now he does", v.Friendship, social.Incoming)
	newer, err := w.Bar(ctx, alice, bob)
	assert.NoError(t, "bar", err)
	assert.True(t, "the bar is gone, and newer", !newer.On && newer.Version > bar.Version)
	_, err = w.Block(ctx, bob, nobody, true)
	assert.Equal(t, "nobody", reasonOf(err), chat.ReasonUserNotFound)
	_, err = w.Block(ctx, bob, bob, true)
	assert.Equal(t, "oneself", reasonOf(err), chat.ReasonFieldInvalid)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	assert.NoError(t, "the defaults", social.Default().Validate())
	for _, c := range []social.Config{{}, {RequestsPerDay: 1}, {RequestsPerDay: 1, RequestsWaiting: 20_000}, {RequestsPerDay: 1, RequestsWaiting: 1}} {
		assert.True(t, "refused", c.Validate() != nil)
	}
}
