//go:build cluster

package redis_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

// lines are timelines whose node may crash. What must not be lost stands on a shelf that outlives it.
type lines struct {
	timeline.Store
	all   *redis.Timelines
	cfg   redis.Config
	shelf timeline.Shelf
	clear func(t testing.TB) // takes the memberships off the shelf
	// masters of a Redis Cluster; none is a single server
	masters []*engines.RedisServer
}

func openLines(t testing.TB, cfg redis.Config, s timeline.Shelf) *lines {
	t.Helper()
	all := client(t, cfg).NewTimelines(s, "timelines")
	return &lines{Store: all.Stream(0), all: all, cfg: cfg, shelf: s}
}

func (l *lines) reopen(t testing.TB) *lines {
	t.Helper()
	n := openLines(t, l.cfg, l.shelf)
	n.clear, n.masters = l.clear, l.masters
	return n
}

func (l *lines) Crash(t testing.TB) porttest.TimelineStore {
	t.Helper()
	return l.reopen(t)
}

func (l *lines) Rebuild(t testing.TB) porttest.TimelineStore {
	t.Helper()
	l.clear(t)
	if len(l.masters) == 0 {
		unlink(t, l.cfg)
	}
	for _, m := range l.masters {
		unlink(t, redis.Config{Addresses: []string{m.Address()}, Prefix: l.cfg.Prefix})
	}
	return l.reopen(t)
}

// unlink removes everything below the prefix.
func unlink(t testing.TB, cfg redis.Config) {
	t.Helper()
	command(t, cfg, "EVAL", `for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end return 1`, "0", cfg.Prefix+":*")
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	t.Run("on a shelf in memory", func(t *testing.T) {
		t.Parallel()
		porttest.Timeline(t, func(t testing.TB) porttest.TimelineStore {
			k, s := engines.Redis(t), newShelf()
			l := openLines(t, settings(k.Address, k.Prefix), s)
			l.clear = func(testing.TB) { s.clear() }
			return l
		})
	})
	t.Run("on a shelf in MariaDB", func(t *testing.T) {
		t.Parallel()
		porttest.Timeline(t, func(t testing.TB) porttest.TimelineStore {
			k, dsn := engines.Redis(t), engines.MariaDB(t).DSN
			cfg := mysql.DefaultConfig()
			cfg.Databases, cfg.MaxConnections, cfg.IdleConnections = []string{dsn}, 4, 2
			s, err := mysql.Open(t.Context(), cfg, mysql.Options{})
			assert.NoError(t, "opening the shelf", err)
			t.Cleanup(func() { _ = s.Close() })
			l := openLines(t, settings(k.Address, k.Prefix), people.NewShelf(s))
			l.clear = func(t testing.TB) {
				db, err := sql.Open("mysql", dsn)
				assert.NoError(t, "database", err)
				defer func() { _ = db.Close() }()
				_, err = db.ExecContext(t.Context(), "UPDATE shelf SET member = 0, seq = 0")
				assert.NoError(t, "clearing memberships", err)
			}
			return l
		})
	})
}

func entered(user chat.UserID, id chat.ConversationID, seq chat.Seq) timeline.Change {
	return timeline.Change{User: user, Conversation: id, Membership: timeline.Entered, Seq: seq}
}

func touch(user chat.UserID, id chat.ConversationID) timeline.Change {
	return timeline.Change{User: user, Conversation: id, Spare: true}
}

func apply(t testing.TB, s timeline.Store, pos chat.Position, changes ...timeline.Change) []timeline.PTS {
	t.Helper()
	given, err := s.Apply(t.Context(), changes, pos)
	assert.NoError(t, "apply", err)
	return given
}

func rowsOf(t testing.TB, s timeline.Store) timeline.Rows {
	t.Helper()
	rows, err := s.Rows(t.Context(), 1)
	assert.NoError(t, "rows", err)
	return rows
}

func freshLines(t testing.TB) *lines {
	t.Helper()
	k := engines.Redis(t)
	return openLines(t, settings(k.Address, k.Prefix), newShelf())
}

