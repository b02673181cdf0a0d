package kafka_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/kafka"
)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		change func(c *kafka.Config)
		says   string
	}{
		{"nothing wrong", func(*kafka.Config) {}, ""},
		{"a sign-in", func(c *kafka.Config) { c.SASL, c.User, c.Password = "scram-sha-512", "throng", "secret" }, ""},
		{"no broker", func(c *kafka.Config) { c.Brokers = nil }, "name at least one"},
		{"no port", func(c *kafka.Config) { c.Brokers = []string{"localhost"} }, "is not written as host:port"},
		{"no topic", func(c *kafka.Config) { c.Topic = "" }, "topic"},
		{"too many partitions", func(c *kafka.Config) { c.Partitions = 65 }, "is not from 1 to 64"},
		{"no replica", func(c *kafka.Config) { c.Replication = 0 }, "replication"},
		{"a short retention", func(c *kafka.Config) { c.Retention = time.Minute }, "retention"},
		{"no time", func(c *kafka.Config) { c.Timeout = 0 }, "timeout"},
		{"a long session", func(c *kafka.Config) { c.SessionTimeout = time.Hour }, "session_timeout"},
		{"a busy commit", func(c *kafka.Config) { c.CommitInterval = 0 }, "commit_interval"},
		{"half a certificate", func(c *kafka.Config) { c.TLS, c.CertFile = true, "cert.pem" }, "both or neither"},
		{"an authority without TLS", func(c *kafka.Config) { c.CAFile = "ca.pem" }, "tls: it is off"},
		{"an unknown mechanism", func(c *kafka.Config) { c.SASL = "gssapi" }, "is not plain"},
		{"no password", func(c *kafka.Config) { c.SASL, c.User = "plain", "throng" }, "wants user and password"},
		{"a password and no mechanism", func(c *kafka.Config) { c.Password = "secret" }, "no mechanism"},
	} {
		cfg := kafka.DefaultConfig()
		cfg.Brokers = []string{"127.0.0.1:9092"}
		c.change(&cfg)
		err := cfg.Validate()
		if c.says == "" {
			assert.NoError(t, c.what, err)
			continue
		}
		assert.True(t, c.what+": an error that says what to change", err != nil && strings.Contains(err.Error(), c.says))
		assert.True(t, c.what+": no secret in it", !strings.Contains(err.Error(), "secret"))
		_, err = kafka.New(cfg, kafka.Deps{})
		assert.True(t, c.what+": a queue is not made of it", err != nil)
	}
}

func TestCertificatesAreRead(t *testing.T) {
	t.Parallel()
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.TLS, cfg.CAFile = []string{"127.0.0.1:9092"}, true, filepath.Join(t.TempDir(), "ca.pem")
	_, err := kafka.New(cfg, kafka.Deps{})
	assert.True(t, "a file that is not there", err != nil)
	assert.NoError(t, "writing", os.WriteFile(cfg.CAFile, []byte("nothing"), 0o600))
	_, err = kafka.New(cfg, kafka.Deps{})
	assert.True(t, "a file without a certificate", err != nil && strings.Contains(err.Error(), "holds no certificate"))
}
