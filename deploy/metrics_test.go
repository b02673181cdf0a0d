package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// foreign are the metrics of others that alerts and dashboards use, by who tells them. They were looked at in the exporters themselves.
var foreign = map[string][]string{
	"Prometheus": {"up", "ALERTS"},
	"Go's client": {
		"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds",
		"go_memstats_heap_inuse_bytes",
	},
	"HAProxy": {
		"haproxy_server_status", "haproxy_server_current_sessions", "haproxy_process_uptime_seconds",
	},
	"blackbox_exporter": {"probe_success", "probe_ssl_earliest_cert_expiry"},
	"mysqld_exporter": {
		"mysql_up", "mysql_global_status_threads_connected", "mysql_global_status_threads_running", "mysql_global_status_commands_total",
		"mysql_global_status_innodb_os_log_fsyncs", "mysql_global_status_innodb_data_fsyncs",
		"mysql_global_status_innodb_buffer_pool_reads", "mysql_global_status_innodb_buffer_pool_read_requests",
		"mysql_global_status_innodb_row_lock_waits",
		"mysql_global_status_rpl_semi_sync_source_status", "mysql_global_status_rpl_semi_sync_source_no_tx",
		"mysql_global_status_rpl_semi_sync_master_status",
		"mysql_global_variables_max_connections", "mysql_global_variables_sync_binlog",
		"mysql_global_variables_innodb_flush_log_at_trx_commit",
		"mysql_global_variables_rpl_semi_sync_source_enabled", "mysql_global_variables_rpl_semi_sync_master_enabled",
		"mysql_slave_status_seconds_behind_master", "mysql_slave_status_slave_sql_running", "mysql_slave_status_slave_io_running",
	},
	"redis_exporter": {
		"redis_up", "redis_memory_used_bytes", "redis_memory_max_bytes", "redis_evicted_keys_total", "redis_commands_processed_total",
		"redis_connected_clients", "redis_connected_slaves",
	},
	"kafka_exporter": {
		"kafka_brokers", "kafka_topic_partitions", "kafka_topic_partition_under_replicated_partition", "kafka_consumergroup_lag",
	},
	"node_exporter": {"node_filesystem_avail_bytes", "node_filesystem_size_bytes", "node_disk_io_time_seconds_total"},
}

