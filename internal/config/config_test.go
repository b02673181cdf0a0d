package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/config/fielddoc"
)

func load(t *testing.T, toml string, env ...string) (*config.Loaded, error) {
	t.Helper()
	o := config.Options{Env: env}
	if toml != "" {
		o.File = filepath.Join(t.TempDir(), "throng.toml")
		if err := os.WriteFile(o.File, []byte(toml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(o)
}

func TestEmptyConfigurationIsValid(t *testing.T) {
	t.Parallel()
	l, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if l.Config.Server.Listen != ":8080" || l.Config.Metrics.Listen != "127.0.0.1:9090" {
		t.Errorf("listeners are %q and %q", l.Config.Server.Listen, l.Config.Metrics.Listen)
	}
}

func TestSourcesOverrideEachOther(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "c.toml")
	text := "data = \"a\"\n[server]\nlisten = \":1\"\nidle_timeout = \"2m\"\n[store]\ncache_bytes = \"64MiB\"\n[retention]\nmessages = \"90d\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load(config.Options{
		File:  file,
		Env:   []string{"THRONG_SERVER_LISTEN=:2", "THRONG_DATA=b", "THRONG_SERVER_ALLOWED_ORIGINS=https://a.example, https://b.example"},
		Flags: map[string]string{"data": "c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := l.Config
	if c.Data != "c" || c.Server.Listen != ":2" || c.Server.IdleTimeout != 2*time.Minute || c.Store.CacheBytes != 64<<20 ||
		len(c.Server.AllowedOrigins) != 2 || c.Retention.Messages != 90*24*time.Hour {
		t.Errorf("got %+v", c)
	}
	if got := l.Sources["server.idle_timeout"]; got != file+":4" {
		t.Errorf("source is %q", got)
	}
	var b bytes.Buffer
	if err := l.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`data = "c"  # flag --data`, `listen = ":2"  # environment THRONG_SERVER_LISTEN`, `cache_bytes = "64MiB"  # ` + file + ":6"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if _, err := load(t, b.String()); err != nil {
		t.Errorf("what was printed does not load: %v", err)
	}
}

// A key is named in messages and pages as it is written: acronyms are words.
func TestKeysOfAcronyms(t *testing.T) {
	t.Parallel()
	l, err := load(t, "[account.company]\njwks_url = \"https://keys.example/a\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Config.Account.Company.JWKSURL; got != "https://keys.example/a" {
		t.Errorf("got %q", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, toml, want string }{
		{"unknown key", "[server]\nlisten = \":1\"\nlissten = \":2\"\n", "throng.toml:3: unknown key server.lissten; did you mean listen?"},
		{"unknown section", "\n[sever]\nlisten = \":1\"\n", ":2: unknown key sever; did you mean server?"},
		{"far from anything", "zzzzzzzz = 1\n", "known here are"},
		{"syntax", "[server\n", "throng.toml:1:"},
		{"duration without unit", "[server]\nidle_timeout = 5\n", ":2: server.idle_timeout: a duration needs a unit"},
		{"size", "[store]\ncache_bytes = \"many\"\n", `"many" is not a size`},
		{"negative size", "[store]\ncache_bytes = -1\n", "store.cache_bytes"},
		{"text for a number", "[server]\nproxy_protocol = \"yes\"\n", "true or false is expected, not a text"},
		{"number for a text", "data = 5\n", "a text is expected, not 5"},
		{"table for a text", "[data]\nx = 1\n", "a text is expected"},
		{"engines that do not fit", "[store]\ndriver = \"mysql\"\n", `write "pebble", "pebble", "local" and "local" for one node, or "mysql", "kafka", "redis" and "redis" for several`},
		{"roles of one node", "roles = [\"gateway\"]\n", `roles: a node by itself does everything`},
		{"unknown role", "roles = [\"porter\"]\n", `roles: "porter" is none of`},
		{"unknown driver", "[bus]\ndriver = \"pigeon\"\n", `bus.driver: "pigeon" is none of`},
		{"address", "[server]\nlisten = \"8080\"\n", "write host:port or :port"},
		{"level", "[log]\nlevel = \"loud\"\n", "log.level"},
		{"origin with a path", "[server]\nallowed_origins = [\"https://a.example/x\"]\n", "without a path"},
		{"proxy", "[server]\ntrusted_proxies = [\"balancer\"]\n", "neither an address nor a network"},
		{"PROXY protocol for all", "[server]\nproxy_protocol = true\n", "server.trusted_proxies"},
		{"drain", "[server]\ndrain_timeout = \"1m\"\n", "at most 10s"},
		{"budget", "[memory]\nbudget = \"1MiB\"\n", "memory.budget"},
		{"retention", "[retention]\nmessages = \"5s\"\n", "retention.messages"},
		{"same listeners", "[metrics]\nlisten = \":8080\"\n", "metrics.listen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.toml)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestUnknownVariablesAreWarnedAbout(t *testing.T) {
	t.Parallel()
	l, err := load(t, "", "THRONG_SERVER_LISTEM=:1", "THRONG_PORT_8080_TCP=tcp://x", "OTHER=1")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Warnings) != 2 || !strings.Contains(l.Warnings[0], "did you mean THRONG_SERVER_LISTEN?") {
		t.Errorf("warnings are %q", l.Warnings)
	}
}

func TestSecretsComeFromFilesAndPrintAsStars(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("first-secret-with-32-bytes-of-text\nsecond-secret-with-32-bytes-of-text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]func() (*config.Loaded, error){
		"file":        func() (*config.Loaded, error) { return load(t, "[account]\nserver_keys_file = \""+file+"\"\n") },
		"environment": func() (*config.Loaded, error) { return load(t, "", "THRONG_ACCOUNT_SERVER_KEYS_FILE="+file) },
	} {
		got, err := l()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if keys := got.Config.Account.ServerKeys; len(keys) != 2 || keys[1].Reveal() != "second-secret-with-32-bytes-of-text" {
			t.Errorf("%s: %d keys", name, len(keys))
		}
		var b bytes.Buffer
		if err := got.Print(&b); err != nil || strings.Contains(b.String(), "first-secret") || !strings.Contains(b.String(), `server_keys = ["********", "********"]`) {
			t.Errorf("%s: printed\n%s", name, b.String())
		}
	}
}

func TestReloadNamesWhatTakesARestart(t *testing.T) {
	t.Parallel()
	old, next := config.Default(), config.Default()
	next.Log.Level, next.Server.Listen = "debug", ":1"
	reload, refused := config.Changes(old, next)
	if len(reload) != 1 || reload[0] != "log.level" || len(refused) != 1 || !strings.HasPrefix(refused[0], "server.listen") {
		t.Errorf("got %q and %q", reload, refused)
	}
	paths := strings.Join(config.Paths(), " ") + " "
	for _, p := range config.Reloadable() {
		if !strings.Contains(paths, p+" ") {
			t.Errorf("%s is no setting", p)
		}
	}
}

func TestBudgetSizesCaches(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Memory.Budget = 256 << 20
	s := c.Sizes()
	if s.Cache != 32<<20 || 4*s.MemTable+s.Cache > s.Budget/2 || s.Limit >= s.Budget {
		t.Errorf("got %+v", s)
	}
	if s.RecentBytes != 8<<20 || s.RecentMembers*64 > 8<<20 || s.RecentMembers < 100_000 {
		t.Errorf("recent entries get %d bytes and %d members", s.RecentBytes, s.RecentMembers)
	}
	if s.Digests*200 > 8<<20 || s.Digests < 40_000 {
		t.Errorf("%d digests are remembered", s.Digests)
	}
	c.Message.RecentBytes, c.Store.CacheBytes = 1000, 1<<20
	if got := c.Sizes().RecentBytes; got != 1000 {
		t.Errorf("1000 bytes for recent entries became %d", got)
	}
	if got := c.Sizes().Cache; got != 1<<20 {
		t.Errorf("an explicit cache became %d", got)
	}
}

func TestReferencePageIsUpToDate(t *testing.T) {
	t.Parallel()
	root, err := fielddoc.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := fielddoc.Extract(root, config.Structs())
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := config.Markdown(&page, docs); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(filepath.Join(root, "docs", "operations", "config.md"))
	if err != nil || !bytes.Equal(stored, page.Bytes()) {
		t.Errorf("docs/operations/config.md is not what the code says (%v); run go generate ./internal/config", err)
	}
	if strings.Contains(page.String(), "|  |") {
		t.Error("a setting has no comment")
	}
	if built := config.FieldDocs(); len(built) != len(docs) {
		t.Error("fields_gen.go is old; run go generate ./internal/config")
	}
}
