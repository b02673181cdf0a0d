package kafka

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/throng-im/throng/internal/queue"
)

// Config says where Kafka is and what is kept there.
type Config struct {
	// Brokers are some of the brokers, host:port. The others are found through them.
	Brokers []string
	// Topic holds the events of the log. It is made when it is not there.
	Topic string
	// Partitions is in how many streams the events are: at most so many nodes of a group work side by side. It must be what the topic
	// has, which never changes.
	Partitions int
	// Replication is on how many brokers a new topic is kept.
	Replication int
	// Retention is how long a new topic keeps events: longer than a follower may ever be behind.
	Retention time.Duration
	// Trim lets go of events as soon as every group has dealt with them. Others may then not read the topic at their own pace.
	Trim bool
	// Timeout bounds a call to Kafka.
	Timeout time.Duration
	// SessionTimeout is how long a node may be silent before its streams are given to others. Brokers allow 6 s and more by default.
	SessionTimeout time.Duration
	// CommitInterval is how often positions are committed: what was done since comes again after a crash.
	CommitInterval time.Duration

	// TLS encrypts the connections.
	TLS bool
	// CAFile is the authority that signed the brokers' certificates, in PEM; without it those of the system are trusted.
	CAFile string `config:"ca_file"`
	// CertFile is the certificate that this node shows, in PEM; empty for none.
	CertFile string
	// KeyFile is its key.
	KeyFile string
	// SASL is the mechanism to sign in by: plain, scram-sha-256 or scram-sha-512; empty for none.
	SASL string `config:"sasl"`
	// User is who signs in.
	User string
	// Password is the user's.
	Password string `config:"password,secret"`
}

// DefaultConfig returns the defaults, without a broker.
func DefaultConfig() Config {
	return Config{
		Topic: "throng.events", Partitions: 16, Replication: 3, Retention: 72 * time.Hour,
		Timeout: 5 * time.Second, SessionTimeout: 6 * time.Second, CommitInterval: 500 * time.Millisecond,
	}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`)

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 {
		problem("brokers: name at least one, as host:port")
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			problem("brokers: %q is not written as host:port", b)
		}
	}
	if !topicName.MatchString(c.Topic) {
		problem("topic: %q is not 1 to 200 letters, digits, dots, dashes and underscores", c.Topic)
	}
	if c.Partitions < 1 || c.Partitions > queue.Lanes {
		problem("partitions: %d is not from 1 to %d", c.Partitions, queue.Lanes)
	}
	if c.Replication < 1 || c.Replication > 100 {
		problem("replication: %d is not from 1 to 100", c.Replication)
	}
	for _, d := range []struct {
		name               string
		value, least, most time.Duration
	}{
		{"retention", c.Retention, time.Hour, 10 * 365 * 24 * time.Hour},
		{"timeout", c.Timeout, 500 * time.Millisecond, time.Minute},
		{"session_timeout", c.SessionTimeout, time.Second, time.Minute},
		{"commit_interval", c.CommitInterval, 10 * time.Millisecond, time.Minute},
	} {
		if d.value < d.least || d.value > d.most {
			problem("%s: %s is not from %s to %s", d.name, d.value, d.least, d.most)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		problem("cert_file and key_file: name both or neither")
	}
	if !c.TLS && (c.CAFile != "" || c.CertFile != "") {
		problem("tls: it is off, and ca_file or cert_file is set")
	}
	switch c.SASL {
	case "":
		if c.User != "" || c.Password != "" {
			problem("sasl: user or password is set, and no mechanism: plain, scram-sha-256 or scram-sha-512")
		}
	case saslPlain, saslScram256, saslScram512:
		if c.User == "" || c.Password == "" {
			problem("sasl: %s wants user and password", c.SASL)
		}
	default:
		problem("sasl: %q is not plain, scram-sha-256 or scram-sha-512", c.SASL)
	}
	return errors.Join(problems...)
}
