package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/internal/trace"
)

// Config is the whole configuration of a process.
type Config struct {
	// Data is the folder where everything is kept. It is made where there is none.
	Data string
	// Roles are what this node does among several: gateway, which takes clients and what they send, and worker, which relays events, delivers
	// them and keeps timelines. Empty is all; a node by itself has all.
	Roles []string
	// Server is the listener for people and back ends.
	Server Server
	// Metrics is the listener for operators.
	Metrics Metrics
	// Log is what the process writes about itself.
	Log Log
	// Memory bounds what the process takes.
	Memory Memory
	// Store keeps the log, the directory, accounts and timelines.
	Store Store
	// Queue feeds followers from the log.
	Queue Queue
	// Relay takes events from the outbox of a database to the queue.
	Relay queue.RelayConfig
	// Bus carries deliveries between nodes.
	Bus Bus
	// Routes know where users and groups have connections.
	Routes Routes
	// MySQL is where the store is with the driver mysql.
	MySQL mysql.Config `config:"mysql"`
	// Kafka is where the queue is with the driver kafka.
	Kafka kafka.Config
	// Redis is where bus, routes and timelines are with the driver redis.
	Redis redis.Config
	// Access is what this node is among the gateways, and which users go to which of them.
	Access cluster.Config
	// Retention ends the life of old messages.
	Retention Retention
	// Account is how people get in.
	Account account.Config
	// Limit is how often things may be done.
	Limit limit.Config
	// Conversation is about making conversations.
	Conversation conversation.Config
	// Social is how much people may have to do with each other.
	Social social.Config
	// Message is the way of messages into the log.
	Message message.Config
	// Tiers are the sizes at which conversations are delivered in other ways.
	Tiers message.Rules
	// Amending is for how long messages can be edited and taken back.
	Amending message.Amending
	// Mentioning is who may mention how many.
	Mentioning message.Mentioning
	// Timeline is what users see of their conversations.
	Timeline timeline.Config
	// Fanout is the way of messages from the log to receivers.
	Fanout fanout.Config
	// Receipt is who has read what, as others see it.
	Receipt receipt.Config
	// Presence is what people see of each other while they are there.
	Presence presence.Config
	// Gateway owns the live connections.
	Gateway gateway.Config
	// API is HTTP for everything else.
	API api.Config
	// Pressure is what the server leaves out while it has too much to do, and when.
	Pressure pressure.Config
	// Tracing is about where messages went: what each node remembers of it, and which of it is sent to a collector.
	Tracing trace.Config
}

// Server is the listener for people and back ends: HTTP and WebSocket on one port.
type Server struct {
	// Listen is the address for clients, host:port; an empty host is every address of the machine.
	Listen string
	// PublicURL is how clients reach the server, for links that it prints; empty is made from the address.
	PublicURL string `config:"public_url"`
	// AllowedOrigins are the web origins that may use the server from a browser, such as https://chat.example.com. Empty
	// allows the server's own origin only; "*" allows all. Reloaded on SIGHUP.
	AllowedOrigins []string
	// TrustedProxies are addresses or networks (CIDR) whose X-Forwarded-For header, or PROXY protocol, is believed.
	TrustedProxies []string
	// ProxyProtocol expects PROXY protocol v1 or v2 from trusted proxies, in front of each connection.
	ProxyProtocol bool
	// ReadHeaderTimeout ends connections that have not sent their request's header.
	ReadHeaderTimeout time.Duration
	// IdleTimeout ends HTTP connections without a request.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header.
	MaxHeaderBytes int
	// DrainTimeout is how long a stopping server gives its sessions and requests; the process ends soon after.
	DrainTimeout time.Duration
	// TLS ends in the process where it has certificates; else put something that ends it in front.
	TLS TLS
}

// TLS is encryption that ends in the process. Connections then have a goroutine each instead of sharing loops; a proxy in front of a plain
// server takes less memory here.
type TLS struct {
	// Cert is a file with the certificate and its chain, in PEM. It is read again within a minute when it changes.
	Cert string
	// Key is the file with its key.
	Key string
	// Domains get certificates by themselves, from an authority that speaks ACME and reaches the server on port 443 of each.
	Domains []string
	// Email that the authority may write to.
	Email string
	// Directory is the authority's address; empty is Let's Encrypt's, whose terms you agree to by naming domains.
	Directory string
}

// On reports whether TLS ends in the process.
func (t TLS) On() bool { return t.Cert != "" || len(t.Domains) > 0 }

func (t TLS) validate() error {
	var problems []error
	if (t.Cert == "") != (t.Key == "") {
		problems = append(problems, errors.New("server.tls: name both server.tls.cert and server.tls.key, or neither"))
	}
	if t.Cert != "" && len(t.Domains) > 0 {
		problems = append(problems, errors.New("server.tls: name files, or domains that get certificates by themselves, not both"))
	}
	for _, d := range t.Domains {
		if d == "" || strings.ContainsAny(d, "*:/ ") {
			problems = append(problems, fmt.Errorf("server.tls.domains: %q is no name of a host, such as chat.example.com", d))
		}
	}
	if u, err := url.Parse(t.Directory); t.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		problems = append(problems, fmt.Errorf("server.tls.directory: %q is no https address", t.Directory))
	}
	return errors.Join(problems...)
}

