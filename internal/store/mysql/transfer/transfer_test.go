//go:build cluster

package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/mysql/transfer"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// imports is what a store notes of an import.
type imports interface {
	Users(ctx context.Context, origin string, users []archive.User) ([]chat.UserID, error)
	User(ctx context.Context, origin string, id chat.UserID) (chat.UserID, error)
	Place(ctx context.Context, origin string, c chat.Conversation) (archive.Place, error)
	Placed(ctx context.Context, origin string, id chat.ConversationID) (archive.Place, error)
}

// install is a store of one of the two kinds, as exports and imports see it.
type install struct {
	imports
	log interface {
		message.Log
		message.Members
	}
	messages  *message.Service
	relations *social.Service
	put       func(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch) error
	picture   func(ctx context.Context) (source, error)
}

type source interface {
	archive.Source
	Close() error
}

var _ archive.Target = (*install)(nil)

func (i *install) Submit(d *chat.Draft, done func(chat.Result)) { i.messages.Submit(d, done) }
func (i *install) Settle(context.Context) error                 { return nil }

func (i *install) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, s chat.Settings) (bool, error) {
	part, err := i.log.Part(ctx, id, user)
	if err != nil || len(part.Spans) == 0 {
		return false, err
	}
	return true, i.put(ctx, user, id, timeline.Patch{
		Pinned: &s.Pinned, Muted: &s.Muted, Archived: &s.Archived, MarkedUnread: &s.MarkedUnread, Draft: &s.Draft, MarkedAt: part.Read.Seq,
	})
}

func (i *install) Relation(ctx context.Context, r archive.Relation) error {
	return i.relations.Restore(ctx, r.User, r.Other, social.Said{Friend: r.Friend, Note: r.Note, AtMS: r.AtMS, Follow: r.Follow, Block: r.Block, Remark: r.Remark})
}

func (i *install) Privacy(ctx context.Context, p archive.Privacy) error {
	return i.relations.RestorePrivacy(ctx, p.User, p.From)
}

// people are whoever is asked for.
type everybody struct{}

func (everybody) Exist(context.Context, []chat.UserID) ([]chat.UserID, error) { return nil, nil }

// relate gives the install relations on rows.
func (i *install) relate(t testing.TB, rows social.Rows) *install {
	t.Helper()
	var err error
	i.relations, err = social.New(social.Default(), social.Deps{Rows: rows, Users: everybody{}})
	assert.NoError(t, "relations", err)
	return i
}

func (i *install) Handle(name string) bool {
	_, err := account.NormalizeHandle(name)
	return err == nil
}

// serve runs the log of an install for as long as the test.
func (i *install) serve(t testing.TB) *install {
	t.Helper()
	i.messages = message.New(message.DefaultConfig(), i.log, i.log, nil, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- i.messages.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, "the log", <-done)
	})
	return i
}

func folder(t testing.TB) *install {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open a folder", err)
	t.Cleanup(func() { _ = s.Close() })
	rows, err := s.Timelines()
	assert.NoError(t, "timelines", err)
	i := &install{imports: s.Imports(), log: s, picture: func(ctx context.Context) (source, error) { return s.Picture(ctx) }}
	i.put = func(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch) error {
		_, err := rows.PutSettings(ctx, user, id, p)
		return err
	}
	return i.relate(t, s.Relations()).serve(t)
}

