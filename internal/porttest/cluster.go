package porttest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// ClusterRoutes is an adapter of the route ports, as one node sees it.
type ClusterRoutes struct {
	Node      cluster.Node
	Routes    cluster.Routes
	Registrar cluster.Registrar
}

// Routes runs the rules RTE-1 to RTE-4 against an adapter. Open returns fresh routes.
func Routes(t *testing.T, open func(t testing.TB) ClusterRoutes) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, r ClusterRoutes)
	}{
		{"RTE-1 an attached user is found, once per node", routesAttached},
		{"RTE-1 groups too", routesGroups},
		{"RTE-1 attaching is not counted", routesIdempotent},
		{"RTE-1 many at a time", routesManyAtATime},
		{"RTE-1 who knows when nothing waits says so", routesSettled},
		{"RTE-3 nobody is nowhere", routesNobody},
		{"RTE-4 many lookups together are answered as each by itself", routesResolve},
		{"RTE-4 a lookup that fails says so", routesResolveFails},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

func (r ClusterRoutes) users(t testing.TB, users ...chat.UserID) []cluster.Node {
	t.Helper()
	assert.NoError(t, "flush", r.Registrar.Flush(t.Context()))
	nodes, err := r.Routes.Users(t.Context(), users, nil)
	assert.NoError(t, "users", err)
	return nodes
}

func (r ClusterRoutes) group(t testing.TB, id chat.ConversationID) []cluster.Node {
	t.Helper()
	assert.NoError(t, "flush", r.Registrar.Flush(t.Context()))
	nodes, err := r.Routes.Group(t.Context(), id, nil)
	assert.NoError(t, "group", err)
	return nodes
}

func routesAttached(t *testing.T, r ClusterRoutes) {
	r.Registrar.Attach(1)
	r.Registrar.Attach(2)
	assert.True(t, "one of many is enough", slices.Equal(r.users(t, 7, 1, 8), []cluster.Node{r.Node}))
	assert.True(t, "two users, one node", slices.Equal(r.users(t, 1, 2), []cluster.Node{r.Node}))
	r.Registrar.Detach(1)
	assert.Equal(t, "nodes of one who left", len(r.users(t, 1)), 0)
	assert.Equal(t, "nodes of the other", len(r.users(t, 1, 2)), 1)

	all, err := r.Routes.All(t.Context(), nil)
	assert.NoError(t, "all", err)
	assert.True(t, "all nodes", slices.Equal(all, []cluster.Node{r.Node}))
	buf := append(make([]cluster.Node, 0, 4), "before")
	nodes, err := r.Routes.Users(t.Context(), []chat.UserID{2}, buf)
	assert.NoError(t, "users", err)
	assert.True(t, "appended", slices.Equal(nodes, []cluster.Node{"before", r.Node}))
}

func routesGroups(t *testing.T, r ClusterRoutes) {
	assert.Equal(t, "nodes of a group without subscribers", len(r.group(t, 5)), 0)
	r.Registrar.AttachGroup(5)
	assert.True(t, "attached", slices.Equal(r.group(t, 5), []cluster.Node{r.Node}))
	assert.Equal(t, "another group", len(r.group(t, 6)), 0)
	assert.Equal(t, "a user of the same number", len(r.users(t, 5)), 0)
	r.Registrar.DetachGroup(5)
	assert.Equal(t, "detached", len(r.group(t, 5)), 0)
}

func routesIdempotent(t *testing.T, r ClusterRoutes) {
	r.Registrar.Attach(1)
	r.Registrar.Attach(1)
	r.Registrar.Detach(1)
	assert.Equal(t, "attached twice, detached once", len(r.users(t, 1)), 0)
	r.Registrar.Detach(1)
	r.Registrar.Attach(1)
	assert.Equal(t, "detached twice, attached once", len(r.users(t, 1)), 1)
}

func routesManyAtATime(t *testing.T, r ClusterRoutes) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				user := chat.UserID(g*100 + i + 1)
				r.Registrar.Attach(user)
				if i%2 == 1 {
					r.Registrar.Detach(user)
				}
			}
		})
	}
	wg.Wait()
	for user := chat.UserID(1); user <= 800; user++ {
		assert.Equal(t, "nodes", len(r.users(t, user)), int(user%2))
	}
}

