package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/config"
)

// Operator carries out the operator's commands, in a running server or in an opened folder. It is for one goroutine.
type Operator struct {
	// immutable after construction
	http    *http.Client
	running bool
	close   func() error
}

// Connect reaches the server that runs on the configured folder, or opens the folder where none runs. A folder that does
// not exist is not made, but where create is set.
func Connect(ctx context.Context, c *config.Config, o Options, create bool) (*Operator, error) {
	if !create {
		if _, err := os.Stat(filepath.Join(c.Data, "FORMAT")); err != nil {
			return nil, fmt.Errorf("there is no data folder at %s; start a server on it first, or name another one with --data", c.Data)
		}
	}
	running := &Operator{running: true, http: localClient(func(ctx context.Context) (net.Conn, error) { return dialLocal(ctx, c.Data) })}
	running.close = func() error { running.http.CloseIdleConnections(); return nil }
	if err := running.status(ctx); err == nil {
		return running, nil
	}
	if err := keptHere(c, o); err != nil {
		return nil, err
	}
	return open(ctx, c, o)
}

// keptHere refuses the folder of a node whose configuration was not named: it would be opened as an empty server, and an export or a
// backup of it would look like one that was made.
func keptHere(c *config.Config, o Options) error {
	if c.Shared() || o.FS != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.Data, "FORMAT")); err != nil {
		return nil // it is about to be made
	}
	if _, err := os.Stat(c.DatabaseDir()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no server runs on the data folder %s, and it has no database; if it is a node's of a cluster, name the node's configuration with --config", c.Data)
	}
	return nil
}

// open starts the app without listeners, and talks to it over a pipe.
func open(ctx context.Context, c *config.Config, o Options) (*Operator, error) {
	o.Offline = true
	a, err := New(ctx, c, o)
	if err != nil {
		return nil, err
	}
	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(runCtx) }() // ends with close below
	op := &Operator{http: localClient(a.pipe.dial)}
	op.close = sync.OnceValue(func() error {
		op.http.CloseIdleConnections()
		stop()
		return errors.Join(<-ended, a.Close())
	})
	select {
	case <-a.Ready():
		return op, nil
	case err := <-ended:
		ended <- nil
		return nil, errors.Join(err, op.close())
	}
}

func dialLocal(ctx context.Context, dir string) (net.Conn, error) {
	name, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("reaching the server: %w", err)
	}
	return conn, nil
}

func localClient(dial func(ctx context.Context) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
}

// Close ends the connection, and closes the folder where it was opened. It may be called again.
func (o *Operator) Close() error { return o.close() }

// Running reports whether a server does the work.
func (o *Operator) Running() bool { return o.running }

func (o *Operator) status(ctx context.Context) error {
	return o.do(ctx, http.MethodGet, pathStatus, nil, nil, func(*http.Response) error { return nil })
}

// do sends a request; use gets an answer of 200, everything else becomes an error.
func (o *Operator) do(ctx context.Context, method, path string, header http.Header, body io.Reader, use func(*http.Response) error) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://throng"+path, body)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	resp, err := o.http.Do(r)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return use(resp)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	var failure struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &failure) == nil && failure.Message != "" {
		return errors.New(failure.Message)
	}
	return errors.New(strings.TrimSpace(string(text)))
}

// Call calls a procedure of the API, such as AdminService/ListUsers, with all rights.
func (o *Operator) Call(ctx context.Context, procedure string, req, resp proto.Message) error {
	body, err := proto.Marshal(req)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	header := http.Header{"Content-Type": {"application/proto"}, "Connect-Protocol-Version": {"1"}}
	return o.do(ctx, http.MethodPost, "/throng.v1."+procedure, header, bytes.NewReader(body), func(r *http.Response) error {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if err := proto.Unmarshal(text, resp); err != nil {
			return fmt.Errorf("decoding the answer: %w", err)
		}
		return nil
	})
}

// Backup copies the folder to path, which must not exist.
func (o *Operator) Backup(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the path of the backup: %w", err)
	}
	return o.do(ctx, http.MethodPost, pathBackup+"?path="+url.QueryEscape(path), nil, nil, func(*http.Response) error { return nil })
}

// Cut says how far an export came that was cut off; the zero value is none.
type Cut = archive.Cut

// ErrWhole is what InspectExport answers for an export that has its end.
var ErrWhole = archive.ErrWhole

// InspectExport reads an export that was cut off, for Export to go on with it.
func InspectExport(r io.Reader) (Cut, error) { return archive.Inspect(r) }

// Export writes everything as JSON lines, with the hashes of passwords where asked to, or what is missing behind a cut.
func (o *Operator) Export(ctx context.Context, w io.Writer, passwords bool, from Cut) error {
	path := pathExport + "?passwords=" + strconv.FormatBool(passwords)
	text, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encoding where to go on: %w", err)
	}
	return o.do(ctx, http.MethodPost, path, nil, io.NopCloser(bytes.NewReader(text)), func(r *http.Response) error {
		if err := copyAll(w, r.Body); err != nil {
			return err
		}
		if text := r.Trailer.Get(trailerError); text != "" {
			return errors.New(text)
		}
		return nil
	})
}

// Position is how far an import came.
type Position = archive.Position

// Import reads JSON lines from the position on. Progress is told positions that are stored; the last one is returned.
func (o *Operator) Import(ctx context.Context, r io.Reader, from Position, progress func(Position)) (Position, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return from, fmt.Errorf("encoding the position: %w", err)
	}
	last := importStep{Position: from}
	header := http.Header{"Throng-Position": {string(text)}}
	err = o.do(ctx, http.MethodPost, pathImport, header, io.NopCloser(r), func(resp *http.Response) error {
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
				return fmt.Errorf("decoding the answer: %w", err)
			}
			progress(last.Position)
		}
		return nil
	})
	switch {
	case err != nil:
		return last.Position, err
	case last.Error != "":
		return last.Position, errors.New(last.Error)
	case !last.Done:
		return last.Position, errors.New("the server ended before the import did; start the same import again")
	}
	return last.Position, nil
}

// ConvertSlack turns an export of Slack (a folder or a zip file) into JSON lines for Import.
func ConvertSlack(ctx context.Context, path string, w io.Writer) error {
	return archive.ConvertSlackFile(ctx, path, w)
}
