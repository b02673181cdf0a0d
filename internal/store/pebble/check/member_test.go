package check_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

// TestCheckAgreesOnMemberChanges: the check comes to the same head as the decision, whatever the last change was.
func TestCheckAgreesOnMemberChanges(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]chat.Body{
		"added":       chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{3}},
		"left":        chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{2}},
		"removed":     chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{2}},
		"role":        chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{2}, Role: chat.RoleAdmin},
		"muted":       chat.MembersChanged{Action: chat.MemberMuted, Users: []chat.UserID{2}, UntilMS: 1 << 50},
		"transferred": chat.MembersChanged{Action: chat.MemberTransferred, Users: []chat.UserID{2}},
		"dissolved":   chat.Dissolved{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			s, err := pebble.Open(folder, pebble.Options{FS: fs})
			assert.NoError(t, "open", err)
			id, err := s.Reserve(t.Context(), 1)
			assert.NoError(t, "id", err)
			actor := chat.UserID(1)
			if m, ok := body.(chat.MembersChanged); ok && m.Action == chat.MemberLeft {
				actor = 2
			}
			applied, err := s.Append(t.Context(), []*chat.Draft{
				{Conversation: id, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1, 2}}},
				{Conversation: id, Sender: actor, Body: body},
			})
			assert.NoError(t, "append", err)
			assert.NoError(t, "wait", applied.Wait(t.Context()))
			for _, r := range applied.Results() {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			assert.NoError(t, "close", s.Close())
			report, said := run(t, fs, false)
			if report.Damage != 0 {
				t.Errorf("%+v: %s", report, said)
			}
		})
	}
}