func routesSettled(t *testing.T, r ClusterRoutes) {
	s, ok := r.Registrar.(cluster.Settler)
	if !ok {
		return
	}
	for id := range chat.ConversationID(50) {
		r.Registrar.AttachGroup(id + 1)
		if s.Settled() {
			nodes, err := r.Routes.Group(t.Context(), id+1, nil)
			assert.NoError(t, "group", err)
			assert.True(t, "seen without a flush", slices.Contains(nodes, r.Node))
		}
	}
	assert.NoError(t, "flush", r.Registrar.Flush(t.Context()))
	assert.True(t, "nothing waits after a flush", s.Settled())
}

func routesNobody(t *testing.T, r ClusterRoutes) {
	assert.Equal(t, "nodes of no user", len(r.users(t)), 0)
	assert.Equal(t, "nodes of a stranger", len(r.users(t, 1)), 0)
}

func routesResolve(t *testing.T, r ClusterRoutes) {
	for id := chat.UserID(2); id <= 600; id += 2 {
		r.Registrar.Attach(id)
	}
	r.Registrar.AttachGroup(3)
	assert.NoError(t, "flush", r.Registrar.Flush(t.Context()))
	here := []cluster.Node{r.Node}
	lookups := []cluster.Lookup{
		{}, {Users: []chat.UserID{1, 3}}, {Users: []chat.UserID{1, 2, 4}}, {Group: 3}, {Group: 2}, {Users: []chat.UserID{2}, Nodes: []cluster.Node{"before"}},
	}
	want := [][]cluster.Node{nil, nil, here, here, nil, {"before", r.Node}}
	for id := chat.UserID(1); id <= 600; id++ { // more than go together
		lookups, want = append(lookups, cluster.Lookup{Users: []chat.UserID{id, 2 * id}}), append(want, here)
		if id%2 == 1 && 2*id > 600 {
			want[len(want)-1] = nil
		}
	}
	r.Routes.Resolve(t.Context(), lookups)
	for i, l := range lookups {
		assert.NoError(t, "resolve", l.Err)
		if !slices.Equal(l.Nodes, want[i]) {
			t.Errorf("lookup %d of %v and group %d: %v, want %v", i, l.Users, l.Group, l.Nodes, want[i])
		}
	}
}

func routesResolveFails(t *testing.T, r ClusterRoutes) {
	r.Registrar.Attach(1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Routes.Users(ended, []chat.UserID{2}, nil)
	lookups := []cluster.Lookup{{Users: []chat.UserID{2}}, {Group: 5}}
	r.Routes.Resolve(ended, lookups)
	for _, l := range lookups {
		assert.Equal(t, "failed as one does", l.Err == nil, err == nil)
	}
}

// Bus runs the rules BUS-1 to BUS-5 against an adapter. Open returns a fresh bus.
func Bus(t *testing.T, open func(t testing.TB) cluster.Bus) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b cluster.Bus)
	}{
		{"BUS-1 deliveries keep their order", busOrder},
		{"BUS-3 nobody listens", busNobody},
		{"BUS-4 after stop nothing comes", busStop},
		{"BUS-5 what goes together comes in order to each node", busPost},
		{"BUS-5 parcels say how it went", busPostFails},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// mailbox is a receiver that notes what comes.
type mailbox struct {
	// guarded by mu
	mu   sync.Mutex
	seqs map[chat.ConversationID][]chat.Seq
	come chan struct{} // one token for each delivery
}

func newMailbox() *mailbox {
	return &mailbox{seqs: make(map[chat.ConversationID][]chat.Seq), come: make(chan struct{}, 1<<12)}
}

// Receive implements [cluster.Receiver].
func (m *mailbox) Receive(_ context.Context, d *cluster.Delivery) error {
	m.mu.Lock()
	m.seqs[d.Conversation] = append(m.seqs[d.Conversation], d.From)
	m.mu.Unlock()
	m.come <- struct{}{}
	return nil
}

func deliver(t testing.TB, b cluster.Bus, node cluster.Node, id chat.ConversationID, seq chat.Seq) {
	t.Helper()
	d := &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: id, Users: []chat.UserID{1}, From: seq}
	if err := b.Deliver(t.Context(), node, d); err != nil {
		t.Errorf("deliver: %v", err)
	}
}