// Metrics is the listener for operators: Prometheus at /metrics, profiles at /debug/pprof.
type Metrics struct {
	// Listen is its address; it has no authentication, so keep it on loopback or behind a firewall. Empty switches it off.
	Listen string
}

// Log is what the process writes about itself. It never holds the content of a message.
type Log struct {
	// Level is the least that is written: debug, info, warn or error. Reloaded on SIGHUP.
	Level string
	// Format is text or json.
	Format string
}

// Memory bounds what the process takes.
type Memory struct {
	// Budget is what the process may take. Caches are sized by it and the garbage collector works harder as it comes near. 0 is
	// half of what the machine or the container has.
	Budget Size
}

// Store keeps the log, the directory, accounts and timelines.
type Store struct {
	// Driver is the engine: pebble, embedded in the process, or mysql, for nodes that share databases.
	Driver string
	// CacheBytes is the cache of blocks that were read; 0 is an eighth of the memory budget, at most 1 GiB.
	CacheBytes int64
	// MemTableBytes is how much is gathered in memory before it is written in order; 0 is a share of the memory budget. Four of
	// them bound what a start has to replay.
	MemTableBytes int64
	// ReserveBytes is the free space of the disk below which the server counts as not ready.
	ReserveBytes int64
}

// Queue feeds followers from the log.
type Queue struct {
	// Driver is pebble, where events stand in the same database as the log, or kafka.
	Driver string
}

// Bus carries deliveries between nodes.
type Bus struct {
	// Driver is local, for one process, or redis.
	Driver string
}

// Routes know where users and groups have connections.
type Routes struct {
	// Driver is local, for one process, or redis; timelines are there too.
	Driver string
}

// Retention ends the life of old messages. Their places in the log stay, their content goes.
type Retention struct {
	// Messages is how long messages are kept; 0 is for ever. Reloaded on SIGHUP.
	Messages time.Duration
	// Interval is how often old messages are looked for.
	Interval time.Duration
}

// Default is the configuration of an empty file.
func Default() *Config {
	return &Config{
		Data: "data",
		Server: Server{
			Listen:            ":8080",
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       75 * time.Second,
			MaxHeaderBytes:    16 << 10,
			DrainTimeout:      8 * time.Second,
		},
		Metrics:   Metrics{Listen: "127.0.0.1:9090"},
		Log:       Log{Level: "info", Format: "text"},
		Store:     Store{Driver: "pebble", ReserveBytes: 64 << 20},
		Queue:     Queue{Driver: "pebble"},
		Bus:       Bus{Driver: "local"},
		Routes:    Routes{Driver: "local"},
		Relay:     queue.DefaultRelayConfig(),
		MySQL:     mysql.DefaultConfig(),
		Kafka:     kafka.DefaultConfig(),
		Redis:     redis.DefaultConfig(),
		Retention: Retention{Interval: time.Hour},

		Access:       cluster.Default(),
		Account:      account.Default(),
		Limit:        limit.Default(),
		Conversation: conversation.Default(),
		Social:       social.Default(),
		Message:      message.DefaultConfig(),
		Tiers:        message.DefaultRules(),
		Amending:     message.DefaultAmending(),
		Mentioning:   message.DefaultMentioning(),
		Timeline:     timeline.Default(),
		Fanout:       fanout.Default(),
		Presence:     presence.Default(),
		Receipt:      receipt.Default(),
		Gateway:      gateway.Default(),
		API:          api.Default(),
		Pressure:     pressure.Default(),
		Tracing:      trace.Default(),
	}
}

