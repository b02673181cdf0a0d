//go:build linux

package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/test/process"
)

const (
	openFiles = 256
	callers   = 400
)

// cpu is what a process has used.
func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int64
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// TestFilesRunOut is T16: a server that may open 256 files meets 400 callers. It does not spin, the store works for those
// who are in, the others are refused, and when callers leave there is room again.
func TestFilesRunOut(t *testing.T) {
	t.Parallel()
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := process.New(binary, filepath.Join(t.TempDir(), "data"), "THRONG_STORE_MEM_TABLE_BYTES=1MiB")
	s.Wrap("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, openFiles))
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := newPerson(t, s)
	inside, err := newSession(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range callers {
		c, err := s.DialContext(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: server\r\n\r\n"))
		conns = append(conns, c)
	}
	before, err := cpu(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	// The session that is in goes on: enough is written that the store needs new files as well.
	for i := range 300 {
		if err := inside.send(t.Context(), 10_000); err != nil {
			t.Fatalf("message %d of the session that is in: %v\n%s", i, err, s.Said())
		}
	}
	sent := time.Since(begun)
	quiet, err := cpu(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	const pause = 2 * time.Second
	timer := time.NewTimer(pause)
	<-timer.C
	after, err := cpu(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	if used := after - quiet; used > pause/2 {
		t.Errorf("with all files open the idle server used %s of CPU in %s: it spins\n%s", used, pause, s.Said())
	}
	served, refused := answered(conns)
	for _, c := range conns {
		_ = c.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.until(ctx, ""); err != nil {
		t.Fatalf("after the callers have left: %v\n%s", err, s.Said())
	}
	if err := p.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	inside.close()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Run(t.Context(), "check", s.Folder()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d callers: %d were served, %d refused; meanwhile 300 messages in %s with %s of CPU, then %s in %s of rest",
		callers, served, refused, sent.Round(time.Millisecond), quiet-before, after-quiet, pause)
	if served < openFiles/4 || refused < callers-openFiles || served+refused != callers {
		t.Errorf("%d of %d callers were served and %d refused", served, callers, refused)
	}
}

// answered counts the callers that were served, and those that were turned away with an answer.
func answered(conns []net.Conn) (served, refused int) {
	for _, c := range conns {
		b := make([]byte, len("HTTP/1.1 200"))
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, err := io.ReadFull(c, b)
		switch {
		case err == nil && strings.HasSuffix(string(b), "200"):
			served++
		case err == nil && strings.HasSuffix(string(b), "503"), errors.Is(err, syscall.ECONNRESET):
			refused++ // closing may overtake the answer
		}
	}
	return served, refused
}