// TML-9: a row that nobody can have seen is not written again, by whichever node.
func TestChangesAreSpared(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	other := openLines(t, l.cfg, l.shelf)
	apply(t, l, 1, entered(1, 7, 1), entered(1, 8, 1))
	assert.Equal(t, "nothing was given out", apply(t, l, 2, touch(1, 7), touch(1, 8)), []timeline.PTS{0, 0})
	assert.Equal(t, "last", rowsOf(t, other).Last, timeline.PTS(2)) // gives out 2
	assert.Equal(t, "after another node gave it out", apply(t, l, 3, touch(1, 7), touch(1, 7), touch(1, 8)), []timeline.PTS{3, 0, 4})
	end, err := other.End(t.Context(), 1)
	assert.NoError(t, "end", err)
	assert.Equal(t, "end", end.Last, timeline.PTS(4))
	assert.Equal(t, "after an end was given out", apply(t, other, 4, touch(1, 8)), []timeline.PTS{5})
	assert.Equal(t, "a stranger", apply(t, l, 5, touch(2, 8)), []timeline.PTS{0})
	change := entered(1, 8, 9)
	assert.Equal(t, "a change of a membership is never spared", apply(t, l, 6, change), []timeline.PTS{6})
}

// What a later version has in a timeline is passed over, and kept by whatever changes it.
func TestATimelineOfALaterVersion(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	apply(t, l, 1, entered(1, 7, 1))
	before := rowsOf(t, l)
	key := l.cfg.Prefix + ":timeline:{u:1}"
	row := command(t, l.cfg, "HGET", key, "7")
	command(t, l.cfg, "HSET", key, "7", row+" 77 x", "later", "1")
	assert.Equal(t, "rows", rowsOf(t, l), before)
	apply(t, l, 2, touch(1, 7))
	_, err := l.PutSettings(t.Context(), 1, 7, timeline.Patch{Muted: ref(true)})
	assert.NoError(t, "settings", err)
	assert.True(t, "it was changed", rowsOf(t, l).Last > before.Last)
	assert.True(t, "the row keeps it", strings.HasSuffix(command(t, l.cfg, "HGET", key, "7"), " 77 x"))
	assert.Equal(t, "the field", command(t, l.cfg, "HGET", key, "later"), "1")
}

// Streams have positions of their own and one timeline for all.
func TestStreams(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	a, b := l.all.Stream(3), l.all.Stream(4)
	apply(t, a, 10, entered(1, 7, 1))
	apply(t, b, 20, entered(1, 8, 1))
	apply(t, a, 11)
	for _, s := range []struct {
		timeline.Store
		at chat.Position
	}{{a, 11}, {b, 20}, {l.all.Stream(5), 0}} {
		pos, err := s.Position(t.Context())
		assert.NoError(t, "position", err)
		assert.Equal(t, "position", pos, s.at)
	}
	assert.Equal(t, "rows", len(rowsOf(t, a).Rows), 2)
}

func TestCounts(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	quiet := entered(2, 7, 1)
	quiet.Quiet = true // gets no timeline by that
	apply(t, l, 1, entered(1, 7, 1), entered(1, 8, 1), quiet)
	counts, err := l.all.Counts(t.Context(), []chat.UserID{3, 2, 1})
	assert.NoError(t, "counts", err)
	assert.Equal(t, "counts", counts, []int{0, 1, 2})
}

