//go:build cluster

package check_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/audit"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/check"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// land is two databases, and what was put there.
type land struct {
	t     testing.TB
	s     *mysql.Store
	shelf *people.Shelf
	dbs   []*sql.DB
	// direct is of users 1 and 2, group of 1, 3, who is an admin, and 2, who has left.
	direct, group chat.ConversationID
	sent          int
}

func newLand(t testing.TB) *land {
	t.Helper()
	l := &land{t: t}
	c := mysql.DefaultConfig()
	c.MaxConnections, c.IdleConnections, c.SlotInterval = 8, 8, time.Minute
	for range 2 {
		dsn := engines.MariaDB(t).DSN
		c.Databases = append(c.Databases, dsn)
		db, err := sql.Open("mysql", dsn)
		assert.NoError(t, "open", err)
		t.Cleanup(func() { _ = db.Close() })
		l.dbs = append(l.dbs, db)
	}
	s, err := mysql.Open(t.Context(), c, mysql.Options{})
	assert.NoError(t, "open", err)
	t.Cleanup(func() { _ = s.Close() })
	l.s, l.shelf = s, people.NewShelf(s)
	return l
}

// plant fills the databases as a small cluster would have, lists of conversations included.
func plant(t testing.TB) *land {
	t.Helper()
	l, ctx := newLand(t), t.Context()
	accounts := make([]account.Account, 3)
	for i := range accounts {
		accounts[i] = account.Account{User: account.User{Handle: fmt.Sprintf("user%d", i+1), ExternalID: fmt.Sprintf("ext%d", i+1), Version: 1, Admin: i == 0}}
	}
	accounts[1].Name = strings.Repeat("n", 5_000) // longer than what is read with a page
	made := people.New(l.s)
	_, err := made.Create(ctx, accounts, account.Terms{})
	assert.NoError(t, "accounts", err)
	_, _, err = made.Add(ctx, account.Device{User: 1, Name: strings.Repeat("phone", 1_000)}, account.Room{Most: 10})
	assert.NoError(t, "device", err)
	first, err := l.s.Reserve(ctx, 2)
	assert.NoError(t, "ids", err)
	l.direct, l.group = first, first+1
	_, err = l.s.Pair(ctx, 1, 2, l.direct)
	assert.NoError(t, "pair", err)
	l.append(
		&chat.Draft{Conversation: l.direct, Sender: 1, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{1, 2}}},
		&chat.Draft{Conversation: l.group, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Name: "crowd", Members: []chat.UserID{1, 2}}},
		&chat.Draft{Conversation: l.group, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{3}, Role: chat.RoleAdmin}},
		&chat.Draft{Conversation: l.group, Sender: 2, Body: chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{2}}},
	)
	for range 10 {
		l.append(l.words(l.direct, 1, "hello"), l.words(l.group, 3, "hello"))
	}
	l.append(l.words(l.direct, 1, strings.Repeat("long ", 10_000)), &chat.Draft{Conversation: l.direct, Sender: 2, Mark: 5})
	assert.NoError(t, "lists", l.shelf.Enroll(ctx, []timeline.Change{
		{User: 1, Conversation: l.direct, Membership: timeline.Entered, Seq: 1},
		{User: 2, Conversation: l.direct, Membership: timeline.Entered, Seq: 1},
		{User: 1, Conversation: l.group, Membership: timeline.Entered, Seq: 1},
		{User: 2, Conversation: l.group, Membership: timeline.Ended, Seq: 3},
		{User: 3, Conversation: l.group, Membership: timeline.Entered, Seq: 2},
	}))
	return l
}

func (l *land) words(id chat.ConversationID, sender chat.UserID, text string) *chat.Draft {
	l.sent++
	return &chat.Draft{Conversation: id, Sender: sender, ClientID: chat.ClientID{14: byte(l.sent >> 8), 15: byte(l.sent)}, Body: chat.Text{Text: text}}
}

func (l *land) append(drafts ...*chat.Draft) {
	l.t.Helper()
	applied, err := l.s.Append(l.t.Context(), drafts)
	assert.NoError(l.t, "append", err)
	for i, r := range applied.Results() {
		if r.Err != nil {
			l.t.Fatalf("draft %d: %v", i, r.Err)
		}
	}
}

