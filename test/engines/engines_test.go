//go:build cluster

package engines_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func open(t testing.TB, d engines.Database) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", d.DSN)
	assert.NoError(t, "opening", err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t testing.TB, db *sql.DB, query string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query)
	assert.NoError(t, query, err)
}

func number(t testing.TB, db *sql.DB, query string) (n int) {
	t.Helper()
	assert.NoError(t, query, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	a, b := open(t, engines.MariaDB(t)), open(t, engines.MariaDB(t))
	exec(t, a, "CREATE TABLE x (n INT)")
	exec(t, b, "CREATE TABLE x (n INT)") // databases of their own
	assert.Equal(t, "sync_binlog", number(t, a, "SELECT @@sync_binlog"), 1)
	assert.Equal(t, "log_bin", number(t, a, "SELECT @@log_bin"), 1)
	assert.Equal(t, "flush at commit", number(t, a, "SELECT @@innodb_flush_log_at_trx_commit"), 1)
}

func TestPrivateMariaDB(t *testing.T) {
	t.Parallel()
	s := engines.PrivateMariaDB(t, "--sync-binlog=0")
	db := open(t, s.Database(t))
	assert.Equal(t, "overridden", number(t, db, "SELECT @@sync_binlog"), 0)
	exec(t, db, "CREATE TABLE x (n INT) ENGINE=InnoDB")
	exec(t, db, "INSERT INTO x VALUES (7)")

	s.Kill(t)
	assert.True(t, "a killed server is away", db.PingContext(t.Context()) != nil)
	s.Restart(t)
	assert.Equal(t, "after a kill", number(t, db, "SELECT n FROM x"), 7)

	s.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	assert.True(t, "a stopped server hangs", db.QueryRowContext(ctx, "SELECT n FROM x").Scan(new(int)) != nil)
	s.Continue(t)
	assert.Equal(t, "after a pause", number(t, db, "SELECT n FROM x"), 7)
}

// inline sends a command to Redis and returns the first line of its answer, or of the value in it.
func inline(t testing.TB, address, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	assert.NoError(t, "dialling Redis", err)
	defer func() { _ = conn.Close() }()
	assert.NoError(t, "deadline", conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, command+"\r\n")
	assert.NoError(t, "writing", err)
	in := bufio.NewScanner(conn)
	in.Scan()
	if line := in.Text(); !strings.HasPrefix(line, "$") || line == "$-1" {
		return line
	}
	in.Scan()
	return in.Text()
}

func TestRedis(t *testing.T) {
	t.Parallel()
	var gone engines.Keyspace
	t.Run("a test", func(t *testing.T) {
		gone = engines.Redis(t)
		assert.Equal(t, "set", inline(t, gone.Address, "SET "+gone.Prefix+":a 1"), "+OK")
	})
	assert.Equal(t, "a key after its test", inline(t, gone.Address, "GET "+gone.Prefix+":a"), "$-1")
}

func TestPrivateRedis(t *testing.T) {
	t.Parallel()
	primary := engines.PrivateRedis(t, engines.RedisMemory("8mb", "allkeys-lru"), engines.RedisAppendOnly())
	replica := engines.PrivateRedis(t, engines.RedisReplicaOf(primary))
	assert.Equal(t, "set", inline(t, primary.Address(), "SET a 1"), "+OK")
	limit := time.Now().Add(20 * time.Second)
	for inline(t, replica.Address(), "GET a") != "1" {
		assert.True(t, "the replica got it in time", time.Now().Before(limit))
	}
	primary.Restart(t)
	assert.Equal(t, "kept", inline(t, primary.Address(), "GET a"), "1")
	replica.Kill(t)
	empty := engines.PrivateRedis(t)
	assert.Equal(t, "set", inline(t, empty.Address(), "SET a 1"), "+OK")
	empty.Restart(t)
	assert.Equal(t, "without a file nothing is kept", inline(t, empty.Address(), "GET a"), "$-1")
}

func client(t testing.TB, k engines.Topics, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.Brokers...)}, options...)...)
	assert.NoError(t, "client", err)
	t.Cleanup(c.Close)
	return c
}

func TestKafka(t *testing.T) {
	t.Parallel()
	var gone engines.Topics
	t.Run("a test", func(t *testing.T) {
		gone = engines.Kafka(t)
		_, err := kadm.NewClient(client(t, gone)).CreateTopic(t.Context(), 2, 1, nil, gone.Prefix+"x")
		assert.NoError(t, "creating a topic", err)
	})
	// Brokers hear of a deletion a moment after it was done.
	limit, found := time.Now().Add(20*time.Second), true
	for admin := kadm.NewClient(client(t, engines.Kafka(t))); found; {
		topics, err := admin.ListTopics(t.Context())
		assert.NoError(t, "listing", err)
		found = topics.Has(gone.Prefix + "x")
		assert.True(t, "a topic is gone after its test", !found || time.Now().Before(limit))
	}
}

func TestPrivateKafka(t *testing.T) {
	t.Parallel()
	s := engines.PrivateKafka(t)
	k := s.Topics()
	c := client(t, k, kgo.DefaultProduceTopic(k.Prefix+"x"), kgo.ConsumeTopics(k.Prefix+"x"))
	_, err := kadm.NewClient(c).CreateTopic(t.Context(), 1, 1, nil, k.Prefix+"x")
	assert.NoError(t, "creating a topic", err)
	for i := range 3 {
		assert.NoError(t, "producing", c.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint(i))).FirstErr())
		s.Restart(t)
	}
	var got []string
	for len(got) < 3 {
		fetches := c.PollFetches(t.Context())
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	assert.Equal(t, "records", strings.Join(got, " "), "0 1 2")
}
