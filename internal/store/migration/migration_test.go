//go:build cluster

package migration_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/migration"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/mysql/transfer"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func databases(t testing.TB, n int) (dsns []string) {
	t.Helper()
	for range n {
		dsns = append(dsns, engines.MariaDB(t).DSN)
	}
	return dsns
}

func open(dsns []string, filling bool) (*mysql.Store, error) {
	cfg := mysql.DefaultConfig()
	cfg.Databases = dsns
	cfg.MaxConnections, cfg.IdleConnections = 8, 4
	return mysql.Open(context.Background(), cfg, mysql.Options{Filling: filling})
}

func store(t testing.TB, dsns []string, filling bool) *mysql.Store {
	t.Helper()
	s, err := open(dsns, filling)
	assert.NoError(t, "open", err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// folder is a data folder with something of everything, that is not open.
type folder struct {
	fs    *vfs.MemFS
	users []chat.UserID
	code  account.Hash // of an invitation
	last  chat.Draft   // a send, to be repeated
	first chat.Result
}

const dir = "data"

func (f *folder) open(t testing.TB) *pebble.Store {
	t.Helper()
	s, err := pebble.Open(dir, pebble.Options{FS: f.fs, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open the folder", err)
	return s
}

func fill(t testing.TB) *folder {
	t.Helper()
	ctx := t.Context()
	f := &folder{fs: vfs.NewMem(), code: account.Hash{5}}
	s := f.open(t)
	people := s.Accounts()
	var all []account.Account
	for i := range 30 {
		all = append(all, account.Account{User: account.User{Handle: fmt.Sprintf("user%d", i), ExternalID: fmt.Sprintf("ext/%d", i), Name: "ünï", Version: 1, Admin: i == 2}})
	}
	made, err := people.Create(ctx, all, account.Terms{})
	assert.NoError(t, "create", err)
	for i, m := range made {
		f.users = append(f.users, m.ID)
		for _, label := range []string{"", "phone"} {
			_, _, err := people.Add(ctx, account.Device{User: m.ID, Label: label, Name: "device", LastUsedMS: uint64(i)}, account.Room{Most: 10})
			assert.NoError(t, "device", err)
		}
	}
	assert.NoError(t, "delete", people.Delete(ctx, f.users[7], 1_000))
	assert.NoError(t, "invite", people.Invite(ctx, account.Invitation{Code: f.code, Uses: 3, ExpiresMS: 1 << 50}))
	assert.NoError(t, "bootstrap", people.Invite(ctx, account.Invitation{Code: account.Hash{6}, Uses: 1, ExpiresMS: 1 << 50, Bootstrap: true}))
	_, err = s.Imports().Users(ctx, "another install", []archive.User{{ID: 77, Handle: "imported"}})
	assert.NoError(t, "import", err)
	_, err = s.Imports().Place(ctx, "another install", chat.Conversation{ID: 9_000, Kind: chat.KindGroup})
	assert.NoError(t, "import", err)
	for _, other := range f.users[1:4] {
		_, _, err = s.Relations().Change(ctx, f.users[0], other, func(o *social.Owner, r *social.Relation) error {
			o.Version, o.Follows, o.Remarks = o.Version+1, o.Follows+1, o.Remarks+1
			r.Version, r.Due, r.Follow, r.Remark = o.Version, true, true, "remark"
			return nil
		})
		assert.NoError(t, "relation", err)
	}
	rows, err := s.Timelines()
	assert.NoError(t, "timelines", err)

	for n := range 12 {
		members := []chat.UserID{f.users[n], f.users[n+1], f.users[n+9]}
		body := chat.Created{Kind: chat.KindGroup, Name: "group", Members: members}
		id, err := s.Reserve(ctx, 1)
		assert.NoError(t, "reserve", err)
		if n%3 == 0 {
			body = chat.Created{Kind: chat.KindDirect, Members: members[:2]}
			id, err = s.Pair(ctx, members[0], members[1], id)
		} else {
			id, err = s.Claim(ctx, members[0], client(id, 999), id)
		}
		assert.NoError(t, "claim", err)
		f.append(t, s, &chat.Draft{Conversation: id, Sender: members[0], Body: body})
		if body.Kind == chat.KindGroup {
			_, err = s.Links().Change(ctx, id, invite.Hash{3}.ID(), func(l *invite.Link) error {
				l.Token, l.CreatedMS, l.ExpiresMS, l.Used = invite.Hash{3}, 1, 1<<50, 2
				return nil
			})
			assert.NoError(t, "link", err)
		}
		for m := range 60 {
			f.append(t, s, &chat.Draft{Conversation: id, Sender: members[m%2], ClientID: client(id, m), Body: chat.Text{Text: strings.Repeat("text ", m+1)}})
		}
		f.append(t, s, &chat.Draft{Conversation: id, Sender: members[1], Mark: 7})
		if n%3 != 0 {
			f.append(t, s, &chat.Draft{Conversation: id, Sender: members[0], Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: members[2:]}})
		}
		yes, words := true, "draft"
		_, err = rows.PutSettings(ctx, members[0], id, timeline.Patch{Pinned: &yes, Draft: &words})
		assert.NoError(t, "settings", err)
	}
	assert.NoError(t, "close", s.Close())
	return f
}

func client(id chat.ConversationID, n int) chat.ClientID {
	return chat.ClientID{byte(id), byte(n >> 8), byte(n), 6: 0x40, 8: 0x80}
}

func (f *folder) append(t testing.TB, l message.Log, d *chat.Draft) {
	t.Helper()
	a, err := l.Append(t.Context(), []*chat.Draft{d})
	assert.NoError(t, "append", err)
	assert.NoError(t, "append", a.Wait(t.Context()))
	r := a.Results()[0]
	if r.Err != nil {
		t.Fatalf("append: %v", r.Err)
	}
	if _, ok := d.Body.(chat.Text); ok {
		f.last, f.first = *d, r
	}
}

// export writes an install down, the header with its origin included.
func export(t testing.TB, p archive.Source) string {
	t.Helper()
	var b bytes.Buffer
	_, err := archive.Export(t.Context(), &b, p, archive.ExportOptions{Passwords: true})
	assert.NoError(t, "export", err)
	return b.String()
}

func (f *folder) export(t testing.TB) string {
	t.Helper()
	s := f.open(t)
	p, err := s.Picture(t.Context())
	assert.NoError(t, "picture", err)
	out := export(t, p)
	assert.NoError(t, "close", errors.Join(p.Close(), s.Close()))
	return out
}

// copy copies the folder.
func (f *folder) copy(ctx context.Context, s *mysql.Store, o migration.Options) (migration.Report, error) {
	r, err := pebble.OpenReader(dir, f.fs)
	if err != nil {
		return migration.Report{}, err
	}
	report, err := migration.Copy(ctx, r, s, o)
	return report, errors.Join(err, r.Close())
}

// compare compares the folder.
func (f *folder) compare(t testing.TB, dsns []string) (migration.Report, error) {
	t.Helper()
	r, err := pebble.OpenReader(dir, f.fs)
	assert.NoError(t, "open the folder", err)
	report, err := migration.Compare(t.Context(), r, store(t, dsns, false), migration.Options{})
	assert.NoError(t, "close", r.Close())
	return report, err
}

func TestCopyIsTheSame(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "three databases": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			f := fill(t)
			want := f.export(t)
			dsns := databases(t, n)
			report, err := f.copy(t.Context(), store(t, dsns, true), migration.Options{})
			assert.NoError(t, "copy", err)
			rows := map[string]uint64{}
			for _, c := range report.Tables {
				rows[c.Table] = c.Rows
				assert.True(t, c.Table+" has rows", c.Rows > 0)
			}
			assert.Equal(t, "accounts", rows["account"], 31)
			assert.Equal(t, "handles of those who live", rows["handle"], 30)
			assert.Equal(t, "devices", rows["device"], 58)

			s := store(t, dsns, false)
			here := people.New(s)
			p, err := transfer.New(s, here).Picture(ctx)
			assert.NoError(t, "picture", err)
			assert.Equal(t, "export", export(t, p), want)
			assert.NoError(t, "close", p.Close())
			f.goesOn(t, s, here)
		})
	}
}

