package client_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const group = 2

// TestUnreadOfMembers covers SYNC-16 to SYNC-18 on the device: what entries about members do to what is unread.
func TestUnreadOfMembers(t *testing.T) {
	t.Parallel()
	members := func(action throngv1.MembersChanged_Action, sender uint64, users ...uint64) *throngv1.Entry {
		return &throngv1.Entry{Sender: sender, Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: action, Count: uint32(len(users)), Users: users, Role: throngv1.Role_ROLE_MEMBER,
		}}}
	}
	const other = 30
	for name, c := range map[string]struct {
		entries       []*throngv1.Entry
		unread, total uint64
	}{
		"an own change is no reading":       {[]*throngv1.Entry{members(throngv1.MembersChanged_ACTION_ADDED, lin, other)}, 3, 3},
		"who has left has no part in total": {[]*throngv1.Entry{members(throngv1.MembersChanged_ACTION_LEFT, lin, lin)}, 3, 0},
		"who was removed neither":           {[]*throngv1.Entry{members(throngv1.MembersChanged_ACTION_REMOVED, maja, lin)}, 3, 0},
		"who is back begins there": {[]*throngv1.Entry{
			members(throngv1.MembersChanged_ACTION_REMOVED, maja, lin), members(throngv1.MembersChanged_ACTION_ADDED, maja, lin),
		}, 0, 0},
		"who joined again begins there": {[]*throngv1.Entry{
			members(throngv1.MembersChanged_ACTION_LEFT, lin, lin), members(throngv1.MembersChanged_ACTION_JOINED, lin, lin),
			{Sender: maja, Body: &throngv1.Entry_Text{Text: "welcome back"}},
		}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepare := func(s *clienttest.Server) { s.AddConversation(group, throngv1.Kind_KIND_GROUP, lin, maja) }
			bubble(t, prepare, client.Options{}, func(w *world) {
				w.connect()
				for range 3 {
					w.srv.Append(group, maja, "hello")
				}
				for _, e := range c.entries {
					w.srv.AppendEntry(group, e)
				}
				w.pass(time.Second)
				v, _ := w.c.Conversation(group)
				if v.Unread != c.unread || w.c.TotalUnread() != c.total {
					t.Errorf("%d unread of %d in all, want %d of %d", v.Unread, w.c.TotalUnread(), c.unread, c.total)
				}
			})
		})
	}
}