func busOrder(t *testing.T, b cluster.Bus) {
	const callers, each = 8, 200
	box := newMailbox()
	defer b.Listen("n1", box)()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				deliver(t, b, "n1", chat.ConversationID(c+1), chat.Seq(i+1))
			}
		})
	}
	wg.Wait()
	for range callers * each {
		<-box.come
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	for id, seqs := range box.seqs {
		if !slices.IsSorted(seqs) || len(seqs) != each {
			t.Errorf("caller %d: %d deliveries, in order %v", id, len(seqs), slices.IsSorted(seqs))
		}
	}
}

func busNobody(t *testing.T, b cluster.Bus) {
	box := newMailbox()
	defer b.Listen("n1", box)()
	deliver(t, b, "n2", 1, 1)
	deliver(t, b, "n1", 1, 2)
	<-box.come
	box.mu.Lock()
	defer box.mu.Unlock()
	assert.True(t, "only its own", slices.Equal(box.seqs[1], []chat.Seq{2}))
}

func busStop(t *testing.T, b cluster.Bus) {
	box := newMailbox()
	stop := b.Listen("n1", box)
	deliver(t, b, "n1", 1, 1)
	<-box.come
	stop()
	deliver(t, b, "n1", 1, 2)
	box.mu.Lock()
	defer box.mu.Unlock()
	assert.Equal(t, "deliveries", len(box.seqs[1]), 1)
}

func busPost(t *testing.T, b cluster.Bus) {
	const each = 700 // more than go together
	boxes := map[cluster.Node]*mailbox{"n1": newMailbox(), "n2": newMailbox()}
	for n, box := range boxes {
		defer b.Listen(n, box)()
	}
	parcels := make([]cluster.Parcel, 0, 3*each)
	for i := range each {
		d := &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: 1, Users: []chat.UserID{1}, From: chat.Seq(i + 1)}
		for _, n := range []cluster.Node{"n1", "nobody", "n2"} {
			parcels = append(parcels, cluster.Parcel{Node: n, Delivery: d})
		}
	}
	b.Post(t.Context(), parcels)
	for i := range parcels {
		assert.NoError(t, "post", parcels[i].Err)
	}
	for n, box := range boxes {
		for range each {
			<-box.come
		}
		box.mu.Lock()
		if seqs := box.seqs[1]; !slices.IsSorted(seqs) || len(seqs) != each {
			t.Errorf("%s: %d deliveries, in order %v", n, len(seqs), slices.IsSorted(seqs))
		}
		box.mu.Unlock()
	}
}

// refusing is a receiver that takes nothing.
type refusing struct{}

// Receive implements [cluster.Receiver].
func (refusing) Receive(context.Context, *cluster.Delivery) error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "it takes nothing")
}

func busPostFails(t *testing.T, b cluster.Bus) {
	box := newMailbox()
	defer b.Listen("n1", refusing{})()
	defer b.Listen("n2", box)()
	d := &cluster.Delivery{Kind: cluster.DeliverSync, Conversation: 1, Users: []chat.UserID{1}}
	alone := b.Deliver(t.Context(), "n1", d)
	parcels := []cluster.Parcel{{Node: "n1", Delivery: d}, {Node: "n2", Delivery: d}}
	b.Post(t.Context(), parcels)
	assert.Equal(t, "as one fails", parcels[0].Err == nil, alone == nil)
	assert.NoError(t, "the other", parcels[1].Err)
	<-box.come
}
