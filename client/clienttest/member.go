package clienttest

import (
	"slices"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Remove ends a user's membership with an entry, and tells the user's devices to sync.
func (s *Server) Remove(conv, user uint64) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	c := s.convs[conv]
	e := s.add(c, membersChanged(throngv1.MembersChanged_ACTION_REMOVED, user))
	s.mu.Unlock()
	s.Deliver(conv, e, nil) // to the one whom it removes, too
	s.mu.Lock()
	c.members = slices.DeleteFunc(slices.Clone(c.members), func(m uint64) bool { return m == user })
	c.left[user] = e.GetSeq()
	s.user(user).change(conv)
	s.mu.Unlock()
	s.hintSync(user)
}

// Unlist ends a user's membership where nothing tells of it but the list of conversations: as after an upgrade or a restore that the
// device was not there for.
func (s *Server) Unlist(conv, user uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.convs[conv]
	c.members = slices.DeleteFunc(slices.Clone(c.members), func(m uint64) bool { return m == user })
}

// Add makes a user a member with an entry, and tells the user's devices to sync. What lies between is withheld.
func (s *Server) Add(conv, user uint64) {
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	c := s.convs[conv]
	c.members = append(slices.Clone(c.members), user)
	e := s.add(c, membersChanged(throngv1.MembersChanged_ACTION_ADDED, user))
	c.withheld[user] = append(c.withheld[user], &throngv1.Span{From: c.left[user] + 1, To: e.GetSeq() - 1})
	delete(c.left, user)
	u := s.user(user)
	u.change(conv)
	u.read[conv] = e.GetSeq()
	s.mu.Unlock()
	s.Deliver(conv, e, nil)
	s.hintSync(user)
}

func membersChanged(action throngv1.MembersChanged_Action, user uint64) *throngv1.Entry {
	return &throngv1.Entry{Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
		Action: action, Count: 1, Users: []uint64{user}, Role: throngv1.Role_ROLE_MEMBER,
	}}}
}

func (s *Server) hintSync(user uint64) {
	for _, ss := range s.Sessions(user) {
		ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}})
	}
}

// sees returns up to where a user may read; 0 is nothing.
func (c *conversation) sees(user uint64) uint64 {
	if slices.Contains(c.members, user) {
		return uint64(len(c.log))
	}
	return c.left[user]
}

// first is the first seq that a user may read.
func (c *conversation) first(user uint64) uint64 {
	first := uint64(1)
	for _, w := range c.withheld[user] {
		if w.GetFrom() == first {
			first = w.GetTo() + 1
		}
	}
	return first
}
