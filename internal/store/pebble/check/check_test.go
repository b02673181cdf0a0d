package check_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/pebble/check"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

const folder = "db"

// plant fills a folder: three users with accounts, a direct conversation, a group that somebody left, messages, read
// positions, timelines and settings.
func plant(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	s, err := pebble.Open(folder, pebble.Options{FS: fs})
	assert.NoError(t, "open", err)
	ctx := t.Context()
	accounts := make([]account.Account, 3)
	for i := range accounts {
		accounts[i] = account.Account{User: account.User{Handle: fmt.Sprintf("user%d", i+1), ExternalID: fmt.Sprintf("ext%d", i+1), Version: 1, Admin: i == 0}}
	}
	_, err = s.Accounts().Create(ctx, accounts, account.Terms{})
	assert.NoError(t, "accounts", err)
	_, _, err = s.Accounts().Add(ctx, account.Device{User: 1, Name: "phone"}, account.Room{Most: 10})
	assert.NoError(t, "device", err)
	first, err := s.Reserve(ctx, 2)
	assert.NoError(t, "ids", err)
	direct, group := first, first+1
	_, err = s.Pair(ctx, 1, 2, direct)
	assert.NoError(t, "pair", err)
	drafts := []*chat.Draft{
		{Conversation: direct, Sender: 1, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{1, 2}}},
		{Conversation: group, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Name: "crowd", Members: []chat.UserID{1, 2}}},
		{Conversation: group, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{3}, Role: chat.RoleAdmin}},
		{Conversation: group, Sender: 2, Body: chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{2}}},
	}
	for i := range 10 {
		id := chat.ClientID{15: byte(i + 1)}
		drafts = append(drafts,
			&chat.Draft{Conversation: direct, Sender: 1, ClientID: id, Body: chat.Text{Text: "hello"}},
			&chat.Draft{Conversation: group, Sender: 3, ClientID: id, Body: chat.Text{Text: "hello"}})
	}
	drafts = append(drafts, &chat.Draft{Conversation: direct, Sender: 2, Mark: 5})
	applied, err := s.Append(ctx, drafts)
	assert.NoError(t, "append", err)
	assert.NoError(t, "wait", applied.Wait(ctx))
	for i, r := range applied.Results() {
		if r.Err != nil {
			t.Fatalf("draft %d: %v", i, r.Err)
		}
	}
	rows, err := s.Timelines()
	assert.NoError(t, "timelines", err)
	follower := timeline.NewFollower(timeline.Default(), rows, s.TimelineLogs(), s.TimelineEvents(), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- follower.Run(ctx) }()
	assert.NoError(t, "following", follower.Passed(ctx, s.TimelineEvents().Tail()))
	pinned := true
	_, err = rows.PutSettings(ctx, 1, direct, timeline.Patch{Pinned: &pinned})
	assert.NoError(t, "settings", err)
	relations, err := social.New(social.Default(), social.Deps{Rows: s.Relations(), Users: everybody{}})
	assert.NoError(t, "relations", err)
	_, err = relations.Request(ctx, 1, 2, "hi")
	assert.NoError(t, "a request", err)
	_, err = relations.Follow(ctx, 3, 2, true)
	assert.NoError(t, "a follow", err)
	assert.NoError(t, "close", s.Close())
	assert.True(t, "the closed store ends the follower", <-ended != nil)
	return fs
}

// everybody is there.
type everybody struct{}

func (everybody) Exist(context.Context, []chat.UserID) ([]chat.UserID, error) { return nil, nil }

func run(t *testing.T, fs vfs.FS, repair bool) (check.Report, string) {
	t.Helper()
	var said []string
	r, err := check.Run(t.Context(), folder, check.Options{FS: fs, Repair: repair, Tell: func(s string) { said = append(said, s) }})
	assert.NoError(t, "check", err)
	return r, strings.Join(said, "\n")
}

// quiet drops what the engine tells.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func key(table byte, numbers ...uint64) []byte {
	k := []byte{table}
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return k
}

// change opens the database without its adapters and damages it.
func change(t *testing.T, fs vfs.FS, fn func(db *engine.DB) error) {
	t.Helper()
	db, err := engine.Open(folder, &engine.Options{FS: fs, FormatMajorVersion: engine.FormatNewest, Logger: quiet{}})
	assert.NoError(t, "open the engine", err)
	assert.NoError(t, "damage", errors.Join(fn(db), db.Close()))
}

func dropRow(k []byte) func(db *engine.DB) error {
	return func(db *engine.DB) error { return db.Delete(k, engine.Sync) }
}

