package porttest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

// RelationStore is an adapter of social.Rows.
type RelationStore struct {
	social.Rows

	Close func() error
	// Crash opens what a power loss at this moment leaves, or another node.
	Crash func(t testing.TB) RelationStore
}

// Relations holds an adapter to the rules of social.Rows, and the relations on it to theirs. open returns a fresh, empty store.
func Relations(t *testing.T, open func(t testing.TB) RelationStore) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s RelationStore){
		"SOC-1 what was changed stands":                 relationsStand,
		"SOC-2 changes at once see one another":         relationsAtOnce,
		"SOC-2 an error stores nothing":                 relationsError,
		"SOC-3 a zero row goes":                         relationsZero,
		"SOC-4 pages by version":                        relationsSince,
		"SOC-5 pages by user":                           relationsAbout,
		"SOC-6 what is due":                             relationsDue,
		"SOC-7 erase":                                   relationsErase,
		"SOC-8 closed":                                  relationsClosed,
		"SOC-9 rows about one":                          relationsToward,
		"REL-3 a crash between the two rows":            crashBetween,
		"REL-5 both request at once":                    bothRequest,
		"REL-6 accept against withdraw":                 acceptAgainstWithdraw,
		"REL-6 anything against anything":               anythingAtOnce,
		"REL-15 erasing one leaves nothing with others": eraseBoth,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

// put changes a row as a test wants it; a version is given to it.
func (s RelationStore) put(t testing.TB, user, other chat.UserID, fn func(r *social.Relation)) social.Relation {
	t.Helper()
	_, r, err := s.Change(t.Context(), user, other, func(o *social.Owner, r *social.Relation) error {
		o.Version++
		r.Version = o.Version
		fn(r)
		return nil
	})
	assert.NoError(t, "changing a relation", err)
	return r
}

func (s RelationStore) rel(t testing.TB, user, other chat.UserID) social.Relation {
	t.Helper()
	rows, err := s.Relations(t.Context(), user, []chat.UserID{other})
	assert.NoError(t, "reading a relation", err)
	assert.Equal(t, "rows", len(rows), 1)
	return rows[0]
}

func relationsStand(t *testing.T, s RelationStore) {
	full := social.Relation{
		Other: bob, Follow: true, Block: true, Remark: "Bobby", Version: 1, Met: true, Due: true,
		Mine:   social.Side{Want: true, Turn: 5, Ended: 3, AtMS: 1 << 41, Note: "hällo"},
		Theirs: social.Side{Turn: 4, Ended: 4},
	}
	owner := social.Owner{Version: 1, Floor: 2, Wants: 3, Follows: 4, Blocks: 5, Remarks: 6, Waiting: 7, Day: 8, Asked: 9}
	_, _, err := s.Change(t.Context(), alice, bob, func(o *social.Owner, r *social.Relation) error {
		assert.Equal(t, "nothing stands", *r, social.Relation{Other: bob})
		*o, *r = owner, full
		return nil
	})
	assert.NoError(t, "changing", err)
	s = s.Crash(t)
	assert.Equal(t, "the row", s.rel(t, alice, bob), full)
	assert.Equal(t, "the other way round there is none", s.rel(t, bob, alice), social.Relation{Other: alice})
	o, err := s.Owner(t.Context(), alice)
	assert.NoError(t, "owner", err)
	assert.Equal(t, "the owner", o, owner)
	o, err = s.Owner(t.Context(), bob)
	assert.NoError(t, "owner", err)
	assert.Equal(t, "nobody's owner", o, social.Owner{})
}

func relationsAtOnce(t *testing.T, s RelationStore) {
	const each = 10
	nodes := []RelationStore{s, s}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range each {
				_, _, err := nodes[i%2].Change(t.Context(), alice, chat.UserID(20+i), func(o *social.Owner, r *social.Relation) error {
					o.Version++
					r.Version = o.Version
					r.Mine.Turn++
					return nil
				})
				if err != nil {
					t.Errorf("changing: %v", err)
				}
			}
		})
	}
	all.Wait()
	o, rows, err := s.Since(t.Context(), alice, 0, 100)
	assert.NoError(t, "since", err)
	assert.Equal(t, "versions", o.Version, uint64(4*each))
	assert.Equal(t, "rows", len(rows), 4)
	for _, r := range rows {
		assert.Equal(t, "turns", r.Mine.Turn, uint64(each))
	}
}

