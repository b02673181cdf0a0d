package limit

import "time"

const (
	// looseness is how much of a key's rate the shared bucket need not be told of: a part of so many.
	looseness = 16
	// firstShare of a node's part is what a key may use before the shared bucket is told.
	firstShare = 8
	// openShare of a node's part is what a key may use before the shared bucket has answered.
	openShare = 4
	// leaseShare of a node's part of what is there is leased at once, at most.
	leaseShare = 2
	// quiet is after how long without a take what is leased is given back.
	quiet = 2 * time.Second
	// patience is how long a claim may take until the node goes on with its part.
	patience = 100 * time.Millisecond
	// claimTime is how far apart claims of one key are in the long run, claimBurst how many may come at once.
	claimTime  = 200 * time.Millisecond
	claimBurst = 10
	// settleTime is what the way to the shared bucket and back may take, and until it is taken, in what who is refused is told.
	settleTime = 2 * tick
)

// share is what a node has of a bucket that others take from too.
type share struct {
	held    int           // leased, and not taken yet
	spent   int           // taken without a lease, which the next claim says
	used    int           // taken since the last claim
	refused int           // wanted since then, in vain
	low     int           // where held comes down to it, it claims again
	place   int           // in hot
	heard   bool          // the shared bucket has answered
	asking  bool          // a claim waits or is under way
	ending  bool          // that claim gives everything back
	gone    bool          // its bucket was let go of
	asked   time.Duration // since when it is asking
	next    time.Duration // no claim before
	claims  time.Duration // until when claims of the past count
	touched time.Duration // the last take
}

// Share has the limiter's keys limited over all nodes, in buckets that are called by the limit's name and the key's text. It is for
// wiring, before anything is taken.
func (l *Limiter[K]) Share(s *Sharing, name string, text func(K) string) {
	if l.every == 0 {
		return
	}
	l.sharing, l.name, l.text = s, name, text
	s.parties = append(s.parties, l)
}

// first is how many tokens a key may use on this node, beyond what is forgotten, until the shared bucket is told.
func (l *Limiter[K]) first(nodes int) int { return max(l.burst/(firstShare*nodes), 1) }

// opening is how many it may use until the shared bucket has answered.
func (l *Limiter[K]) opening(nodes int) int { return max(l.burst/(openShare*nodes), 1) }

// portion is how many it may have leased.
func (l *Limiter[K]) portion(nodes int) int {
	return (l.burst + leaseShare*nodes - 1) / (leaseShare * nodes)
}

// pace is how far apart claims of one key are in the long run: a portion lasts for two of them, also where somebody takes as fast as
// the bucket fills.
func (l *Limiter[K]) pace(nodes int) time.Duration {
	return min(max(l.depth/time.Duration(2*leaseShare*nodes), apart), claimTime)
}

// looseCost is by how much later what was not counted is forgotten, for n tokens.
func (l *Limiter[K]) looseCost(n, nodes int) time.Duration { return l.cost(n, nodes) * looseness }

// takeShared takes what is leased, or of the node's part where that is for the node to decide. The caller holds mu.
func (l *Limiter[K]) takeShared(b *bucket[K], n int, now time.Duration) time.Duration {
	nodes := l.nodes()
	s := b.share
	if s == nil {
		wait := l.take(b, n, now)
		l.count(b, n, wait, now)
		return wait
	}
	s.touched = now
	n = min(n, l.portion(nodes))
	if s.held >= n {
		s.held -= n
		s.used += n
		// It is taken from the node's part too, which so cannot be had again where the shared bucket does not answer.
		b.full = min(max(b.full, now)+l.cost(n, nodes), now+l.depth)
		l.moved(b)
		if s.held <= s.low {
			l.ask(b, now)
		}
		return 0
	}
	alone := l.sharing.away.Load() || s.asking && now-s.asked > patience
	if alone || !s.heard && s.spent+n <= l.opening(nodes) {
		wait := l.take(b, n, now)
		if wait == 0 {
			s.spent += n
			s.used += n
		} else {
			s.refused = min(s.refused+n, l.burst)
		}
		if alone {
			l.sharing.parted.Add(1)
		}
		l.ask(b, now)
		return wait
	}
	s.refused = min(s.refused+n, l.burst)
	l.ask(b, now)
	if s.asking {
		return settleTime
	}
	return max(s.next-now, 0) + settleTime
}

// count counts what was taken of a bucket without a share, and makes it one that has where that is more than a little.
func (l *Limiter[K]) count(b *bucket[K], n int, wait, now time.Duration) {
	nodes := l.nodes()
	if wait == 0 {
		b.uncounted = min(max(b.uncounted, now)+l.looseCost(n, nodes), now+l.depth*looseness)
	}
	one := l.looseCost(1, nodes)
	used := int(max(b.uncounted-now+one-1, 0) / one)
	if nodes == 1 || wait == 0 && used < l.first(nodes) {
		return
	}
	b.share = &share{spent: used, used: used, touched: now, place: len(l.hot)}
	b.uncounted = 0
	l.hot = append(l.hot, b)
	l.ask(b, now)
}

