//go:build peers

package peers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a peer may take for all of its scenarios.
const patience = 2 * time.Minute

// everywhere are scenarios that each peer plays (S-1, S-2, S-6 to S-8, S-12, S-15, S-22 to S-24; CLOSE-2).
func everywhere(more ...string) []string {
	return append(more, "subprotocol json", "subprotocol proto", "first subprotocol of several", "authenticate in json", "authenticate in proto",
		"bad token", "request before authenticate", "send and receive", "text in many scripts", "large text", "compression",
		"fifty at once", "close with a code and a reason", "a second session of the device", "binary where text belongs",
		"text where binary belongs", "no frame of the schema", "message above the bound")
}

// TestNode: Node's ws.
func TestNode(t *testing.T) {
	w := newWorld(t)
	w.judge(t, w.run(t, node(t), "node/peer.js"), everywhere("statuses of refusals", "own origin", "authenticate in the handshake", "without compression",
		"fragments", "ping", "pong that nobody asked for", "token in the URL", "close without a code", "heartbeat",
		"compression with a small window", "large text that does not compress")...)
}

// node finds Node, with its ws.
func node(t *testing.T) string {
	t.Helper()
	path := program(t, "nodejs", "node")
	if _, err := os.Stat("node/node_modules/ws/package.json"); err != nil {
		t.Fatalf("Node's ws is not there: `make peers` gets it (%v)", err)
	}
	return path
}

// TestPython: Debian's python3-websockets.
func TestPython(t *testing.T) {
	python := ""
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import websockets").Run() == nil {
			python = name
			break
		}
	}
	if python == "" {
		t.Fatal("no python3 has the module websockets: install Debian's python3-websockets, or run .ci/run once")
	}
	w := newWorld(t)
	w.judge(t, w.run(t, python, "python/peer.py"), everywhere("statuses of refusals", "own origin", "authenticate in the handshake", "without compression",
		"fragments", "fragments without compression", "ping", "pong that nobody asked for")...)
}

// program finds a command of a Debian package.
func program(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: install Debian's %s, or run .ci/run once", names[0], pkg)
	return ""
}

// run runs a peer to its end and returns what it printed.
func (w *world) run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "PEER_CONFIG="+w.config.json(t))
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, complaints.Bytes())
	}
	return out.Bytes()
}

// TestChromium: a page of an origin that the server allows, with a frame of one that it does not (S-3).
func TestChromium(t *testing.T) {
	chromium := program(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	own, foreign := newPage(t), newPage(t)
	w := newWorld(t, own.http.URL)
	foreign.config = w.config
	foreign.config.Foreign = true
	own.config = w.config
	own.config.Frame = foreign.http.URL

	profile, err := os.MkdirTemp("", "throng-peer-") //nolint:usetesting // a helper of the browser may still write when the test ends
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-port=0", "--user-data-dir="+profile, own.http.URL)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its own processes
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the browser
		defer close(ended)
		err = cmd.Wait()
	}()
	defer func() {
		cancel()
		<-ended
		_ = os.RemoveAll(profile)
	}()
	for page, want := range map[*page][]string{
		own:     everywhere("large text that does not compress", "no subprotocol", "unknown subprotocol", "token in the URL", "close without a code", "heartbeat"),
		foreign: {"foreign origin"},
	} {
		select {
		case results := <-page.results:
			w.judge(t, results, want...)
		case <-ended:
			t.Fatalf("chromium ended before its page: %v\n%s", err, tail(&said))
		case <-ctx.Done():
			t.Fatal("the page did not come to its end")
		}
	}
}

func tail(b *bytes.Buffer) string {
	text := b.String()
	return strings.TrimSpace(text[max(0, len(text)-4_000):])
}

// page is an origin with the page of the scenarios.
type page struct {
	http    *httptest.Server
	config  config
	results chan []byte
}

func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{results: make(chan []byte, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		html, err := os.ReadFile(filepath.Join("node", "page.html"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(bytes.Replace(html, []byte("/*CONFIG*/null"), []byte(p.config.json(t)), 1))
	})
	mux.HandleFunc("GET /scenarios.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("node", "scenarios.js"))
	})
	mux.HandleFunc("POST /results", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil && !errors.Is(err, io.EOF) {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.results <- b
	})
	p.http = httptest.NewServer(mux)
	t.Cleanup(p.http.Close)
	return p
}
