//go:build cluster

package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// everything uses each adapter once.
func everything(t *testing.T, cfg redis.Config) {
	t.Helper()
	c := client(t, cfg)
	assert.NoError(t, "ping", c.Ping(t.Context()))
	a, b := join(t, c, "a"), join(t, client(t, cfg), "b")
	a.Attach(1)
	assert.NoError(t, "flush", a.Flush(t.Context()))
	assert.Equal(t, "nodes", len(b.users(t, 1)), 1)
	in, to := &box{}, client(t, cfg).NewBus(nil)
	defer to.Listen("n1", in)()
	assert.NoError(t, "deliver", c.NewBus(nil).Deliver(t.Context(), "n1", &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{1}}))
	within(t, 5*time.Second, "it came", func() bool { return in.count() == 1 })
	l := openLines(t, cfg, newShelf())
	apply(t, l, 1, entered(1, 7, 1), touch(1, 7))
	assert.Equal(t, "rows", len(rowsOf(t, l).Rows), 1)
	h := c.NewHot()
	h.Put(t.Context(), hotEntry(1))
	_, ok := h.Get(t.Context(), 7, 1, 1, 0)
	assert.True(t, "a hit", ok)
	assert.NoError(t, "forget", h.Forget(t.Context(), 7, 1))
	granted := func(want, back int) int {
		claims := []limit.Claim{{Limit: "l", Key: "k", Every: time.Hour, Burst: 10, Spent: -back, Want: want, Parts: 1}}
		assert.NoError(t, "lease", c.NewShares().Lease(t.Context(), claims))
		return claims[0].Granted
	}
	assert.Equal(t, "granted", granted(6, 0), 6)
	assert.Equal(t, "granted then", granted(6, 0), 4)
	assert.Equal(t, "given back", granted(0, 10), 0)
	assert.Equal(t, "full again", granted(10, 0), 10)
	first, second := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	first.Opened(7, 1, 10)
	second.Opened(7, 1, 5)
	within(t, 5*time.Second, "the older session of a device", func() bool {
		for _, p := range []*porch{first, second} { // whoever is written last is told
			if all := p.all(); len(all) > 0 {
				return all[0].Device == 1
			}
		}
		return false
	})
}

// A user that may do what docs/operations/cluster.md says, and nothing else, is enough; one with another password is told apart from a
// server that is gone only in the log.
func TestAUserOfRedis(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations/cluster.md")
	assert.NoError(t, "the page", err)
	_, rest, _ := strings.Cut(string(page), "ACL SETUSER throng")
	rule, _, found := strings.Cut(rest, "\n")
	assert.True(t, "the page has the rule", found)
	rule = strings.ReplaceAll(rule, "…", "secret")
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	command(t, cfg, append([]string{"ACL", "SETUSER", "throng"}, strings.Fields(rule)...)...)
	less := map[string]string{"no-info": "-info", "no-scripts": "-@scripting", "no-keys": "resetkeys", "no-channels": "resetchannels"}
	for name, rest := range less {
		command(t, cfg, append(append([]string{"ACL", "SETUSER", name}, strings.Fields(rule)...), rest)...)
	}
	command(t, cfg, "ACL", "SETUSER", "default", "resetpass", "-@all", "+ping")
	cfg.Username, cfg.Password = "throng", "secret"
	everything(t, cfg)
	assert.NoError(t, "check", client(t, cfg).Check(t.Context()))
	wrong := cfg
	wrong.Password = "wrong"
	assert.Equal(t, "code", chat.AsError(client(t, wrong).Ping(t.Context())).Code, chat.CodeUnavailable)
	refused := func(cfg redis.Config) {
		t.Helper()
		err := client(t, cfg).Check(t.Context())
		assert.Equal(t, cfg.Username, chat.AsError(err).Code, chat.CodeFailedPrecondition)
		assert.True(t, "what to look at: "+err.Error(), strings.Contains(err.Error(), "redis.username"))
	}
	refused(wrong)
	for name := range less {
		poor := cfg
		poor.Username = name
		refused(poor)
	}
}

// A node starts without Redis, and is served once it answers.
func TestANodeStartsFirst(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	server.Kill(t)
	c := client(t, cfg)
	assert.Equal(t, "code", chat.AsError(c.Ping(t.Context())).Code, chat.CodeUnavailable)
	m := join(t, c, "n1")
	m.Attach(1)
	assert.True(t, "a flush fails", m.Flush(t.Context()) != nil)
	b := c.NewBus(nil)
	in := &box{}
	stop := b.Listen("n1", in)
	server.Restart(t)
	within(t, 5*time.Second, "Redis answers", func() bool { return c.Ping(t.Context()) == nil })
	within(t, 5*time.Second, "the route stands", func() bool { return m.Flush(t.Context()) == nil })
	from := client(t, cfg).NewBus(nil)
	within(t, 5*time.Second, "deliveries come", func() bool {
		_ = from.Deliver(t.Context(), "n1", &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{1}})
		return in.count() > 0
	})
	stop()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, "key", err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	assert.NoError(t, "certificate", err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(t, "key", err)
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		assert.NoError(t, name, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return path
	}
	cert, private := write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, "a free port", err)
	address := l.Addr().String()
	assert.NoError(t, "close", l.Close())
	_, port, err := net.SplitHostPort(address)
	assert.NoError(t, "port", err)
	engines.PrivateRedis(t, engines.RedisArgs(
		"--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", private, "--tls-auth-clients", "no"))
	cfg := settings(address, "throng")
	cfg.TLS, cfg.CAFile = true, cert
	everything(t, cfg)
	cfg.CAFile = ""
	assert.True(t, "an authority that is not trusted", client(t, cfg).Ping(t.Context()) != nil)
	cfg.CAFile = private
	_, err = redis.Open(cfg)
	assert.True(t, "a file that holds none", err != nil)
}

// The page of metrics lists what the adapters tell, and nothing else of Redis.
func TestMetricsAreOnTheirPage(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	reg := prometheus.NewRegistry()
	c, err := redis.Open(cfg, redis.WithMetrics(reg))
	assert.NoError(t, "opening", err)
	t.Cleanup(c.Close)
	assert.NoError(t, "ping", c.Ping(t.Context()))
	page, err := os.ReadFile("../../../docs/operations/metrics.md")
	assert.NoError(t, "the page", err)
	told, err := reg.Gather()
	assert.NoError(t, "gather", err)
	for _, m := range told {
		assert.True(t, m.GetName()+" is on the page", strings.Contains(string(page), "| `"+m.GetName()+"` |"))
	}
	assert.True(t, fmt.Sprintf("all of them, which are %d", len(told)), len(told) >= 14)
}