// ours are the metrics of docs/operations/metrics.md with their kinds.
func ours(t *testing.T) map[string]string {
	t.Helper()
	known := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(throng_\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(read(t, "../docs/operations/metrics.md")), -1) {
		known[m[1]] = m[2]
	}
	assert.True(t, "the page has a table", len(known) > 50)
	return known
}

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	selector   = regexp.MustCompile(`\{[^}]*\}`)
	grouping   = regexp.MustCompile(`\b(by|on|without|ignoring|group_left|group_right) *\([^)]*\)`)
	ranges     = regexp.MustCompile(`\[[^\]]*\]|\boffset \d+[a-z]+`)
	identifier = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*( *\()?`)
)

// metricsOf are the names in an expression that are neither functions nor operators.
func metricsOf(expr string) (names []string) {
	for _, r := range []*regexp.Regexp{quoted, selector, grouping, ranges} {
		expr = r.ReplaceAllString(expr, " ")
	}
	for _, word := range identifier.FindAllString(expr, -1) {
		operator := slices.Contains([]string{"and", "or", "unless", "bool", "by"}, word)
		if !strings.HasSuffix(word, "(") && !operator {
			names = append(names, word)
		}
	}
	return names
}

func TestMetricsOf(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string][]string{
		`histogram_quantile(0.99, sum by (le, x) (rate(a_bucket{job="x", b=~"c|d"}[$__rate_interval]))) > 0.5`: {"a_bucket"},
		`(a == 0 and on (instance) b == 1) or absent(c offset 10m)`:                                            {"a", "b", "c"},
		`sum by (group) (a) < on () group_left () max(b{t=~"x[.].*"})`:                                         {"a", "b"},
		`predict_linear(a{fstype!~"x"}[3h], 12 * 3600) < 0`:                                                    {"a"},
	} {
		assert.Equal(t, expr, metricsOf(expr), want)
	}
}

// checkMetrics fails where an expression asks for what nobody tells.
func checkMetrics(t *testing.T, known map[string]string, where, expr string) {
	t.Helper()
	names := metricsOf(expr)
	assert.True(t, where+" asks for a metric: "+expr, len(names) > 0)
	for _, name := range names {
		if !strings.HasPrefix(name, "throng_") {
			found := false
			for _, list := range foreign {
				found = found || slices.Contains(list, name)
			}
			assert.True(t, where+": somebody tells "+name, found)
			continue
		}
		kind, ok := known[name]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, cut := strings.CutSuffix(name, suffix); !ok && cut {
				kind, ok = known[base]
				assert.Equal(t, where+": the kind of "+base, kind, "histogram")
			}
		}
		assert.True(t, where+": "+name+" stands in docs/operations/metrics.md", ok)
		if kind == "counter" {
			assert.True(t, where+": a counter is asked for its rate: "+expr, regexp.MustCompile(`(rate|increase)\(`+name).MatchString(expr))
		}
	}
}

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (list []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	decode(t, "compose/alerts.yml", &file)
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	assert.True(t, "there are alerts", len(list) > 40)
	return list
}

const runbook = "https://github.com/throng-im/throng/blob/main/docs/operations/runbook.md#"

// Whoever is woken finds a section that says what to do.
func TestAlertsHaveTheirSection(t *testing.T) {
	t.Parallel()
	known := ours(t)
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#### (Throng\w+)$`).FindAllStringSubmatch(string(read(t, "../docs/operations/runbook.md")), -1) {
		sections[m[1]] = true
	}
	for _, a := range alerts(t) {
		checkMetrics(t, known, a.Alert, a.Expr)
		assert.True(t, a.Alert+" has a severity", slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]))
		assert.True(t, a.Alert+" says what is wrong", a.Annotations["summary"] != "" && a.Annotations["description"] != "")
		assert.Equal(t, a.Alert+"'s runbook", a.Annotations["runbook_url"], runbook+strings.ToLower(a.Alert))
		assert.True(t, a.Alert+" has a section of its own in the runbook", sections[a.Alert])
		delete(sections, a.Alert) // a second alert of the name finds none
	}
	assert.Equal(t, "sections without an alert", sections, map[string]bool{})
}

// dashboard is what the tests read of one.
type dashboard struct {
	UID    string
	Title  string
	Panels []struct {
		Type       string
		Title      string
		Datasource struct{ UID string }
		Targets    []struct{ Expr string }
	}
}

func TestDashboards(t *testing.T) {
	t.Parallel()
	known := ours(t)
	files, err := filepath.Glob("compose/grafana/dashboards/*.json")
	assert.NoError(t, "looking for dashboards", err)
	var uids, shown []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		assert.NoError(t, "reading "+file, err)
		var d dashboard
		assert.NoError(t, "reading "+file, json.Unmarshal(text, &d))
		uids = append(uids, d.UID)
		for _, p := range d.Panels {
			where := d.Title + ", " + p.Title
			if p.Type == "row" {
				continue
			}
			assert.Equal(t, where+": source", p.Datasource.UID, "prometheus")
			assert.True(t, where+" shows something", len(p.Targets) > 0)
			for _, target := range p.Targets {
				checkMetrics(t, known, where, target.Expr)
				shown = append(shown, metricsOf(target.Expr)...)
			}
		}
	}
	slices.Sort(uids)
	assert.Equal(t, "dashboards", uids, []string{"throng-engines", "throng-gateways", "throng-messages", "throng-overview"})
	// What an alert speaks of can be looked at.
	for _, a := range alerts(t) {
		for _, name := range metricsOf(a.Expr) {
			if strings.HasPrefix(name, "throng_") && !strings.HasPrefix(name, "throng_store_") {
				assert.True(t, name+" of "+a.Alert+" is on a dashboard", slices.Contains(shown, name))
			}
		}
	}
}
