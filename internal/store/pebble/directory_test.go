package pebble_test

import (
	"testing"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

// DIR-2: owners and admins are found without reading other members: one whose row is damaged is not met.
func TestOwnersAndAdminsAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	fs := plant(t)
	change(t, fs, func(db *engine.DB) error { return edit(key('m', 2, 2), cut)(db) })
	s, err := pebble.Open(folder, pebble.Options{FS: fs})
	assert.NoError(t, "open", err)
	defer func() { assert.NoError(t, "close", s.Close()) }()
	for role, want := range map[chat.Role]chat.UserID{chat.RoleOwner: 1, chat.RoleAdmin: 3} {
		page, err := s.Members(t.Context(), 2, 0, 10, role)
		assert.NoError(t, "members with a role", err)
		assert.True(t, "the one", len(page) == 1 && page[0].User == want)
	}
	_, err = s.Members(t.Context(), 2, 0, 10, 0)
	assert.True(t, "all members meet it", err != nil)
}
