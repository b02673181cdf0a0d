package arch_test

import (
	"strings"
	"testing"
)

// levels is the house, from the ground up. A package imports lower levels only; packages of one level do not know each other
// (a caller declares the few methods that it needs, and the wiring passes them). A folder's subfolders are of its level, and one
// folder is one house: its packages may import each other.
var levels = map[string]int{
	"chat": 0, "eventloop": 0, "assert": 0, "failpoint": 0, "lru": 0, "breaker": 0, "gather": 0, "trace": 0,
	"account": 1, "social": 1, "conversation": 1, "message": 1, "timeline": 1, "presence": 1, "receipt": 1, "cluster": 1, "push": 1,
	"queue": 1, "limit": 1, "media": 1, "search": 1, "moderation": 1, "support": 1, "archive": 1, "wire": 1, "websocket": 1, "proxyproto": 1, "certificate": 1, "invite": 1, "pressure": 1,
	"fanout": 2, "session": 2, "chunk": 2,
	"gateway": 3, "api": 3,
	"store":  4,
	"config": 5,
	"app":    6,
}

// aside are packages that stand beside the levels, with what of ours they may import.
var aside = map[string]struct {
	allowed []string
	reason  string
}{
	"internal/porttest": {[]string{
		"internal/chat", "internal/account", "internal/conversation", "internal/message", "internal/timeline", "internal/queue",
		"internal/presence", "internal/receipt", "internal/cluster", "internal/limit", "internal/social", "internal/invite", "internal/assert",
	}, "the contract suites know ports, never an adapter"},
	"internal/arch": {nil, "it reads the source, it does not use it"},
	"proto":         {[]string{"proto"}, "the schema knows nobody"},
	"client":        {[]string{"client", "proto"}, "the SDK is for programs outside of this repository: the schema is all it may know"},
	"bench": {
		[]string{"bench", "client", "proto", "internal/eventloop"},
		"the load engine is a client; internal only for the in-memory transport and the bare loop",
	},
	"bench/inside": {
		[]string{"bench", "internal/app", "internal/config", "internal/gateway", "internal/wire"},
		"the in-memory transport is a server in the load's own process",
	},
	"cmd/throng/chat": {[]string{"cmd/throng/chat", "client", "proto"}, "the terminal client shows what the SDK can do"},
	"cmd":             {[]string{"cmd", "client", "bench", "proto", "internal/app", "internal/config", "internal/chat"}, "commands start what app has wired"},
	"examples":        {[]string{"client", "proto"}, "examples are for programs outside of this repository"},
	"tools":           {[]string{"tools"}, "tools look at the repository from outside"},
	"test":            {[]string{"test", "bench", "client", "proto", "internal"}, "tests of the whole may look everywhere"},
}

// more grants single imports that the levels would refuse.
var more = map[string]struct {
	allowed string
	reason  string
}{
	"internal/store":  {"proto", "records keep the schema's public parts as they go over the wire"},
	"internal/gather": {"internal/chat", "who gives up is told so as the ports tell it"},
	"internal/config": {"internal/store", "the settings of an adapter are the adapter's"},
}

// storeLevel: adapters know the nouns and the ports, not fan-out, the gateway or the API.
const storeLevel = 1

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test {
			continue // a test may build the real thing; TestTestsKeepOut has what is left to say
		}
		for _, imported := range s.imports() {
			target, ours := strings.CutPrefix(imported, module+"/")
			if !ours || target == s.dir {
				continue
			}
			if reason := refuse(s.dir, target); reason != "" {
				t.Errorf("%s imports %s: %s", s.name, target, reason)
			}
		}
	}
}

// refuse says why a package of dir may not import target, or nothing.
func refuse(dir, target string) string {
	for from, rule := range more {
		if under(dir, from) && under(target, rule.allowed) {
			return ""
		}
	}
	if name, ok := longest(dir); ok {
		for _, allowed := range aside[name].allowed {
			if under(target, allowed) {
				return ""
			}
		}
		return aside[name].reason
	}
	from, ok := house(dir)
	if !ok {
		return "internal/arch knows no level for " + dir
	}
	if under(target, "proto") {
		if levels[from] == 0 {
			return "the nouns do not know the wire"
		}
		return ""
	}
	to, ok := house(target)
	switch {
	case !ok:
		return target + " is not for packages of the house"
	case to == from:
		return ""
	case levels[to] == levels[from]:
		return "siblings do not import each other: declare the methods that you need"
	case levels[to] > levels[from]:
		return "arrows point down"
	case to == "store" && from != "app":
		return "only app builds adapters"
	case from == "store" && levels[to] > storeLevel:
		return "adapters import the nouns and the ports only"
	}
	return ""
}

