//go:build cluster

package migration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/migration"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/pebble/check"
)

// back copies databases into a folder in memory, and checks that.
func back(t testing.TB, s *mysql.Store) (*folder, []string) {
	t.Helper()
	f := &folder{fs: vfs.NewMem()}
	w, err := pebble.OpenBuilder(dir, f.fs)
	assert.NoError(t, "make a folder", err)
	err = migration.Back(t.Context(), s, people.New(s), w, migration.Options{})
	assert.NoError(t, "copy back", errors.Join(err, w.Close()))
	var said []string
	report, err := check.Run(t.Context(), dir, check.Options{FS: f.fs, Tell: func(finding string) { said = append(said, finding) }})
	assert.NoError(t, "check", err)
	assert.Equal(t, "damage", report.Damage, uint64(len(said)))
	return f, said
}

// TestThereAndBack: what went into databases comes back, whole, and is the same.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fill(t)
			want := f.export(t)
			dsns := databases(t, n)
			_, err := f.copy(t.Context(), store(t, dsns, true), migration.Options{})
			assert.NoError(t, "copy", err)
			s := store(t, dsns, false)
			again, said := back(t, s)
			assert.Equal(t, "findings", strings.Join(said, "\n"), "")
			assert.Equal(t, "export", again.export(t), want)
			_, err = again.compare(t, dsns)
			assert.NoError(t, "compare", err)
			_, err = pebble.OpenBuilder(dir, again.fs)
			assert.True(t, "a folder that is there is not written over", err != nil)
		})
	}
}

// TestDamageOfDatabasesIsFound: a check of the folder that databases come to tells what is wrong with them.
func TestDamageOfDatabasesIsFound(t *testing.T) {
	t.Parallel()
	f := fill(t)
	dsns := databases(t, 1)
	_, err := f.copy(t.Context(), store(t, dsns, true), migration.Options{})
	assert.NoError(t, "copy", err)
	s := store(t, dsns, false)
	for _, c := range []struct{ damage, says string }{
		{"UPDATE entry SET seq = seq + 1000 WHERE conversation = 9003 AND seq = 9", "entry 10 follows 8"},
		{"DELETE FROM repeated WHERE conversation = 9002 LIMIT 1", "no repeat row"},
		{"UPDATE shelf SET member = 0 WHERE user = 1 LIMIT 1", "the timeline does not have it"},
		{"DELETE FROM handle WHERE handle = 'user3'", "is not found by the handle"},
		{"UPDATE external_id SET user = 1 WHERE external_id = 'ext/9'", "who has another one"},
		{"UPDATE meta SET number = 3 WHERE name = 'account last user'", "the last user id"},
	} {
		execute(t, dsns[0], c.damage)
		_, said := back(t, s)
		assert.True(t, c.damage+": "+strings.Join(said, "\n"), strings.Contains(strings.Join(said, "\n"), c.says))
	}
}