// goesOn looks at what an export does not show.
func (f *folder) goesOn(t testing.TB, s *mysql.Store, here *people.Accounts) {
	t.Helper()
	ctx := t.Context()
	was := f.open(t)
	assert.Equal(t, "epoch", s.Epoch(), was.Epoch())
	accounts, err := was.Accounts().Accounts(ctx, f.users)
	assert.NoError(t, "accounts", err)
	got, err := here.Accounts(ctx, f.users)
	assert.NoError(t, "accounts", err)
	assert.Equal(t, "accounts", got, accounts)
	for _, user := range f.users {
		want, err := was.Accounts().Devices(ctx, user)
		assert.NoError(t, "devices", err)
		got, err := here.Devices(ctx, user)
		assert.NoError(t, "devices", err)
		assert.Equal(t, "devices", len(got), len(want))
		for i := range want {
			assert.Equal(t, "device", got[i], want[i])
		}
	}
	invitation, err := here.Invitation(ctx, f.code)
	assert.NoError(t, "invitation", err)
	assert.Equal(t, "invitation", invitation.Uses, 3)
	admins, err := here.Administrators(ctx)
	assert.NoError(t, "administrators", err)
	assert.Equal(t, "administrators", admins, 1)
	_, err = here.Create(ctx, []account.Account{{User: account.User{ExternalID: "ext/7", Version: 1}}}, account.Terms{IssuedMS: 1_000})
	assert.ErrorIs(t, "a token of who was deleted", err, account.ErrEnded())

	repeat := f.last
	a, err := s.Append(ctx, []*chat.Draft{&repeat})
	assert.NoError(t, "repeat", err)
	r := a.Results()[0]
	assert.True(t, "a send that comes again", r.Repeat && r.Seq == f.first.Seq && r.TimeMS == f.first.TimeMS)
	fresh := f.last
	fresh.ClientID = client(1, 5_000)
	a, err = s.Append(ctx, []*chat.Draft{&fresh})
	assert.NoError(t, "append", err)
	head, err := was.Heads(ctx, []chat.ConversationID{fresh.Conversation})
	assert.NoError(t, "head", err)
	assert.Equal(t, "the next seq", a.Results()[0].Seq, head[0].Seq+1)

	made, err := here.Create(ctx, []account.Account{{User: account.User{Handle: "newcomer", Version: 1}}}, account.Terms{})
	assert.NoError(t, "create", err)
	assert.True(t, "a user id that nobody had", made[0].ID > 77)
	d, _, err := here.Add(ctx, account.Device{User: made[0].ID}, account.Room{Most: 10})
	assert.NoError(t, "device", err)
	assert.True(t, "a device id that nobody had", d.ID > 60)
	id, err := s.Reserve(ctx, 1)
	assert.NoError(t, "reserve", err)
	before, err := was.Reserve(ctx, 1)
	assert.NoError(t, "reserve", err)
	assert.True(t, "a conversation id that nobody had", id >= before)

	rows, err := people.NewShelf(s).Rows(ctx, f.users)
	assert.NoError(t, "shelf", err)
	for i, user := range f.users {
		members := 0
		for _, k := range rows[i] {
			m, err := was.Member(ctx, k.Conversation, user)
			assert.NoError(t, "member", err)
			assert.Equal(t, "a member", k.Current, m.Current())
			members++
		}
		assert.True(t, "conversations of users", i > 11 || members > 0)
	}
	assert.NoError(t, "close", was.Close())
}

