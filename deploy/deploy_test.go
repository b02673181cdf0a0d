package deploy_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/throng-im/throng/internal/assert"
)

// composeFile is what the tests read of compose.yaml.
type composeFile struct {
	Services map[string]service
	Networks map[string]any
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       any
	Environment map[string]string
	Volumes     []string
	Ports       []string
	Networks    any
	Restart     string
	Deploy      struct {
		Resources struct{ Limits struct{ CPUs, Memory string } }
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	assert.NoError(t, "reading "+name, err)
	return text
}

func decode(t *testing.T, name string, to any) {
	t.Helper()
	assert.NoError(t, "reading "+name, yaml.Unmarshal(read(t, name), to))
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	decode(t, "compose.yaml", &c)
	return c
}

// nodes are the names of the services that are nodes, in order.
func (c composeFile) nodes() (names []string) {
	for name := range c.Services {
		if strings.HasPrefix(name, "node") && !strings.Contains(name, "-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var pinned = regexp.MustCompile(`^[a-z0-9/_-]+:v?\d+\.\d+\.\d+(-alpine)?$`)

func TestServices(t *testing.T) {
	t.Parallel()
	c := compose(t)
	assert.Equal(t, "nodes", c.nodes(), []string{"node1", "node2", "node3"})
	for name, s := range c.Services {
		if s.Build == nil {
			assert.True(t, name+" has a pinned image: "+s.Image, pinned.MatchString(s.Image))
		}
		limits := s.Deploy.Resources.Limits
		assert.True(t, name+" has limits", limits.CPUs != "" && limits.Memory != "")
		assert.True(t, name+" is on a network", s.Networks != nil)
		assert.Equal(t, name+" is started again", s.Restart, "unless-stopped")
		for _, port := range s.Ports {
			local := strings.HasPrefix(port, "127.0.0.1:")
			assert.True(t, name+" is reached from this machine only", local || name == "balancer")
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(from, ".") {
				_, err := os.Stat(filepath.FromSlash(from))
				assert.NoError(t, "what "+name+" mounts", err)
				assert.True(t, name+" mounts it to read", strings.HasSuffix(v, ":ro"))
			} else if !strings.HasPrefix(from, "/") {
				_, ok := c.Volumes[from]
				assert.True(t, name+" mounts a volume that there is: "+from, ok)
			}
		}
	}
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:[?-][^}]*)?\}`)

// drawn is what env.sh writes, by name.
func drawn(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	out, err := exec.CommandContext(t.Context(), "sh", "compose/env.sh", file).CombinedOutput()
	assert.NoError(t, "env.sh: "+string(out), err)
	info, err := os.Stat(file)
	assert.NoError(t, "looking at it", err)
	assert.Equal(t, "whose it is", info.Mode().Perm(), fs.FileMode(0o600))
	values := map[string]string{}
	for line := range strings.Lines(string(read(t, file))) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = value
		}
	}
	before := read(t, file)
	assert.True(t, "what is there is left alone", exec.CommandContext(t.Context(), "sh", "compose/env.sh", file).Run() != nil)
	assert.Equal(t, "what is there", string(read(t, file)), string(before))
	return values
}

// Every secret is drawn, and nothing starts where one is missing.
func TestSecretsAreDrawn(t *testing.T) {
	t.Parallel()
	values := drawn(t)
	seen := map[string]string{}
	for name, value := range values {
		if !strings.HasSuffix(name, "_PASSWORD") && !strings.HasSuffix(name, "_SECRET") {
			continue
		}
		assert.True(t, name+" is 32 bytes, as digits and letters", regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(value))
		assert.Equal(t, name+" is a secret of its own, and not that of", seen[value], "")
		seen[value] = name
	}
	assert.Equal(t, "secrets", len(seen), 6)
	used := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(string(read(t, "compose.yaml")), -1) {
		_, ok := values[m[1]]
		assert.True(t, m[1]+" stands in env.example", ok)
		if seen[values[m[1]]] != "" {
			assert.True(t, m[1]+" has no default", strings.HasPrefix(m[2], ":?"))
		}
		used[m[1]] = true
	}
	for name := range values {
		assert.True(t, name+" is used", used[name])
	}
	assert.True(t, "git knows nothing of them", slices.Contains(strings.Fields(string(read(t, "../.gitignore"))), "/deploy/.env"))
	assert.True(t, "the image holds nothing of them", slices.Contains(strings.Fields(string(read(t, "../.dockerignore"))), "deploy/.env"))
}

// tool is a program that checks a file of its own format, or the test is skipped: not every machine has it.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed, so nothing has looked at its files: install Debian's %s", name, debian)
	return ""
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	assert.NoError(t, strings.Join(args, " ")+":\n"+string(out), err)
	return string(out)
}

func TestHAProxyTakesItsFile(t *testing.T) {
	t.Parallel()
	run(t, tool(t, "haproxy", "haproxy"), "-c", "-f", "compose/haproxy.cfg")
}

func TestPrometheusTakesItsFiles(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool", "prometheus")
	run(t, promtool, "check", "config", "compose/prometheus.yml")
	run(t, promtool, "check", "rules", "compose/alerts.yml")
	run(t, promtool, "test", "rules", "testdata/alerts.yml")
}

// Docker's own reading of the file needs no engine, but Docker's client with compose.
func TestDockerTakesItsFile(t *testing.T) {
	t.Parallel()
	docker := tool(t, "docker", "docker-compose-plugin, or Docker's own packages")
	if out, err := exec.CommandContext(t.Context(), docker, "compose", "version").CombinedOutput(); err != nil {
		t.Skipf("this docker has no compose, so it has not looked at compose.yaml: %s", bytes.TrimSpace(out))
	}
	file := filepath.Join(t.TempDir(), "env")
	run(t, "sh", "compose/env.sh", file)
	run(t, docker, "compose", "--env-file", file, "-f", "compose.yaml", "config", "--quiet")
}

// Prometheus asks services that there are.
func TestPrometheusAsksWhoIsThere(t *testing.T) {
	t.Parallel()
	c := compose(t)
	var p struct {
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string }
		} `yaml:"scrape_configs"`
	}
	decode(t, "compose/prometheus.yml", &p)
	var asked []string
	for _, m := range regexp.MustCompile(`"(?:http://)?([a-z0-9-]+):\d+[^"]*"`).FindAllStringSubmatch(string(read(t, "compose/prometheus.yml")), -1) {
		if m[1] == "alertmanager" { // in a comment: it is the operator's own
			continue
		}
		_, ok := c.Services[m[1]]
		assert.True(t, m[1]+" is a service", ok)
		asked = append(asked, m[1])
	}
	for name := range c.Services {
		if strings.HasSuffix(name, "-exporter") || slices.Contains(c.nodes(), name) {
			assert.True(t, name+" is asked", slices.Contains(asked, name))
		}
	}
	assert.True(t, "there are jobs", len(p.ScrapeConfigs) >= 7)
}

