package cluster

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// handedFor is how long a client that was sent to a node is counted as one that the node's info does not have yet, at least; twice
// that at most. The client takes a moment to connect, the node says so within a second, and the registry tells within another.
const handedFor = 2 * time.Second

// Scheduler tells clients which gateways to try. Its methods may be called from any goroutine.
type Scheduler struct {
	// immutable after construction
	deps    SchedulerDeps
	answers *prometheus.CounterVec

	// guarded by mu
	mu     sync.Mutex
	random *rand.Rand
	young  map[Node]int // clients that were sent to a node since turned
	old    map[Node]int // and in the time before
	turned time.Time
}

// SchedulerDeps is what a scheduler works with.
type SchedulerDeps struct {
	Registry Registry
	// Zone is where a client is that does not say.
	Zone string
	// Policy is asked at every call.
	Policy func() Policy
	// Source of chance, for the scheduler alone.
	Source rand.Source
	// Now is any clock.
	Now func() time.Time
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// NewScheduler makes a scheduler.
func NewScheduler(d SchedulerDeps) *Scheduler {
	return &Scheduler{
		deps: d, answers: newAnswers(d.Metrics),
		random: rand.New(d.Source), //nolint:gosec // spreads load, guards nothing
		young:  make(map[Node]int), old: make(map[Node]int),
	}
}

// Gateways orders the gateways that a client is to try, as [Schedule] does, and counts it with the first. It is empty where only
// the balancer knows a way to those that take newcomers, and where the registry does not say; where nobody takes any, the error
// says so (CodeUnavailable), and when to come back.
func (s *Scheduler) Gateways(ctx context.Context, a Ask) ([]Info, error) {
	list, refusal := s.choose(ctx, a)
	switch {
	case refusal != nil:
		s.answers.WithLabelValues(string(refusal.Reason)).Inc()
		return nil, refusal
	case len(list) == 0:
		s.answers.WithLabelValues(answerDoor).Inc()
	default:
		s.answers.WithLabelValues(answerGateways).Inc()
	}
	return list, nil
}

func (s *Scheduler) choose(ctx context.Context, a Ask) ([]Info, *chat.Error) {
	nodes, err := s.deps.Registry.Nodes(ctx)
	if err != nil {
		return nil, nil // nobody is kept out because figures are missing: the balancer has its own
	}
	if a.Zone == "" {
		a.Zone = s.deps.Zone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	handed := func(n Node) int { return s.young[n] + s.old[n] }
	list := Schedule(nodes, s.deps.Policy(), a, handed, s.random)
	if len(list) > 0 {
		s.young[list[0].Node]++
		return list, nil
	}
	for i := range nodes {
		if nodes[i].Takes(handed(nodes[i].Node)) {
			return nil, nil
		}
	}
	return nil, closed(nodes)
}

// turn forgets who has arrived by now.
func (s *Scheduler) turn() {
	switch now := s.deps.Now(); {
	case now.Sub(s.turned) >= 2*handedFor:
		s.young, s.old, s.turned = make(map[Node]int), make(map[Node]int), now
	case now.Sub(s.turned) >= handedFor:
		s.young, s.old, s.turned = make(map[Node]int), s.young, now
	}
}

// How long those wait for whom there is no gateway: shortly where nodes restart, longer where there is no room, since everybody who
// asks again takes what room there is.
const (
	waitForRestart = 2 * time.Second
	waitForRoom    = 10 * time.Second
)

// closed says why nobody takes newcomers.
func closed(nodes []Info) *chat.Error {
	for i := range nodes {
		if nodes[i].Gateway() && nodes[i].Draining {
			e := chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "the gateways are about to stop; come back in a moment")
			e.RetryAfter = waitForRestart
			return e
		}
	}
	e := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "no gateway takes new connections now; come back later")
	e.RetryAfter = waitForRoom
	return e
}