// exec runs a statement in the database in which it changes something.
func (l *land) exec(query string, args ...any) {
	l.t.Helper()
	changed := int64(0)
	for _, db := range l.dbs {
		r, err := db.ExecContext(l.t.Context(), query, args...)
		assert.NoError(l.t, query, err)
		n, err := r.RowsAffected()
		assert.NoError(l.t, query, err)
		if changed += n; changed > 0 {
			return
		}
	}
	l.t.Fatalf("%s changed nothing", query)
}

// of runs a statement in the database that has a conversation, or in another one.
func (l *land) of(id chat.ConversationID, elsewhere bool, query string, args ...any) {
	l.t.Helper()
	for i, d := range l.s.Databases() {
		if (d == l.s.OfConversation(id)) != elsewhere {
			_, err := l.dbs[i].ExecContext(l.t.Context(), query, args...)
			assert.NoError(l.t, query, err)
			return
		}
	}
}

// planted are the tables that a test damages.
var planted = []string{
	"entry", "head", "repeated", "member", "leader", "conversation", "direct", "handle", "external_id", "account", "meta", "outbox", "holding", "slot_map", "shelf",
}

// save keeps what was planted, and restore brings it back.
func (l *land) save() {
	l.t.Helper()
	for _, db := range l.dbs {
		for _, table := range planted {
			_, err := db.ExecContext(l.t.Context(), "CREATE TABLE saved_"+table+" AS SELECT * FROM "+table)
			assert.NoError(l.t, "save", err)
		}
	}
}

func (l *land) restore() {
	l.t.Helper()
	for _, db := range l.dbs {
		tx, err := db.BeginTx(l.t.Context(), nil)
		assert.NoError(l.t, "begin", err)
		for _, table := range planted {
			_, err := tx.ExecContext(l.t.Context(), "DELETE FROM "+table)
			assert.NoError(l.t, "empty", err)
			_, err = tx.ExecContext(l.t.Context(), "INSERT INTO "+table+" SELECT * FROM saved_"+table)
			assert.NoError(l.t, "restore", err)
		}
		assert.NoError(l.t, "commit", tx.Commit())
	}
}

type said struct {
	text string
	next check.Remedy
}

// run checks, and returns what was said.
func (l *land) run(o check.Options) (audit.Report, []said) {
	l.t.Helper()
	var all []said
	o.Tell = func(text string, next check.Remedy) { all = append(all, said{text, next}) }
	if o.Repaired == nil {
		o.Repaired = func(string) {}
	}
	if o.Patience == 0 {
		o.Patience = time.Millisecond
	}
	r, err := check.Run(l.t.Context(), l.s, o)
	assert.NoError(l.t, "check", err)
	return r, all
}

func TestCheckPassesHealthyDatabases(t *testing.T) {
	t.Parallel()
	l := plant(t)
	want := audit.Report{Conversations: 2, Entries: 25, Members: 5, Repeats: 23, Pairs: 1, Users: 3, Devices: 1, Rows: 5, Events: 26}
	r, said := l.run(check.Options{})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	assert.Equal(t, "counts", r, want)
	r, said = l.run(check.Options{Moment: time.Nanosecond}) // a later moment after each conversation
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	assert.Equal(t, "counts", r, want)
	r, said = l.run(check.Options{Shelf: true})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	assert.Equal(t, "counts of the lists", r, audit.Report{Rows: 5})
}