// Everything that Redis may lose of one user is found and made good, and no cursor from before it is of use.
func TestALostTimeline(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t testing.TB, l *lines){
		"the key":    func(t testing.TB, l *lines) { command(t, l.cfg, "DEL", l.cfg.Prefix+":timeline:{u:1}") },
		"everything": func(t testing.TB, l *lines) { unlink(t, l.cfg) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := freshLines(t)
			apply(t, l, 1, entered(1, 7, 1), entered(1, 8, 1), timeline.Change{User: 1, Conversation: 8, Membership: timeline.Ended, Seq: 4})
			_, err := l.PutSettings(t.Context(), 1, 7, timeline.Patch{Muted: ref(true)})
			assert.NoError(t, "settings", err)
			before := rowsOf(t, l)
			lose(t, l)
			assert.Equal(t, "a change that nobody needs", apply(t, l, 2, touch(1, 7)), []timeline.PTS{0})
			end, err := l.End(t.Context(), 1)
			assert.NoError(t, "end", err)
			assert.True(t, "another generation", end.Generation != before.Generation && end.Current == 1)
			after := rowsOf(t, l)
			assert.Equal(t, "where it ends", after.End, end)
			slices.SortFunc(after.Rows, func(a, b timeline.Row) int { return int(a.Conversation) - int(b.Conversation) })
			assert.Equal(t, "rows", len(after.Rows), 2)
			assert.True(t, "one that lasts, with settings", after.Rows[0].Current && after.Rows[0].Settings.Muted && after.Rows[0].Seq == 1)
			assert.True(t, "one that has ended", !after.Rows[1].Current && after.Rows[1].Seq == 4)
			lose(t, l)
			assert.True(t, "a member anew, with a place", apply(t, l, 3, entered(1, 8, 9))[0] > 0)
			assert.Equal(t, "rows", len(rowsOf(t, l).Rows), 2)
		})
	}
}

func ref[T any](v T) *T { return &v }

// What a crash between the shelf and Redis left behind is mended by whoever looks next.
func TestRowsThatAreBehind(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	apply(t, l, 1, entered(1, 7, 1), entered(1, 8, 1))
	before := rowsOf(t, l)
	ctx := context.Background()
	ended := timeline.Change{User: 1, Conversation: 8, Membership: timeline.Ended, Seq: 5}
	assert.NoError(t, "enroll", l.shelf.Enroll(ctx, []timeline.Change{ended, entered(1, 9, 1)}))
	_, err := l.shelf.PutSettings(ctx, 1, 7, timeline.Patch{Pinned: ref(true)})
	assert.NoError(t, "settings", err)
	after := rowsOf(t, l)
	assert.Equal(t, "the same timeline", after.Generation, before.Generation)
	assert.Equal(t, "three changes", after.Last, before.Last+3)
	assert.Equal(t, "conversations", after.Current, uint64(2))
	for _, r := range after.Rows {
		assert.True(t, "a device hears of it", r.PTS > before.Last)
		assert.Equal(t, "member", r.Current, r.Conversation != 8)
		assert.Equal(t, "settings", r.Settings.Pinned, r.Conversation == 7)
	}
	assert.Equal(t, "nothing is mended twice", rowsOf(t, l), after)
	assert.Equal(t, "the change itself comes late", apply(t, l, 2, ended), []timeline.PTS{0})
}

// I10: a replica that was behind is promoted. It has an older timeline, and another replication id.
func TestAStaleReplicaIsPromoted(t *testing.T) {
	t.Parallel()
	primary := engines.PrivateRedis(t)
	replica := engines.PrivateRedis(t, engines.RedisReplicaOf(primary))
	s := newShelf()
	old := openLines(t, settings(primary.Address(), "throng"), s)
	apply(t, old, 1, entered(1, 7, 1), entered(1, 8, 1), entered(1, 9, 1))
	cfg := settings(replica.Address(), "throng")
	within(t, 10*time.Second, "the replica has it", func() bool { return command(t, cfg, "EXISTS", "throng:timeline:{u:1}") == "1" })
	before := rowsOf(t, old)
	command(t, cfg, "REPLICAOF", "NO", "ONE") // from now on it is behind
	apply(t, old, 2, touch(1, 7), timeline.Change{User: 1, Conversation: 8, Membership: timeline.Ended, Seq: 3}, entered(1, 10, 1))
	newest := rowsOf(t, old)
	assert.True(t, "a cursor beyond what the replica has", newest.Last > before.Last && newest.Generation == before.Generation)
	primary.Kill(t)

	promoted := openLines(t, cfg, s)
	rows := rowsOf(t, promoted)
	assert.True(t, "no cursor of before is of use", rows.Generation != before.Generation)
	assert.Equal(t, "conversations", rows.Current, uint64(3))
	current := map[chat.ConversationID]bool{}
	for _, r := range rows.Rows {
		current[r.Conversation] = r.Current
	}
	assert.Equal(t, "nothing is missing", current, map[chat.ConversationID]bool{7: true, 8: false, 9: true, 10: true})
	assert.True(t, "a mark that was lost spares nothing", apply(t, promoted, 3, touch(1, 7))[0] > 0)
}

