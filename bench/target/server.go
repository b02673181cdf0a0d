package target

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	startTimeout = 2 * time.Minute // a start on a large folder replays its log
	stopTimeout  = 30 * time.Second
	keyBytes     = 32
	keptLines    = 20 // of what a server says before it fails
)

// Options say what is put under load.
type Options struct {
	// URL of a running server; empty starts one.
	URL string
	// Key is its server key; a server that is started draws one where there is none.
	Key string
	// Secret is the company's HS256 secret of the running server, optional: with it tokens are made here. One that is started draws one.
	Secret string
	// Config is a configuration file for the started server: what it shares with others.
	Config string
	// Metrics is the URL of its metrics; optional.
	Metrics string
	// Binary is what is started; default is the running executable.
	Binary string
	// Folder is where its data goes; default is a temporary folder that is removed afterwards.
	Folder string
	// Usual leaves the started server its limits for connecting, which the others are raised above.
	Usual bool
	// Busy leaves the started server its limits of what a conversation may send, which the others do without.
	Busy bool
	// Inside starts the server in this process, with these settings as environment variables, in place of a process of its own; optional.
	Inside func(ctx context.Context, settings []string) (Inside, error)
	// Settings are configuration for the started server, like GATEWAY_LOOPS=2, and Env is of its environment besides, like GOMAXPROCS=1.
	Settings, Env []string
	// Prepare fills the folder before the first start; optional.
	Prepare func(ctx context.Context, s *Server) error
	// Starting is called before the start; optional.
	Starting func()
}

// Inside is a server in this process. Its processor time and memory cannot be told from the load's.
type Inside interface {
	URL() string
	MetricsURL() string
	Close() error
}

// Server is what is put under load: one that was started for it, or one that runs anyway.
type Server struct {
	// Immutable after construction.
	opts      Options
	key       string
	secret    string
	folder    string
	temporary bool
	binary    string

	// Owned by who calls Start, Kill and Close, one at a time.
	url, metrics string
	proc         *exec.Cmd
	ready        time.Duration // from the start to the first request that was answered
	inside       Inside
	said         *tail
	ended        chan error // the process's end; nil where there is no process
	stops        sync.Once
}

var urlInGreeting = regexp.MustCompile(`(clients|metrics)\S*\s+\S*?(https?://[^\s\x1b]+)`)

// Open starts a server, or names the one that runs.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.URL != "" {
		return &Server{opts: o, url: strings.TrimSuffix(o.URL, "/"), key: o.Key, secret: o.Secret, metrics: o.Metrics}, nil
	}
	s := &Server{opts: o, said: &tail{}, folder: o.Folder, binary: o.Binary, key: o.Key, secret: o.Secret}
	if s.folder == "" {
		dir, err := os.MkdirTemp("", "throng-bench-")
		if err != nil {
			return nil, err
		}
		s.folder, s.temporary = dir, true
	}
	if s.binary == "" {
		b, err := os.Executable()
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.binary = b
	}
	for _, secret := range []*string{&s.key, &s.secret} {
		if *secret == "" {
			*secret = NewSecret()
		}
	}
	if o.Prepare != nil {
		if err := o.Prepare(ctx, s); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if o.Starting != nil {
		o.Starting()
	}
	start := s.Start
	if o.Inside != nil {
		start = s.startInside
	}
	if err := start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) startInside(ctx context.Context) error {
	in, err := s.opts.Inside(ctx, s.settings())
	if err != nil {
		return err
	}
	s.inside, s.url, s.metrics = in, in.URL(), in.MetricsURL()
	return nil
}

// URL is where clients reach it.
func (s *Server) URL() string { return s.url }

// Key is its server key.
func (s *Server) Key() string { return s.key }

// Ready is how long the last start took; 0 where nothing was started.
func (s *Server) Ready() time.Duration { return s.ready }

// Started reports whether the server was started for the run.
func (s *Server) Started() bool { return s.proc != nil || s.inside != nil }

// Secret is the company's HS256 secret.
func (s *Server) Secret() string { return s.secret }

// NewSecret draws a secret, as keys and signing secrets are.
func NewSecret() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // it does not fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// Command makes a command of the server's binary with its environment, for what is done to its folder while it does not run.
func (s *Server) Command(ctx context.Context, args ...string) (cmd *exec.Cmd, said fmt.Stringer) {
	cmd = exec.CommandContext(ctx, s.binary, args...) //nolint:gosec // the caller's own binary
	cmd.Env = s.environment()
	cmd.Stderr = s.said
	return cmd, s.said
}

// Data is the folder of its data.
func (s *Server) Data() string { return filepath.Join(s.folder, "data") }

// Raised are the limits that a started server has above those of a usual one, in words for the report.
func Raised() string {
	return "no rate limits for connecting, asking and sending; up to 1,000,000 connections from one address, 20,000 of them opening"
}

// environment is what a server of the bench runs with: no limits, because the load is meant, and nothing of the caller's.
func (s *Server) environment() []string {
	env := make([]string, 0, len(os.Environ()))
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "THRONG_") {
			env = append(env, kv)
		}
	}
	return append(append(env, s.opts.Env...), s.settings()...)
}

