//go:build cluster

package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// clusterSettings are those of a node on engines of its own.
func clusterSettings(t testing.TB) *config.Config {
	t.Helper()
	redis, kafka := engines.Redis(t), engines.Kafka(t)
	c := settings(t)
	c.Store.Driver, c.Queue.Driver, c.Bus.Driver, c.Routes.Driver = "mysql", "kafka", "redis", "redis"
	c.MySQL.Databases = []string{engines.MariaDB(t).DSN, engines.MariaDB(t).DSN}
	c.Redis.Addresses, c.Redis.Prefix = []string{redis.Address}, redis.Prefix
	c.Kafka.Brokers, c.Kafka.Topic, c.Kafka.Partitions, c.Kafka.Replication = kafka.Brokers, kafka.Prefix+"events", 4, 1
	return c
}

// TestMigrateThereAndBack: a folder that was served from becomes a cluster, which people are still signed in to, and a folder again.
func TestMigrateThereAndBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := begin(t, settings(t))
	populate(t, s)
	dora, _ := signUp(t, s, "dora", "")
	assert.NoError(t, "end", s.end())
	want := exportOf(t, s.cfg)

	c := clusterSettings(t)
	secret, err := app.FolderSecret(s.cfg.Data)
	assert.NoError(t, "secret", err)
	c.Account.SigningSecrets = []account.Secret{account.Secret(secret)}
	quiet := func(string) {}
	single := settings(t)
	_, err = app.Migrate(ctx, s.cfg.Data, single, quiet)
	assert.True(t, "into a single server", err != nil && strings.Contains(err.Error(), "single server"))
	_, err = app.CheckDatabases(ctx, c, app.CheckOptions{Tell: quiet, Progress: quiet})
	assert.True(t, "a check of empty databases", err != nil && strings.Contains(err.Error(), "database 1 of the configuration: it has no tables"))
	_, err = app.OpenSlots(ctx, c)
	assert.True(t, "slots of empty databases", err != nil && strings.Contains(err.Error(), "it has no tables"))
	report, err := app.Migrate(ctx, s.cfg.Data, c, quiet)
	assert.NoError(t, "migrate", err)
	assert.True(t, "everybody stays signed in", !report.Strangers)
	assert.True(t, "summary", strings.Contains(report.Summary(), "4 account\n"))

	node := begin(t, c)
	assert.Equal(t, "export of the cluster", exportOf(t, c), want)
	status, _ := call(t, node, dora, "AccountService/GetMe", map[string]any{})
	assert.Equal(t, "with a token of before", status, http.StatusOK)
	status, _ = call(t, node, "", "AccountService/SignIn", map[string]any{"handle": "ada", "password": "correct horse battery ada"})
	assert.Equal(t, "signing in with the old password", status, http.StatusOK)
	assert.NoError(t, "end", node.end())

	copied := settings(t)
	copied.Data = filepath.Join(t.TempDir(), "copy")
	assert.NoError(t, "migrate back", app.MigrateBack(ctx, c, copied.Data, quiet))
	assert.Equal(t, "the copy", exportOf(t, copied), want)
	assert.True(t, "entries were checked", checked(t, copied.Data).Entries > 60)
	err = app.MigrateBack(ctx, c, copied.Data, quiet)
	assert.True(t, "into a folder that is there", err != nil && strings.Contains(err.Error(), "is not empty"))
}

// A node that starts while Redis is away has its part of each limit, and not the whole: it knows of the others by the databases.
func TestNodesWithoutRedisShareLimits(t *testing.T) {
	t.Parallel()
	c := clusterSettings(t)
	c.Redis.Addresses, c.MySQL.SlotInterval = []string{"127.0.0.1:1"}, 200*time.Millisecond
	first := begin(t, c)
	among := func(s *server, nodes int) func() bool {
		return func() bool {
			_, text := get(t, s.MetricsURL())
			return strings.Contains(text, fmt.Sprintf("\nthrong_limit_nodes %d\n", nodes))
		}
	}
	assert.True(t, "one alone has the whole", among(first, 1)())
	other := *c
	other.Data = settings(t).Data
	second := begin(t, &other)
	assert.True(t, "the second has a half from its first moment", among(second, 2)())
	until(t, "the first has the other one", among(first, 2))
}

// An import into a cluster waits until its conversations are on everybody's list, also in a topic that was made anew under the nodes.
func TestImportIntoACluster(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	whole := exportOf(t, s.cfg)
	assert.NoError(t, "end", s.end())

	c := clusterSettings(t)
	node := begin(t, c)
	ada, _ := signUp(t, node, "somebody", "")
	do := func(method string, body map[string]any) {
		t.Helper()
		status, out := call(t, node, ada, method, body)
		assert.Equal(t, fmt.Sprint(method, out), status, http.StatusOK)
	}
	for i := range 20 { // positions in this topic that lie beyond the ends of the next
		do("ConversationService/CreateGroup", map[string]any{"clientId": wireID(i + 1), "name": "before"})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Kafka.Brokers...))
	assert.NoError(t, "client", err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(t.Context(), c.Kafka.Topic)
	assert.NoError(t, "deleting the topic", err)
	begun := time.Now()
	p, err := importInto(t, c, head+whole, app.Position{})
	assert.NoError(t, "import", err)
	t.Log("import took", time.Since(begun))
	assert.Equal(t, "users", p.Counts.Users, 3)
	status, out := call(t, node, "", "AccountService/SignIn", map[string]any{"handle": "ada", "password": "correct horse battery ada"})
	assert.Equal(t, fmt.Sprint("signing in", out), status, http.StatusOK)
}
