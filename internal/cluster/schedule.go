package cluster

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// MaxGateways is how many gateways a client is told at once: one to go to, and two for when that one fails.
const MaxGateways = 3

// Roles of nodes.
const (
	RoleGateway = "gateway"
	RoleWorker  = "worker"
)

// Ask is who asks for a gateway. The zero Ask is a stranger from nowhere.
type Ask struct {
	User chat.UserID
	// Zone is where the client is.
	Zone string
	// Failed are URLs of gateways that did not take the client of late.
	Failed []string
}

// Policy sends some users to the nodes of one label, and all others to the other nodes. The zero Policy tells nobody apart.
type Policy struct {
	Label string
	// Percent of the users, from 0 to 100. Who is among them stays among them while it rises.
	Percent float64
	// Users are among them whatever the percentage is.
	Users map[chat.UserID]bool
}

// Picks reports that a user belongs to the nodes of the label. Who signs in later is not known yet, and is picked with everybody only.
func (p *Policy) Picks(user chat.UserID) bool {
	switch {
	case p.Users[user], p.Percent >= 100:
		return true
	case user == 0:
		return false
	}
	// Each label has other first users: else the same few would test everything.
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Label))
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(user)))
	return float64(h.Sum64()%10_000) < p.Percent*100
}

// Gateway reports that clients connect to the node.
func (i *Info) Gateway() bool { return len(i.Roles) == 0 || slices.Contains(i.Roles, RoleGateway) }

// Takes reports that the node lets newcomers in, were there more connections than it says.
func (i *Info) Takes(more int) bool {
	return i.Gateway() && !i.Draining && i.Weight > 0 && i.Connections+more < i.Capacity
}

// candidate is a node that takes newcomers.
type candidate struct {
	info        *Info
	connections int  // with those that were sent to it
	far         bool // of another zone than the client's
	place       float64
}

// Schedule orders the gateways that a client is to try, the best first, MaxGateways at most: nodes with a URL that take newcomers.
//
//   - Those that failed the client are left out while there are others.
//   - Of the rest, those of the policy's label or the others, whichever the user belongs to; where that is none, all.
//   - Of the rest, those of the client's zone come before all others.
//   - Among equals chance decides, by weight and by how many connections each has against its share: see draw.
//
// handed is how many clients were sent to a node that its info does not count yet; nil is none. It does not change nodes.
func Schedule(nodes []Info, p Policy, a Ask, handed func(Node) int, random *rand.Rand) []Info {
	open := make([]candidate, 0, len(nodes))
	for i := range nodes {
		n, more := &nodes[i], 0
		if handed != nil {
			more = handed(n.Node)
		}
		if n.URL != "" && n.Takes(more) {
			open = append(open, candidate{info: n, connections: n.Connections + more, far: a.Zone != "" && n.Zone != a.Zone})
		}
	}
	open = unless(open, func(c candidate) bool { return slices.Contains(a.Failed, c.info.URL) })
	if p.Label != "" {
		picked := p.Picks(a.User)
		open = unless(open, func(c candidate) bool { return (c.info.Label == p.Label) != picked })
	}
	draw(open, random)
	out := make([]Info, 0, MaxGateways)
	for len(out) < MaxGateways && len(open) > 0 {
		best := 0
		for i := range open {
			if open[i].before(&open[best]) {
				best = i
			}
		}
		out = append(out, *open[best].info)
		open[best] = open[len(open)-1]
		open = open[:len(open)-1]
	}
	return out
}

func (c *candidate) before(other *candidate) bool {
	if c.far != other.far {
		return other.far
	}
	return c.place < other.place
}

// unless leaves out what matches, unless that is everything. It changes list.
func unless(list []candidate, match func(candidate) bool) []candidate {
	if !slices.ContainsFunc(list, func(c candidate) bool { return !match(c) }) {
		return list
	}
	return slices.DeleteFunc(list, match)
}

const (
	// mostShare is how much more than its share by weight a node gets that is emptier than the others. The figures are up to a second
	// old, and everybody who schedules has the same ones: all would send all to the emptiest. So it gets twice its share at most,
	// however many come within that second.
	mostShare = 2
	// leastShare keeps a node that is fuller than the others among those that get newcomers.
	leastShare = 0.1
	// scarce is the last part of a node's capacity, in which it gets fewer and fewer.
	scarce = 0.1
)

// draw gives candidates random places: each stands in front of the rest of its zone with a chance that goes by its weight, more where it
// has fewer connections than its share and less where it has more. Figures that drifted apart come together again by it.
func draw(list []candidate, random *rand.Rand) {
	var connections, weights [2]int // of the client's zone, and of all others
	for i := range list {
		z := list[i].zone()
		connections[z] += list[i].connections
		weights[z] += list[i].info.Weight
	}
	for i := range list {
		c := &list[i]
		z, n := c.zone(), c.info
		chance := float64(n.Weight)
		if connections[z] > 0 {
			fill := float64(c.connections) / float64(connections[z]) * float64(weights[z]) / float64(n.Weight) // 1 has its share
			chance *= min(max(mostShare-fill, leastShare), mostShare)
		}
		chance *= min(1, float64(n.Capacity-c.connections)/(scarce*float64(n.Capacity)))
		// The first of several clocks that tick at such rates is each one's with its chance (Efraimidis and Spirakis).
		c.place = -math.Log(1-random.Float64()) / chance
	}
}

func (c *candidate) zone() int {
	if c.far {
		return 1
	}
	return 0
}
