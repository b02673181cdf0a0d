package app

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/cluster"
)

// fixedNodes is a registry that shows these nodes, or none.
type fixedNodes []cluster.Info

func (f fixedNodes) Nodes(context.Context) ([]cluster.Info, error) {
	if f == nil {
		return nil, errors.New("the registry does not answer")
	}
	return f, nil
}

func (fixedNodes) Announce(cluster.Info) {}

// Limits are divided among the nodes that take clients: those that the registry shows, and those that only the storage has seen.
func TestLimitsAreDividedAmongNodes(t *testing.T) {
	t.Parallel()
	gateway, worker := cluster.Info{Roles: []string{cluster.RoleGateway}}, cluster.Info{Roles: []string{cluster.RoleWorker}}
	for _, c := range []struct {
		name     string
		registry fixedNodes
		stored   int
		want     int
	}{
		{"one", fixedNodes{gateway}, 1, 1},
		{"gateways and workers", fixedNodes{gateway, worker, gateway, worker}, 4, 2},
		{"a node that was alone in a registry that has just come back", fixedNodes{gateway}, 3, 3},
		{"one more while the registry is away", fixedNodes{gateway, worker, gateway}, 4, 3},
		{"one less, as the storage sees it first", fixedNodes{gateway, gateway, gateway}, 2, 3},
		{"a registry that does not answer", nil, 3, 3},
		{"nothing is known", nil, 0, 1},
	} {
		assert.Equal(t, fmt.Sprintf("among how many: %s", c.name), counting(c.registry, func() int { return c.stored })(), c.want)
	}
}
