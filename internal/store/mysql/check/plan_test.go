//go:build cluster

package check_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/mysql/check"
	"github.com/throng-im/throng/internal/store/record"
)

// TestQueriesReadWhatTheyWant: in tables that are not small the server goes by the keys, and reads neither everything nor sorts.
func TestQueriesReadWhatTheyWant(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	db := l.dbs[0]
	for table, row := range map[string]func(n int) string{
		"shelf":    func(n int) string { return fmt.Sprintf("(%d,%d,1,1,0,'')", n, n%97) },
		"member":   func(n int) string { return fmt.Sprintf("(%d,%d,1,'x')", n%97, n) },
		"entry":    func(n int) string { return fmt.Sprintf("(%d,%d,'x')", n/100, n) },
		"repeated": func(n int) string { return fmt.Sprintf("(%d,%d,'%016d','x')", n/100, n%7, n) },
	} {
		rows := make([]string, 20_000)
		for n := range rows {
			rows[n] = row(n + 1)
		}
		_, err := db.ExecContext(t.Context(), "INSERT INTO "+table+" VALUES "+strings.Join(rows, ","))
		assert.NoError(t, table, err)
		_, err = db.ExecContext(t.Context(), "ANALYZE TABLE "+table)
		assert.NoError(t, table, err)
	}
	var lists, members, entries, repeats [][]byte
	for n := uint64(1); n <= 256; n++ {
		lists = append(lists, record.Key2(record.TableRow, n*70, n*70%97))
		members = append(members, record.Key2(record.TableMember, n*70%97, n*70))
		entries = append(entries, record.Key2(record.TableEntry, 50, 5_000+n%100))
		repeats = append(repeats, append(record.Key2(record.TableRepeat, 50, n%7), fmt.Appendf(nil, "%016d", 5_000+n%100)...))
	}
	for what, query := range map[string]string{
		"lists": check.GetQuery(lists), "members": check.GetQuery(members), "entries": check.GetQuery(entries), "repeats": check.GetQuery(repeats),
	} {
		kind, key, rows, extra := explain(t, db, query)
		if kind != "range" || key != "PRIMARY" || rows > 2_000 || strings.Contains(extra, "filesort") {
			t.Errorf("%s: the plan is %s of %s, %d rows, %s", what, kind, key, rows, extra)
		}
	}
	for what, query := range map[string]string{
		"a first page":        check.PageQuery([]byte{record.TableEntry}, false),
		"a conversation":      check.PageQuery(record.Key1(record.TableMember, 40), false),
		"the next page":       check.PageQuery(record.Key2(record.TableEntry, 50, 5_050), true),
		"behind a repeat row": check.PageQuery(repeats[0], true),
	} {
		kind, key, _, extra := explain(t, db, query)
		if kind != "range" && kind != "index" || key != "PRIMARY" || strings.Contains(extra, "filesort") {
			t.Errorf("%s: the plan is %s of %s, %s", what, kind, key, extra)
		}
	}
}

func explain(t testing.TB, db *sql.DB, query string) (kind, key string, rows int, extra string) {
	t.Helper()
	result, err := db.QueryContext(t.Context(), "EXPLAIN "+query)
	assert.NoError(t, "explain", err)
	defer func() { assert.NoError(t, "close", result.Close()) }()
	columns, err := result.Columns() // MySQL has more than MariaDB
	assert.NoError(t, "columns", err)
	values, to := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	assert.True(t, "one step", result.Next() && result.Scan(to...) == nil && !result.Next())
	at := func(name string) string { return values[slices.Index(columns, name)].String }
	rows, err = strconv.Atoi(at("rows"))
	assert.NoError(t, "rows", err)
	return at("type"), at("key"), rows, at("Extra")
}
