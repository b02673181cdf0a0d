package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// gateway is a node that takes newcomers, changed by change.
func gateway(name string, change ...func(*cluster.Info)) cluster.Info {
	i := cluster.Info{
		Node: cluster.Node(name), URL: "https://" + name, Zone: "north", Version: "1", Label: "1", Weight: 100, Capacity: 100_000,
	}
	for _, c := range change {
		c(&i)
	}
	return i
}

func holding(n int) func(*cluster.Info)        { return func(i *cluster.Info) { i.Connections = n } }
func weighing(n int) func(*cluster.Info)       { return func(i *cluster.Info) { i.Weight = n } }
func taking(n int) func(*cluster.Info)         { return func(i *cluster.Info) { i.Capacity = n } }
func in(zone string) func(*cluster.Info)       { return func(i *cluster.Info) { i.Zone = zone } }
func labelled(text string) func(*cluster.Info) { return func(i *cluster.Info) { i.Label = text } }
func draining(i *cluster.Info)                 { i.Draining = true }
func working(i *cluster.Info)                  { i.Roles = []string{cluster.RoleWorker} }
func hidden(i *cluster.Info)                   { i.URL = "" }

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func names(list []cluster.Info) string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i].Node)
	}
	return strings.Join(out, " ")
}

// sorted are the names without their order.
func sorted(list []cluster.Info) string {
	f := strings.Fields(names(list))
	slices.Sort(f)
	return strings.Join(f, " ")
}

// firsts counts who came first in n asks of different users.
func firsts(nodes []cluster.Info, p cluster.Policy, a cluster.Ask, n int) map[string]int {
	random, out := source(7), map[string]int{}
	for i := range n {
		a.User = chat.UserID(i + 1)
		list := cluster.Schedule(nodes, p, a, nil, random)
		if len(list) == 0 {
			out[""]++
			continue
		}
		out[string(list[0].Node)]++
	}
	return out
}

func near(t testing.TB, what string, got int, want, within float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > within*want {
		t.Errorf("%s: %d, want %.0f within %.0f %%", what, got, want, within*100)
	}
}

// GATE-3, GATE-4.
func TestScheduleWhoTakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		nodes []cluster.Info
		ask   cluster.Ask
		want  string
	}{
		"nobody":                     {nil, cluster.Ask{}, ""},
		"one":                        {[]cluster.Info{gateway("a")}, cluster.Ask{}, "a"},
		"draining":                   {[]cluster.Info{gateway("a", draining), gateway("b")}, cluster.Ask{}, "b"},
		"full":                       {[]cluster.Info{gateway("a", holding(100_000)), gateway("b")}, cluster.Ask{}, "b"},
		"weight 0":                   {[]cluster.Info{gateway("a", weighing(0)), gateway("b")}, cluster.Ask{}, "b"},
		"worker":                     {[]cluster.Info{gateway("a", working), gateway("b")}, cluster.Ask{}, "b"},
		"no URL":                     {[]cluster.Info{gateway("a", hidden), gateway("b")}, cluster.Ask{}, "b"},
		"nobody takes":               {[]cluster.Info{gateway("a", draining), gateway("b", weighing(0))}, cluster.Ask{}, ""},
		"three at most":              {[]cluster.Info{gateway("a"), gateway("b"), gateway("c", working), gateway("d")}, cluster.Ask{}, "a b d"},
		"one that failed":            {[]cluster.Info{gateway("a"), gateway("b")}, cluster.Ask{Failed: []string{"https://a"}}, "b"},
		"all failed":                 {[]cluster.Info{gateway("a")}, cluster.Ask{Failed: []string{"https://a"}}, "a"},
		"failed, and nobody else":    {[]cluster.Info{gateway("a"), gateway("b", draining)}, cluster.Ask{Failed: []string{"https://a"}}, "a"},
		"another zone where ours is": {[]cluster.Info{gateway("a", draining), gateway("b", in("south"))}, cluster.Ask{Zone: "north"}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, "gateways", sorted(cluster.Schedule(tc.nodes, cluster.Policy{}, tc.ask, nil, source(1))), tc.want)
		})
	}
}