// ask has the bucket claim, if its time has come.
func (l *Limiter[K]) ask(b *bucket[K], now time.Duration) {
	s := b.share
	if s.asking || now < s.next {
		return
	}
	s.asking, s.asked = true, now
	l.queue = append(l.queue, b)
	l.sharing.wake()
}

// cool makes it a bucket without a share again.
func (l *Limiter[K]) cool(b *bucket[K]) {
	last := len(l.hot) - 1
	l.hot[b.share.place] = l.hot[last]
	l.hot[b.share.place].share.place = b.share.place
	l.hot[last] = nil
	l.hot = l.hot[:last]
	b.share = nil
}

// abandon lets go of a bucket that has a share: for its key there is no room any more. What it has leased is lost, unless it asks.
func (l *Limiter[K]) abandon(b *bucket[K]) {
	s := b.share
	l.cool(b)
	if s.asking {
		s.gone, s.ending, b.share = true, true, s
	}
}

// sweep looks through some of the buckets with shares: those that were told to wait claim when that is over, and those that are quiet
// give back what they have; all do, where the node stops. It returns how many have a share.
func (l *Limiter[K]) sweep(most int, stopping bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Sub(l.start)
	for range min(most, len(l.hot)) {
		if l.swept >= len(l.hot) {
			l.swept = 0
		}
		b := l.hot[l.swept]
		s := b.share
		l.swept++
		switch {
		case s.asking || now < s.next && !stopping:
		case s.refused > 0 && !stopping:
			l.ask(b, now)
		case now-s.touched > quiet || stopping:
			s.ending = true
			s.next = min(s.next, now)
			l.ask(b, now)
		}
	}
	return len(l.hot)
}

// collect appends claims, up to so many in all, of those that are to claim.
func (l *Limiter[K]) collect(claims []Claim, most int) []Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, nodes := l.now().Sub(l.start), l.nodes()
	n := min(len(l.queue), most-len(claims))
	for _, b := range l.queue[:n] {
		claims = append(claims, l.claim(b, now, nodes))
	}
	l.claiming = append(l.claiming[:0], l.queue[:n]...)
	left := copy(l.queue, l.queue[n:])
	clear(l.queue[left:])
	l.queue = l.queue[:left]
	return claims
}

// claim is what the node says and wants of a bucket.
func (l *Limiter[K]) claim(b *bucket[K], now time.Duration, nodes int) Claim {
	s := b.share
	c := Claim{Limit: l.name, Key: l.text(b.key), Every: l.every, Burst: l.burst, Parts: leaseShare * nodes}
	if s.ending {
		c.Spent, s.held = -s.held, 0
	} else {
		// As much again as has gone since the last claim, and again: claims become rarer the longer somebody goes on.
		c.Want = max(min(4*s.used+s.refused, l.portion(nodes))-s.held, 0)
	}
	// What the node's part has had come in meanwhile, the shared bucket has too.
	one := l.cost(1, nodes)
	c.Spent += min(s.spent, int(max(b.full-now+one-1, 0)/one))
	s.spent, s.used, s.refused = 0, 0, 0
	return c
}

// settle notes what the claims that were collected last are answered.
func (l *Limiter[K]) settle(claims []Claim, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Sub(l.start)
	for i, b := range l.claiming {
		if s := b.share; !s.gone {
			s.asking = false
			l.answered(b, &claims[i], now, err)
		}
		l.claiming[i] = nil
	}
	l.claiming = l.claiming[:0]
}

func (l *Limiter[K]) answered(b *bucket[K], c *Claim, now time.Duration, err error) {
	s := b.share
	ending := s.ending
	s.ending = false
	pace := l.pace(l.nodes())
	s.claims = max(s.claims, now) + pace
	s.next = max(s.claims-claimBurst*pace, now)
	if err != nil {
		s.spent = min(s.spent+max(c.Spent, 0), l.burst)
		s.next = now + claimTime
	} else {
		s.heard = true
		s.held += c.Granted
		s.low = s.held / 2
		s.next = max(s.next, now+c.Wait)
		// The node's part is one of what is there.
		b.full = max(b.full, now+l.depth-l.every*time.Duration(c.Left))
		l.moved(b)
	}
	switch {
	case ending && s.held == 0 && s.spent == 0 && now-s.touched > quiet:
		l.cool(b)
	case c.Granted > 0:
		s.touched = now // who was told to wait finds it
	}
}