// settings are its configuration.
func (s *Server) settings() []string {
	listen := "127.0.0.1:0"
	if s.url != "" { // again, where it was before
		listen = strings.TrimPrefix(s.url, "http://")
	}
	env := []string{
		"THRONG_DATA=" + s.Data(),
		"THRONG_SERVER_LISTEN=" + listen,
		"THRONG_METRICS_LISTEN=127.0.0.1:0",
		"THRONG_LOG_LEVEL=warn",
		"THRONG_ACCOUNT_SERVER_KEYS=" + s.key,
		"THRONG_ACCOUNT_COMPANY_HS256_SECRETS=" + s.secret,
		"THRONG_ACCOUNT_ACCESS_TOKEN_TTL=24h",
	}
	if !s.opts.Usual {
		env = append(env,
			"THRONG_GATEWAY_MAX_PER_ADDRESS=1000000",
			"THRONG_GATEWAY_MAX_PENDING_PER_ADDRESS=20000",
			"THRONG_GATEWAY_MAX_PENDING=20000",
			"THRONG_LIMIT_CONNECT_ADDRESS_RATE=0",
		)
	}
	off := []string{"REQUEST_USER", "SEND_USER"}
	if !s.opts.Busy {
		off = append(off, "SEND_CONVERSATION", "DELIVERIES")
	}
	for _, l := range off {
		env = append(env, "THRONG_LIMIT_"+l+"_RATE=0")
	}
	for _, kv := range s.opts.Settings {
		env = append(env, "THRONG_"+kv)
	}
	return env
}

// log is where all that the process says is kept: in its folder, where somebody gave it one.
func (s *Server) log() (io.WriteCloser, error) {
	if s.temporary {
		return discard{io.Discard}, nil
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(s.folder, "server.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// discard closes what there is not.
type discard struct{ io.Writer }

// Close implements io.Closer.
func (discard) Close() error { return nil }

// Start starts the process, also again after Kill: on the same folder and the same address.
func (s *Server) Start(ctx context.Context) error {
	begin := time.Now()
	args := []string{"serve"}
	if s.opts.Config != "" {
		args = append(args, "--config", s.opts.Config)
	}
	s.proc, _ = s.Command(context.WithoutCancel(ctx), args...)
	s.metrics = ""
	log, err := s.log()
	if err != nil {
		return err
	}
	s.proc.Stderr = io.MultiWriter(s.said, log)
	out, err := s.proc.StdoutPipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	if err := s.proc.Start(); err != nil {
		s.proc = nil
		return errors.Join(err, log.Close())
	}
	greeted := make(chan struct{})
	read := make(chan struct{})
	go func() { // ends with the process's output
		defer close(read)
		s.listen(out, greeted)
	}()
	s.ended = make(chan error, 1)
	go func() { // ends with the process
		<-read
		s.ended <- errors.Join(s.proc.Wait(), log.Close())
	}()
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	select {
	case <-greeted:
	case err := <-s.ended:
		s.ended = nil
		return fmt.Errorf("it ended: %w\n%s", errors.Join(err, errors.New("before it was ready")), s.said)
	case <-limit.C:
		return fmt.Errorf("it is not ready after %v\n%s", startTimeout, s.said)
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.awaitReady(ctx); err != nil {
		return err
	}
	s.ready = time.Since(begin)
	return nil
}

// listen reads the greeting, which names the addresses.
func (s *Server) listen(out io.Reader, greeted chan<- struct{}) {
	var url, metrics string
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		_, _ = s.said.Write(append(sc.Bytes(), '\n'))
		m := urlInGreeting.FindStringSubmatch(sc.Text())
		switch {
		case m == nil:
		case m[1] == "clients":
			url = m[2]
		case m[1] == "metrics":
			metrics = m[2]
		}
		if greeted != nil && url != "" && (metrics != "" || strings.Contains(sc.Text(), "data")) {
			s.url, s.metrics = url, metrics
			close(greeted)
			greeted = nil
		}
	}
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if _, err := Get(ctx, s.url+"/readyz"); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("not ready: %w", err)
		}
		t := time.NewTimer(2 * time.Millisecond)
		<-t.C
	}
}

// Kill ends the process at once, as a power cut would.
func (s *Server) Kill() error {
	if s.proc == nil || s.ended == nil {
		return errors.New("a server that was not started here is not killed")
	}
	if err := s.proc.Process.Kill(); err != nil {
		return err
	}
	<-s.ended //nolint:errcheck // it was killed
	s.ended = nil
	return nil
}

// Close ends what was started and removes what was made.
func (s *Server) Close() (err error) {
	s.stops.Do(func() {
		if s.proc != nil && s.ended != nil {
			if serr := s.proc.Process.Signal(os.Interrupt); serr != nil {
				_ = s.proc.Process.Kill()
			}
			t := time.NewTimer(stopTimeout)
			defer t.Stop()
			select {
			case werr := <-s.ended:
				if werr != nil {
					err = fmt.Errorf("the server ended badly: %w\n%s", werr, s.said)
				}
			case <-t.C:
				_ = s.proc.Process.Kill()
				err = errors.New("the server did not end and was killed")
			}
		}
		if s.inside != nil {
			err = errors.Join(err, s.inside.Close())
		}
		if s.temporary {
			err = errors.Join(err, os.RemoveAll(s.folder))
		}
	})
	return err
}

// tail keeps the last lines of what a process says.
type tail struct {
	mu    sync.Mutex
	lines []string
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		t.lines = append(t.lines, strings.TrimSuffix(line, "\n"))
	}
	if n := len(t.lines) - keptLines; n > 0 {
		t.lines = append(t.lines[:0], t.lines[n:]...)
	}
	return len(b), nil
}

// String returns the lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
