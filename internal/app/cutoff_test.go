package app_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

// I9: a node is cut off once neither the databases nor Redis have answered for five seconds, or for longer than a database has to answer where
// others do reach theirs; and only where there are others.
func TestCutOff(t *testing.T) {
	t.Parallel()
	away, silent := errors.New("away"), context.DeadlineExceeded
	const never = 30
	for _, tc := range []struct {
		name           string
		storage, meets error
		company        bool
		seconds        int
	}{
		{"all is well", nil, nil, true, never},
		{"without databases", away, nil, true, 15},
		{"with a silent database", silent, nil, true, 15}, // it is asked every three seconds
		{"without databases, as everybody", away, nil, false, never},
		{"without Redis", nil, away, true, never},
		{"without both", away, away, true, 5},
		{"without both, and by itself", away, away, false, never},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage, meets error
				company := tc.company
				look := app.CutOff(&storage, &meets, &company)
				lasts := func() int {
					begun := time.Now()
					for look(t.Context()) == "" && time.Since(begun) < never*time.Second {
						<-time.After(time.Second)
					}
					return int(time.Since(begun) / time.Second)
				}
				assert.Equal(t, "while all is well", lasts(), never)
				storage, meets = tc.storage, tc.meets
				assert.Equal(t, "seconds until people are sent away", lasts(), tc.seconds)
				storage = nil
				assert.Equal(t, "once the databases answer", look(t.Context()), "")
				storage = tc.storage
				assert.Equal(t, "and then from the beginning", lasts(), tc.seconds)
				company, meets = false, nil
				assert.Equal(t, "once nobody is better off", look(t.Context()), "")
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
	assert.True(t, "its streams are for others", !app.Follows(s.App))
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
	assert.True(t, "a drained node delivers", app.Follows(s.App))
	app.SendElsewhere(s.App)
	assert.True(t, "one that is cut off does not", !app.Follows(s.App))
	app.TakeAgain(s.App)
	draining("an operator's drain stays", true)
	assert.True(t, "it delivers again", app.Follows(s.App))
}
