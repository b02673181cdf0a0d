package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// server is what is put under load: one that was started for it, or one that runs anyway.
type server struct {
	// Immutable after construction.
	url, key, metrics string
	proc              *exec.Cmd
	folder            string
	temporary         bool
	ready             time.Duration // from the start to the first request that was answered

	said  *tail
	ended chan error // the process's end; nil where there is no process
	stops sync.Once
}

var urlInGreeting = regexp.MustCompile(`(clients|metrics)\S*\s+\S*?(https?://[^\s\x1b]+)`)

func openServer(ctx context.Context, r *run) (*server, error) {
	cfg := r.cfg
	if cfg.URL != "" {
		return &server{url: strings.TrimSuffix(cfg.URL, "/"), key: cfg.Key, metrics: cfg.Metrics}, nil
	}
	s := &server{said: &tail{}, folder: cfg.Folder}
	if s.folder == "" {
		dir, err := os.MkdirTemp("", "throng-bench-")
		if err != nil {
			return nil, err
		}
		s.folder, s.temporary = dir, true
	}
	binary := cfg.Binary
	if binary == "" {
		b, err := os.Executable()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		binary = b
	}
	secret := make([]byte, keyBytes)
	if _, err := rand.Read(secret); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.key = base64.RawURLEncoding.EncodeToString(secret)
	if cfg.Preload > 0 {
		if err := preload(ctx, r, binary, s); err != nil {
			return nil, errors.Join(fmt.Errorf("preload: %w", err), s.close())
		}
	}
	r.tell(Progress{Phase: "start"})
	if err := s.start(ctx, binary); err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), s.close())
	}
	return s, nil
}

// environment is what a server of the bench runs with: no limits, because the load is meant, and nothing of the caller's.
func (s *server) environment() []string {
	env := make([]string, 0, len(os.Environ()))
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "THRONG_") {
			env = append(env, kv)
		}
	}
	env = append(env,
		"THRONG_DATA="+filepath.Join(s.folder, "data"),
		"THRONG_SERVER_LISTEN=127.0.0.1:0",
		"THRONG_METRICS_LISTEN=127.0.0.1:0",
		"THRONG_LOG_LEVEL=warn",
		"THRONG_ACCOUNT_SERVER_KEYS="+s.key,
		"THRONG_ACCOUNT_ACCESS_TOKEN_TTL=24h",
	)
	for _, l := range []string{"CONNECT_ADDRESS", "REQUEST_USER", "SEND_USER", "SEND_CONVERSATION"} {
		env = append(env, "THRONG_LIMIT_"+l+"_RATE=0")
	}
	return env
}

func (s *server) start(ctx context.Context, binary string) error {
	begin := time.Now()
	s.proc = exec.CommandContext(context.WithoutCancel(ctx), binary, "serve")
	s.proc.Env = s.environment()
	s.proc.Stderr = s.said
	out, err := s.proc.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.proc.Start(); err != nil {
		s.proc = nil
		return err
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
		s.ended <- s.proc.Wait()
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
func (s *server) listen(out io.Reader, greeted chan<- struct{}) {
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		_, _ = s.said.Write(append(sc.Bytes(), '\n'))
		m := urlInGreeting.FindStringSubmatch(sc.Text())
		switch {
		case m == nil:
		case m[1] == "clients" && s.url == "":
			s.url = m[2]
		case m[1] == "metrics" && s.metrics == "":
			s.metrics = m[2]
		}
		if greeted != nil && s.url != "" && (s.metrics != "" || strings.Contains(sc.Text(), "data")) {
			close(greeted)
			greeted = nil
		}
	}
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if _, err := get(ctx, s.url+"/readyz"); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("not ready: %w", err)
		}
		t := time.NewTimer(2 * time.Millisecond)
		<-t.C
	}
}

// close ends what was started and removes what was made.
func (s *server) close() (err error) {
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
		if s.temporary {
			err = errors.Join(err, os.RemoveAll(s.folder))
		}
	})
	return err
}

// cpu is the processor time of the server until now; 0 where it cannot be known.
func (s *server) cpu(ctx context.Context) time.Duration {
	if s.proc != nil {
		return processCPU(strconv.Itoa(s.proc.Process.Pid))
	}
	if s.metrics == "" {
		return 0
	}
	b, err := get(ctx, s.metrics)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("process_cpu_seconds_total ")); ok {
			if v, err := strconv.ParseFloat(strings.TrimSpace(string(rest)), 64); err == nil {
				return time.Duration(v * float64(time.Second))
			}
		}
	}
	return 0
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return b, err
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
