package engines

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Keyspace is a part of a Redis that is a test's own, by the prefix of its keys and channels. Its keys are gone when the test has ended.
type Keyspace struct {
	Address string // host:port
	Prefix  string
}

// RedisServer is a Redis for one test.
type RedisServer struct{ *Process }

var sharedRedis shared

// Redis returns a fresh key prefix on the shared server, which writes nothing to disk.
func Redis(t testing.TB) Keyspace {
	t.Helper()
	k := Keyspace{
		Address: sharedRedis.get(t, "THRONG_TEST_REDIS", func() (*Process, error) { return newRedis(nil) }),
		Prefix:  prefix(),
	}
	t.Cleanup(func() {
		if err := command(context.Background(), k.Address, "EVAL", unlink, "0", k.Prefix+"*"); err != nil {
			t.Errorf("removing a test's keys: %v", err)
		}
	})
	return k
}

// unlink removes the keys of a pattern.
const unlink = `local c = '0'
repeat
  local r = redis.call('SCAN', c, 'MATCH', ARGV[1], 'COUNT', 1000)
  c = r[1]
  for _, k in ipairs(r[2]) do redis.call('UNLINK', k) end
until c == '0'
return 'OK'`

// RedisOption changes how a private Redis is started.
type RedisOption func(args []string) []string

// RedisArgs are settings as redis-server takes them: "--maxclients", "5".
func RedisArgs(args ...string) RedisOption {
	return func(all []string) []string { return append(all, args...) }
}

// RedisMemory bounds the memory and says what is evicted beyond: "allkeys-lru", "noeviction", …
func RedisMemory(limit, policy string) RedisOption {
	return RedisArgs("--maxmemory", limit, "--maxmemory-policy", policy)
}

// RedisReplicaOf makes a replica of another server.
func RedisReplicaOf(primary *RedisServer) RedisOption {
	host, port, _ := strings.Cut(primary.address, ":")
	return RedisArgs("--replicaof", host+" "+port)
}

// RedisAppendOnly keeps what is written over a restart; without it a restarted server is empty.
func RedisAppendOnly() RedisOption {
	return RedisArgs("--appendonly", "yes", "--appendfsync", "always")
}

// RedisClusterNode makes it a node of a Redis Cluster. The nodes' bus has a free port of its own: the one that Redis takes by itself, 10,000
// above, may be anybody's.
func RedisClusterNode(t testing.TB) RedisOption {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return RedisArgs("--cluster-enabled", "yes", busPort, strconv.Itoa(port))
}

const busPort = "--cluster-port"

// Meeting is what CLUSTER MEET wants to know of a node of a Redis Cluster: address, port, and port of the bus.
func (s *RedisServer) Meeting() []string {
	host, port, _ := strings.Cut(s.address, ":")
	return []string{host, port, s.command[slices.Index(s.command, busPort)+1]}
}

// PrivateRedis starts a server for one test.
func PrivateRedis(t testing.TB, options ...RedisOption) *RedisServer {
	t.Helper()
	p, err := newRedis(options)
	return &RedisServer{private(t, p, err)}
}

func newRedis(options []RedisOption) (*Process, error) {
	daemon, err := find("redis-server", "Debian's redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := folder("redis")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Process{name: "Redis", folder: dir, address: loopback(port), names: loopback(port)}
	p.command = []string{
		daemon, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no",
		"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", // DEBUG SLEEP; a replica is in step at once
	}
	for _, o := range options {
		p.command = o(p.command)
	}
	p.probe = func(ctx context.Context) error { return command(ctx, p.address, "PING") }
	return p, nil
}

// command sends a command whose answer is a word.
func command(ctx context.Context, address string, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, statementLimit)
	defer cancel()
	conn, err := (&net.Dialer{Timeout: probeLimit}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("dialling Redis: %w", err)
	}
	defer func() { _ = conn.Close() }() // there is nothing to lose
	if limit, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(limit); err != nil {
			return fmt.Errorf("a deadline for Redis: %w", err)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return fmt.Errorf("asking Redis: %w", err)
	}
	in := bufio.NewReader(conn)
	answer, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading Redis's answer: %w", err)
	}
	if strings.HasPrefix(answer, "-") {
		return fmt.Errorf("%s: Redis says %s", words[0], strings.TrimSpace(answer[1:]))
	}
	return nil
}
