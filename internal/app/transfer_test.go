package app_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
)

// wireID is a client id as JSON carries it.
func wireID(n int) string {
	id := [16]byte{6: 0x40, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
	return base64.StdEncoding.EncodeToString(id[:])
}

// idOf is the id of a conversation in an answer.
func idOf(conversation any) string {
	fields, _ := conversation.(map[string]any)
	return fmt.Sprint(fields["id"])
}

func send(t testing.TB, s *server, token string, conversation any, n int, text string) (int, map[string]any) {
	t.Helper()
	return call(t, s, token, "MessageService/Send", map[string]any{
		"conversation": conversation, "clientId": wireID(n), "text": text,
	})
}

// populate fills a server with everything that an export knows.
func populate(t testing.TB, s *server) {
	t.Helper()
	ada, adaID := signUp(t, s, "ada", "")
	bob, bobID := signUp(t, s, "bob", "")
	cyd, cydID := signUp(t, s, "cyd", "")
	ok := func(what string, status int, out map[string]any) map[string]any {
		t.Helper()
		if status != http.StatusOK {
			t.Fatalf("%s answered %d: %v", what, status, out)
		}
		return out
	}
	do := func(token, procedure string, req map[string]any) map[string]any {
		t.Helper()
		status, out := call(t, s, token, procedure, req)
		return ok(procedure, status, out)
	}
	direct := idOf(do(ada, "ConversationService/OpenDirect", map[string]any{"user": bobID})["conversation"])
	group := idOf(do(ada, "ConversationService/CreateGroup", map[string]any{
		"clientId": wireID(1), "name": "Crowd <&>", "members": []any{bobID, cydID},
	})["conversation"])
	for i := range 30 {
		status, out := send(t, s, ada, direct, 100+i, fmt.Sprintf("hello %d — ünïcode\nline", i))
		ok("send", status, out)
		status, out = send(t, s, bob, group, 200+i, "in the group")
		ok("send", status, out)
	}
	amend := func(token string, conversation any, n int, body map[string]any) {
		t.Helper()
		req := map[string]any{"conversation": conversation, "clientId": wireID(n)}
		for name, value := range body {
			req[name] = value
		}
		do(token, "MessageService/Send", req)
	}
	amend(bob, direct, 310, map[string]any{"text": "a reply", "replyTo": "5"})
	amend(bob, group, 312, map[string]any{"text": "hello @ada", "mentions": []any{adaID, cydID}, "mentionAll": true})
	amend(bob, direct, 313, map[string]any{"text": "nobody of these is here", "mentions": []any{cydID}})
	amend(bob, direct, 311, map[string]any{"text": "to what is taken back", "replyTo": "3"})
	amend(ada, direct, 300, map[string]any{"edit": map[string]any{"target": "2", "text": "edited"}})
	amend(ada, direct, 301, map[string]any{"edit": map[string]any{"target": "2", "text": "edited again"}})
	amend(ada, direct, 302, map[string]any{"edit": map[string]any{"target": "3", "text": "edited, and taken back"}})
	amend(ada, direct, 303, map[string]any{"recall": map[string]any{"target": "3"}})
	amend(bob, direct, 305, map[string]any{"pin": map[string]any{"target": "4", "on": true}})
	amend(ada, direct, 306, map[string]any{"pin": map[string]any{"target": "6", "on": true}})
	amend(ada, direct, 307, map[string]any{"pin": map[string]any{"target": "4"}})
	amend(ada, direct, 308, map[string]any{"pin": map[string]any{"target": "5", "on": true}})
	amend(ada, group, 309, map[string]any{"pin": map[string]any{"target": "4", "on": true}})
	amend(ada, group, 304, map[string]any{"recall": map[string]any{"target": "4", "note": "spam"}})
	amend(ada, group, 305, map[string]any{"recall": map[string]any{"target": "30"}})
	do(bob, "MessageService/MarkRead", map[string]any{"conversation": direct, "seq": "7"})
	do(ada, "ConversationService/UpdateGroup", map[string]any{"conversation": group, "name": "Renamed"})
	do(ada, "ConversationService/UpdateGroup", map[string]any{"conversation": group, "slowModeMs": 1_000})
	do(operatorKey, "AdminService/SetTier", map[string]any{"conversation": group, "tier": "TIER_LARGE"})
	do(ada, "ConversationService/SetRole", map[string]any{"conversation": group, "user": cydID, "role": "ROLE_ADMIN"})
	do(cyd, "ConversationService/Leave", map[string]any{"conversation": group})
	do(ada, "ConversationService/UpdateSettings", map[string]any{"conversation": direct, "pinned": true, "draft": "later"})
	do(ada, "SocialService/RequestFriend", map[string]any{"user": bobID, "note": "it is me"})
	do(bob, "SocialService/AcceptFriend", map[string]any{"user": adaID})
	do(cyd, "SocialService/RequestFriend", map[string]any{"user": bobID, "note": "and me"})
	do(ada, "SocialService/SetFollow", map[string]any{"user": cydID, "follow": true})
	do(cyd, "SocialService/SetBlock", map[string]any{"user": bobID, "block": true})
	do(cyd, "SocialService/SetRemark", map[string]any{"user": adaID, "remark": "A."})
	do(bob, "SocialService/UpdatePrivacy", map[string]any{"unlisted": true})
	do(cyd, "SocialService/UpdatePrivacy", map[string]any{"messagesFrom": "MESSAGES_FROM_FRIENDS"})
	do(ada, "SocialService/RequestFriend", map[string]any{"user": cydID})
	do(cyd, "SocialService/RefuseFriend", map[string]any{"user": adaID})
	do(bob, "SocialService/UpdatePrivacy", map[string]any{"noReadReceipts": true})
	do(bob, "ReceiptService/HideEntries", map[string]any{"conversation": direct, "spans": []any{map[string]any{"from": "9", "to": "11"}}})

	court := idOf(do(ada, "ConversationService/CreateGroup", map[string]any{
		"clientId": wireID(2), "name": "Court", "members": []any{bobID, cydID},
	})["conversation"])
	do(ada, "ConversationService/UpdateGroup", map[string]any{
		"conversation": court, "joining": "JOINING_PASSWORD", "password": "open sesame", "posting": "POSTING_ADMINS", "history": true,
		"quietUntilMs": 4_000_000_000_000, "announcement": "Be kind — ünd brief.",
	})
	do(bob, "ConversationService/SetNickname", map[string]any{"conversation": court, "nickname": "The Böb"})
	do(ada, "ConversationService/MuteMember", map[string]any{"conversation": court, "user": bobID, "untilMs": 4_000_000_000_000, "reason": "loud"})
	do(ada, "ConversationService/BanMember", map[string]any{"conversation": court, "user": cydID, "untilMs": 4_000_000_000_001, "reason": "louder"})
	do(ada, "InviteService/CreateLink", map[string]any{"conversation": court, "most": 3})
}

func exportOf(t testing.TB, c *config.Config) string {
	t.Helper()
	var b bytes.Buffer
	op := operator(t, c)
	assert.NoError(t, "export", op.Export(t.Context(), &b, true, app.Cut{}))
	assert.NoError(t, "close", op.Close())
	_, rest, _ := strings.Cut(b.String(), "\n") // the header has the time and the origin
	return rest
}

func importInto(t testing.TB, c *config.Config, text string, from app.Position) (app.Position, error) {
	t.Helper()
	op, err := app.Connect(t.Context(), c, app.Options{}, true)
	assert.NoError(t, "connect", err)
	defer func() { assert.NoError(t, "close", op.Close()) }()
	return op.Import(t.Context(), strings.NewReader(text), from, func(app.Position) {})
}

func checked(t testing.TB, dir string) app.Report {
	t.Helper()
	var said []string
	r, err := app.Check(t.Context(), dir, false, func(s string) { said = append(said, s) })
	assert.NoError(t, "check", err)
	if r.Damaged() {
		t.Errorf("damage:\n%s", strings.Join(said, "\n"))
	}
	return r
}

const head = `{"type":"throng","version":1,"origin":"there","created_ms":1}` + "\n"

func TestExportAndImportAreARoundTrip(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	first := exportOf(t, s.cfg) // while it runs
	for _, words := range []string{"The Böb", "loud", "louder", "4000000000001", "Be kind — ünd brief.", `"joining":"password"`, `"posting":"admins"`} {
		assert.True(t, "an export knows "+words, strings.Contains(first, words))
	}
	assert.True(t, "an export does not know hashes of groups' passwords", strings.Count(first, "$argon2id$") == 3) // those of people
	assert.NoError(t, "end", s.end())
	assert.Equal(t, "export of the folder", exportOf(t, s.cfg), first)
	checked(t, s.cfg.Data)

	c := settings(t)
	p, err := importInto(t, c, head+first, app.Position{})
	assert.NoError(t, "import", err)
	assert.Equal(t, "users", p.Counts.Users, 3)
	assert.Equal(t, "the copy", exportOf(t, c), first)
	_, err = importInto(t, c, head+first, app.Position{})
	assert.NoError(t, "import again", err)
	assert.Equal(t, "the copy after a second import", exportOf(t, c), first)
	checked(t, c.Data)

	copied := begin(t, c)
	status, _ := call(t, copied, "", "AccountService/SignIn", map[string]any{"handle": "ada", "password": "correct horse battery ada"})
	assert.Equal(t, "signing in with the old password", status, http.StatusOK)
}

func TestImportThatWasCutOffGoesOn(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	whole := exportOf(t, s.cfg)
	lines := strings.SplitAfter(whole, "\n")
	for _, at := range []int{1, 4, 10, 40, len(lines) - 3} {
		c := settings(t)
		_, err := importInto(t, c, head+strings.Join(lines[:at], ""), app.Position{})
		assert.True(t, "a cut archive is noticed", err != nil && strings.Contains(err.Error(), "cut off"))
		_, err = importInto(t, c, head+whole, app.Position{Origin: "there", Line: uint64(at)})
		assert.NoError(t, "the rest", err)
		assert.Equal(t, fmt.Sprintf("the copy, cut at %d", at), exportOf(t, c), whole)
		checked(t, c.Data)
	}
}

func TestImportIntoAFolderWithPeople(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	whole := exportOf(t, s.cfg)
	other := begin(t, settings(t))
	zoe, _ := signUp(t, other, "zoe", "") // has the id that somebody of the archive has
	before := strings.Count(exportOf(t, other.cfg), `"type":"entry"`)
	_, err := importInto(t, other.cfg, head+whole, app.Position{})
	assert.NoError(t, "import", err)
	after := exportOf(t, other.cfg)
	assert.Equal(t, "entries", strings.Count(after, `"type":"entry"`)-before, strings.Count(whole, `"type":"entry"`))
	assert.Equal(t, "users", strings.Count(after, `"type":"user"`), 4)
	_, err = importInto(t, other.cfg, head+whole, app.Position{})
	assert.NoError(t, "import again", err)
	assert.Equal(t, "a second import changes nothing", exportOf(t, other.cfg), after)
	status, _ := call(t, other, zoe, "AccountService/GetMe", map[string]any{})
	assert.Equal(t, "who was there", status, http.StatusOK)
	assert.NoError(t, "end", other.end())
	checked(t, other.cfg.Data)
}

func TestImportRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"no header", `{"type":"user","id":1}`, "line 1: this is no archive of Throng"},
		{"newer", `{"type":"throng","version":9,"origin":"x"}`, "use a newer program"},
		{"no JSON", head + "hello\n", "line 2: it is no JSON object"},
		{"unknown type", head + `{"type":"poem"}` + "\n", `line 2: unknown type "poem"`},
		{"entry of nowhere", head + `{"type":"entry","conversation":4,"seq":1}` + "\n", "line 2: conversation 4 does not stand before it"},
		{"external id", head + `{"type":"user","id":1,"external_id":"a\u202eb"}` + "\n", "line 2: the external_id of user 1"},
		{"file", head + `{"type":"user","id":1}
{"type":"conversation","id":4,"kind":"group"}
{"type":"entry","conversation":4,"seq":1,"time_ms":5,"body":{"media":{"type":"image","ref":"javascript:alert(1)"}}}
`, "line 4: the ref of a file"},
		{"gap", head + `{"type":"user","id":1}
{"type":"conversation","id":4,"kind":"group"}
{"type":"entry","conversation":4,"seq":2,"time_ms":5,"body":{"created":{"kind":"group","members":[1]}}}
`, "would leave a gap"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := settings(t)
			_, err := importInto(t, c, tc.text, app.Position{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			checked(t, c.Data)
		})
	}
}