// Every kind of damage is found, named and sent to what helps. Nothing else is found beside it where more is false.
func TestCheckFindsPlantedDamage(t *testing.T) {
	t.Parallel()
	lands := make(chan *land, 2) // making databases takes longer than putting them back as they were
	for range cap(lands) {
		l := plant(t)
		l.save()
		lands <- l
	}
	for _, tc := range []struct {
		name   string
		damage func(l *land)
		want   string // d and g are the two conversations
		next   check.Remedy
		more   bool
	}{
		{"an entry is gone", func(l *land) { l.exec("DELETE FROM entry WHERE conversation=? AND seq=5", l.direct) }, "conversation d: entry 6 follows 4", check.Restore, true},
		{"the last entry is gone", func(l *land) { l.exec("DELETE FROM entry WHERE conversation=? AND seq=12", l.direct) }, "conversation d: the head says seq 12", check.Rebuild, true},
		{"an entry is cut", func(l *land) {
			l.exec("UPDATE entry SET value=LEFT(value, LENGTH(value)-1) WHERE conversation=? AND seq=1", l.group)
		}, "conversation g: entry 1 does not decode", check.Restore, true},
		{"the head is gone", func(l *land) { l.exec("DELETE FROM head WHERE conversation=?", l.direct) }, "conversation d: the head says seq 0", check.Rebuild, false},
		{"the head is another one's", func(l *land) {
			l.of(l.direct, false, "UPDATE head SET value=CONCAT(LEFT(value, 3), CHAR(ORD(SUBSTR(value, 4, 1))+1), SUBSTR(value, 5)) WHERE conversation=?", l.direct)
		}, "conversation d: the head says seq 13", check.Rebuild, false},
		{"a repeat row is gone", func(l *land) {
			l.exec("DELETE FROM repeated WHERE conversation=? AND sender=1 AND client=?", l.direct, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03"))
		}, "conversation d: entry 3 has no repeat row of its own", check.Rebuild, false},
		{"a message is there twice", func(l *land) {
			l.exec("UPDATE entry a JOIN entry b ON b.conversation=a.conversation AND b.seq=3 SET a.value=CONCAT(LEFT(a.value, 1), SUBSTR(b.value, 2)) WHERE a.conversation=? AND a.seq=4", l.direct)
		}, "conversation d: entry 4 has no repeat row of its own", check.Rebuild, true},
		{"a member is gone", func(l *land) { l.exec("DELETE FROM member WHERE conversation=? AND user=3", l.group) }, "the member row of user 3 is missing", check.Rebuild, true},
		{"a stranger is a member", func(l *land) {
			l.of(l.direct, false, "INSERT INTO member VALUES (?, 3, 1, x'0101000100010100')", l.direct)
		}, "user 3, who never was a member", check.Rebuild, true},
		{"who left is present", func(l *land) { l.exec("UPDATE member SET present=1 WHERE conversation=? AND user=2", l.group) }, "the column present is another thing", check.Rebuild, false},
		{"a cursor is beyond the head", func(l *land) {
			l.exec("UPDATE member SET value=CONCAT(LEFT(value, LENGTH(value)-5), x'7f', SUBSTR(value, LENGTH(value)-3)) WHERE conversation=? AND user=2", l.direct)
		}, "the member row of user 2 has read up to 127, beyond 12", check.Rebuild, false},
		{"an admin is not in the index", func(l *land) { l.exec("DELETE FROM leader WHERE conversation=? AND user=3", l.group) }, "the index of owners and admins lacks user 3", check.Rebuild, false},
		{"an admin is an owner in the index", func(l *land) { l.exec("UPDATE leader SET role=3 WHERE conversation=? AND user=3", l.group) }, "has user 3 with another role", check.Rebuild, false},
		{"the description is gone", func(l *land) { l.exec("DELETE FROM conversation WHERE conversation=?", l.group) }, "conversation g: its description", check.Rebuild, false},
		{"the pair is gone", func(l *land) { l.exec("DELETE FROM direct") }, "conversation d is direct, but its pair does not lead to it", check.Rebuild, false},
		{"a pair leads to a group", func(l *land) { l.exec("UPDATE direct SET conversation=?", l.group) }, "which is not theirs", check.Rebuild, true},
		{"a handle is gone", func(l *land) { l.exec("DELETE FROM handle WHERE handle='user2'") }, "user 2 is not found by the handle", check.Rebuild, false},
		{"a handle is nobody's", func(l *land) { l.exec("INSERT INTO handle VALUES ('ghost', 9)") }, `the index of handles leads from "ghost" to user 9`, check.Rebuild, false},
		{"an external id leads elsewhere", func(l *land) { l.exec("UPDATE external_id SET user=1 WHERE external_id='ext3'") }, "user 3 is not found by the external id", check.Rebuild, true},
		{"an account is gone", func(l *land) { l.exec("DELETE FROM account WHERE user=1") }, "device 1 belongs to user 1, who is not there", check.Rebuild, true},
		{"an account is cut", func(l *land) { l.exec("UPDATE account SET value='x' WHERE user=3") }, "user 3: the account does not decode", check.Restore, true},
		{"the column admin is wrong", func(l *land) { l.exec("UPDATE account SET admin=1 WHERE user=3") }, "the column admin is another thing", check.Rebuild, false},
		{"the column admin of a long account is wrong", func(l *land) { l.exec("UPDATE account SET admin=1 WHERE user=2") }, "the column admin is another thing", check.Rebuild, false},
		{"ids of conversations are given out again", func(l *land) { l.exec("UPDATE meta SET number=1 WHERE name='next conversation'") }, "the next conversation id is 1", check.Rebuild, false},
		{"ids of users are given out again", func(l *land) { l.exec("UPDATE meta SET number=1 WHERE name='account last user'") }, "the last user id is 1", check.Rebuild, false},
		{"an event is of no entry", func(l *land) {
			l.of(l.direct, false, "INSERT INTO outbox (slot, conversation, seq, reader, read_seq, value) VALUES (?, ?, 99, 0, 0, '')", uint64(l.direct.Slot()), l.direct)
		}, "outbox: an event of conversation d is of entry 99, which is not there", check.Outbox, false},
		{"an event is in another slot", func(l *land) {
			l.of(l.direct, false, "UPDATE outbox SET slot=(slot+1)%1024 WHERE conversation=? AND seq=4", l.direct)
		}, "outbox: an event of conversation d at seq 4 is in slot", check.Outbox, false},
		{"rows are in another database", func(l *land) {
			l.of(l.direct, true, "INSERT INTO entry VALUES (?, 1, 'x')", l.direct)
		}, "has rows in its table entry of slot", check.Slots, false},
		{"a slot is nowhere", func(l *land) { l.exec("DELETE FROM holding WHERE kind=0 AND slot=7") }, "no database says that it has it", check.Slots, false},
		{"a slot is in two places", func(l *land) {
			for _, db := range l.dbs {
				_, err := db.ExecContext(l.t.Context(), "INSERT IGNORE INTO holding VALUES (1, 7, 1, 0)")
				assert.NoError(l.t, "holding", err)
			}
		}, "both database", check.Slots, false},
		{"a slot is in the wrong place", func(l *land) { l.exec("UPDATE slot_map SET shard=3-shard WHERE kind=1 AND slot=9") }, "by the map, and database", check.Slots, false},
		{"a list lacks a conversation", func(l *land) { l.exec("DELETE FROM shelf WHERE user=1 AND conversation=?", l.direct) }, "user 1 is a member of conversation d, and the user's list of conversations does not have it", check.Shelf, false},
		{"a list shows who left", func(l *land) { l.exec("UPDATE shelf SET member=1 WHERE user=2 AND conversation=?", l.group) }, "member is true, the log says false", check.Shelf, false},
		{"a list is of an older change", func(l *land) { l.exec("UPDATE shelf SET seq=1 WHERE user=3 AND conversation=?", l.group) }, "a change of seq 1, the log says 2", check.Shelf, false},
		{"a list of a stranger", func(l *land) {
			l.exec("UPDATE shelf SET conversation=? WHERE user=3 AND conversation=?", l.direct, l.group)
		}, "user 3 has conversation d in the list of conversations, but never was a member", check.Shelf, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := <-lands
			defer func() { lands <- l }()
			l.t = t
			l.restore()
			tc.damage(l)
			r, all := l.run(check.Options{})
			want := strings.NewReplacer("conversation d", fmt.Sprintf("conversation %d", l.direct), "conversation g", fmt.Sprintf("conversation %d", l.group)).Replace(tc.want)
			found := false
			for _, s := range all {
				found = found || strings.Contains(s.text, want) && s.next == tc.next
			}
			if !found || r.Damage != uint64(len(all)) || len(all) > 1 && !tc.more {
				t.Errorf("found %d, want %q (%d) in:\n%v", r.Damage, want, tc.next, all)
			}
		})
	}
}
