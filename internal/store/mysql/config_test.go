package mysql

import (
	"errors"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

const goodDSN = "throng:secret@tcp(127.0.0.1:3306)/throng"

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		change func(c *Config)
		says   string
	}{
		{"nothing wrong", func(*Config) {}, ""},
		{"two databases", func(c *Config) { c.Databases = append(c.Databases, goodDSN+"2") }, ""},
		{"no database", func(c *Config) { c.Databases = nil }, "name at least one"},
		{"no DSN", func(c *Config) { c.Databases = []string{"throng:secret"} }, "is not written as"},
		{"no name", func(c *Config) { c.Databases = []string{"throng:secret@tcp(127.0.0.1:3306)/"} }, "names no database"},
		{"one twice", func(c *Config) { c.Databases = []string{goodDSN, strings.Replace(goodDSN, "throng:", "other:", 1)} }, "number 2 is the same"},
		{"one connection", func(c *Config) { c.MaxConnections = 1 }, "max_connections"},
		{"more idle than there may be", func(c *Config) { c.IdleConnections = 33 }, "idle_connections"},
		{"a lock wait beyond an answer's", func(c *Config) { c.LockWait = c.Timeout }, "lock_wait"},
		{"an endless transaction", func(c *Config) { c.IdleTransaction = time.Hour }, "idle_transaction"},
	} {
		cfg := DefaultConfig()
		cfg.Databases = []string{goodDSN}
		c.change(&cfg)
		err := cfg.Validate()
		if c.says == "" {
			assert.NoError(t, c.what, err)
			continue
		}
		assert.True(t, c.what+": an error that says what to change", err != nil && strings.Contains(err.Error(), c.says))
		assert.True(t, c.what+": no secret in it", !strings.Contains(err.Error(), "secret"))
	}
}

func TestServersThatAreTooOldAreRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]dialect{
		"8.0.36": dialectMySQL, "8.4.0-log": dialectMySQL, "9.1.0": dialectMySQL, "5.7.44-log": 0,
		"10.11.6-MariaDB-log": dialectMariaDB, "5.5.5-10.6.12-MariaDB": dialectMariaDB, "11.4.2-MariaDB": dialectMariaDB, "10.5.9-MariaDB": 0, "": 0,
	} {
		got, err := dialectOf(version)
		assert.Equal(t, version, got, want)
		assert.Equal(t, version+" is refused", err != nil, want == 0)
	}
}

// T13: a server that can lose what it acknowledged is named, with the setting.
func TestWeakSettingsAreNamed(t *testing.T) {
	t.Parallel()
	strong := func() map[string]string {
		return map[string]string{"innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1", "log_bin": "ON", "innodb_doublewrite": "ON"}
	}
	assert.Equal(t, "strong", len(durable(strong())), 0)
	for name, value := range map[string]string{
		"innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0", "log_bin": "OFF", "innodb_doublewrite": "DETECT_ONLY",
	} {
		has := strong()
		has[name] = value
		weak := durable(has)
		assert.True(t, name, len(weak) == 1 && strings.Contains(weak[0], name+" is "+value))
		delete(has, name)
		weak = durable(has)
		assert.True(t, name+" unknown", len(weak) == 1 && strings.Contains(weak[0], name))
		err := error(&WeakDurabilityError{Database: 1, Settings: weak})
		assert.True(t, "what to do", strings.Contains(err.Error(), "weak_durability"))
	}
}

func TestSlotsLeadToTheirDatabases(t *testing.T) {
	t.Parallel()
	s, m := &Store{}, new(slotMap)
	conversations, users := &shard{id: 1}, &shard{id: 2}
	for slot := range chat.Slots {
		m.of[slotConversation][slot], m.of[slotUser][slot] = conversations, users
	}
	s.slots.Store(m)
	for id := range uint64(100) {
		assert.True(t, "of conversations", s.OfConversation(chat.ConversationID(id)) == conversations)
		assert.True(t, "of users", s.OfUser(chat.UserID(id)) == users)
	}
}

func TestMigrationsAreWhole(t *testing.T) {
	t.Parallel()
	all, err := steps()
	assert.NoError(t, "steps", err)
	assert.True(t, "there are some", len(all) > 0)
	for _, s := range all {
		assert.True(t, s.name+" has statements", len(s.statements) > 0)
		for _, q := range s.statements {
			repeatable := strings.Contains(q, "IF NOT EXISTS") || strings.HasPrefix(q, "INSERT IGNORE") ||
				strings.HasPrefix(q, "ALTER TABLE") && strings.Count(q, " ADD ") == 1
			assert.True(t, s.name+" can be cut off and run again: "+q, repeatable)
		}
	}
}

func TestTextHasNothingToEscape(t *testing.T) {
	t.Parallel()
	var q text
	q.add("SELECT ").row(true, 1, 2).row(false, 3).number(5).add(" x ").blob([]byte("';\x00")).add(" IN (")
	list(&q, []uint64{7, 8}).add(")")
	assert.Equal(t, "text", q.String(), "SELECT (1,2),(3)5 x x'273b00' IN (7,8)")
}

// What an error means is decided by how far the commit came.
func TestErrorsAreTrue(t *testing.T) {
	t.Parallel()
	s := &Store{}
	assert.True(t, "a taken key is known as one", isDuplicate(&driver.MySQLError{Number: numberDuplicate}))
	for _, c := range []struct {
		what string
		err  error
		code string
	}{
		{"a caller that gave up", t.Context().Err(), ""},
		{"lost before the commit", errors.New("broken"), "storage_unavailable"},
		{"lost after it", &doubtError{errors.New("broken")}, "in_doubt"},
		{"a taken key", &driver.MySQLError{Number: numberDuplicate}, "storage_unavailable"},
		{"a full disk", &driver.MySQLError{Number: numberTableFull}, "storage_full"},
		{"refused by a rule", errClosed(), "storage_unavailable"},
	} {
		err := s.translate(c.err, "appending")
		if c.code == "" {
			assert.NoError(t, c.what, err)
			continue
		}
		assert.True(t, c.what, strings.HasPrefix(err.Error(), c.code))
	}
}