// house gives the folder under internal that a package belongs to.
func house(dir string) (string, bool) {
	rest, ok := strings.CutPrefix(dir, "internal/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	_, known := levels[name]
	return name, known
}

// longest finds the most exact entry of aside for a package.
func longest(dir string) (string, bool) {
	best, found := "", false
	for name := range aside {
		if under(dir, name) && len(name) >= len(best) {
			best, found = name, true
		}
	}
	return best, found
}

func TestTestsKeepOut(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, imported := range s.imports() {
			target, ours := strings.CutPrefix(imported, module+"/")
			if target == "test/engines" || target == "test/proxy" {
				continue // MariaDB, Redis and Kafka for the contract suites, and what breaks the way to them: they know nothing of ours
			}
			if ours && under(s.dir, "internal") && (under(target, "cmd") || under(target, "test") || under(target, "examples")) {
				t.Errorf("%s imports %s: tests of the house stay in the house", s.name, target)
			}
		}
	}
}

// only says which packages may import a module, for modules that belong to one place. Tests are free.
var only = map[string]struct {
	places []string
	reason string
}{
	"github.com/cockroachdb/pebble/v2": {
		[]string{"internal/store/pebble", "internal/app"},
		"no driver's type leaves its adapter; the wiring hands it the file system",
	},
	"github.com/go-sql-driver/mysql": {
		[]string{"internal/store/mysql"},
		"no driver's type leaves its adapter",
	},
	"github.com/redis/rueidis": {[]string{"internal/store/redis"}, "no driver's type leaves its adapter"},
	"github.com/twmb/franz-go": {
		[]string{"internal/store/kafka"},
		"no driver's type leaves its adapter",
	},
	"github.com/spf13":                 {[]string{"cmd/throng"}, "a command line belongs to a program"},
	"github.com/gobwas/ws":             {[]string{"internal/websocket", "internal/gateway", "client", "bench"}, "the session is a state machine without I/O"},
	"connectrpc.com/connect":           {[]string{"internal/api", "proto", "client", "internal/wire", "bench", "cmd/throng/chat", "examples"}, "HTTP ends at the API, and begins at the SDK's generated clients"},
	"github.com/pelletier/go-toml/v2":  {[]string{"internal/config"}, "a part has its own Config and never sees the file"},
	"github.com/go-jose/go-jose/v4":    {[]string{"internal/account"}, "tokens are the account's"},
	"golang.org/x/crypto/argon2":       {[]string{"internal/account"}, "passwords are the account's"},
	"github.com/charmbracelet":         {[]string{"cmd/throng"}, "the terminal is the command's"},
	"github.com/caddyserver/certmagic": {[]string{"internal/certificate"}, "certificates are got and renewed in one place"},
	"go.uber.org/zap":                  {[]string{"internal/certificate"}, "logging is log/slog; certmagic wants one of these to be quiet"},
	"google.golang.org/protobuf": {[]string{
		"proto", "client", "bench", "cmd", "examples", "internal/wire", "internal/session", "internal/gateway", "internal/api", "internal/store", "internal/app", "internal/fanout", "internal/trace/otlp",
	}, "the nouns do not know the wire"},
	"go.opentelemetry.io": {[]string{"internal/trace/otlp"}, "what is told to collectors is written in one place; all others note steps"},
	"net/http/pprof":      {[]string{"internal/app"}, "profiles stand on the loopback listener, never on the public one"},
	"expvar":              {nil, "metrics are Prometheus's, on a registry that was passed in"},
	"C":                   {nil, "one static binary without cgo"},
	"plugin":              {nil, "one static binary"},
	"unsafe":              {[]string{"internal/eventloop"}, "the kernel's structures are the only reason"},
}

func TestModulesHaveTheirPlace(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test || under(s.dir, "test") {
			continue
		}
		for _, imported := range s.imports() {
			for name, rule := range only {
				if under(imported, name) && !anyUnder(s.dir, rule.places) {
					t.Errorf("%s imports %s, which is for %v: %s", s.name, imported, rule.places, rule.reason)
				}
			}
		}
	}
}

func anyUnder(dir string, places []string) bool {
	for _, place := range places {
		if under(dir, place) {
			return true
		}
	}
	return false
}

// TestRefuse shows that the table can say no.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"internal/message", "internal/chat", true},
		{"internal/chat", "internal/message", false},
		{"internal/message", "internal/timeline", false},
		{"internal/fanout", "internal/message", true},
		{"internal/message", "internal/fanout", false},
		{"internal/gateway", "internal/api", false},
		{"internal/gateway/session", "internal/gateway/frame", true},
		{"internal/store/pebble", "internal/message", true},
		{"internal/store/pebble", "internal/gateway", false},
		{"internal/store/pebble", "internal/fanout", false},
		{"internal/config", "internal/store/mysql", true},
		{"internal/app", "internal/store/pebble", true},
		{"client", "proto/throng/v1", true},
		{"client", "internal/chat", false},
		{"bench", "internal/message", false},
		{"cmd/throng/chat", "internal/chat", false},
		{"cmd/throng", "internal/store/pebble", false},
		{"internal/porttest", "internal/store/pebble", false},
		{"internal/nobody", "internal/chat", false},
	} {
		if reason := refuse(c.from, c.to); (reason == "") != c.allowed {
			t.Errorf("%s importing %s: allowed should be %v, and the reason given is %q", c.from, c.to, c.allowed, reason)
		}
	}
}