// edit changes the bytes of one row.
func edit(k []byte, fn func(v []byte) []byte) func(db *engine.DB) error {
	return func(db *engine.DB) error {
		v, closer, err := db.Get(k)
		if err != nil {
			return fmt.Errorf("row %x: %w", k, err)
		}
		fresh := fn(append([]byte(nil), v...))
		return errors.Join(closer.Close(), db.Set(k, fresh, engine.Sync))
	}
}

func cut(v []byte) []byte { return v[:len(v)-1] }

func add(at int) func(v []byte) []byte {
	return func(v []byte) []byte { v[(at+len(v))%len(v)]++; return v }
}

// reenter takes the end off a member's last span.
func reenter(v []byte) []byte {
	r := record.NewReader(v)
	p := r.Part(0)
	p.Spans[len(p.Spans)-1].To = 0
	return record.AppendPart(nil, p)
}

// member changes a member row.
func member(change func(m *chat.Member)) func(v []byte) []byte {
	return func(v []byte) []byte {
		r := record.NewReader(v)
		p := r.Part(0)
		change(&p.Member)
		return record.AppendPart(nil, p)
	}
}

func TestCheckPassesAHealthyFolder(t *testing.T) {
	t.Parallel()
	r, said := run(t, plant(t), false)
	if r.Damage != 0 || r.Repaired != 0 {
		t.Errorf("%d findings:\n%s", r.Damage, said)
	}
	want := check.Report{Conversations: 2, Entries: 24, Members: 5, Repeats: 22, Pairs: 1, Users: 3, Devices: 1, Rows: 5}
	r.Events = 0
	assert.Equal(t, "counts", r, want)
}