// What other programs let pass in names and pictures comes in clean.
func TestImportCleansNames(t *testing.T) {
	t.Parallel()
	c := settings(t)
	long := strings.Repeat("é", 200)
	_, err := importInto(t, c, head+`{"type":"user","id":1,"handle":"ada","name":"Ada\u202e\u0007 L\nB","avatar":"javascript:alert(1)"}
{"type":"user","id":2,"handle":"not a handle","external_id":"x2","name":"`+long+`","avatar":"https://example.org/a.png"}
{"type":"conversation","id":4,"kind":"group"}
{"type":"entry","conversation":4,"seq":1,"time_ms":5,"body":{"created":{"kind":"group","name":"\u2066","avatar":"http://x/","description":"a\nb\u0000","members":[1]}}}
{"type":"entry","conversation":4,"seq":2,"time_ms":6,"sender":1,"body":{"changed":{"name":"new\u202ename"}}}
{"type":"entry","conversation":4,"seq":3,"time_ms":7,"sender":1,"body":{"changed":{"name":"newname"}}}
{"type":"entry","conversation":4,"seq":4,"time_ms":8,"sender":1,"client_id":"00000000-0000-4000-8000-000000000001","body":{"text":"behind it"}}
{"type":"end"}
`, app.Position{})
	assert.NoError(t, "import", err)
	got := exportOf(t, c)
	for _, want := range []string{
		`"handle":"ada","name":"Ada L B","version":1`,
		`"external_id":"x2","name":"` + strings.Repeat("é", 128) + `","avatar":"https://example.org/a.png"`,
		`"name":"unnamed","description":"a\nb"`,
		`"seq":3,"ordinal":0,"sender":1,"time_ms":7,"body":{"changed":{"name":"newname"}}`,
		`"seq":4,`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	checked(t, c.Data)
}

// slackFiles are an export of Slack as it comes.
func slackFiles() map[string]string {
	return map[string]string{
		"users.json": `[{"id":"U1","team_id":"T1","name":"ada","profile":{"display_name":"Ada L"}},
			{"id":"U2","team_id":"T1","name":"bob","deleted":true,"real_name":"Bob"},{"id":"U3","team_id":"T1","name":"Not A Handle"}]`,
		"channels.json": `[{"id":"C1","name":"general","created":1500000000,"creator":"U1","members":["U1","U3"],"purpose":{"value":"for <@U1> &amp; all"}}]`,
		"dms.json":      `[{"id":"D1","members":["U1","U3"]}]`,
		"general/2020-01-01.json": `[
			{"type":"message","user":"U2","text":"hi <@U1> see <https://example.com|this> &lt;b&gt;","ts":"1577880000.000200"},
			{"type":"message","subtype":"channel_join","user":"U3","text":"joined","ts":"1577880001.000200"},
			{"type":"message","subtype":"bot_message","bot_id":"B9","username":"robot","text":"beep","ts":"1577880002.000200"},
			{"type":"message","subtype":"bot_message","username":"` + strings.Repeat("long ", 40) + `\u202e","text":"boop","ts":"1577880002.000300"},
			{"type":"message","user":"U1","text":"","files":[{"name":"plan.pdf"}],"ts":"1577880003.000200"}]`,
		"D1/2020-01-02.json": `[{"type":"message","user":"U3","text":"psst","ts":"1577966400.5"}]`,
	}
}

func TestSlackComesIn(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "slack.zip")
	f, err := os.Create(name)
	assert.NoError(t, "create", err)
	z := zip.NewWriter(f)
	for file, text := range slackFiles() {
		w, err := z.Create(file)
		assert.NoError(t, "create "+file, err)
		_, err = w.Write([]byte(text))
		assert.NoError(t, "write "+file, err)
	}
	assert.NoError(t, "close", z.Close())
	assert.NoError(t, "close", f.Close())
	var lines bytes.Buffer
	assert.NoError(t, "convert", app.ConvertSlack(t.Context(), name, &lines))
	c := settings(t)
	for range 2 {
		p, err := importInto(t, c, lines.String(), app.Position{})
		assert.NoError(t, "import", err)
		assert.Equal(t, "users", p.Counts.Users, 5)
	}
	got := exportOf(t, c)
	for _, want := range []string{
		`"handle":"ada","external_id":"slack:U1","name":"Ada L"`,
		`"external_id":"slack:U3","name":"Not A Handle"`,
		`"name":"robot"`,
		`"external_id":"slack:#`,
		`"kind":"group","name":"general","description":"for @Ada L & all","open":true`,
		`"time_ms":1577880000000`,
		`{"text":"hi @Ada L see this (https://example.com) <b>"}`,
		`{"text":"[plan.pdf]"}`,
		`"time_ms":1577966400500`,
		`{"members":{"action":"removed"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	assert.Equal(t, "entries", strings.Count(got, `"type":"entry"`), 3+4+1+1)
	checked(t, c.Data)
}

// A backup that is made under load restores to a folder without damage, with everything that was acknowledged before it, and
// with another epoch.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	ada, _ := signUp(t, s, "ada", "")
	_, bobID := signUp(t, s, "bob", "")
	status, out := call(t, s, ada, "ConversationService/OpenDirect", map[string]any{"user": bobID})
	assert.Equal(t, "open", status, http.StatusOK)
	direct := idOf(out["conversation"])
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	began := make(chan struct{})
	wg.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			send(t, s, ada, direct, n, "under load")
			if n == 50 {
				close(began)
			}
		}
	})
	<-began
	to := filepath.Join(t.TempDir(), "backup")
	op := operator(t, s.cfg)
	assert.NoError(t, "backup", op.Backup(t.Context(), to))
	stop()
	wg.Wait()
	if err := op.Backup(t.Context(), to); err == nil {
		t.Error("a second backup went over the first")
	}
	epoch := epochOf(t, s, ada)
	assert.NoError(t, "end", s.end())

	serving := *s.cfg
	serving.Data = to
	if _, err := app.New(t.Context(), &serving, app.Options{}); err == nil || !strings.Contains(err.Error(), "is a backup") {
		t.Errorf("serving a backup: %v", err)
	}
	restored := settings(t)
	assert.NoError(t, "restore", app.Restore(t.Context(), to, restored.Data))
	if err := app.Restore(t.Context(), to, restored.Data); err == nil {
		t.Error("a second restore went over the first")
	}
	r := checked(t, restored.Data)
	if r.Entries < 51 {
		t.Errorf("%d entries", r.Entries)
	}
	again := begin(t, restored)
	if next := epochOf(t, again, ada); next == epoch || len(next) < len(epoch) {
		t.Errorf("the epoch was %s and is %s", epoch, next)
	}
}

func epochOf(t testing.TB, s *server, token string) string {
	t.Helper()
	status, out := call(t, s, token, "MessageService/Sync", map[string]any{})
	assert.Equal(t, "sync", status, http.StatusOK)
	cursor, _ := out["cursor"].(map[string]any)
	return fmt.Sprint(cursor["epoch"])
}