// Whatever the nodes are like: only who takes newcomers is named, each once, three at most, and somebody where there is somebody.
func TestScheduleAlwaysHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2_000) {
		random := source(seed)
		nodes := make([]cluster.Info, random.IntN(8))
		for i := range nodes {
			nodes[i] = gateway(fmt.Sprint(i), weighing(random.IntN(3)), holding(random.IntN(4)), taking(random.IntN(4)),
				in(fmt.Sprint(random.IntN(2))), labelled(fmt.Sprint(random.IntN(2))))
			nodes[i].Draining = random.IntN(3) == 0
			if random.IntN(4) == 0 {
				working(&nodes[i])
			}
			if random.IntN(4) == 0 {
				hidden(&nodes[i])
			}
		}
		p := cluster.Policy{Label: fmt.Sprint(random.IntN(3)), Percent: float64(random.IntN(101))}
		a := cluster.Ask{User: chat.UserID(random.IntN(100)), Zone: fmt.Sprint(random.IntN(3)), Failed: []string{"https://0", "https://1"}}
		list := cluster.Schedule(nodes, p, a, nil, random)
		seen, some := map[cluster.Node]bool{}, false
		for _, n := range nodes {
			some = some || n.URL != "" && n.Takes(0)
		}
		for i := range list {
			if n := &list[i]; seen[n.Node] || !n.Takes(0) || n.URL == "" {
				t.Fatalf("seed %d: %s named %+v", seed, names(list), n)
			}
			seen[list[i].Node] = true
		}
		if len(list) > cluster.MaxGateways || (len(list) > 0) != some {
			t.Fatalf("seed %d: %d gateways of %+v", seed, len(list), nodes)
		}
	}
}

// GATE-7.
func TestScheduleSharesFollowWeights(t *testing.T) {
	t.Parallel()
	const asks = 20_000
	got := firsts([]cluster.Info{
		gateway("a", weighing(100), holding(1_000)), gateway("b", weighing(200), holding(2_000)), gateway("c", weighing(500), holding(5_000)),
	}, cluster.Policy{}, cluster.Ask{}, asks)
	near(t, "a", got["a"], asks/8, 0.1)
	near(t, "b", got["b"], asks/4, 0.1)
	near(t, "c", got["c"], asks*5/8, 0.1)
}

// GATE-7: a node that is emptier than the others gets more than its share, twice it at most; one that is fuller gets less, and still some.
func TestScheduleLeastConnections(t *testing.T) {
	t.Parallel()
	const asks = 20_000
	got := firsts([]cluster.Info{gateway("a"), gateway("b", holding(2_000)), gateway("c", holding(1_000))}, cluster.Policy{}, cluster.Ask{}, asks)
	near(t, "the empty one", got["a"], asks*2/3.1, 0.1)
	near(t, "the full one", got["b"], asks*0.1/3.1, 0.3)
	got = firsts([]cluster.Info{gateway("a", holding(99_000)), gateway("b", holding(90_000))}, cluster.Policy{}, cluster.Ask{}, asks)
	assert.True(t, "who has hardly any room gets few", got["a"] < asks/8 && got["a"] > 0)
}

// GATE-5.
func TestScheduleZone(t *testing.T) {
	t.Parallel()
	nodes := []cluster.Info{gateway("a", holding(9_000)), gateway("b", in("south")), gateway("c", in("south"), holding(99_999))}
	for seed := range uint64(50) {
		list := cluster.Schedule(nodes, cluster.Policy{}, cluster.Ask{Zone: "north"}, nil, source(seed))
		assert.True(t, "ours first, then the others: "+names(list), len(list) == 3 && list[0].Node == "a")
		list = cluster.Schedule(nodes, cluster.Policy{}, cluster.Ask{Zone: "south"}, nil, source(seed))
		assert.True(t, "ours first, full or not: "+names(list), len(list) == 3 && list[2].Node == "a")
	}
	got := firsts(nodes, cluster.Policy{}, cluster.Ask{Zone: "west"}, 1_000)
	assert.True(t, "who is from elsewhere goes anywhere", got["a"] > 0 && got["b"] > 0)
	handed := func(n cluster.Node) int { return map[cluster.Node]int{"c": 1}[n] }
	list := cluster.Schedule(nodes, cluster.Policy{}, cluster.Ask{Zone: "south"}, handed, source(1))
	assert.Equal(t, "the last place was handed out", names(list), "b a")
}