// Validate reports every setting that cannot work, with what to do about it.
func (c *Config) Validate() error {
	problems := []error{
		c.engines(),
		c.roles(),
		oneOf("log.format", c.Log.Format, "text", "json"),
		c.Server.validate(),
		in("access", c.Access.Validate()),
		in("account", c.Account.Validate()),
		in("limit", c.Limit.Validate()),
		in("conversation", c.Conversation.Validate()),
		in("social", c.Social.Validate()),
		in("message", c.Message.Validate()),
		in("tiers", c.Tiers.Validate()),
		in("amending", c.Amending.Validate()),
		in("timeline", c.Timeline.Validate()),
		in("fanout", c.Fanout.Validate()),
		in("presence", c.Presence.Validate()),
		in("receipt", c.Receipt.Validate()),
		in("gateway", c.Gateway.Validate()),
		in("api", c.API.Validate()),
		in("pressure", c.Pressure.Validate()),
		in("tracing", c.Tracing.Validate()),
	}
	if c.Data == "" {
		problems = append(problems, errors.New("data: name a folder"))
	}
	if _, err := c.Log.SlogLevel(); err != nil {
		problems = append(problems, err)
	}
	if c.Metrics.Listen != "" {
		problems = append(problems, address("metrics.listen", c.Metrics.Listen))
		if c.Metrics.Listen == c.Server.Listen && !hasPortZero(c.Metrics.Listen) {
			problems = append(problems, errors.New("metrics.listen: it needs an address of its own, apart from server.listen"))
		}
	}
	if c.Memory.Budget != 0 && c.Memory.Budget < 48<<20 {
		problems = append(problems, fmt.Errorf("memory.budget: %s is too little to work with; give it 48MiB or more", c.Memory.Budget))
	}
	for name, n := range map[string]int64{"cache_bytes": c.Store.CacheBytes, "mem_table_bytes": c.Store.MemTableBytes, "reserve_bytes": c.Store.ReserveBytes} {
		if n < 0 {
			problems = append(problems, fmt.Errorf("store.%s: a size is not negative", name))
		}
	}
	if c.Retention.Messages < 0 || (c.Retention.Messages > 0 && c.Retention.Messages < time.Hour) {
		problems = append(problems, errors.New("retention.messages: give it an hour or more, or 0 to keep messages for ever"))
	}
	if c.Retention.Interval < time.Minute {
		problems = append(problems, errors.New("retention.interval: give it a minute or more"))
	}
	return errors.Join(problems...)
}

func (s Server) validate() error {
	problems := []error{address("server.listen", s.Listen), s.TLS.validate()}
	for _, o := range s.AllowedOrigins {
		u, err := url.Parse(o)
		if o != "*" && o != "null" && (err != nil || u.Host == "" || u.Path != "" || (u.Scheme != "https" && u.Scheme != "http")) {
			problems = append(problems, fmt.Errorf("server.allowed_origins: %q is no origin; write scheme and host, such as https://chat.example.com, without a path", o))
		}
	}
	for _, p := range s.TrustedProxies {
		if _, err := parsePrefix(p); err != nil {
			problems = append(problems, fmt.Errorf("server.trusted_proxies: %q is neither an address nor a network such as 10.0.0.0/8", p))
		}
	}
	if s.ProxyProtocol && len(s.TrustedProxies) == 0 {
		problems = append(problems, errors.New("server.proxy_protocol: name the balancers in server.trusted_proxies, or switch it off; anybody could claim any address otherwise"))
	}
	if s.PublicURL != "" {
		if u, err := url.Parse(s.PublicURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			problems = append(problems, fmt.Errorf("server.public_url: %q is no http or https address", s.PublicURL))
		}
	}
	for name, d := range map[string]time.Duration{"read_header_timeout": s.ReadHeaderTimeout, "idle_timeout": s.IdleTimeout, "drain_timeout": s.DrainTimeout} {
		if d <= 0 || d > time.Hour {
			problems = append(problems, fmt.Errorf("server.%s: %s is not between 1ns and 1h", name, d))
		}
	}
	if s.DrainTimeout > 10*time.Second {
		problems = append(problems, errors.New("server.drain_timeout: at most 10s, so that the process ends within 15s of being told to"))
	}
	if s.MaxHeaderBytes < 4<<10 || s.MaxHeaderBytes > 1<<20 {
		problems = append(problems, errors.New("server.max_header_bytes: give it between 4KiB and 1MiB"))
	}
	return errors.Join(problems...)
}

// Proxies returns the trusted proxies as networks.
func (s Server) Proxies() []netip.Prefix {
	list := make([]netip.Prefix, 0, len(s.TrustedProxies))
	for _, p := range s.TrustedProxies {
		if prefix, err := parsePrefix(p); err == nil {
			list = append(list, prefix)
		}
	}
	return list
}

// SlogLevel is the level as the logger takes it.
func (l Log) SlogLevel() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return 0, fmt.Errorf("log.level: %q is none of debug, info, warn, error", l.Level)
	}
	return level, nil
}

// DatabaseDir is the folder of the embedded engine.
func (c *Config) DatabaseDir() string { return filepath.Join(c.Data, "db") }

// in puts the section's name in front of each of its problems.
func in(name string, err error) error {
	if err == nil {
		return nil
	}
	var list interface{ Unwrap() []error }
	if !errors.As(err, &list) {
		var e *chat.Error
		text := err.Error()
		if errors.As(err, &e) {
			text = e.Message
		}
		for _, sign := range []string{".", ": "} { // some name their section themselves
			text = strings.TrimPrefix(text, name+sign)
		}
		return fmt.Errorf("%s.%s", name, text)
	}
	problems := make([]error, 0, 4)
	for _, e := range list.Unwrap() {
		problems = append(problems, in(name, e))
	}
	return errors.Join(problems...)
}

func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func oneOf(key, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %q", key, value, known)
}

func address(key, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is no address; write host:port or :port", key, value)
	}
	return nil
}

func hasPortZero(listen string) bool {
	_, port, _ := net.SplitHostPort(listen)
	return port == "0"
}
