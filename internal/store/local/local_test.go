package local_test

import (
	"testing"

	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/local"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	porttest.Routes(t, func(testing.TB) porttest.ClusterRoutes {
		r := local.NewRoutes("n1")
		return porttest.ClusterRoutes{Node: "n1", Routes: r, Registrar: r}
	})
}

func TestBus(t *testing.T) {
	t.Parallel()
	porttest.Bus(t, func(testing.TB) cluster.Bus { return local.NewBus() })
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	porttest.Registry(t, func(testing.TB) porttest.ClusterRegistry {
		return porttest.ClusterRegistry{Node: "n1", Registry: local.NewRegistry()}
	})
}
