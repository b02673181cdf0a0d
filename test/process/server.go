package process

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/client"
)

// Key is the server key that every server of a test takes.
const Key = "crash-proof-key-0123456789abcdefghij"

// startLimit is how long a start may take before it counts as hung.
const startLimit = 30 * time.Second

// Server is the binary on one folder, running or not. Install, Start, Kill, Stop and Run are for one goroutine; the rest for any.
type Server struct {
	// Immutable after construction.
	binary string
	folder string
	env    []string
	wrap   []string // a command that runs the binary, empty for none

	// Owned by the caller of Start.
	cmd   *exec.Cmd
	ended chan error

	// Guarded by mu.
	mu   sync.Mutex
	url  string        // empty while it is down
	ops  string        // where its metrics are; empty until it has said so
	up   chan struct{} // closed while it is up
	said bytes.Buffer  // standard error, of all lives
}

// New makes a server that does not run yet. env are THRONG_ variables on top of those that tests need: no limits, addresses
// of its own, one server key.
func New(binary, folder string, env ...string) *Server {
	s := &Server{binary: binary, folder: folder, up: make(chan struct{})}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "THRONG_") {
			s.env = append(s.env, kv)
		}
	}
	s.env = append(s.env, "THRONG_DATA="+folder, "THRONG_SERVER_LISTEN=127.0.0.1:0", "THRONG_METRICS_LISTEN=",
		"THRONG_LOG_LEVEL=warn", "THRONG_ACCOUNT_SERVER_KEYS="+Key, "THRONG_ACCOUNT_ACCESS_TOKEN_TTL=24h")
	for _, l := range []string{"CONNECT_ADDRESS", "REQUEST_USER", "SEND_USER", "SEND_CONVERSATION"} {
		s.env = append(s.env, "THRONG_LIMIT_"+l+"_RATE=0")
	}
	s.env = append(s.env, env...)
	return s
}

// Install has the next start run another binary.
func (s *Server) Install(binary string) { s.binary = binary }

// Wrap runs the binary by another command, such as a shell that sets limits first.
func (s *Server) Wrap(command ...string) { s.wrap = command }

var (
	greeting = regexp.MustCompile(`clients\s+(https?://\S+)`)
	metrics  = regexp.MustCompile(`metrics\s+(http://\S+)`)
)

// Launch starts the process and does not wait until it is ready.
func (s *Server) Launch(ctx context.Context) (ready <-chan string, err error) {
	line := append(append([]string{}, s.wrap...), s.binary, "serve")
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), line[0], line[1:]...)
	s.cmd.Env, s.cmd.Stderr = s.env, &lockedWriter{s}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("piping the server's output: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	s.mu.Lock()
	s.ops = ""
	s.mu.Unlock()
	greeted := make(chan string, 1)
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { // ends with the process
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := greeting.FindStringSubmatch(lines.Text()); m != nil {
				greeted <- m[1]
			}
			if m := metrics.FindStringSubmatch(lines.Text()); m != nil {
				s.mu.Lock()
				s.ops = m[1]
				s.mu.Unlock()
			}
		}
		ended <- cmd.Wait()
	}(s.cmd, s.ended)
	return greeted, nil
}

// Start starts the process and returns how long it took until it answered that it is ready.
func (s *Server) Start(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	greeted, err := s.Launch(ctx)
	if err != nil {
		return 0, err
	}
	limit, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var url string
	select {
	case url = <-greeted:
	case err := <-s.ended:
		s.ended <- err
		return 0, fmt.Errorf("the server ended while it started: %w\n%s", orClean(err), s.Said())
	case <-limit.Done():
		return 0, errors.Join(fmt.Errorf("the server did not start within %s\n%s", startLimit, s.Said()), s.Kill())
	}
	if status, text, err := Get(limit, url+"/readyz"); err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("after its greeting the server answers %d %q: %w", status, text, orClean(err))
	}
	took := time.Since(begin)
	s.mu.Lock()
	s.url = url
	close(s.up)
	s.mu.Unlock()
	return took, nil
}

func orClean(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

// Kill ends the process with SIGKILL and waits for its end. A process that had ended by itself is an error.
func (s *Server) Kill() error {
	s.down()
	select {
	case err := <-s.ended:
		return fmt.Errorf("the server had ended before it was killed: %w\n%s", orClean(err), s.Said())
	default:
	}
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing the server: %w", err)
	}
	if err := <-s.ended; err == nil {
		return errors.New("a server that was killed ended with 0")
	}
	return nil
}

// Stop ends the process politely.
func (s *Server) Stop() error {
	s.down()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	if err := <-s.ended; err != nil {
		return fmt.Errorf("the stopped server: %w\n%s", err, s.Said())
	}
	return nil
}

// Ended reports the end of a process that nobody ended; it blocks until then.
func (s *Server) Ended() <-chan error { return s.ended }

func (s *Server) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != "" {
		s.url, s.up = "", make(chan struct{})
	}
}

// URL waits until the server is up and returns where it is.
func (s *Server) URL(ctx context.Context) (string, error) {
	for {
		s.mu.Lock()
		url, up := s.url, s.up
		s.mu.Unlock()
		if url != "" {
			return url, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// Metrics is where the metrics of the latest life are, with THRONG_METRICS_LISTEN; empty until the server has said so.
func (s *Server) Metrics() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops
}

// DialContext reaches the server wherever it listens now, whatever the address says.
func (s *Server) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	url, err := s.URL(ctx)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
}

// HTTP is a client that reaches the server wherever it listens now, with a connection per request.
func (s *Server) HTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
}

// API is the server for a back end that acts for a user; 0 is the back end itself.
func (s *Server) API(actor uint64) *client.API {
	return client.NewAPI("http://server", client.WithHTTPClient(s.HTTP()), client.WithTokens(client.StaticToken(Key)),
		client.WithActor(client.UserID(actor)))
}

// Run runs another command of the binary and returns what it printed.
func (s *Server) Run(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, s.binary, args...)
	c.Env = s.env
	out, err := c.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("throng %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// Used is the CPU time that the process took which ended last.
func (s *Server) Used() time.Duration {
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
}

// PID is the process's number.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Folder is the data folder.
func (s *Server) Folder() string { return s.folder }

// Said is the end of what the server wrote to standard error.
func (s *Server) Said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	const kept = 4_000
	text := s.said.String()
	return text[max(0, len(text)-kept):]
}

type lockedWriter struct{ s *Server }

// Write implements io.Writer.
func (w *lockedWriter) Write(p []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.said.Write(p)
}

// Get asks for a page, of a server on this machine: certificates are not looked at.
func Get(ctx context.Context, url string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", fmt.Errorf("asking for %s: %w", url, err)
	}
	web := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := web.Do(r)
	if err != nil {
		return 0, "", fmt.Errorf("asking for %s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, "", fmt.Errorf("reading %s: %w", url, err)
	}
	return resp.StatusCode, string(body), nil
}
