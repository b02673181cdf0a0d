package cluster

import (
	"cmp"
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

// Schedule orders the gateways that a client is to try, the best first, MaxGateways at most: nodes with a URL that take newcomers.
//
//   - Those that failed the client are left out while there are others.
//   - Of the rest, those of the policy's label or the others, whichever the user belongs to; where that is none, all.
//   - Of the rest, those of the client's zone come before all others.
//   - Among equals chance decides, by weight and by how many connections each has against its share: see draw.
//
// handed is how many clients were sent to a node that its info does not count yet; nil is none. It does not change nodes.
func Schedule(nodes []Info, p Policy, a Ask, handed func(Node) int, random *rand.Rand) []Info {
	open := make([]Info, 0, len(nodes))
	for _, n := range nodes {
		more := 0
		if handed != nil {
			more = handed(n.Node)
		}
		if n.URL != "" && n.Takes(more) {
			n.Connections += more
			open = append(open, n)
		}
	}
	open = unless(open, func(i Info) bool { return slices.Contains(a.Failed, i.URL) })
	if p.Label != "" {
		picked := p.Picks(a.User)
		open = unless(open, func(i Info) bool { return (i.Label == p.Label) != picked })
	}
	near, far := open, []Info(nil)
	if a.Zone != "" {
		near, far = split(open, func(i Info) bool { return i.Zone == a.Zone })
	}
	list := draw(near, random)
	if len(list) < MaxGateways {
		list = append(list, draw(far, random)...)
	}
	return list[:min(len(list), MaxGateways)]
}

// unless leaves out what matches, unless that is everything.
func unless(list []Info, match func(Info) bool) []Info {
	if _, rest := split(list, match); len(rest) > 0 {
		return rest
	}
	return list
}

func split(list []Info, match func(Info) bool) (yes, no []Info) {
	for _, i := range list {
		if match(i) {
			yes = append(yes, i)
		} else {
			no = append(no, i)
		}
	}
	return yes, no
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

// draw puts nodes into a random order: each stands in front of the rest with a chance that goes by its weight, more where it has
// fewer connections than its share and less where it has more. Figures that drifted apart come together again by it.
func draw(nodes []Info, random *rand.Rand) []Info {
	connections, weights := 0, 0
	for i := range nodes {
		connections += nodes[i].Connections
		weights += nodes[i].Weight
	}
	type ticket struct {
		info  *Info
		place float64
	}
	tickets := make([]ticket, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		chance := float64(n.Weight)
		if connections > 0 {
			fill := float64(n.Connections) / float64(connections) * float64(weights) / float64(n.Weight) // 1 has its share
			chance *= min(max(mostShare-fill, leastShare), mostShare)
		}
		chance *= min(1, float64(n.Capacity-n.Connections)/(scarce*float64(n.Capacity)))
		// The first of several clocks that tick at such rates is each one's with its chance (Efraimidis and Spirakis).
		tickets[i] = ticket{info: n, place: -math.Log(1-random.Float64()) / chance}
	}
	slices.SortFunc(tickets, func(a, b ticket) int { return cmp.Compare(a.place, b.place) })
	out := make([]Info, len(nodes))
	for i, t := range tickets {
		out[i] = *t.info
	}
	return out
}
