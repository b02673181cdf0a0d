package porttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// ClusterRegistry is an adapter of the registry, as one node sees it.
type ClusterRegistry struct {
	Node     cluster.Node
	Registry cluster.Registry
	// Join adds a node to the same deployment; leave ends it as a kill does, without a word. Nil where there is one node only.
	Join func(t testing.TB, node cluster.Node) (r cluster.Registry, leave func())
}

// Registry runs the rules REG-1 and REG-2 against an adapter. Open returns a deployment of one node that has not announced itself.
func Registry(t *testing.T, open func(t testing.TB) ClusterRegistry) {
	t.Helper()
	for _, c := range []struct {
		name   string
		others bool
		run    func(t *testing.T, r ClusterRegistry)
	}{
		{"REG-2 a node sees itself at once, as it announced itself last", false, registrySelf},
		{"REG-2 infos are whole", false, registryWhole},
		{"REG-1 whoever gave up is told", false, registryCanceled},
		{"REG-1 others see a node, by name, until its info is replaced", true, registryOthers},
		{"REG-1 a node that is gone is forgotten within its lease", true, registryGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			if c.others && r.Join == nil {
				t.Skip("this adapter is for one node")
			}
			c.run(t, r)
		})
	}
}

// nodes returns what the registry shows.
func nodes(t testing.TB, r cluster.Registry) []cluster.Info {
	t.Helper()
	list, err := r.Nodes(t.Context())
	assert.NoError(t, "nodes", err)
	return list
}

// shows waits until the registry's nodes are as they should be, for as long as is allowed.
func shows(t testing.TB, r cluster.Registry, what string, within time.Duration, right func(list []cluster.Info) bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var list []cluster.Info
	for late := time.After(within); ; {
		if list = nodes(t, r); right(list) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not within %s; there are %+v", what, within, list)
		}
	}
}

// named reports that the list holds these nodes, in this order.
func named(want ...cluster.Node) func(list []cluster.Info) bool {
	return func(list []cluster.Info) bool {
		return slices.EqualFunc(list, want, func(i cluster.Info, n cluster.Node) bool { return i.Node == n })
	}
}

// seenWithin is more than the second that nodes may be old, for machines that are busy.
const seenWithin = 5 * time.Second

// leaseWithin is a lease, and seenWithin.
const leaseWithin = 10*time.Second + seenWithin

func fullInfo(node cluster.Node) cluster.Info {
	return cluster.Info{
		Node: node, Roles: []string{cluster.RoleGateway}, URL: "https://" + string(node) + ".example.com", Zone: "north", Version: "v1.2",
		Label: "canary", Weight: 70, Connections: 123_456, Capacity: 1_000_000, Draining: true, Started: time.UnixMilli(1_700_000_000_123),
	}
}

func registrySelf(t *testing.T, r ClusterRegistry) {
	info := cluster.Info{Node: r.Node, Weight: 1, Capacity: 10}
	for n := range 5 {
		info.Connections = n
		r.Registry.Announce(info)
		list := nodes(t, r.Registry)
		assert.True(t, "it sees itself", named(r.Node)(list))
		assert.Equal(t, "as it announced itself last", list[0].Connections, n)
	}
	info.Draining = true
	r.Registry.Announce(info)
	assert.True(t, "draining", nodes(t, r.Registry)[0].Draining)
}

func same(a, b cluster.Info) bool {
	return a.Started.Equal(b.Started) && slices.Equal(a.Roles, b.Roles) && a.Node == b.Node && a.URL == b.URL && a.Zone == b.Zone &&
		a.Version == b.Version && a.Label == b.Label && a.Weight == b.Weight && a.Connections == b.Connections && a.Capacity == b.Capacity &&
		a.Draining == b.Draining
}

func registryWhole(t *testing.T, r ClusterRegistry) {
	info := fullInfo(r.Node)
	r.Registry.Announce(info)
	list := nodes(t, r.Registry)
	assert.True(t, "the info as it was", len(list) == 1 && same(list[0], info))
}

func registryCanceled(t *testing.T, r ClusterRegistry) {
	r.Registry.Announce(fullInfo(r.Node))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Registry.Nodes(ctx); err != nil { // what is known without asking may be told all the same
		assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeCanceled)
	}
}

func registryOthers(t *testing.T, r ClusterRegistry) {
	r.Registry.Announce(fullInfo(r.Node))
	first, second := "0-"+r.Node, r.Node+"-9"
	other, _ := r.Join(t, second)
	other.Announce(fullInfo(second))
	third, _ := r.Join(t, first)
	third.Announce(fullInfo(first))
	for _, view := range []cluster.Registry{r.Registry, other, third} {
		shows(t, view, "all, by name", seenWithin, named(first, r.Node, second))
		for _, i := range nodes(t, view) {
			assert.True(t, "whole", same(i, fullInfo(i.Node)))
		}
	}
	changed := fullInfo(second)
	changed.Draining, changed.Connections = false, 7
	other.Announce(changed)
	shows(t, r.Registry, "the later info", seenWithin, func(list []cluster.Info) bool { return len(list) == 3 && same(list[2], changed) })
}

func registryGone(t *testing.T, r ClusterRegistry) {
	r.Registry.Announce(fullInfo(r.Node))
	name := r.Node + "-gone"
	other, leave := r.Join(t, name)
	other.Announce(fullInfo(name))
	shows(t, r.Registry, "both", seenWithin, named(r.Node, name))
	leave()
	shows(t, r.Registry, "the one that lives, which keeps saying so", leaseWithin, named(r.Node))
}