// Every kind of damage is found; what is derived is mended, and then nothing is found any more.
func TestCheckFindsAndMendsPlantedDamage(t *testing.T) {
	t.Parallel()
	const direct, group = 1, 2
	repeat := append(key('k', direct, 1), make([]byte, 15)...)
	repeat = append(repeat, 3)
	for _, tc := range []struct {
		name   string
		damage func(db *engine.DB) error
		want   string
		stays  bool // the log itself: nothing to rebuild it from
	}{
		{"an entry is gone", dropRow(key('e', direct, 5)), "conversation 1: entry 6 follows 4", true},
		{"the last entry is gone", dropRow(key('e', direct, 11)), "conversation 1", true},
		{"an entry is cut", edit(key('e', group, 1), cut), "conversation 2: entry 1 does not decode", true},
		{"an ordinal is wrong", edit(key('e', direct, 5), add(0)), "conversation 1: entry 5: its ordinal is 5, it should be 4", true},
		{"the head is gone", dropRow(key('h', direct)), "conversation 1: the head says seq 0", false},
		{"the head is ahead", edit(key('h', direct), add(3)), "conversation 1: the head says seq 12", false},
		{"the head counts one member more", edit(key('h', group), add(6)), "conversation 2: the head says", false},
		{"the description is gone", dropRow(key('i', group)), "conversation 2: its description", false},
		{"the name is another one", edit(key('i', group), func(v []byte) []byte { v[len(v)-3]++; return v }), "conversation 2: its description", false},
		{"a member is gone", dropRow(key('m', group, 3)), "the member row of user 3 is missing", false},
		{"a member has another role", edit(key('m', group, 3), add(0)), "the member row of user 3 is not what", false},
		{"who left is a member again", edit(key('m', group, 2), reenter), "the member row of user 2 is not what", false},
		{"who left saw another name", edit(key('m', group, 2), add(-2)), "the member row of user 2 is not what", false},
		{"who is a member has left", edit(key('m', group, 3), func(v []byte) []byte { return append(v, 2, 1, 'x', 0) }), "the member row of user 3 is not what", false},
		{"what a member row goes on with is nothing known", edit(key('m', group, 3), func(v []byte) []byte { return append(v, 77) }), "the member row of user 3 does not decode", false},
		{"a stranger is a member", func(db *engine.DB) error {
			return db.Set(key('m', direct, 3), []byte{1, 1, 0, 1, 0, 1, 1, 0}, engine.Sync)
		}, "user 3, who never was a member", false},
		{"a device has what is not there", edit(key('m', direct, 2), member(func(m *chat.Member) { m.Got = 99 })), "the member row of user 2 has got what is up to 99, beyond 11", false},
		{"what is not there is deleted", edit(key('m', direct, 2), member(func(m *chat.Member) {
			m.Hidden, _ = m.Hidden.Add(chat.HiddenSpan{Span: chat.Span{From: 9, To: 12}, Before: 8, Last: 9})
		})), "the member row of user 2 has deleted what is up to 12 for oneself, beyond 11", false},
		{"what is deleted is nothing known", edit(key('m', direct, 2), member(func(m *chat.Member) { m.Hidden = "\x00\x00\x00\x00" })), "the member row of user 2 does not decode", false},
		{"a member row is cut", edit(key('m', group, 1), cut), "the member row of user 1 does not decode", false},
		{"an admin is not in the index", dropRow(key('a', group, 3)), "the index of owners and admins lacks user 3", false},
		{"the index of admins has a member", func(db *engine.DB) error { return db.Set(key('a', direct, 2), nil, engine.Sync) }, "has user 2, who is neither", false},
		{"the index of admins has a stranger", func(db *engine.DB) error { return db.Set(key('a', group, 2), nil, engine.Sync) }, "has user 2, who is neither", false},
		{"the index of admins has a value", edit(key('a', group, 1), func([]byte) []byte { return []byte{1} }), "has the malformed row", false},
		{"an index without a conversation", func(db *engine.DB) error { return db.Set(key('a', 77, 1), nil, engine.Sync) }, "conversation 77 has owners or admins, but no entries", true},
		{"a repeat row is gone", dropRow(repeat), "entry 4 has no repeat row", false},
		{"a repeat row names another entry", edit(repeat, add(0)), "has no repeat row of its own, or a wrong one", false},
		{"a repeat row is of other content", edit(repeat, func(v []byte) []byte { v[len(v)-1]++; return v }), "entry 4 has no repeat row", false},
		{"a repeat row is nobody's", func(db *engine.DB) error {
			v, closer, err := db.Get(repeat)
			if err != nil {
				return err
			}
			stray := append(append([]byte(nil), repeat[:32]...), 99)
			return errors.Join(db.Set(stray, v, engine.Sync), closer.Close())
		}, "a repeat row names entry 4, which is another one's", false},
		{"the pair is gone", dropRow(key('p', 1, 2)), "its pair does not lead to it", false},
		{"a pair leads to a group", func(db *engine.DB) error { return db.Set(key('p', 1, 3), []byte{group}, engine.Sync) }, "which is not theirs", false},
		{"a handle is gone", dropRow([]byte("nuser2")), "user 2 is not found by the handle", false},
		{"a handle leads to somebody else", func(db *engine.DB) error { return db.Set([]byte("nuser2"), []byte{1}, engine.Sync) }, "user 2 is not found by the handle", false},
		{"a handle is nobody's", func(db *engine.DB) error { return db.Set([]byte("nghost"), []byte{9}, engine.Sync) }, `the index of handles leads from "ghost"`, false},
		{"an external id is gone", dropRow([]byte("x\x01ext3")), "user 3 is not found by the external id", false},
		{"an account is cut", edit(key('u', 3), cut), "user 3: the account does not decode", true},
		{"an account is gone", dropRow(key('u', 1)), "device 1 belongs to user 1, who is not there", false},
		{"a device is cut", edit(key('d', 1, 1), cut), "device 1 of user 1 does not decode", false},
		{"a timeline row is gone", dropRow(key('c', 1, direct)), "user 1 is a member of conversation 1, but the timeline", false},
		{"a timeline row is cut", edit(key('c', 1, direct), cut), "timelines: the row of user 1", false},
		{"a timeline shows who left", edit(key('c', 2, group), func(v []byte) []byte { v[0] ^= 1; return v }), "timelines: user 2 and conversation 2", false},
		{"a timeline of a stranger", func(db *engine.DB) error { return db.Set(key('c', 3, direct), []byte{1, 9, 1}, engine.Sync) }, "user 3 has conversation 1, but never was a member", false},
		{"a pts beyond the last", edit(key('l', 1), func(v []byte) []byte { v[0] = 1; return v }), "beyond the last one", false},
		{"settings of a stranger", func(db *engine.DB) error { return db.Set(key('s', 3, direct), []byte{1, 0}, engine.Sync) }, "user 3 has settings for conversation 1", false},
		{"a relation is not mirrored", dropRow(key('f', 2, 1)), "user 2 was not told what user 1 said", false},
		{"a mirror says less", edit(key('f', 2, 1), func(v []byte) []byte {
			r := record.NewReader(v)
			row := r.Relation(1)
			row.Theirs.Turn = 0
			return record.AppendRelation(nil, row)
		}), "user 2 was not told what user 1 said", false},
		{"a relation is cut", edit(key('f', 1, 2), cut), "what user 1 is to user 2 does not decode", true},
		{"a relation to nobody", func(db *engine.DB) error {
			row := record.AppendRelation(nil, social.Relation{Other: 77, Version: 9, Due: true, Follow: true})
			return errors.Join(db.Set(key('f', 1, 77), row, engine.Sync), db.Set(key('b', 1, 9), []byte{77}, engine.Sync), db.Set(key('y', 1, 77), nil, engine.Sync))
		}, "user 1 has a relation to user 77, and one of them is not there", false},
		{"relations are miscounted", edit(key('j', 3), func(v []byte) []byte {
			r := record.NewReader(v)
			o := r.Owner()
			o.Follows, o.Blocks = 0, 7
			return record.AppendOwner(nil, o)
		}), "user 3 has 0 friends and requests, 1 follows, 0 blocks and 0 remarks", false},
		{"counts of nobody", func(db *engine.DB) error {
			return db.Set(key('j', 77), record.AppendOwner(nil, social.Owner{Version: 1}), engine.Sync)
		}, "relations of user 77, who is not there", false},
		{"counts are cut", edit(key('j', 1), cut), "what stands about the relations of user 1 does not decode", true},
		{"a link is none", func(db *engine.DB) error {
			return db.Set(key('w', group, 9), record.AppendLink(nil, invite.Link{CreatedMS: 1}), engine.Sync)
		}, "is none that anybody can use", false},
		{"a link leads nowhere", func(db *engine.DB) error {
			h := invite.Hash{7: 5}
			return db.Set(key('w', direct, h.ID()), record.AppendLink(nil, invite.Link{Token: h, CreatedMS: 1}), engine.Sync)
		}, "which is no group", false},
		{"a relation has no place in the list", dropRow(key('b', 1, 1)), "user 1 to user 2 is not found by its version", false},
		{"a place in a list is nobody's", func(db *engine.DB) error { return db.Set(key('b', 1, 8), []byte{2}, engine.Sync) }, "leads to no relation", false},
		{"nobody knows what is due", edit(key('f', 3, 2), func(v []byte) []byte {
			r := record.NewReader(v)
			row := r.Relation(2)
			row.Due = true
			return record.AppendRelation(nil, row)
		}), "user 3 to user 2 is due, and nobody knows", false},
		{"nothing is due", func(db *engine.DB) error { return db.Set(key('y', 3, 2), nil, engine.Sync) }, "leads to no relation", false},
		{"ids are given out again", func(db *engine.DB) error { return db.Set([]byte("znext conversation"), []byte{1}, engine.Sync) }, "counters: the next conversation id is 1", false},
		{"administrators are miscounted", func(db *engine.DB) error { return db.Set([]byte("zaccount administrators"), []byte{7}, engine.Sync) }, "counters: the number of administrators is 7", false},
		{"a head without entries", func(db *engine.DB) error { return db.Set(key('h', 77), []byte{1, 1, 0, 1, 1, 1, 1, 1}, engine.Sync) }, "conversation 77 has a head, but no entries", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fs := plant(t)
			change(t, fs, tc.damage)
			r, said := run(t, fs, false)
			if r.Damage == 0 || !strings.Contains(said, tc.want) {
				t.Fatalf("found %d, want %q in:\n%s", r.Damage, tc.want, said)
			}
			if r.Repaired != 0 {
				t.Error("it repaired without being told to")
			}
			run(t, fs, true)
			r, said = run(t, fs, false)
			if tc.stays != (r.Damage > 0) {
				t.Errorf("after the repair %d findings stand:\n%s", r.Damage, said)
			}
		})
	}
}

// A repair of timelines gives them another generation, so that clients start over.
func TestRepairGivesTimelinesAnotherGeneration(t *testing.T) {
	t.Parallel()
	fs := plant(t)
	generation := func() uint64 {
		s, err := pebble.Open(folder, pebble.Options{FS: fs})
		assert.NoError(t, "open", err)
		rows, err := s.Timelines()
		assert.NoError(t, "timelines", err)
		end, err := rows.End(t.Context(), 1)
		assert.NoError(t, "end", err)
		assert.NoError(t, "close", s.Close())
		return end.Generation
	}
	before := generation()
	run(t, fs, true)
	assert.Equal(t, "generation of a healthy folder", generation(), before)
	change(t, fs, dropRow(key('c', 1, 1)))
	run(t, fs, true)
	if generation() == before {
		t.Error("the generation stayed")
	}
}