// The files that are mounted as folders are read by Grafana as they are; this one has what all of them refer to.
func TestGrafanaIsProvisioned(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"prometheus": "http://prometheus:9090", "jaeger": "http://jaeger:16686"} {
		var source struct{ Datasources []struct{ UID, URL string } }
		decode(t, "compose/grafana/provisioning/datasources/"+name+".yaml", &source)
		assert.Equal(t, "sources", len(source.Datasources), 1)
		assert.Equal(t, "the source", source.Datasources[0].UID+" "+source.Datasources[0].URL, name+" "+url)
		assert.True(t, "it is a service", compose(t).Services[name].Image != "")
	}
	var provided struct {
		Providers []struct{ Options struct{ Path string } }
	}
	decode(t, "compose/grafana/provisioning/dashboards/throng.yaml", &provided)
	grafana := compose(t).Services["grafana"]
	mounted := slices.ContainsFunc(grafana.Volumes, func(v string) bool {
		return v == "./compose/grafana/dashboards:"+provided.Providers[0].Options.Path+":ro"
	})
	assert.True(t, "the dashboards are where Grafana looks", mounted)
	home := filepath.Base(grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	_, err := os.Stat(filepath.Join("compose", "grafana", "dashboards", home))
	assert.True(t, "the home dashboard is there", !errors.Is(err, fs.ErrNotExist))
	assert.True(t, "there are services", len(slices.Collect(maps.Keys(compose(t).Services))) > 10)
}
