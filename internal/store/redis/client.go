package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
)

const (
	// connBuffer is what each connection takes for reading, and for writing.
	connBuffer = 64 << 10
	// connSilence is how long a connection may be silent before it counts as broken, although pings went out each second.
	connSilence = 3 * time.Second
)

// Client is the way to one Redis, or Redis Cluster, for all adapters of a node. Its methods may be called from any goroutine. Calls
// are merged into pipelines by themselves; each has a deadline, and a breaker refuses them while Redis does not answer.
type Client struct {
	// immutable after construction
	cfg     Config
	option  rueidis.ClientOption
	breaker *breaker.Breaker
	room    chan struct{} // a token for each call under way
	scripts scripts
	metrics *metrics
	log     *slog.Logger

	dialing chan struct{} // capacity 1: held by who connects for the first time

	// guarded by mu
	mu     sync.Mutex
	conn   rueidis.Client // nil until Redis answered for the first time
	closed bool
}

// Option is a part that a client may have.
type Option func(c *Client)

// WithMetrics registers the metrics of the client and of the adapters on it.
func WithMetrics(reg prometheus.Registerer) Option {
	return func(c *Client) { reg.MustRegister(c.metrics.all(c)...) }
}

// WithLogger says where the client and the adapters on it tell what happens.
func WithLogger(log *slog.Logger) Option { return func(c *Client) { c.log = log } }

// Open makes a client. It does not wait for Redis: a node starts without, and is served once it answers.
func Open(cfg Config, options ...Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, breaker: breaker.New(cfg.breaker()), room: make(chan struct{}, cfg.Calls), dialing: make(chan struct{}, 1),
		scripts: newScripts(), metrics: newMetrics(), log: slog.New(slog.DiscardHandler),
		option: rueidis.ClientOption{
			InitAddress: slices.Clone(cfg.Addresses), Username: cfg.Username, Password: cfg.Password, ClientName: "throng",
			ForceSingleClient: !cfg.Cluster, ShuffleInit: true,
			// Keys are written by scripts of ours and read once; nothing is worth a cache that every write must invalidate.
			DisableCache: true,
			// A retry would hold the caller beyond what it was promised.
			DisableRetry:       true,
			Dialer:             net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: time.Second},
			ConnWriteTimeout:   connSilence,
			ReadBufferEachConn: connBuffer, WriteBufferEachConn: connBuffer,
		},
	}
	if cfg.Cluster {
		c.option.ClusterOption.ShardsRefreshInterval = 10 * time.Second
	}
	if cfg.TLS {
		config, err := tlsConfig(cfg.CAFile)
		if err != nil {
			return nil, err
		}
		c.option.TLSConfig = config
	}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(caFile) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority of Redis: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", caFile)
	}
	return config, nil
}

// Close ends the connections. Calls after it fail.
func (c *Client) Close() {
	c.mu.Lock()
	conn := c.conn
	c.closed = true
	c.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// Ping asks whether Redis answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.do(ctx, opPing, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Ping().Build()}
	})
	return unavailable(err, "pinging")
}

// Check asks whether Redis lets the node do what it does: run scripts with INFO, write below the prefix, publish. It returns an error
// where it refuses (failed_precondition), which time does not mend, and where it does not answer (unavailable).
func (c *Client) Check(ctx context.Context) error {
	const doing = "checking what Redis allows"
	keys := []string{c.cfg.Prefix + keyWatch + "check}"}
	answers, err := c.run(ctx, opPing, scriptCall{script: c.scripts.watching, keys: keys, args: []string{millis(time.Second)}})
	if err != nil {
		return refusal(err, doing)
	}
	published, err := c.do(ctx, opPing, func(b rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{b.Spublish().Channel(c.busChannel("check")).Message("").Build()} // nobody listens there
	})
	if err != nil {
		return refusal(err, doing)
	}
	for _, a := range append(answers, published...) {
		if err := a.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return refusal(err, doing)
		}
	}
	return nil
}

// connection returns the driver's client, which it makes where nobody has yet. Only one caller connects at a time.
func (c *Client) connection(ctx context.Context) (rueidis.Client, error) {
	c.mu.Lock()
	conn, closed := c.conn, c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the node is stopping")
	case conn != nil:
		return conn, nil
	}
	select {
	case c.dialing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	got := make(chan error, 1)
	go func() { // ends within the timeouts of dialing
		defer func() { <-c.dialing }()
		got <- c.connect()
	}()
	select {
	case err := <-got:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn, nil
}

func (c *Client) connect() error {
	c.mu.Lock()
	there := c.conn != nil
	c.mu.Unlock()
	if there {
		return nil
	}
	conn, err := rueidis.NewClient(c.option)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return rueidis.ErrClosing
	}
	c.conn = conn
	return nil
}

// do runs commands as one pipeline and returns their answers, in order. Its error is that some have none: of breaker, connection or
// deadline. What the server says to a single command is in its answer. Behind an error there may be answers, of the servers of a cluster
// that did answer ([answered]).
func (c *Client) do(ctx context.Context, op operation, build func(b rueidis.Builder) rueidis.Commands) ([]rueidis.RedisResult, error) {
	began := time.Now()
	answers, err := c.call(ctx, build)
	c.metrics.done(op, time.Since(began), err)
	return answers, err
}

// answered is the error of one answer of a call that ended with err.
func answered(answer rueidis.RedisResult, err error) error {
	own := answer.Error()
	if err != nil && errors.Is(own, context.DeadlineExceeded) {
		return err // whose deadline it was
	}
	return own
}

func (c *Client) call(ctx context.Context, build func(b rueidis.Builder) rueidis.Commands) ([]rueidis.RedisResult, error) {
	call, err := c.breaker.Begin()
	if err != nil {
		return nil, err //nolint:wrapcheck // it is told apart by unavailable
	}
	began := time.Now()
	inner, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	answers, err := c.exchange(inner, build)
	switch {
	case err != nil && ctx.Err() != nil:
		// Who gives up at once says nothing about Redis; who had a deadline of its own that others would call long, does.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(began) > c.cfg.Timeout/4 {
			call.End(true)
		} else {
			call.Drop()
		}
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		err = errTimeout
	}
	call.End(err != nil)
	return answers, err
}

func (c *Client) exchange(ctx context.Context, build func(b rueidis.Builder) rueidis.Commands) ([]rueidis.RedisResult, error) {
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	answers := conn.DoMulti(ctx, build(conn.B())...)
	for i := range answers {
		if err := answers[i].Error(); failed(err) {
			return answers, err
		}
	}
	return answers, nil
}
