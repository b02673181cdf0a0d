package pebble_test

import (
	"errors"
	"testing"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/record"
)

// quiet drops what the engine tells.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// raw opens the database of a folder without its adapters, to change what no adapter would.
func raw(t *testing.T, fs vfs.FS, fn func(db *engine.DB) error) {
	t.Helper()
	db, err := engine.Open("data", &engine.Options{FS: fs, FormatMajorVersion: engine.FormatNewest, Logger: quiet{}})
	assert.NoError(t, "opening the engine", err)
	assert.NoError(t, "changing the database", errors.Join(fn(db), db.Close()))
}

// DIR-2: owners and admins are found without reading other members: one whose row is damaged is not met.
func TestOwnersAndAdminsAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "open", err)
	applied, err := s.Append(t.Context(), []*chat.Draft{
		{Conversation: 2, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1, 2}}},
		{Conversation: 2, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{3}, Role: chat.RoleAdmin}},
	})
	assert.NoError(t, "append", err)
	assert.NoError(t, "wait", applied.Wait(t.Context()))
	assert.NoError(t, "close", s.Close())
	raw(t, fs, func(db *engine.DB) error {
		return db.Set(record.Key2(record.TableMember, 2, 2), []byte{1}, engine.Sync)
	})
	s, err = pebble.Open("data", pebble.Options{FS: fs})
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
