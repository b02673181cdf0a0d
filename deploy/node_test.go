package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
)

// node is the configuration of a node as its container gets it.
func node(t *testing.T, s service, values map[string]string) *config.Config {
	t.Helper()
	var env []string
	for name, text := range s.Environment {
		env = append(env, name+"="+variable.ReplaceAllStringFunc(text, func(v string) string { return values[variable.FindStringSubmatch(v)[1]] }))
	}
	l, err := config.Load(config.Options{File: filepath.FromSlash("compose/throng.toml"), Env: env})
	assert.NoError(t, "loading throng.toml", err)
	assert.Equal(t, "warnings", l.Warnings, nil)
	return l.Config
}

func TestNodesAreConfigured(t *testing.T) {
	t.Parallel()
	c, values := compose(t), drawn(t)
	first := c.Services["node1"]
	for _, name := range c.nodes() {
		assert.Equal(t, name+"'s environment", c.Services[name].Environment, first.Environment)
	}
	cfg := node(t, first, values)
	assert.True(t, "the engines are shared", cfg.Shared())
	assert.Equal(t, "databases", cfg.MySQL.Databases, []string{"throng:" + values["MYSQL_PASSWORD"] + "@tcp(mysql:3306)/throng"})
	assert.Equal(t, "brokers", cfg.Kafka.Brokers, []string{"kafka:9092"})
	assert.Equal(t, "Redis", cfg.Redis.Addresses, []string{"redis:6379"})
	assert.Equal(t, "Redis's password", cfg.Redis.Password, values["REDIS_PASSWORD"])
	networks, _ := c.Services["balancer"].Networks.(map[string]any)
	front, _ := networks["front"].(map[string]any)
	address, _ := front["ipv4_address"].(string)
	assert.Equal(t, "who is believed", cfg.Server.TrustedProxies, []string{address})
	assert.Equal(t, "the collector", cfg.Tracing.Endpoint, "http://jaeger:4318")
	assert.True(t, "PROXY protocol", cfg.Server.ProxyProtocol)
	limit := regexp.MustCompile(`(?m)^max_connections\s*=\s*(\d+)$`).FindSubmatch(read(t, "compose/mysql/throng.cnf"))
	assert.True(t, "MySQL takes the connections of all nodes", len(limit) == 2 && number(string(limit[1])) > cfg.MySQL.MaxConnections*len(c.nodes()))
}

func number(digits string) (n int) {
	for _, d := range digits {
		n = 10*n + int(d-'0')
	}
	return n
}

// The balancer sends to the nodes that there are, at the ports that they listen on.
func TestBalancer(t *testing.T) {
	t.Parallel()
	c := compose(t)
	cfg := node(t, c.Services["node1"], drawn(t))
	text := string(read(t, "compose/haproxy.cfg"))
	var servers []string
	for _, m := range regexp.MustCompile(`(?m)^\s+server (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		assert.Equal(t, "where "+m[1]+" is", m[2], m[1]+cfg.Server.Listen)
		servers = append(servers, m[1])
	}
	assert.Equal(t, "servers", servers, c.nodes())
	for _, want := range []string{"mode tcp", "balance leastconn", "send-proxy-v2 check port " + strings.TrimPrefix(cfg.Metrics.Listen, ":"), "uri /readyz"} {
		assert.True(t, "haproxy.cfg says "+want, strings.Contains(text, want))
	}
}
