//go:build cluster

package cluster_test

import (
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/config"
)

// TestThreeNodes tells the stories on three nodes in one process, on real engines.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	g := shared(t)
	var nodes []node
	for range 3 {
		nodes = append(nodes, start(t, settingsOn(t, g)))
	}
	run(t, nodes)
}

// TestRoles tells them where two nodes take clients and two others do what follows the log.
func TestRoles(t *testing.T) {
	t.Parallel()
	g := shared(t)
	var doors []node
	for _, role := range []string{"worker", "gateway", "worker", "gateway"} {
		cfg := settingsOn(t, g)
		cfg.Roles = []string{role}
		n := start(t, cfg)
		if serves := n.URL() != ""; serves != (role == "gateway") {
			t.Errorf("a node with the role %s takes clients at %q", role, n.URL())
		}
		if n.URL() != "" {
			doors = append(doors, n)
		}
	}
	run(t, doors)
}

// settingsOn are those of a node on a ground.
func settingsOn(t *testing.T, g ground) *config.Config {
	t.Helper()
	cfg := settingsOf(t)
	cfg.Store.Driver, cfg.Queue.Driver, cfg.Bus.Driver, cfg.Routes.Driver = "mysql", "kafka", "redis", "redis"
	cfg.MySQL.Databases = []string{g.dsn}
	cfg.Redis.Addresses, cfg.Redis.Prefix = []string{g.redis}, g.prefix
	cfg.Kafka.Brokers, cfg.Kafka.Topic, cfg.Kafka.Partitions, cfg.Kafka.Replication = g.brokers, g.topics+"events", 4, 1
	cfg.Account.SigningSecrets = []account.Secret{signingSecret}
	return cfg
}
