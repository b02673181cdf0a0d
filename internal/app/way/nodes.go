package way

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/trace"
)

const (
	// patience is how long nodes have to answer: far longer than it takes, and no longer than an operator likes to wait.
	patience = 2 * time.Second
	// questions bounds what waits to be answered; what does not fit is not, and is asked again by a person.
	questions = 16
	// maxPulls bounds the pages of an entry that a node tells of.
	maxPulls = 20
	// maxSteps bounds the other steps.
	maxSteps = 200
)

// Deps of [Nodes] are what it needs from others.
type Deps struct {
	Self     cluster.Node
	Registry cluster.Registry
	Bus      cluster.Bus
	// Tracer has this node's memory; nil remembers nothing.
	Tracer *trace.Tracer
	Logger *slog.Logger
}

// Nodes asks the nodes of a deployment what they remember, and answers what others ask. All methods may be called from any goroutine,
// Run once.
type Nodes struct {
	// immutable after construction
	deps Deps
	in   chan *cluster.Delivery // questions

	// guarded by mu
	mu    sync.Mutex
	token uint64
	open  map[uint64]chan *cluster.Delivery // questions of ours, by their token
}

// told is an answer as it goes over the bus.
type told struct {
	Remembers bool
	Now       int64 // the answering node's clock, in nanoseconds since 1970
	Steps     []trace.Step
	Pulls     int
}

// NewNodes makes one. It answers other nodes once Run runs.
func NewNodes(deps Deps) *Nodes {
	return &Nodes{deps: deps, in: make(chan *cluster.Delivery, questions), open: make(map[uint64]chan *cluster.Delivery)}
}

// Receive takes a question or an answer from the bus. It never blocks.
func (n *Nodes) Receive(d *cluster.Delivery) {
	if d.Kind == cluster.DeliverAsk {
		select {
		case n.in <- d:
		default:
		}
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.open[d.Token]; c != nil {
		select {
		case c <- d:
		default: // more answers than there are nodes
		}
	}
}

// Run answers until ctx ends.
func (n *Nodes) Run(ctx context.Context) error {
	for {
		select {
		case q := <-n.in:
			if err := n.answer(ctx, q); err != nil && ctx.Err() == nil {
				n.deps.Logger.Debug("a question of another node was not answered", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Nodes) answer(ctx context.Context, q *cluster.Delivery) error {
	text, err := json.Marshal(n.remember(q.Conversation, q.From))
	if err != nil {
		return err //nolint:wrapcheck // for the log of who called
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return n.deps.Bus.Deliver(ctx, q.Node, &cluster.Delivery{Kind: cluster.DeliverTell, Node: n.deps.Self, Token: q.Token, Told: text})
}

// remember is what this node knows of an entry.
func (n *Nodes) remember(id chat.ConversationID, seq chat.Seq) told {
	t := told{Remembers: n.deps.Tracer.Remembers(), Now: time.Now().UnixNano()}
	for _, s := range slices.Backward(n.deps.Tracer.Find(uint64(id), uint64(seq))) { // the latest first
		if s.Kind == trace.Pull {
			if t.Pulls++; t.Pulls > maxPulls {
				continue
			}
		} else if len(t.Steps) >= maxPulls+maxSteps {
			continue
		}
		t.Steps = append(t.Steps, s)
	}
	slices.Reverse(t.Steps)
	return t
}

// Ask returns what the nodes of the deployment remember of an entry, this one first. It takes [patience] at most; an error says that
// some nodes could not be found or asked.
func (n *Nodes) Ask(ctx context.Context, id chat.ConversationID, seq chat.Seq) ([]Node, error) {
	infos, err := n.deps.Registry.Nodes(ctx)
	self := Node{Name: string(n.deps.Self), Asked: true}
	out := []Node{self}
	for i := range infos {
		known := Node{Name: string(infos[i].Node), URL: infos[i].URL, Zone: infos[i].Zone, Started: infos[i].Started}
		if infos[i].Node == n.deps.Self {
			known.Asked = true
			out[0] = known
			continue
		}
		out = append(out, known)
	}
	out[0].take(n.remember(id, seq), 0, 0)
	if len(out) == 1 {
		return out, err
	}
	token, answers := n.begin(len(out))
	defer n.end(token)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	q := &cluster.Delivery{Kind: cluster.DeliverAsk, Conversation: id, From: seq, Node: n.deps.Self, Token: token}
	parcels := make([]cluster.Parcel, len(out)-1)
	for i := range parcels {
		parcels[i] = cluster.Parcel{Node: cluster.Node(out[i+1].Name), Delivery: q}
	}
	n.deps.Bus.Post(ctx, parcels)
	waiting := 0
	for i := range parcels {
		if failed := parcels[i].Err; failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		waiting++
	}
	for waiting > 0 {
		select {
		case d := <-answers:
			if answered(out[1:], d, asked) {
				waiting--
			}
		case <-ctx.Done():
			return out, err
		}
	}
	return out, err
}

// begin opens a question that so many may answer.
func (n *Nodes) begin(nodes int) (token uint64, answers <-chan *cluster.Delivery) {
	c := make(chan *cluster.Delivery, nodes)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.token++
	n.open[n.token] = c
	return n.token, c
}

func (n *Nodes) end(token uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, token)
}

// answered takes a node's answer to a question of some time ago; the first one counts.
func answered(nodes []Node, d *cluster.Delivery, asked time.Time) bool {
	at := slices.IndexFunc(nodes, func(n Node) bool { return n.Name == string(d.Node) && !n.Answered })
	var t told
	if at < 0 || json.Unmarshal(d.Told, &t) != nil {
		return false
	}
	round := time.Since(asked)
	nodes[at].take(t, time.Unix(0, t.Now).Sub(asked.Add(round/2)), round)
	return true
}

func (n *Node) take(t told, skew, round time.Duration) {
	n.Answered, n.Remembers, n.Steps, n.Pulls, n.Skew, n.Round = true, t.Remembers, t.Steps, t.Pulls, skew, round
}