// Without Redis a user sees all conversations, and no cursor is of use for the next time. Changes are kept for later.
func TestTimelinesWithoutRedis(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	l := openLines(t, settings(server.Address(), "throng"), newShelf())
	apply(t, l, 1, entered(1, 7, 1))
	before := rowsOf(t, l)
	server.Kill(t)
	ctx := context.Background()
	_, err := l.Apply(ctx, []timeline.Change{entered(1, 8, 1)}, 2)
	assert.Equal(t, "code of a change", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = l.PutSettings(ctx, 1, 7, timeline.Patch{Muted: ref(true)})
	assert.Equal(t, "code of settings", chat.AsError(err).Code, chat.CodeUnknown)
	made := map[uint64]bool{}
	began := time.Now()
	for range 400 {
		end, err := l.End(ctx, 1)
		switch {
		case err != nil:
			assert.Equal(t, "code of an end", chat.AsError(err).Code, chat.CodeUnavailable)
		default:
			assert.True(t, "an end of a generation that is not met again", end.Generation != before.Generation && !made[end.Generation])
			made[end.Generation] = true
		}
	}
	seconds := 1 + int(time.Since(began)/time.Second)
	assert.True(t, fmt.Sprintf("some find by heartbeats what is new: %d", len(made)), len(made) > 10 && len(made) <= 50*seconds)
	counts, err := l.all.Counts(ctx, []chat.UserID{1})
	assert.NoError(t, "counts", err)
	assert.Equal(t, "counts", counts, []int{2})
	row, ok, err := l.Row(ctx, 1, 8)
	assert.NoError(t, "row", err)
	assert.True(t, "row", ok && row.Current && row.PTS == 0)
	first, second := rowsOf(t, l), rowsOf(t, l)
	assert.True(t, "generations", first.Generation != before.Generation && first.Generation != second.Generation)
	assert.True(t, "all conversations", len(first.Rows) == 2 && first.Current == 2 && first.Rows[0].Settings.Muted)
	pos, err := l.Position(ctx)
	assert.NoError(t, "position", err)
	assert.Equal(t, "the change comes again", pos, chat.Position(1))

	server.Restart(t)
	within(t, 5*time.Second, "Redis answers", func() bool {
		first, err := l.End(ctx, 1)
		second, again := l.End(ctx, 1)
		return err == nil && again == nil && first == second
	})
	apply(t, l, 2, entered(1, 8, 1))
	assert.Equal(t, "rows", len(rowsOf(t, l).Rows), 2)
}

// A user with as many conversations as one may have.
func TestALongTimeline(t *testing.T) {
	t.Parallel()
	l := freshLines(t)
	changes := make([]timeline.Change, chat.MaxConversations)
	for i := range changes {
		changes[i] = entered(1, chat.MaxID-chat.ConversationID(i), chat.MaxID-1)
	}
	for i := 0; i < len(changes); i += 1_000 {
		apply(t, l, chat.Position(i+1), changes[i:i+1_000]...)
	}
	rows := rowsOf(t, l)
	assert.Equal(t, "rows", len(rows.Rows), len(changes))
	for i, r := range rows.Rows {
		assert.Equal(t, "row", r, timeline.Row{
			Conversation: chat.MaxID - chat.ConversationID(i), PTS: timeline.PTS(i + 1), Current: true, Seq: chat.MaxID - 1,
		})
	}
	unlink(t, l.cfg)
	again := rowsOf(t, l)
	assert.True(t, "made anew", len(again.Rows) == len(changes) && again.Last == rows.Last && again.Current == rows.Current)
}
