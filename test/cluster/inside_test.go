//go:build cluster

package cluster_test

import (
	"testing"

	"github.com/throng-im/throng/internal/account"
)

// TestThreeNodes tells the stories on three nodes in one process, on real engines.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	g := shared(t)
	var nodes []node
	for range 3 {
		cfg := settingsOf(t)
		cfg.Store.Driver, cfg.Queue.Driver, cfg.Bus.Driver, cfg.Routes.Driver = "mysql", "kafka", "redis", "redis"
		cfg.MySQL.Databases = []string{g.dsn}
		cfg.Redis.Addresses, cfg.Redis.Prefix = []string{g.redis}, g.prefix
		cfg.Kafka.Brokers, cfg.Kafka.Topic, cfg.Kafka.Partitions, cfg.Kafka.Replication = g.brokers, g.topics+"events", 4, 1
		cfg.Account.SigningSecrets = []account.Secret{signingSecret}
		nodes = append(nodes, start(t, cfg))
	}
	run(t, nodes)
}
