//go:build cluster

package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/client"
)

// TestPullsOfWhatPassedThrough counts what the engines are asked for a message to a group, and for pulls of its last page on each node:
// entries come from what passed through the node, heads are read together, and members who are known are not asked for.
func TestPullsOfWhatPassedThrough(t *testing.T) {
	nodes := processes(t, 3, shared(t), "THRONG_METRICS_LISTEN=127.0.0.1:0")
	w := &world{t: t, nodes: nodesOf(nodes)}
	users := w.people(12) // above the small tier
	room := w.group(0, users...)
	devices := make([]*device, len(users))
	for i, u := range users {
		devices[i] = w.join(i, u)
	}
	everybodyHas := func(seq uint64) {
		w.until(fmt.Sprintf("everybody has entry %d", seq), func() bool {
			return !slices.ContainsFunc(devices, func(d *device) bool {
				d.mu.Lock()
				defer d.mu.Unlock()
				return d.told[room] < seq
			})
		})
	}
	say := func(count int) (seq uint64) {
		for i := range count {
			sent, err := devices[i%len(devices)].Send(w.ctx(), room, client.Text("x"))
			w.must("sending", err)
			ack, err := sent.Wait(w.ctx())
			w.must("waiting", err)
			seq = max(seq, ack.Seq)
		}
		everybodyHas(seq)
		return seq
	}
	w.until("every lane is leased", func() bool { return metricsOf(t, nodes)["throng_relay_lanes"] == 64 })
	say(len(nodes))
	w.until("they are delivered: routes, leases and members are known", func() bool { return metricsOf(t, nodes)["throng_fanout_entries_total"] > 3 })
	const messages, rounds, page = 60, 10, 50
	before := metricsOf(t, nodes)
	seq := say(messages)
	said := metricsOf(t, nodes)
	t.Logf("for each of %d messages to %d members on %d nodes:", messages, len(users), len(nodes))
	calls(t, before, said, messages)

	var pulls sync.WaitGroup
	for n := range nodes {
		for _, u := range users {
			pulls.Go(func() {
				for range rounds {
					if got := w.page(n, u, room, seq-page+1); len(got) != page {
						t.Errorf("a page of %d, want %d", len(got), page)
					}
				}
			})
		}
	}
	pulls.Wait()
	pulled := metricsOf(t, nodes)
	count := float64(len(nodes) * len(users) * rounds)
	t.Logf("for each of %.0f pulls of the last %d:", count, page)
	calls(t, said, pulled, count)
	moved := func(series string) float64 { return pulled[series] - said[series] }
	entries := moved(`throng_mysql_seconds_count{operation="range"}`) + moved(`throng_redis_seconds_count{operation="hot_get"}`)
	if hits := moved("throng_near_hits_total"); entries > count/10 || hits < count*9/10 {
		t.Errorf("%.0f pulls asked the engines for entries %.0f times; %.0f were served by the nodes themselves", count, entries, hits)
	}
	// Twelve users are read once on each node, and what a heartbeat asks meanwhile.
	if members := moved(`throng_message_reads_total{what="member"}`); members > count/5 {
		t.Errorf("%.0f pulls of %d users read %.0f memberships", count, len(users), members)
	}
}

// calls says what the engines were asked between two looks, for each of so many things.
func calls(t *testing.T, before, after map[string]float64, things float64) {
	t.Helper()
	var lines []string
	for series, v := range after {
		n := v - before[series]
		of := strings.HasPrefix(series, "throng_mysql_seconds_count") || strings.HasPrefix(series, "throng_redis_seconds_count") ||
			strings.HasPrefix(series, "throng_kafka_call_seconds_count") || strings.HasPrefix(series, "throng_message_pages_total") ||
			strings.HasPrefix(series, "throng_message_reads_total") || strings.HasPrefix(series, "throng_near_") && series != "throng_near_bytes"
		if of && n > 0 {
			lines = append(lines, fmt.Sprintf("%8.3f  %s", n/things, series))
		}
	}
	slices.Sort(lines)
	slices.Reverse(lines)
	for _, line := range lines {
		t.Log(line)
	}
}