func relationsError(t *testing.T, s RelationStore) {
	refused := errors.New("refused")
	_, _, err := s.Change(t.Context(), alice, bob, func(o *social.Owner, r *social.Relation) error {
		o.Version, r.Follow = 9, true
		return refused
	})
	assert.True(t, "fn's error comes back", errors.Is(err, refused))
	assert.Equal(t, "nothing was stored", s.rel(t, alice, bob), social.Relation{Other: bob})
}

func relationsZero(t *testing.T, s RelationStore) {
	s.put(t, alice, bob, func(r *social.Relation) { r.Follow, r.Due = true, true })
	s.put(t, alice, carol, func(r *social.Relation) { r.Follow = true })
	s.put(t, alice, bob, func(r *social.Relation) { *r = social.Relation{Other: bob} })
	assert.Equal(t, "it is gone", s.rel(t, alice, bob), social.Relation{Other: bob})
	_, rows, err := s.Since(t.Context(), alice, 0, 10)
	assert.NoError(t, "since", err)
	assert.Equal(t, "rows", len(rows), 1)
	due, err := s.Due(t.Context(), social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "nothing is due", len(due), 0)
}

func relationsSince(t *testing.T, s RelationStore) {
	for _, other := range []chat.UserID{bob, carol, eve, bob} {
		s.put(t, alice, other, func(r *social.Relation) { r.Follow = true })
	}
	s.put(t, bob, alice, func(r *social.Relation) { r.Follow = true })
	_, _, err := s.Change(t.Context(), alice, 77, func(_ *social.Owner, r *social.Relation) error { r.Met = true; return nil })
	assert.NoError(t, "a row without a version", err)
	type at struct {
		other   chat.UserID
		version uint64
	}
	page := func(version uint64, limit int) []at {
		o, rows, err := s.Since(t.Context(), alice, version, limit)
		assert.NoError(t, "since", err)
		assert.Equal(t, "owner", o.Version, uint64(4))
		out := make([]at, 0, len(rows))
		for _, r := range rows {
			out = append(out, at{r.Other, r.Version})
		}
		return out
	}
	assert.Equal(t, "all", page(0, 10), []at{{carol, 2}, {eve, 3}, {bob, 4}})
	assert.Equal(t, "two", page(0, 2), []at{{carol, 2}, {eve, 3}})
	assert.Equal(t, "the rest", page(3, 2), []at{{bob, 4}})
	assert.Equal(t, "none", page(4, 2), []at{})
}

func relationsAbout(t *testing.T, s RelationStore) {
	for _, other := range []chat.UserID{eve, chat.MaxID, bob} {
		_, _, err := s.Change(t.Context(), alice, other, func(_ *social.Owner, r *social.Relation) error { r.Met = true; return nil })
		assert.NoError(t, "changing", err)
	}
	rows, err := s.About(t.Context(), alice, 0, 2)
	assert.NoError(t, "about", err)
	assert.Equal(t, "the first two", rows, []social.Relation{{Other: bob, Met: true}, {Other: eve, Met: true}})
	rows, err = s.About(t.Context(), alice, eve, 2)
	assert.NoError(t, "about", err)
	assert.Equal(t, "the last", rows, []social.Relation{{Other: chat.MaxID, Met: true}})
	rows, err = s.Relations(t.Context(), alice, []chat.UserID{eve, carol, bob})
	assert.NoError(t, "relations", err)
	assert.Equal(t, "in the order asked", rows, []social.Relation{{Other: eve, Met: true}, {Other: carol}, {Other: bob, Met: true}})
}

