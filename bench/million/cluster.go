package million

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/target"
)

const startsAtOnce = 2 // more would only wait for each other

// cluster is a node that does everything but have these clients, and gateways.
type cluster struct {
	// Immutable after construction.
	node     *target.Server
	gateways []*target.Server
}

// startCluster starts the nodes. key and secret are those of the run, or of the runs before it on the same databases.
func startCluster(ctx context.Context, c *Config, folder, key, secret string, tell live.Func) (all *cluster, err error) {
	count := c.Processes
	if c.Prepare == PrepareGroup {
		count = 0
	}
	all = &cluster{gateways: make([]*target.Server, count)}
	defer func() {
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	// Everybody comes back at once: devices that were used within the day need not be written.
	settings := append([]string{"ACCOUNT_USE_RESOLUTION=24h"}, c.Settings...)
	o := target.Options{Key: key, Secret: secret, Config: c.Cluster, Binary: c.Binary, Folder: filepath.Join(folder, "node"), Settings: settings}
	tell(live.Progress{Phase: "start"})
	if all.node, err = target.Open(ctx, o); err != nil {
		return all, fmt.Errorf("the first node: %w", err)
	}
	o.Settings = append([]string{
		"ROLES=gateway", fmt.Sprintf("GATEWAY_HEARTBEAT=%s", c.Heartbeat), "GATEWAY_WORKERS=1024", "GATEWAY_AUTH_TIMEOUT=1m",
		"GATEWAY_CALL_TIMEOUT=1m", "MEMORY_BUDGET=256MiB", "REDIS_TIMEOUT=5s", "PRESSURE_INTERVAL=0s", "REDIS_REPORT=15m", "MYSQL_SLOT_INTERVAL=1m",
	}, settings...)
	o.Env = c.Environment
	var mu sync.Mutex // of tell
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(startsAtOnce)
	for i := range all.gateways {
		g.Go(func() error {
			o := o
			o.Folder = filepath.Join(folder, fmt.Sprintf("gateway%d", i))
			s, err := target.Open(ctx, o)
			if err != nil {
				return fmt.Errorf("gateway %d: %w", i, err)
			}
			all.gateways[i] = s
			mu.Lock()
			defer mu.Unlock()
			done++
			tell(live.Progress{Phase: "gateways", Done: done, Total: count})
			return nil
		})
	}
	return all, g.Wait()
}

// raised says what gateways have that are as many as the machine has no cores for.
func raised() string {
	return target.Raised() + "; nothing is left out under pressure, since gateways wait for cores that they share; 1,024 workers, calls of a minute; where " +
		"sessions are is reported again every 15 minutes, where slots are is looked up every minute, and a use of a device within the day not " +
		"written again"
}

// close ends all of them. The gateways' clients are gone by then: they are killed, side by side.
func (a *cluster) close() error {
	var g errgroup.Group
	for _, s := range a.gateways {
		if s != nil {
			g.Go(func() error { return errors.Join(s.Kill(), s.Close()) })
		}
	}
	err := g.Wait()
	if a.node != nil {
		err = errors.Join(err, a.node.Close())
	}
	return err
}

// urls are where clients reach the gateways.
func (a *cluster) urls() []string {
	out := make([]string, len(a.gateways))
	for i, s := range a.gateways {
		out[i] = s.URL()
	}
	return out
}

// cpu is the processor time of all nodes.
func (a *cluster) cpu(ctx context.Context) time.Duration {
	sum := a.node.CPU(ctx)
	for _, s := range a.gateways {
		sum += s.CPU(ctx)
	}
	return sum
}

// rss is the resident memory of the gateways, in bytes.
func (a *cluster) rss(ctx context.Context) (sum int64) {
	for _, s := range a.gateways {
		sum += s.RSS(ctx)
	}
	return sum
}

// metrics are the gateways' sums.
func (a *cluster) metrics(ctx context.Context) target.Metrics {
	sum := target.Metrics{}
	for _, s := range a.gateways {
		for name, v := range s.Metrics(ctx) {
			sum[name] += v
		}
	}
	return sum
}

// calls are how often the gateways asked an engine, by what they asked.
func calls(before, after target.Metrics) map[string]float64 {
	out := map[string]float64{}
	for _, engine := range []string{"mysql", "redis"} {
		begin := "throng_" + engine + "_seconds_count{operation=\""
		for name, v := range after {
			if operation, ok := strings.CutPrefix(name, begin); ok && v > before[name] {
				out[engine+" "+strings.TrimSuffix(operation, "\"}")] = v - before[name]
			}
		}
	}
	return out
}
