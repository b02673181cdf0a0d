package send

// group is one conversation of the plan. Users are numbered from 0; those who are online come first.
type group struct {
	online  []int
	offline []int
}

// plan says who is in which conversation and who sends where.
type plan struct {
	users  int // online, with a session each
	absent int // offline, members only
	direct bool
	groups []group
	// of[u] are the conversations of an online user.
	of [][]int
	// sends[s] are the user of a sender and the conversations that it takes in turn.
	sends []senderPlan
}

type senderPlan struct {
	user   int
	groups []int
}

func newPlan(c *Config) *plan {
	p := &plan{users: c.Users, direct: c.Members == DefaultMembers && c.Users == 2*c.Conversations}
	p.of = make([][]int, c.Users)
	p.groups = make([]group, c.Conversations)
	away := c.Members - c.Online
	if away > 0 {
		p.absent = max(away, c.Users)
	}
	for g := range p.groups {
		p.groups[g].online = members(g, c.Users, c.Online)
		for _, u := range p.groups[g].online {
			p.of[u] = append(p.of[u], g)
		}
		for _, u := range members(g, p.absent, away) {
			p.groups[g].offline = append(p.groups[g].offline, c.Users+u)
		}
	}
	p.sends = make([]senderPlan, c.Senders)
	for s := range p.sends {
		if p.direct {
			g := s % c.Conversations
			p.sends[s] = senderPlan{user: 2*g + s/c.Conversations%2, groups: []int{g}}
			continue
		}
		u := s % c.Users
		p.sends[s] = senderPlan{user: u, groups: p.of[u]}
	}
	return p
}

// members picks n of users for group g, in rounds: in each round of users/n groups every user is picked once, and each
// round picks in another order, so that groups overlap in ever other ways. Everybody is in equally many groups.
func members(g, users, n int) []int {
	if n == 0 {
		return nil
	}
	if n >= users {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	perRound := max(users/n, 1)
	step := coprime(users, g/perRound)
	out := make([]int, 0, n)
	at := g % perRound * n
	for k := range n {
		out = append(out, (at+k)*step%users)
	}
	return out
}

// coprime returns the k-th number, from 1, that shares no factor with n.
func coprime(n, k int) int {
	for step := 1; ; step++ {
		if gcd(step, n) != 1 {
			continue
		}
		if k == 0 || step >= n {
			return step
		}
		k--
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
