//go:build cluster

package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/million"
)

// TestMillion is throng bench mega with few sockets: two gateways and a worker, everybody of one group online, looked at by the bench itself.
// The second run finds the users, the group and the devices that the first one has left.
func TestMillion(t *testing.T) {
	t.Parallel()
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := shared(t)
	file := filepath.Join(t.TempDir(), "cluster.toml")
	text := fmt.Sprintf(`
[store]
driver = "mysql"
[queue]
driver = "kafka"
[bus]
driver = "redis"
[routes]
driver = "redis"
[mysql]
databases = [%q]
[kafka]
brokers = ["%s"]
topic = %q
partitions = 4
replication = 1
[redis]
addresses = [%q]
prefix = %q
[account]
signing_secrets = [%q]
`, g.dsn, strings.Join(g.brokers, `", "`), g.topics+"events", g.redis, g.prefix, signingSecret)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := million.Config{
		Cluster: file, Members: 600, Processes: 2, Messages: 2, Writers: 50, InFlight: 20, Duration: 500 * time.Millisecond,
		Ground: filepath.Join(t.TempDir(), "ground.json"), Binary: binary, Folder: t.TempDir(),
	}
	for run := range 2 {
		rep, err := million.Run(t.Context(), cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		sentence, good := rep.Verdict()
		if flow := rep.Gateways.Flow; !good || flow == nil || flow.Messages < 10 || rep.Gateways.Messages < 10 || rep.Ratio <= 0 || rep.Bare == nil {
			t.Errorf("run %d: %s: %+v", run, sentence, rep)
		}
		if (rep.Prepared > 0) != (run == 0) {
			t.Errorf("run %d took %v s to prepare", run, rep.Prepared)
		}
		for _, row := range rep.Rows() {
			t.Logf("%-16s %s", row.Name, row.Value)
		}
		// What sessions look up goes to the databases together.
		reads := 0.0
		for name, n := range rep.Calls {
			if strings.HasPrefix(name, "mysql ") {
				reads += n
			}
		}
		if most := 4.0 * float64(cfg.Members); reads > most {
			t.Errorf("run %d: %v calls of MySQL for %d sessions", run, reads, cfg.Members)
		}
	}
}