// GATE-6.
func TestScheduleGrayscale(t *testing.T) {
	t.Parallel()
	const asks = 20_000
	nodes := []cluster.Info{gateway("old"), gateway("older"), gateway("new", labelled("2"))}
	got := firsts(nodes, cluster.Policy{Label: "2", Percent: 5}, cluster.Ask{}, asks)
	near(t, "users of the new version", got["new"], asks*0.05, 0.15)
	got = firsts(nodes, cluster.Policy{Label: "2"}, cluster.Ask{}, asks)
	assert.Equal(t, "none at 0 percent", got["new"], 0)
	got = firsts(nodes, cluster.Policy{Label: "2", Percent: 100}, cluster.Ask{}, asks)
	assert.Equal(t, "all at 100 percent", got["new"], asks)
	got = firsts(nodes, cluster.Policy{Label: "3", Percent: 100}, cluster.Ask{}, asks)
	assert.True(t, "a label that no node has keeps nobody out", got["new"] > 0 && got["old"] > 0 && got[""] == 0)

	p := cluster.Policy{Label: "2", Users: map[chat.UserID]bool{9: true}}
	random := source(3)
	assert.Equal(t, "one of the list", names(cluster.Schedule(nodes, p, cluster.Ask{User: 9}, nil, random)), "new")
	assert.Equal(t, "another", sorted(cluster.Schedule(nodes, p, cluster.Ask{User: 8}, nil, random)), "old older")
	assert.Equal(t, "a stranger", sorted(cluster.Schedule(nodes, p, cluster.Ask{}, nil, random)), "old older")
	nodes[2].Draining = true
	assert.Equal(t, "no new one takes anybody", sorted(cluster.Schedule(nodes, p, cluster.Ask{User: 9}, nil, random)), "old older")
	nodes[0].Draining, nodes[1].Draining, nodes[2].Draining = true, true, false
	assert.Equal(t, "no old one takes anybody", sorted(cluster.Schedule(nodes, p, cluster.Ask{User: 8}, nil, random)), "new")
	nodes[1].Draining = false
	failed := cluster.Ask{User: 9, Failed: []string{"https://new"}}
	assert.Equal(t, "the new one failed", sorted(cluster.Schedule(nodes, p, failed, nil, random)), "older")
}

// GATE-6: who is picked is picked each time, stays picked while the percentage rises, and is another few with another label.
func TestGrayscaleIsStable(t *testing.T) {
	t.Parallel()
	picked, both := 0, 0
	for user := chat.UserID(1); user <= 4_000; user++ {
		before := false
		for percent := 0.0; percent <= 100; percent += 5 {
			p := cluster.Policy{Label: "2", Percent: percent}
			now := p.Picks(user)
			if before && !now {
				t.Fatalf("user %d is out again at %g percent", user, percent)
			}
			before = now
		}
		assert.True(t, "everybody in the end", before)
		p, q := cluster.Policy{Label: "2", Percent: 10}, cluster.Policy{Label: "3", Percent: 10}
		if p.Picks(user) {
			picked++
			if q.Picks(user) {
				both++
			}
		}
	}
	near(t, "picked", picked, 400, 0.15)
	near(t, "picked by both labels", both, 40, 0.5)
}

// One seed, one order.
func TestScheduleIsDeterministic(t *testing.T) {
	t.Parallel()
	nodes := []cluster.Info{gateway("a"), gateway("b", holding(7)), gateway("c", weighing(3)), gateway("d")}
	a, b := source(5), source(5)
	for i := range 500 {
		ask := cluster.Ask{User: chat.UserID(i)}
		assert.Equal(t, "gateways", names(cluster.Schedule(nodes, cluster.Policy{}, ask, nil, a)), names(cluster.Schedule(nodes, cluster.Policy{}, ask, nil, b)))
	}
}