func store(t testing.TB, dsns []string) *mysql.Store {
	t.Helper()
	cfg := mysql.DefaultConfig()
	cfg.Databases = dsns
	cfg.MaxConnections, cfg.IdleConnections = 8, 4
	s, err := mysql.Open(t.Context(), cfg, mysql.Options{})
	assert.NoError(t, "open a cluster", err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func databases(t testing.TB, n int) (dsns []string) {
	t.Helper()
	for range n {
		dsns = append(dsns, engines.MariaDB(t).DSN)
	}
	return dsns
}

func cluster(t testing.TB, dsns []string) *install {
	t.Helper()
	s := store(t, dsns)
	archives, shelf := transfer.New(s, people.New(s)), people.NewShelf(s)
	i := &install{imports: archives.Imports(), log: s, picture: func(ctx context.Context) (source, error) { return archives.Picture(ctx) }}
	i.put = func(ctx context.Context, user chat.UserID, id chat.ConversationID, p timeline.Patch) error {
		_, err := shelf.PutSettings(ctx, user, id, p)
		return err
	}
	return i.relate(t, people.NewRelations(s)).serve(t)
}

// export writes an install down, without the first line, which has the time and the origin.
func (i *install) export(t testing.TB) string {
	t.Helper()
	p, err := i.picture(t.Context())
	assert.NoError(t, "picture", err)
	var b bytes.Buffer
	_, err = archive.Export(t.Context(), &b, p, archive.ExportOptions{Passwords: true})
	assert.NoError(t, "export", err)
	assert.NoError(t, "close", p.Close())
	_, rest, _ := strings.Cut(b.String(), "\n")
	return rest
}

const head = `{"type":"throng","version":1,"origin":"there","created_ms":1,"passwords":true}` + "\n"

func (i *install) take(t testing.TB, lines string) archive.Position {
	t.Helper()
	p, err := archive.Import(t.Context(), strings.NewReader(head+lines), i, archive.ImportOptions{})
	assert.NoError(t, "import", err)
	return p
}

// submit appends drafts one after the other, and returns the last seq.
func (i *install) submit(t testing.TB, drafts ...*chat.Draft) (last chat.Seq) {
	t.Helper()
	for n, d := range drafts {
		done := make(chan chat.Result, 1)
		i.messages.Submit(d, func(r chat.Result) { done <- r })
		r := <-done
		if r.Err != nil {
			t.Fatalf("draft %d of conversation %d: %v", n, d.Conversation, r.Err)
		}
		last = r.Seq
	}
	return last
}

// populate fills an install with everything that an archive knows.
func (i *install) populate(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	users := make([]archive.User, 40)
	for n := range users {
		id := chat.UserID(n + 1)
		users[n] = archive.User{
			ID: id, Handle: fmt.Sprintf("user%d", id), Name: fmt.Sprintf("User <%d> ünï", id), Version: uint64(id), CreatedMS: 1_000 + uint64(id),
			Admin: id == 3, Disabled: id == 4, Attributes: map[string]string{"team": "x"}, Password: "$argon2id$whatever",
		}
		if n%3 == 0 {
			users[n].ExternalID = fmt.Sprintf("ext/%d", id)
		}
	}
	users[9] = archive.User{ID: 10, Version: 7, CreatedMS: 5, Deleted: true}
	ids, err := i.Users(ctx, "source", users)
	assert.NoError(t, "users", err)
	at := uint64(1_700_000_000_000)
	client := func(id chat.ConversationID, n int) chat.ClientID {
		return chat.ClientID{byte(id), byte(n >> 8), byte(n), 6: 0x40, 8: 0x80}
	}
	for n := range 20 {
		c := chat.Conversation{ID: chat.ConversationID(n*7 + 1), Kind: chat.KindGroup}
		members := []chat.UserID{ids[n], ids[n+1], ids[n+11], ids[n+17]}
		if n%2 == 0 {
			members = members[:2]
			c.Kind, c.Pair = chat.KindDirect, [2]chat.UserID(members)
		}
		p, err := i.Place(ctx, "source", c)
		assert.NoError(t, "place", err)
		body := chat.Created{Kind: c.Kind, Members: members}
		if c.Kind == chat.KindGroup {
			body.Name, body.Open = fmt.Sprintf("group %d", n), n%4 == 1
		}
		i.submit(t, &chat.Draft{Conversation: p.ID, Sender: members[0], Body: body, TimeMS: at})
		for m := range 10 + n*20 { // more than a page for some
			at++
			i.submit(t, &chat.Draft{Conversation: p.ID, Sender: members[m%2], ClientID: client(p.ID, m), Body: chat.Text{Text: fmt.Sprintf("text %d\n<&>", m)}, TimeMS: at})
		}
		i.submit(t, &chat.Draft{Conversation: p.ID, Sender: members[1], Mark: 5})
		if c.Kind == chat.KindGroup {
			name := "renamed"
			i.submit(t,
				&chat.Draft{Conversation: p.ID, Sender: members[0], Body: chat.Changed{Name: &name}, TimeMS: at},
				&chat.Draft{Conversation: p.ID, Sender: members[0], Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: members[3:]}, TimeMS: at},
				&chat.Draft{Conversation: p.ID, Sender: members[0], Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{ids[30]}, Role: chat.RoleMember}, TimeMS: at})
		}
		stored, err := i.Settings(ctx, members[0], p.ID, chat.Settings{Pinned: n%3 == 0, Muted: n%3 == 1, MarkedUnread: n%5 == 0, Draft: fmt.Sprintf("draft %d", n%2)})
		assert.True(t, "settings", err == nil && stored)
	}
	for n := range 6 {
		said := archive.Relation{User: ids[n], Other: ids[n+1], Friend: n%2 == 0, AtMS: uint64(n), Follow: n%3 == 1, Block: n == 4, Remark: strings.Repeat("x", n)}
		if said.Friend {
			said.Note = fmt.Sprintf("note %d", n)
		}
		assert.NoError(t, "a relation", i.Relation(ctx, said))
	}
	assert.NoError(t, "friends", i.Relation(ctx, archive.Relation{User: ids[1], Other: ids[0], Friend: true, AtMS: 9}))
}