func TestCopyThatWasStoppedGoesOn(t *testing.T) {
	t.Parallel()
	f := fill(t)
	want := f.export(t)
	dsns := databases(t, 2)
	stops := 0
	for n := 1; ; n++ {
		s := store(t, dsns, true)
		ctx, stop := context.WithCancel(t.Context())
		batches := 0
		_, err := f.copy(ctx, s, migration.Options{BatchRows: 100, Progress: func(p migration.Progress) {
			if batches++; p.Doing == migration.Copying && batches == 3 {
				stop()
			}
		}})
		stop()
		if err == nil {
			break
		}
		stops++
		_, err = open(dsns, false)
		var unfinished mysql.UnfinishedError
		assert.True(t, "no node opens what is not all there", errors.As(err, &unfinished))
	}
	assert.True(t, fmt.Sprintf("stopped %d times", stops), stops > 5)
	s := store(t, dsns, false)
	p, err := transfer.New(s, people.New(s)).Picture(t.Context())
	assert.NoError(t, "picture", err)
	assert.Equal(t, "export", export(t, p), want)
	assert.NoError(t, "close", p.Close())
}

// execute runs a statement past everything of ours.
func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	assert.NoError(t, "open", err)
	_, err = db.ExecContext(t.Context(), statement)
	assert.NoError(t, statement, errors.Join(err, db.Close()))
}