func relationsDue(t *testing.T, s RelationStore) {
	for user := chat.UserID(1); user <= 6; user++ {
		s.put(t, user, user+1, func(r *social.Relation) { r.Due = true })
	}
	s.put(t, 3, 4, func(r *social.Relation) { r.Due = false })
	s.put(t, 4, 0, func(r *social.Relation) { r.Due = true })
	s.put(t, 4, 9, func(r *social.Relation) { r.Due = true })
	want := []social.Pair{{User: 1, Other: 2}, {User: 2, Other: 3}, {User: 4}, {User: 4, Other: 5}, {User: 4, Other: 9}, {User: 5, Other: 6}, {User: 6, Other: 7}}
	due, err := s.Due(t.Context(), social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "all, in order", due, want)
	var paged []social.Pair
	for after := (social.Pair{}); ; {
		due, err := s.Due(t.Context(), after, 2)
		assert.NoError(t, "a page", err)
		paged = append(paged, due...)
		if len(due) < 2 {
			break
		}
		after = due[1]
	}
	assert.Equal(t, "in pages", paged, want)
	about, err := s.About(t.Context(), 4, 0, 10)
	assert.NoError(t, "about", err)
	assert.Equal(t, "the row about nobody is about nobody", len(about), 2)
	s.put(t, 4, 0, func(r *social.Relation) { r.Due = false })
	due, err = s.Due(t.Context(), social.Pair{User: 2, Other: 3}, 1)
	assert.NoError(t, "due", err)
	assert.Equal(t, "it has gone", due, []social.Pair{{User: 4, Other: 5}})
}

func relationsErase(t *testing.T, s RelationStore) {
	s.put(t, alice, bob, func(r *social.Relation) { r.Due = true })
	s.put(t, bob, alice, func(r *social.Relation) { r.Follow = true })
	assert.NoError(t, "erase", s.Erase(t.Context(), alice))
	assert.Equal(t, "the row", s.rel(t, alice, bob), social.Relation{Other: bob})
	o, rows, err := s.Since(t.Context(), alice, 0, 10)
	assert.NoError(t, "since", err)
	assert.Equal(t, "rows", len(rows), 0)
	assert.Equal(t, "owner", o, social.Owner{})
	due, err := s.Due(t.Context(), social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "due", len(due), 0)
	assert.True(t, "what lies with others stays", s.rel(t, bob, alice).Follow)
}

func relationsToward(t *testing.T, s RelationStore) {
	var users []chat.UserID
	for user := chat.UserID(10); user < 40; user++ { // of several databases, where there are
		if user%3 == 0 {
			s.put(t, user, bob, func(r *social.Relation) { r.Block = true })
		}
		s.put(t, user, alice, func(r *social.Relation) { r.Follow = true })
		users = append(users, user)
	}
	rows, err := s.Toward(t.Context(), users, bob)
	assert.NoError(t, "toward", err)
	assert.Equal(t, "rows", len(rows), len(users))
	for i, user := range users {
		assert.Equal(t, "a row", rows[i], s.rel(t, user, bob))
		assert.Equal(t, "a block", rows[i].Block, user%3 == 0)
	}
	rows, err = s.Toward(t.Context(), nil, bob)
	assert.NoError(t, "of nobody", err)
	assert.Equal(t, "of nobody", len(rows), 0)
}