func TestExportAndImportAreARoundTrip(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one database": 1, "two databases": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			embedded := folder(t)
			embedded.populate(t)
			want := embedded.export(t)
			assert.True(t, "something is in it", strings.Count(want, "\n") > 4_000)

			dsns := databases(t, n)
			here := cluster(t, dsns)
			p := here.take(t, want)
			assert.Equal(t, "users", p.Counts.Users, 40)
			same(t, "the cluster", here.export(t), want)
			cluster(t, dsns).take(t, want) // by another node
			same(t, "after a second import", here.export(t), want)

			back := folder(t)
			back.take(t, here.export(t))
			same(t, "back in a folder", back.export(t), want)
		})
	}
}

// same fails the test at the first line that differs.
func same(t testing.TB, what, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s: line %d is\n%s\nwant\n%s", what, i+2, a[i], b[i])
		}
	}
	assert.Equal(t, what+": lines", len(a), len(b))
}

// TestImportIntoAClusterThatIsInUse: who is there already is found, ids that are taken are not used again, and a pair's conversation
// that is there is shared.
func TestImportIntoAClusterThatIsInUse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dsns := databases(t, 2)
	s := store(t, dsns)
	made, err := people.New(s).Create(ctx, []account.Account{
		{User: account.User{Handle: "user5", Version: 1}}, {User: account.User{ExternalID: "ext/7", Version: 1}}, {User: account.User{Handle: "somebody", Version: 1}},
	}, account.Terms{})
	assert.NoError(t, "create", err)
	here := cluster(t, dsns)
	first, err := s.Reserve(ctx, 1)
	assert.NoError(t, "reserve", err)
	low, high := min(made[0].ID, made[1].ID), max(made[0].ID, made[1].ID)
	shared, err := s.Pair(ctx, low, high, first)
	assert.NoError(t, "pair", err)
	here.submit(t, &chat.Draft{Conversation: shared, Sender: low, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{low, high}}})

	users := []archive.User{{ID: 5, Handle: "user5"}, {ID: 7, ExternalID: "ext/7"}, {ID: 1, Handle: "new"}, {ID: 900, Handle: "far"}, {ID: 901, Handle: "far"}, {ID: 2, Deleted: true}}
	ids, err := here.Users(ctx, "there", users)
	assert.NoError(t, "import users", err)
	assert.Equal(t, "by handle", ids[0], made[0].ID)
	assert.Equal(t, "by external id", ids[1], made[1].ID)
	assert.True(t, "a new id for one that may be taken", ids[2] > made[2].ID)
	assert.Equal(t, "an id that is free", ids[3], 900)
	assert.Equal(t, "twice in one import", ids[4], 900)
	again, err := here.Users(ctx, "there", users)
	assert.NoError(t, "again", err)
	assert.Equal(t, "again", again, ids)
	other, err := here.Users(ctx, "elsewhere", users[2:3])
	assert.NoError(t, "of another origin", err)
	assert.Equal(t, "found by the handle", other[0], ids[2])
	unknown, err := here.User(ctx, "elsewhere", 900)
	assert.NoError(t, "never imported", err)
	assert.Equal(t, "never imported", unknown, 0)
	later, err := people.New(s).Create(ctx, []account.Account{{User: account.User{Handle: "later", Version: 1}}}, account.Terms{})
	assert.NoError(t, "create", err)
	assert.True(t, "ids go on above", later[0].ID > slices.Max(ids))

	p, err := here.Place(ctx, "there", chat.Conversation{ID: 3, Kind: chat.KindDirect, Pair: [2]chat.UserID{low, high}})
	assert.NoError(t, "place", err)
	assert.Equal(t, "the pair's", p, archive.Place{ID: shared, Head: 1, Shared: true})
	p, err = here.Place(ctx, "there", chat.Conversation{ID: 4, Kind: chat.KindGroup})
	assert.NoError(t, "place", err)
	assert.True(t, "another id", p.ID > shared && p.Head == 0 && !p.Shared)
	repeated, err := here.Place(ctx, "there", chat.Conversation{ID: 4, Kind: chat.KindGroup})
	assert.NoError(t, "place again", err)
	assert.Equal(t, "place again", repeated, p)
	far, err := here.Place(ctx, "there", chat.Conversation{ID: 1 << 40, Kind: chat.KindGroup})
	assert.NoError(t, "place", err)
	assert.Equal(t, "an id that is free", far.ID, 1<<40)
	next, err := store(t, dsns).Reserve(ctx, 1)
	assert.NoError(t, "reserve", err)
	assert.True(t, "ids go on above", next > 1<<40)
	none, err := here.Placed(ctx, "there", 77)
	assert.NoError(t, "never placed", err)
	assert.Equal(t, "never placed", none, archive.Place{})
	_, err = here.Users(ctx, strings.Repeat("x", 256), users)
	assert.Equal(t, "an origin that is too long", chat.AsError(err).Code, chat.CodeInvalid)
}