func BenchmarkSchedule(b *testing.B) {
	for _, size := range []int{3, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			nodes, random := make([]cluster.Info, size), source(1)
			for i := range nodes {
				nodes[i] = gateway(fmt.Sprint(i), holding(random.IntN(1_000)))
			}
			a := cluster.Ask{User: 7, Zone: "north"}
			for b.Loop() {
				cluster.Schedule(nodes, cluster.Policy{Label: "2", Percent: 5}, a, nil, random)
			}
		})
	}
}

// registry shows what it is told to.
type registry struct {
	nodes []cluster.Info
	err   error
}

func (r *registry) Nodes(context.Context) ([]cluster.Info, error) { return r.nodes, r.err }
func (r *registry) Announce(cluster.Info)                         {}

// clock stands until it is moved.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newScheduler(r *registry, c *clock, seed uint64) *cluster.Scheduler {
	return cluster.NewScheduler(cluster.SchedulerDeps{
		Registry: r, Zone: "south", Policy: func() cluster.Policy { return cluster.Policy{} }, Source: rand.NewPCG(seed, 2), Now: c.read,
	})
}

// 10,000 clients come at once, while every node that they ask has the same figures, which are old: one gateway has just restarted and
// is empty. It gets more than the others, and no herd; after a while all have the same.
func TestNoHerd(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 3, 10} {
		r, now := &registry{}, &clock{time.Unix(1_000, 0)}
		for i := range size {
			r.nodes = append(r.nodes, gateway(fmt.Sprint(i), holding(min(i, 1)*20_000)))
		}
		schedulers := make([]*cluster.Scheduler, size)
		for i := range schedulers {
			schedulers[i] = newScheduler(r, now, uint64(i))
		}
		const clients = 10_000
		got := map[cluster.Node]int{}
		for i := range clients {
			list, err := schedulers[i%size].Gateways(t.Context(), cluster.Ask{User: chat.UserID(i + 1)})
			assert.NoError(t, "gateways", err)
			got[list[0].Node]++
		}
		fair := clients / size
		for _, n := range r.nodes {
			if got[n.Node] > 2*fair+fair/5 {
				t.Errorf("%d nodes: %s got %d of %d newcomers, its share is %d", size, n.Node, got[n.Node], clients, fair)
			}
		}
		assert.True(t, "the empty one gets most", got["0"] > fair)
		for i := range r.nodes { // a tenth is enough for what follows
			n := &r.nodes[i]
			n.Connections, got[n.Node] = n.Connections/10, got[n.Node]/10
		}
		for range 60 { // the figures arrive, and a twentieth of all connect anew
			for i := range r.nodes {
				n := &r.nodes[i]
				n.Connections += got[n.Node]
			}
			clear(got)
			now.now = now.now.Add(10 * time.Second)
			for i := range r.nodes {
				gone := r.nodes[i].Connections / 20
				r.nodes[i].Connections -= gone
				for range gone {
					list, err := schedulers[i].Gateways(t.Context(), cluster.Ask{})
					assert.NoError(t, "gateways", err)
					got[list[0].Node]++
				}
			}
		}
		most, least := 0, math.MaxInt
		for _, n := range r.nodes {
			most, least = max(most, n.Connections+got[n.Node]), min(least, n.Connections+got[n.Node])
		}
		assert.True(t, fmt.Sprintf("%d nodes: they end up even, from %d to %d", size, least, most), float64(most) < 1.2*float64(least))
	}
}

