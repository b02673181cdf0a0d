package gateway

import "github.com/throng-im/throng/internal/chat"

// group is a loop's subscribers of one conversation, dense, so that a delivery is a walk over a slice.
type group struct {
	// owned by the loop
	id      chat.ConversationID
	members []groupMember
}

// groupMember is a connection in a group. Its place is mirrored in the connection's own list.
type groupMember struct {
	c    *conn
	from chat.Seq // what comes before is not for it
	at   int      // place in c.groups
}

// membership is a group as a connection sees it.
type membership struct {
	g  *group
	at int // place in g.members
}

// groups are a loop's groups.
type groups map[chat.ConversationID]*group

// enter subscribes a connection from a seq on; one that is in already gets the later start. It reports whether the group is new.
func (gs groups) enter(c *conn, id chat.ConversationID, from chat.Seq) (created bool) {
	if g := gs[id]; g != nil {
		for _, m := range c.groups {
			if m.g == g {
				g.members[m.at].from = max(g.members[m.at].from, from)
				return false
			}
		}
	}
	return gs.join(c, id, from)
}

// join is enter for a connection that is not in the group.
func (gs groups) join(c *conn, id chat.ConversationID, from chat.Seq) (created bool) {
	g := gs[id]
	if g == nil {
		g = &group{id: id}
		gs[id] = g
		created = true
	}
	g.members = append(g.members, groupMember{c: c, from: from, at: len(c.groups)})
	c.groups = append(c.groups, membership{g: g, at: len(g.members) - 1})
	return created
}

// leave ends a connection's subscription; it reports whether the group went with it.
func (gs groups) leave(c *conn, id chat.ConversationID) (gone bool) {
	for i, m := range c.groups {
		if m.g.id == id {
			return gs.remove(c, i)
		}
	}
	return false
}

// remove ends the subscription at place i of the connection's list.
func (gs groups) remove(c *conn, i int) (gone bool) {
	m := c.groups[i]
	last := len(m.g.members) - 1
	moved := m.g.members[last]
	m.g.members[m.at] = moved
	moved.c.groups[moved.at].at = m.at
	m.g.members[last] = groupMember{}
	m.g.members = m.g.members[:last]

	end := len(c.groups) - 1
	if i != end {
		c.groups[i] = c.groups[end]
		c.groups[i].g.members[c.groups[i].at].at = i
	}
	c.groups[end] = membership{}
	c.groups = c.groups[:end]
	if len(m.g.members) == 0 {
		delete(gs, m.g.id)
		return true
	}
	return false
}
