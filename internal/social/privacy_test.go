package social_test

import (
	"context"
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

// together are the users who are in one group.
type together []chat.UserID

// Common implements social.Groups.
func (g together) Common(_ context.Context, a, b chat.UserID) (bool, error) {
	return slices.Contains(g, a) && slices.Contains(g, b), nil
}

// REL-20, REL-22, REL-23: who may write, by whom somebody takes messages of.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	const carol, dave = chat.UserID(3), chat.UserID(4)
	w := newWorld(t, nil)
	d := &doors{peers: []chat.UserID{alice, carol, dave}}
	var err error
	w.Service, err = social.New(social.Default(), social.Deps{Rows: w.rows, Users: w, Tell: w.tell, Doors: d, Groups: together{bob, carol}})
	assert.NoError(t, "service", err)
	ctx := t.Context()
	gates := func() (out [3]chat.Gate) {
		for i, from := range []chat.UserID{alice, carol, dave} {
			bar, err := w.Bar(ctx, from, bob)
			assert.NoError(t, "bar", err)
			assert.True(t, "no block", !bar.On)
			out[i] = bar.Gate
		}
		return out
	}
	set := func(g chat.Gate) {
		p, err := w.SetPrivacy(ctx, bob, social.PrivacyPatch{From: &g})
		assert.NoError(t, "set", err)
		assert.Equal(t, "set", p.From, g)
		p, err = w.Privacy(ctx, bob)
		assert.NoError(t, "read", err)
		assert.Equal(t, "it stands", p.From, g)
	}
	_, err = w.Request(ctx, alice, bob, "")
	assert.NoError(t, "request", err)
	_, err = w.Accept(ctx, bob, alice)
	assert.NoError(t, "accept", err)
	assert.Equal(t, "all may write", gates(), [3]chat.Gate{})
	set(chat.GateFriends)
	assert.Equal(t, "friends alone", gates(), [3]chat.Gate{chat.GateOpen, chat.GateFriends, chat.GateFriends})
	told := w.told[bob]
	assert.True(t, "bob's devices are told", told > 0)
	set(chat.GateFriends)
	assert.Equal(t, "what changes nothing is told to nobody", w.told[bob], told)
	set(chat.GateCommon)
	assert.Equal(t, "those of a common group, too", gates(), [3]chat.Gate{chat.GateOpen, chat.GateOpen, chat.GateCommon})
	back, err := w.Bar(ctx, bob, dave)
	assert.NoError(t, "bar", err)
	assert.Equal(t, "bob may write to who lets him", back, chat.Bar{})

	d.settled, d.fail = nil, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the log is away")
	assert.True(t, "a sweep without the log", w.Sweep(ctx) != nil)
	due, err := w.rows.Due(ctx, social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "it stays due", due, []social.Pair{{User: bob}})
	d.settled, d.fail = nil, nil
	assert.NoError(t, "sweep", w.Sweep(ctx))
	slices.SortFunc(d.settled, func(a, b [2]chat.UserID) int { return int(a[1]) - int(b[1]) })
	assert.Equal(t, "all conversations", d.settled, [][2]chat.UserID{{bob, alice}, {bob, carol}, {bob, dave}})
	due, err = w.rows.Due(ctx, social.Pair{}, 10)
	assert.NoError(t, "due", err)
	assert.Equal(t, "nothing is due", len(due), 0)
	assert.NoError(t, "an import", w.RestorePrivacy(ctx, bob, "friends"))
	p, err := w.Privacy(ctx, bob)
	assert.NoError(t, "read", err)
	assert.Equal(t, "does not change what was said", p.From, chat.GateCommon)
	assert.NoError(t, "a word of a later version", w.RestorePrivacy(ctx, dave, "nobody"))

	_, err = w.SetPrivacy(ctx, bob, social.PrivacyPatch{})
	assert.Equal(t, "nothing", reasonOf(err), chat.ReasonFieldInvalid)
	odd := chat.GateCommon + 1
	_, err = w.SetPrivacy(ctx, bob, social.PrivacyPatch{From: &odd})
	assert.Equal(t, "no such", reasonOf(err), chat.ReasonFieldInvalid)
	assert.NoError(t, "erase", w.Erase(ctx, bob))
	assert.Equal(t, "with the account it goes", gates(), [3]chat.Gate{})
}

// Rows that fail for ever do not hold up those behind them.
func TestSweepPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	due := func(user, other chat.UserID) {
		_, _, err := w.rows.Change(ctx, user, other, func(_ *social.Owner, r *social.Relation) error {
			r.Due = true
			return nil
		})
		assert.NoError(t, "a row that is due", err)
	}
	for other := chat.UserID(100); other < 550; other++ {
		due(alice, other)
	}
	due(bob, 5)
	var err error
	w.Service, err = social.New(social.Default(), social.Deps{Rows: w.rows, Users: w, Doors: refusing{alice}})
	assert.NoError(t, "service", err)
	assert.True(t, "a sweep tells", w.Sweep(ctx) != nil)
	rows, err := w.rows.Relations(ctx, bob, []chat.UserID{5})
	assert.NoError(t, "row", err)
	assert.True(t, "what is behind them is done", !rows[0].Due)
	left, err := w.rows.Due(ctx, social.Pair{}, 1000)
	assert.NoError(t, "due", err)
	assert.Equal(t, "they stay", len(left), 450)
}

// refusing are doors that cannot settle what a user has.
type refusing struct{ user chat.UserID }

// Settle implements social.Doors.
func (r refusing) Settle(_ context.Context, a, b chat.UserID) error {
	if a == r.user || b == r.user {
		return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "a damaged conversation")
	}
	return nil
}

// Peers implements social.Doors.
func (refusing) Peers(context.Context, chat.UserID) ([]chat.UserID, error) { return nil, nil }
