package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/archive"
)

// The operator's commands reach a running server over a socket in its data folder. Whoever may open the socket may do
// everything: it is readable by the folder's owner alone. Where no server runs, the command opens the folder and serves
// itself the same handler over a pipe.
const (
	pathBackup = "/local/backup"
	pathExport = "/local/export"
	pathImport = "/local/import"
	pathStatus = "/local/status"
	pathPrefix = "/local/"

	// maxCut bounds what says where an export was cut: spans of ids, 25 bytes each where there are gaps between all of them.
	maxCut = 256 << 20

	pathPressure = "/local/pressure"
	pathDrain    = "/local/drain"
	pathTrace    = "/local/trace"

	// trailerError carries what went wrong after an answer had begun.
	trailerError = "Throng-Error"
)

// localHandler serves the operator's commands; everything else is the API with the rights of a back end.
func (a *App) localHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathStatus, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, a.options.Version) })
	mux.HandleFunc("POST "+pathBackup, a.serveBackup)
	mux.HandleFunc("POST "+pathExport, a.serveExport)
	mux.HandleFunc("POST "+pathImport, a.serveImport)
	mux.HandleFunc("GET "+pathTrace, a.serveTrace)
	mux.HandleFunc("GET "+pathPressure, a.servePressure)
	mux.HandleFunc("POST "+pathPressure, a.servePressure)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		mux.HandleFunc(method+" "+pathDrain, a.serveDrain)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+a.localKey)
		a.api.ServeHTTP(w, r)
	})
	return mux
}

func (a *App) serveBackup(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	if !filepath.IsAbs(path) {
		http.Error(w, "the path of a backup is absolute", http.StatusBadRequest)
		return
	}
	if err := a.backup(path); err != nil {
		a.log.Info("backup ended early; its caller was told", "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	say(w, http.StatusOK, "ok")
}

// serveExport writes what is missing of an archive; the body says where it was cut.
func (a *App) serveExport(w http.ResponseWriter, r *http.Request) {
	o := archive.ExportOptions{NowMS: uint64(time.Now().UnixMilli())}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCut)).Decode(&o.From); err != nil {
		http.Error(w, "where to go on is damaged: "+err.Error(), http.StatusBadRequest)
		return
	}
	o.Passwords, _ = strconv.ParseBool(r.URL.Query().Get("passwords"))
	w.Header().Set("Trailer", trailerError)
	w.Header().Set("Content-Type", "application/jsonl")
	err := a.export(r.Context(), w, o)
	if err != nil {
		a.log.Info("export ended early; its caller was told", "error", err)
		w.Header().Set(trailerError, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// importStep is a line of the answer to an import.
type importStep struct {
	Position archive.Position `json:"position"`
	Done     bool             `json:"done,omitempty"`
	Error    string           `json:"error,omitempty"`
}

func (a *App) serveImport(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var from archive.Position
	if text := r.Header.Get("Throng-Position"); text != "" {
		if err := json.Unmarshal([]byte(text), &from); err != nil {
			http.Error(w, "the position is damaged", http.StatusBadRequest)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	out := json.NewEncoder(w)
	tell := func(s importStep) {
		if err := out.Encode(s); err == nil {
			_ = control.Flush()
		}
	}
	target := a.importTarget()
	position, err := archive.Import(r.Context(), r.Body, target, archive.ImportOptions{
		From:     from,
		Progress: func(p archive.Position) { tell(importStep{Position: p}) },
	})
	last := importStep{Position: position, Done: true}
	if err != nil {
		a.log.Info("import ended early; its caller was told", "error", err)
		last.Error = err.Error()
	}
	tell(last)
}

// listenLocal opens the socket in the data folder.
func listenLocal(ctx context.Context, dir string) (net.Listener, error) {
	name, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that was killed; the lock is ours
		return nil, fmt.Errorf("removing the old admin socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("opening the admin socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its name may be that of a descriptor; the file is removed by path
	}
	if err := os.Chmod(filepath.Join(dir, socketName), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("closing the admin socket to others: %w", err), l.Close())
	}
	return l, nil
}

const socketName = "admin.sock"

// pipeListener hands out connections inside the process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

// Addr implements net.Listener.
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("connecting: %w", ctx.Err())
	}
}

// newLocalServer serves the operator's handler.
func newLocalServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: fresh(h), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

func copyAll(w io.Writer, r io.Reader) error {
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