func relationsClosed(t *testing.T, s RelationStore) {
	assert.NoError(t, "close", s.Close())
	_, _, err := s.Change(t.Context(), alice, bob, func(*social.Owner, *social.Relation) error { return nil })
	assert.Equal(t, "change", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = s.Relations(t.Context(), alice, []chat.UserID{bob})
	assert.Equal(t, "relations", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = s.Toward(t.Context(), []chat.UserID{alice}, bob)
	assert.Equal(t, "toward", chat.AsError(err).Code, chat.CodeUnavailable)
	_, _, err = s.Since(t.Context(), alice, 0, 1)
	assert.Equal(t, "since", chat.AsError(err).Code, chat.CodeUnavailable)
}

// everybody is there, but for those who have gone.
type everybody struct{ gone []chat.UserID }

func (e everybody) Exist(_ context.Context, ids []chat.UserID) (missing []chat.UserID, err error) {
	for _, id := range ids {
		for _, g := range e.gone {
			if id == g {
				missing = append(missing, id)
			}
		}
	}
	return missing, nil
}

// cut is rows whose changes of one user's end where a node would be lost.
type cut struct {
	social.Rows
	user chat.UserID // whose rows cannot be written; 0 is nobody's
}

func (c *cut) Change(
	ctx context.Context, user, other chat.UserID, fn func(o *social.Owner, r *social.Relation) error,
) (social.Owner, social.Relation, error) {
	if user == c.user {
		return social.Owner{}, social.Relation{}, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the node is lost")
	}
	return c.Rows.Change(ctx, user, other, fn)
}

func relationsOn(t testing.TB, rows social.Rows) *social.Service {
	t.Helper()
	s, err := social.New(social.Default(), social.Deps{Rows: rows, Users: everybody{}})
	assert.NoError(t, "relations", err)
	return s
}

// crashBetween loses the node behind each of the steps of a request and an acceptance.
func crashBetween(t *testing.T, s RelationStore) {
	ctx := t.Context()
	lost := &cut{Rows: s, user: bob}
	_, err := relationsOn(t, lost).Request(ctx, alice, bob, "hi")
	assert.NoError(t, "it is committed with the first row", err)
	assert.Equal(t, "bob knows nothing", s.rel(t, bob, alice), social.Relation{Other: alice})
	s = s.Crash(t)
	next := relationsOn(t, s)
	assert.NoError(t, "sweep", next.Sweep(ctx))
	assert.Equal(t, "bob is asked", s.rel(t, bob, alice).View().Friendship, social.Incoming)
	due, err := s.Due(ctx, social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "nothing is due", len(due), 0)

	_, err = relationsOn(t, &cut{Rows: s, user: alice}).Accept(ctx, bob, alice)
	assert.NoError(t, "accepting", err)
	assert.Equal(t, "alice has not heard", s.rel(t, alice, bob).View().Friendship, social.Requested)
	s = s.Crash(t)
	for range 2 { // once more changes nothing
		assert.NoError(t, "sweep", relationsOn(t, s).Sweep(ctx))
		assert.Equal(t, "friends", s.rel(t, alice, bob).View().Friendship, social.Friends)
		assert.Equal(t, "friends", s.rel(t, bob, alice).View().Friendship, social.Friends)
	}
}

// agree sees that nothing is due, and that the rows of alice and bob say the same.
func agree(t testing.TB, s RelationStore) social.Friendship {
	t.Helper()
	const a, b = alice, bob
	assert.NoError(t, "sweep", relationsOn(t, s).Sweep(t.Context()))
	x, y := s.rel(t, a, b), s.rel(t, b, a)
	assert.True(t, "nothing is due", !x.Due && !y.Due)
	assert.Equal(t, "turns of the one", y.Theirs.Turn, x.Mine.Turn)
	assert.Equal(t, "turns of the other", x.Theirs.Turn, y.Mine.Turn)
	opposite := map[social.Friendship]social.Friendship{
		social.Strangers: social.Strangers, social.Friends: social.Friends, social.Incoming: social.Requested, social.Requested: social.Incoming,
	}
	assert.Equal(t, "the other sees the same", y.View().Friendship, opposite[x.View().Friendship])
	for user, r := range map[chat.UserID]social.Relation{a: x, b: y} {
		o, err := s.Owner(t.Context(), user)
		assert.NoError(t, "owner", err)
		wants, waiting := uint32(0), uint32(0)
		if r.Mine.Want {
			wants = 1
		}
		if r.View().Friendship == social.Incoming {
			waiting = 1
		}
		assert.Equal(t, "wishes are counted", o.Wants, wants)
		assert.Equal(t, "requests are counted", o.Waiting, waiting)
	}
	return x.View().Friendship
}

func together(fns ...func()) {
	var all sync.WaitGroup
	for _, fn := range fns {
		all.Go(fn)
	}
	all.Wait()
}

func bothRequest(t *testing.T, s RelationStore) {
	node, other := relationsOn(t, s), relationsOn(t, s)
	for range 10 {
		together(
			func() { _, _ = node.Request(t.Context(), alice, bob, "") },
			func() { _, _ = other.Request(t.Context(), bob, alice, "") },
		)
		assert.Equal(t, "friends", agree(t, s), social.Friends)
		_, err := node.Unfriend(t.Context(), alice, bob)
		assert.NoError(t, "unfriend", err)
		assert.Equal(t, "strangers", agree(t, s), social.Strangers)
	}
}

func acceptAgainstWithdraw(t *testing.T, s RelationStore) {
	node, other := relationsOn(t, s), relationsOn(t, s)
	for range 15 {
		_, err := node.Request(t.Context(), alice, bob, "")
		assert.NoError(t, "request", err)
		var accepted, withdrawn error
		together(
			func() { _, withdrawn = node.Withdraw(t.Context(), alice, bob) },
			func() { _, accepted = other.Accept(t.Context(), bob, alice) },
		)
		is := agree(t, s)
		assert.True(t, "friends or strangers, and nobody has made a request", is == social.Friends || is == social.Strangers)
		if is == social.Friends {
			assert.NoError(t, "accepting", accepted)
			assert.Equal(t, "withdrawing", chat.AsError(withdrawn).Reason, chat.ReasonAlreadyFriends)
		} else {
			assert.NoError(t, "withdrawing", withdrawn)
		}
		_, err = node.Unfriend(t.Context(), bob, alice)
		assert.NoError(t, "unfriend", err)
	}
}

func anythingAtOnce(t *testing.T, s RelationStore) {
	nodes := []*social.Service{relationsOn(t, s), relationsOn(t, s)}
	moves := func(n *social.Service, user, other chat.UserID) []func() {
		ctx := t.Context()
		return []func(){
			func() { _, _ = n.Request(ctx, user, other, "") },
			func() { _, _ = n.Accept(ctx, user, other) },
			func() { _, _ = n.Refuse(ctx, user, other) },
			func() { _, _ = n.Withdraw(ctx, user, other) },
			func() { _, _ = n.Unfriend(ctx, user, other) },
		}
	}
	a, b := moves(nodes[0], alice, bob), moves(nodes[1], bob, alice)
	for i := range a {
		for j := range b {
			together(a[i], b[j], a[(i+j)%len(a)])
			agree(t, s)
		}
	}
}

func eraseBoth(t *testing.T, s RelationStore) {
	n := relationsOn(t, s)
	ctx := t.Context()
	_, err := n.Request(ctx, alice, bob, "")
	assert.NoError(t, "request", err)
	_, err = n.Follow(ctx, carol, alice, true)
	assert.NoError(t, "follow", err)
	_, err = n.Follow(ctx, carol, bob, true)
	assert.NoError(t, "follow", err)
	before, err := n.Since(ctx, carol, social.Cursor{}, 0)
	assert.NoError(t, "list", err)
	assert.NoError(t, "erase", n.Erase(ctx, alice))
	for _, other := range []chat.UserID{bob, carol} {
		assert.Equal(t, "with another one", s.rel(t, other, alice), social.Relation{Other: alice})
		assert.Equal(t, "with the user", s.rel(t, alice, other), social.Relation{Other: other})
	}
	o, err := s.Owner(ctx, bob)
	assert.NoError(t, "owner", err)
	assert.Equal(t, "requests that wait", o.Waiting, uint32(0))
	p, err := n.Since(ctx, carol, before.Next, 0)
	assert.NoError(t, "list", err)
	assert.True(t, "carol's devices read the list anew", p.Reset)
	assert.Equal(t, "who is in it", len(p.Views), 1)
}