// TestDifferencesAreFound: one row that is missing, too many or other than in the folder, in each table.
func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	f := fill(t)
	_ = f.export(t) // draws the origin
	dsns := databases(t, 1)
	report, err := f.copy(t.Context(), store(t, dsns, true), migration.Options{})
	assert.NoError(t, "copy", err)
	for _, c := range []struct{ table, damage, mend string }{
		{"entry", "UPDATE entry SET value = CONCAT(value, 'x') WHERE seq = 5 LIMIT 1", "UPDATE entry SET value = LEFT(value, LENGTH(value) - 1) WHERE seq = 5 LIMIT 1"},
		{"repeated", "UPDATE repeated SET sender = sender + 1000 LIMIT 1", "UPDATE repeated SET sender = sender - 1000 WHERE sender > 1000"},
		{"account", "UPDATE account SET admin = 1 - admin WHERE user = 3", "UPDATE account SET admin = 1 - admin WHERE user = 3"},
		{"handle", "INSERT INTO handle VALUES ('more', 1)", "DELETE FROM handle WHERE handle = 'more'"},
		{"shelf (memberships)", "UPDATE shelf SET member = 1 - member WHERE user = 1", "UPDATE shelf SET member = 1 - member WHERE user = 1"},
		{"shelf (settings)", "UPDATE shelf SET version = version + 1 WHERE settings <> ''", "UPDATE shelf SET version = version - 1 WHERE settings <> ''"},
		{"meta", "UPDATE meta SET number = number + 1 WHERE name = 'account last user'", "UPDATE meta SET number = number - 1 WHERE name = 'account last user'"},
	} {
		execute(t, dsns[0], c.damage)
		_, err = f.compare(t, dsns)
		var different *migration.DifferentError
		if !errors.As(err, &different) || len(different.Differences) != 1 || different.Differences[0].Table != c.table {
			t.Fatalf("damage in %s: %v", c.table, err)
		}
		execute(t, dsns[0], c.mend)
	}
	again, err := f.compare(t, dsns)
	assert.NoError(t, "mended", err)
	assert.Equal(t, "report", fmt.Sprint(again), fmt.Sprint(report))
}

func TestCopyIntoSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, other := fill(t), fill(t)
	dsns := databases(t, 2)
	s := store(t, dsns, true)
	stopped, stop := context.WithCancel(ctx)
	_, err := f.copy(stopped, s, migration.Options{BatchRows: 100, Progress: func(migration.Progress) { stop() }})
	assert.True(t, "stopped", err != nil)
	_, err = other.copy(ctx, s, migration.Options{})
	assert.True(t, "a part of another folder", err != nil && strings.Contains(err.Error(), "another folder"))
	_, err = f.copy(ctx, s, migration.Options{})
	assert.NoError(t, "the folder that was begun", err)
	_, err = f.copy(ctx, s, migration.Options{})
	assert.True(t, "databases that are in use", err != nil && strings.Contains(err.Error(), "not empty"))
	served := other.open(t)
	_, err = other.copy(ctx, store(t, databases(t, 1), true), migration.Options{})
	assert.True(t, "a folder that is served from", err != nil && strings.Contains(err.Error(), "is a server running on it"))
	assert.NoError(t, "close", served.Close())
	_, err = pebble.OpenReader("nowhere", other.fs)
	assert.True(t, "no folder", err != nil)
}