// A node that has room for ten more gets ten, however old its figures are.
func TestSchedulerCountsWhomItSent(t *testing.T) {
	t.Parallel()
	r, now := &registry{nodes: []cluster.Info{gateway("a", holding(990), taking(1_000)), gateway("b", holding(2_000), taking(3_000))}}, &clock{time.Unix(1, 0)}
	s := newScheduler(r, now, 1)
	sent := func(n int) (got map[cluster.Node]int) {
		got = map[cluster.Node]int{}
		for range n {
			list, err := s.Gateways(t.Context(), cluster.Ask{})
			assert.NoError(t, "gateways", err)
			got[list[0].Node]++
		}
		return got
	}
	assert.Equal(t, "sent to who has little room", sent(900)["a"], 10)
	now.now = now.now.Add(time.Second)
	assert.Equal(t, "they are on their way", sent(50)["a"], 0)
	now.now = now.now.Add(10 * time.Second)
	r.nodes[1].Connections = 0
	assert.True(t, "they are counted by now, or lost their way", sent(900)["a"] == 10)
}

// GATE-5: who does not say where it is counts as near the node that it asked.
func TestSchedulerZone(t *testing.T) {
	t.Parallel()
	r := &registry{nodes: []cluster.Info{gateway("a"), gateway("b", in("south")), gateway("c", in("west"))}}
	for zone, want := range map[string]cluster.Node{"": "b", "north": "a", "west": "c"} {
		list, err := newScheduler(r, &clock{time.Unix(1, 0)}, 1).Gateways(t.Context(), cluster.Ask{Zone: zone})
		assert.NoError(t, "gateways", err)
		assert.Equal(t, "first for "+zone, list[0].Node, want)
	}
}

// GATE-2, GATE-8.
func TestSchedulerWhereNobodyTakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		registry registry
		reason   chat.Reason
		wait     time.Duration
	}{
		"behind a balancer":     {registry{nodes: []cluster.Info{gateway("a", hidden)}}, "", 0},
		"no registry":           {registry{err: errors.New("no Redis")}, "", 0},
		"draining":              {registry{nodes: []cluster.Info{gateway("a", draining)}}, chat.ReasonDraining, 2 * time.Second},
		"draining, no URL":      {registry{nodes: []cluster.Info{gateway("a", draining, hidden)}}, chat.ReasonDraining, 2 * time.Second},
		"full":                  {registry{nodes: []cluster.Info{gateway("a", taking(0))}}, chat.ReasonOverloaded, 10 * time.Second},
		"workers":               {registry{nodes: []cluster.Info{gateway("a", working)}}, chat.ReasonOverloaded, 10 * time.Second},
		"full, and one has URL": {registry{nodes: []cluster.Info{gateway("a", taking(0)), gateway("b", hidden)}}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := newScheduler(&tc.registry, &clock{time.Unix(1, 0)}, 1).Gateways(t.Context(), cluster.Ask{})
			assert.Equal(t, "gateways", len(list), 0)
			if tc.reason == "" {
				assert.NoError(t, "gateways", err)
				return
			}
			e := chat.AsError(err)
			assert.True(t, fmt.Sprint(err), e != nil && e.Code == chat.CodeUnavailable && e.Reason == tc.reason && e.RetryAfter == tc.wait)
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	assert.NoError(t, "the default", cluster.Default().Validate())
	good := cluster.Config{
		URL: "https://node1.example.com", Zone: "north", Weight: 0,
		Grayscale: cluster.Grayscale{Label: "2", Percent: 2.5, Users: []string{"7", "9"}},
	}
	assert.NoError(t, "a full one", good.Validate())
	p := good.Grayscale.Policy()
	assert.True(t, "its policy", p.Label == "2" && p.Percent == 2.5 && len(p.Users) == 2 && p.Users[7] && p.Users[9])
	for want, change := range map[string]func(*cluster.Config){
		"url":               func(c *cluster.Config) { c.URL = "node1" },
		"zone":              func(c *cluster.Config) { c.Zone = strings.Repeat("z", 65) },
		"weight":            func(c *cluster.Config) { c.Weight = -1 },
		"grayscale.percent": func(c *cluster.Config) { c.Grayscale.Percent = math.NaN() },
		"grayscale.users":   func(c *cluster.Config) { c.Grayscale.Users = []string{"anna"} },
	} {
		c := cluster.Default()
		change(&c)
		err := c.Validate()
		assert.True(t, fmt.Sprintf("%s: %v", want, err), err != nil && strings.HasPrefix(err.Error(), want+": "))
	}
}
