package million_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/bench/million"
)

// What cannot be measured is refused before anything is started.
func TestConfig(t *testing.T) {
	t.Parallel()
	good := million.Config{Cluster: "/nowhere/cluster.toml", Members: 600, Processes: 2, Binary: "/nowhere/throng", Folder: t.TempDir()}
	for name, change := range map[string]func(c *million.Config){
		"name the configuration file of a cluster": func(c *million.Config) { c.Cluster = "" },
		"members is at least 2":                    func(c *million.Config) { c.Members = 1 },
		"processes is 1 to 64":                     func(c *million.Config) { c.Processes = 65 },
		"sockets each are too many":                func(c *million.Config) { c.Members = 2_000_000_000 },
		"writers is 1 to members (600)":            func(c *million.Config) { c.Writers = 601 },
		"in-flight is 1 to writers (10)":           func(c *million.Config) { c.Writers, c.InFlight = 10, 11 },
		"size is ":                                 func(c *million.Config) { c.Size = 1 },
		"messages, opening and filling":            func(c *million.Config) { c.Messages = -1 },
		"a heartbeat is at least 1s":               func(c *million.Config) { c.Heartbeat = 1 },
		"prepare is group or devices":              func(c *million.Config) { c.Prepare, c.Ground = "everything", "file" },
		"noted in a file: --ground":                func(c *million.Config) { c.Prepare = million.PrepareGroup },
	} {
		c := good
		change(&c)
		if _, err := million.Run(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not say: %s", err, name)
		}
	}
	if _, err := million.Run(t.Context(), good, nil); err == nil || !strings.Contains(err.Error(), "start the nodes") {
		t.Errorf("what is right is begun: %v", err)
	}
}
