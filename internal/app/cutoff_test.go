package app_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

// I9: a node is cut off once neither the databases nor Redis have answered for five seconds, and only where there are others to go to.
func TestCutOff(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for _, tc := range []struct {
		name           string
		storage, meets error
		company        bool
		due            bool
	}{
		{"all is well", nil, nil, true, false},
		{"without databases", away, nil, true, false},
		{"without Redis", nil, away, true, false},
		{"without both", away, away, true, true},
		{"without both and by itself", away, away, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage, meets error
				due := app.CutOff(&storage, &meets, tc.company)
				assert.True(t, "not while all is well", !due(t.Context()))
				storage, meets = tc.storage, tc.meets
				for range 5 {
					assert.True(t, "not at once", !due(t.Context()))
					time.Sleep(time.Second)
				}
				assert.Equal(t, "after five seconds", due(t.Context()), tc.due)
				meets = nil
				assert.True(t, "not when it meets others again", !due(t.Context()))
				meets = away
				assert.True(t, "and then from the beginning", !due(t.Context()))
			})
		})
	}
}

// I9, S-30: a node that is cut off empties itself, and takes people again by itself; an operator's drain stays.
func TestCutOffNodeSendsItsPeopleElsewhere(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	op := operator(t, s.cfg)
	draining := func(what string, is bool) {
		t.Helper()
		st, err := op.DrainStatus(t.Context())
		assert.True(t, what, err == nil && st.Draining == is)
	}
	p := connect(t, s, "ada")
	await(t, p, online(p))
	app.SendElsewhere(s.App)
	draining("it drains", true)
	left := await(t, p, func(e client.StateChanged) bool { return e.State.Phase == client.Waiting })
	assert.True(t, "its people are told to go", left.State.Cause != nil)
	app.TakeAgain(s.App)
	draining("it takes people again", false)
	await(t, p, online(p))

	app.SendElsewhere(s.App)
	_, err := op.Drain(t.Context(), 0)
	assert.NoError(t, "drain", err)
	app.TakeAgain(s.App)
	draining("an operator has taken over", true)
	_, err = op.UndoDrain(t.Context())
	assert.NoError(t, "undo", err)
	draining("an operator takes it back", false)
	_, err = op.Drain(t.Context(), 0)
	assert.NoError(t, "drain", err)
	app.SendElsewhere(s.App)
	app.TakeAgain(s.App)
	draining("an operator's drain stays", true)
}
