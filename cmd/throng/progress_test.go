package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// Where a person looks on, one line is written over; a log gets lines of its own, and nobody's message stands behind half a line.
func TestProgress(t *testing.T) {
	t.Parallel()
	tell := func(terminal bool) string {
		var b bytes.Buffer
		p := newProgress(&b)
		p.terminal = p.terminal || terminal
		p.passing("copying")
		p.passing("closing")
		p.stays("moved")
		p.end()
		p.now("read 1")
		p.now("read 2")
		p.end()
		p.end()
		return b.String()
	}
	assert.Equal(t, "a log", tell(false), "moved\nread 1\nread 2\n")
	assert.Equal(t, "a terminal", tell(true), "\rcopying\x1b[K\rclosing\x1b[K\r\x1b[Kmoved\n\rread 1\x1b[K\rread 2\x1b[K\n")
}

// Who stops a check is told so, and not what it was doing.
func TestAStoppedCheckSaysSo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errOut bytes.Buffer
	code := run([]string{"check", "--config", clusterFile(t)}, &environment{ctx: ctx, out: &out, errOut: &errOut, in: strings.NewReader("")})
	assert.Equal(t, "exit code", code, exitFailed)
	assert.Equal(t, "words", errOut.String(), "throng: it was stopped, and has not looked at everything\n")
}

// A migration that has not begun does not speak of one that was.
func TestAMigrationOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	code, _, errOut := command(t, nil, "migrate", none, "--to", clusterFile(t))
	assert.Equal(t, "exit code", code, exitFailed)
	assert.Equal(t, "words", errOut, "throng: there is no data folder at "+none+"; name one\n")
}

// clusterFile is the configuration of a cluster that nobody runs.
func clusterFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cluster.toml")
	assert.NoError(t, "write", os.WriteFile(file, []byte(`
store.driver = "mysql"
queue.driver = "kafka"
bus.driver = "redis"
routes.driver = "redis"
mysql.databases = ["root@tcp(127.0.0.1:1)/throng"]
redis.addresses = ["127.0.0.1:1"]
kafka.brokers = ["127.0.0.1:1"]
account.signing_secrets = ["acaa4756dfef5c8055812e0f67941720da3eb9e917d2a0a4d7e92c63578a53ee"]
`), 0o600))
	return file
}
