package gateway

import "github.com/throng-im/throng/internal/chat"

// group is a loop's subscribers of one conversation: all of them, and those who have it open. Both lists are dense, so that a delivery is
// a walk over a slice, and who joins, leaves, opens or closes it costs the same whatever their number.
type group struct {
	// owned by the loop
	id      chat.ConversationID
	members []groupMember
	open    []seat
	walk    walk
	hints   hinting
	shown   chat.Seq // how far the rounds got that came
	over    bool     // disbanded: in loop.endings, not in loop.groups, and counted nowhere
	kept    bool     // in loop.spare
	hidden  bool     // other nodes may not see its route yet
	doubted bool     // over because a member change was missed: its members are looked up again

	// All members are as of the member change at seen, or later; those who go with a later one are gone when the loop has seen it.
	seen  chat.Seq
	floor chat.Seq // what it began with: changes before that the loop did not see itself
	born  uint64   // the loop's operations when it began
	// going is the change behind seen, with which some went who have not been told yet; nil where there is none. passed is the
	// operation that it came with: who is looked up since knows of it.
	going  *chat.Entry
	passed uint64

	// atomic, shared by the loops
	tally *tally
}

// groupMember is a connection in a group. Its place is mirrored in the connection's own list.
type groupMember struct {
	c      *conn
	from   chat.Seq // what comes before is not for it
	at     int32    // place in c.groups
	open   int32    // one more than its place in group.open; 0: it is not there
	hinted uint32   // the sweep that visited it last
	walked uint32   // the walk with an entry that visited it last
}

// seat is a connection that has a group's conversation open. Its place is mirrored in the member.
type seat struct {
	c      *conn
	from   chat.Seq
	member int32  // place in group.members
	number uint32 // the walk that visited it last
}

// membership is a group as a connection sees it.
type membership struct {
	g  *group
	at int // place in g.members
}

// begin has the group keep track of the member changes behind one, while it has no members.
func (g *group) begin(seen chat.Seq, born uint64) {
	g.seen, g.floor, g.born, g.going = seen, seen, born, nil
}

// add subscribes a connection that is not in the group from a seq on; it returns its place.
func (g *group) add(c *conn, from chat.Seq) (at int) {
	at = len(g.members)
	g.members = append(g.members, groupMember{c: c, from: from, at: int32(len(c.groups)), hinted: g.hints.number, walked: g.walk.number})
	c.groups = append(c.groups, membership{g: g, at: at})
	return at
}

// since moves the begin of a subscription that there is already; it never goes back.
func (g *group) since(at int, from chat.Seq) {
	m := &g.members[at]
	m.from = max(m.from, from)
	if m.open > 0 {
		g.open[m.open-1].from = m.from
	}
}

// sit has a member get the group's content from now on: not the round that is on its way already, which is older.
func (g *group) sit(at int) {
	m := &g.members[at]
	g.open = append(g.open, seat{c: m.c, from: m.from, member: int32(at), number: g.walk.number})
	m.open = int32(len(g.open))
}

// rise ends that.
func (g *group) rise(at int) {
	m := &g.members[at]
	i, last := int(m.open)-1, len(g.open)-1
	g.open[i] = g.open[last]
	g.members[g.open[i].member].open = int32(i + 1)
	g.open[last] = seat{}
	g.open = g.open[:last]
	m.open = 0
}

// find returns a connection's place in the group of a conversation; g is nil where it is in none.
func (c *conn) find(id chat.ConversationID) (g *group, i int) {
	for i, m := range c.groups {
		if m.g.id == id {
			return m.g, i
		}
	}
	return nil, 0
}

// remove ends the subscription at place i of the connection's list, who does not have it open any more.
func (c *conn) remove(i int) {
	m := c.groups[i]
	last := len(m.g.members) - 1
	moved := m.g.members[last]
	m.g.members[m.at] = moved
	moved.c.groups[moved.at].at = m.at
	if moved.open > 0 {
		m.g.open[moved.open-1].member = int32(m.at)
	}
	m.g.members[last] = groupMember{}
	m.g.members = m.g.members[:last]

	end := len(c.groups) - 1
	if i != end {
		c.groups[i] = c.groups[end]
		c.groups[i].g.members[c.groups[i].at].at = int32(i)
	}
	c.groups[end] = membership{}
	c.groups = c.groups[:end]
}
