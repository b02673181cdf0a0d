package mysql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// dialectOf reads a server's version, such as 8.0.36 or 10.11.6-MariaDB, and refuses what is too old.
func dialectOf(version string) (dialect, error) {
	d, name, least := dialectMySQL, "MySQL", [2]int{8, 0}
	if strings.Contains(strings.ToLower(version), "mariadb") {
		d, name, least = dialectMariaDB, "MariaDB", [2]int{10, 6}
		version = strings.TrimPrefix(version, "5.5.5-") // what old replicas expect in front
	}
	parts := strings.SplitN(version, ".", 3)
	var has [2]int
	for i := range has {
		if i < len(parts) {
			has[i], _ = strconv.Atoi(parts[i])
		}
	}
	if has[0] < least[0] || has[0] == least[0] && has[1] < least[1] {
		return 0, fmt.Errorf("the server is %s %s; %d.%d is the oldest that works", name, version, least[0], least[1])
	}
	return d, nil
}

// WeakDurabilityError says which settings of a database server can lose what was acknowledged.
type WeakDurabilityError struct {
	Database int // counted from 1, in the order of the configuration
	Settings []string
}

// Error implements error.
func (e *WeakDurabilityError) Error() string {
	return fmt.Sprintf("database %d can lose acknowledged messages: %s; change its settings, or set mysql.weak_durability for a trial",
		e.Database, strings.Join(e.Settings, "; "))
}

// leastPacket is the smallest max_allowed_packet that takes the largest statements.
const leastPacket = 4 * statementBytes

// durable is what a server has to be set to. Without a binary log InnoDB shows a commit to others before it is synced: what a reader
// was told could be gone after a power cut.
func durable(has map[string]string) (weak []string) {
	for _, want := range []struct {
		name   string
		values []string
	}{
		{"innodb_flush_log_at_trx_commit", []string{"1", "3"}}, // 3 is MariaDB's, and syncs more often
		{"sync_binlog", []string{"1"}},
		{"log_bin", []string{"ON", "1"}},
		{"innodb_doublewrite", []string{"ON", "1", "FAST", "DETECT_AND_RECOVER"}},
	} {
		value, known := has[want.name]
		ok := false
		for _, v := range want.values {
			ok = ok || strings.EqualFold(v, value)
		}
		switch {
		case !known:
			weak = append(weak, want.name+" cannot be read")
		case !ok:
			weak = append(weak, fmt.Sprintf("%s is %s and must be %s", want.name, value, want.values[0]))
		}
	}
	return weak
}

// checkSettings refuses servers that cannot keep promises.
func (d *shard) checkSettings(ctx context.Context, position int) error {
	has := map[string]string{}
	err := d.read(ctx, "settings", "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'sync_binlog', "+
		"'log_bin', 'innodb_doublewrite', 'max_allowed_packet', 'binlog_format')", func(r *rows) error {
		for r.next() {
			var name, value string
			r.scan(&name, &value)
			has[strings.ToLower(name)] = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(has["max_allowed_packet"]); err != nil || n < leastPacket {
		return fmt.Errorf("database %d takes statements of at most %s bytes; set max_allowed_packet to %d or more",
			position, has["max_allowed_packet"], leastPacket)
	}
	if strings.EqualFold(has["binlog_format"], "STATEMENT") {
		return fmt.Errorf("database %d has a binary log of statements, which READ COMMITTED transactions cannot write; set binlog_format to ROW", position)
	}
	if weak := durable(has); len(weak) > 0 {
		return &WeakDurabilityError{Database: position, Settings: weak}
	}
	return nil
}