// TestPictureStandsStill: what comes after the picture is not in it, and an error of the reader comes back as it is.
func TestPictureStandsStill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	here := cluster(t, databases(t, 2))
	here.populate(t)
	want := here.export(t)
	p, err := here.picture(ctx)
	assert.NoError(t, "picture", err)
	here.submit(t, &chat.Draft{Conversation: 1, Sender: 1, ClientID: chat.ClientID{99, 6: 0x40, 8: 0x80}, Body: chat.Text{Text: "later"}})
	_, err = here.Users(ctx, "later", []archive.User{{ID: 5_000, Handle: "later"}})
	assert.NoError(t, "later", err)
	_, err = here.Settings(ctx, 1, 1, chat.Settings{Archived: true})
	assert.NoError(t, "later", err)
	var b bytes.Buffer
	_, err = archive.Export(ctx, &b, p, archive.ExportOptions{Passwords: true})
	assert.NoError(t, "export", err)
	_, rest, _ := strings.Cut(b.String(), "\n")
	same(t, "the picture", rest, want)
	enough := errors.New("enough")
	assert.ErrorIs(t, "an error of the reader", p.Users(ctx, func(archive.User) error { return enough }), enough)
	seen := 0
	err = p.Entries(ctx, 120, 0, func(*chat.Entry) error {
		if seen++; seen == 10 {
			return enough
		}
		return nil
	})
	assert.ErrorIs(t, "an error amid entries", err, enough)
	assert.NoError(t, "close", p.Close())
	origin := p.Origin()
	p, err = here.picture(ctx)
	assert.NoError(t, "another picture", err)
	assert.Equal(t, "origin", p.Origin(), origin)
	assert.NoError(t, "close", p.Close())
}
