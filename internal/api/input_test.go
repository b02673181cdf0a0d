package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// What bad input gets (SEND-11, ERR-5): a typed error with a stable reason, nothing stored, nothing leaked. Numbers are those of the list of
// security tests in the guarantees.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	send := func(fields string) string {
		return c.fields.Replace(`{"conversation":"$group","clientId":"$client",` + fields + `}`)
	}
	long := strings.Repeat("x", chat.MaxTextRunes)
	for _, row := range []struct {
		name      string
		procedure string
		body      string
		reason    string
	}{
		{"SEND-3 too long by a character (57)", "MessageService/Send", send(`"text":"` + long + `x"`), "message_too_large"},
		{"too long in bytes (57)", "MessageService/Send", send(`"text":"` + strings.Repeat("x", chat.MaxTextBytes+1) + `"`), "message_too_large"},
		{"empty", "MessageService/Send", send(`"text":""`), "text_empty"},
		{"no body", "MessageService/Send", c.fields.Replace(`{"conversation":"$group","clientId":"$client"}`), "body_invalid"},
		{"not UTF-8", "MessageService/Send", send("\"text\":\"\xff\xfe\""), "malformed"},
		{"half a surrogate pair", "MessageService/Send", send(`"text":"\ud800"`), "malformed"},
		{"unknown conversation (40)", "MessageService/Send", strings.Replace(send(`"text":"a"`), fmt.Sprint(c.group), "999999", 1), "conversation_not_found"},
		{"conversation 0", "MessageService/Send", `{"clientId":"AAAAAAAAAAAAAAAAAAAAAQ==","text":"a"}`, "id_invalid"},
		{"conversation beyond 2^53", "MessageService/ListEntries", `{"conversation":"9007199254740992"}`, "id_invalid"},
		{"conversation negative", "MessageService/ListEntries", `{"conversation":-1}`, "malformed"},
		{"conversation beyond 64 bits", "MessageService/ListEntries", `{"conversation":"99999999999999999999"}`, "malformed"},
		{"client id empty (60)", "MessageService/Send", c.fields.Replace(`{"conversation":"$group","text":"a"}`), "client_id_invalid"},
		{"client id of 10 KiB (60)", "MessageService/Send", c.fields.Replace(`{"conversation":"$group","clientId":"` + b64(make([]byte, 10<<10)) + `","text":"a"}`), "client_id_invalid"},
		{"client id no base64 (60)", "MessageService/Send", c.fields.Replace(`{"conversation":"$group","clientId":"{}","text":"a"}`), "malformed"},
		{"sender in the body (44)", "MessageService/Send", send(`"sender":"1","text":"a"`), "malformed"},
		{"HTTP-2 unknown field", "MessageService/Send", send(`"text":"a","silent":true`), "malformed"},
		{"unknown field, nested", "MessageService/Send", send(`"custom":{"type":"a","x":1}`), "malformed"},
		{"HTTP-2 two bodies", "MessageService/Send", send(`"text":"a","custom":{"type":"a"}`), "malformed"},
		{"HTTP-2 a field twice", "MessageService/Send", send(`"text":"a","text":"b"`), "malformed"},
		{"SEND-4 system message by a user", "MessageService/Send", send(`"system":{"event":"e"}`), "forbidden"},
		{"media by script (64)", "MessageService/Send", send(`"media":{"type":"TYPE_IMAGE","ref":"javascript:alert(1)"}`), "body_invalid"},
		{"SYNC-11 range backwards", "MessageService/ListEntries", c.fields.Replace(`{"conversation":"$group","from":"5","to":"2"}`), "range_invalid"},
		{"range 1 to 2^63 (62)", "MessageService/ListEntries", c.fields.Replace(`{"conversation":"$group","from":"1","to":"9223372036854775808"}`), "ok"},
		{"SYNC-11 range beyond the end", "MessageService/ListEntries", c.fields.Replace(`{"conversation":"$group","from":"18446744073709551615"}`), "ok"},
		{"SYNC-10 page of 1e9 (62)", "MessageService/ListEntries", c.fields.Replace(`{"conversation":"$group","limit":1000000000}`), "ok"},
		{"page of −1 (62)", "MessageService/ListEntries", c.fields.Replace(`{"conversation":"$group","limit":-1}`), "malformed"},
		{"SYNC-8 page of 1e9 (62)", "MessageService/Sync", `{"limit":1000000000,"entries":4000000000}`, "ok"},
		{"HTTP-9 page of 1e9 (62)", "ConversationService/ListConversations", `{"limit":1000000000}`, "ok"},
		{"page of 1e9 (62)", "ConversationService/ListMembers", c.fields.Replace(`{"conversation":"$group","limit":1000000000}`), "ok"},
		{"HTTP-9 page token", "ConversationService/ListConversations", `{"pageToken":"abc"}`, "page_token_invalid"},
		{"page token", "ConversationService/ListMembers", c.fields.Replace(`{"conversation":"$group","pageToken":"-1"}`), "page_token_invalid"},
		{"SEND-16 read beyond the head (46)", "MessageService/MarkRead", c.fields.Replace(`{"conversation":"$group","seq":"999"}`), "read_beyond_head"},
		{"read at 0", "MessageService/MarkRead", c.fields.Replace(`{"conversation":"$group"}`), "field_invalid"},
		{"SYNC-4 cursor of another server", "MessageService/Sync", `{"cursor":{"epoch":"7","generation":"7","pts":"7"}}`, "ok"},
		{"promote oneself (47)", "ConversationService/SetRole", c.fields.Replace(fmt.Sprintf(`{"conversation":"$group","user":"%d","role":"ROLE_ADMIN"}`, c.people[member].id)), "role_too_low"},
		{"remove the owner (47)", "ConversationService/RemoveMember", c.fields.Replace(fmt.Sprintf(`{"conversation":"$group","user":"%d"}`, c.people[owner].id)), "role_too_low"},
		{"a role that is none", "ConversationService/SetRole", c.fields.Replace(`{"conversation":"$group","user":"$target","role":77}`), "field_invalid"},
		{"1,001 members", "ConversationService/CreateGroup", c.fields.Replace(`{"clientId":"$client","name":"g","members":[` + strings.Repeat(`1,`, 1000) + `1]}`), "too_many_members"},
		{"a member that is nobody", "ConversationService/CreateGroup", c.fields.Replace(`{"clientId":"$client","name":"g","members":["123456789"]}`), "user_not_found"},
		{"a name too long", "ConversationService/CreateGroup", c.fields.Replace(`{"clientId":"$client","name":"` + strings.Repeat("n", 129) + `"}`), "field_too_large"},
		{"direct with nobody", "ConversationService/OpenDirect", `{"user":"123456789"}`, "user_not_found"},
		{"password of 1 MiB (34)", "AccountService/ChangePassword", `{"oldPassword":"` + strings.Repeat("p", 1<<20) + `","newPassword":"x"}`, "password_invalid"},
		{"password too short", "AccountService/SignUp", `{"handle":"carol","password":"short"}`, "password_invalid"},
		{"handle too long", "AccountService/SignUp", `{"handle":"` + strings.Repeat("h", 65) + `","password":"correct horse battery"}`, "field_too_large"},
		{"another's device", "AccountService/SignOut", fmt.Sprintf(`{"device":"%d"}`, c.other.device), "device_not_found"},
		{"others and all", "AccountService/SignOut", `{"others":true,"all":true}`, "field_invalid"},
		{"others and one", "AccountService/SignOut", fmt.Sprintf(`{"others":true,"device":"%d"}`, c.other.device), "field_invalid"},
		{"201 profiles", "AccountService/ListProfiles", `{"users":[` + strings.Repeat(`1,`, 200) + `1]}`, "field_too_large"},
		{"nobody's handle", "AccountService/FindUser", `{"handle":"  "}`, "user_not_found"},
		{"no JSON", "AccountService/GetMe", `hello`, "malformed"},
		{"an array", "AccountService/GetMe", `[]`, "malformed"},
		{"nothing", "AccountService/GetMe", ``, "malformed"},
		{"two objects", "AccountService/GetMe", `{}{}`, "malformed"},
		{"arrays 1,000 deep (59)", "AccountService/GetMe", strings.Repeat("[", 1000), "malformed"},
		{"objects 1,000 deep (59)", "AccountService/GetMe", strings.Repeat(`{"a":`, 1000), "malformed"},
		{"too large", "AccountService/GetMe", strings.Repeat(" ", 3<<20), "request_too_large"},
	} {
		t.Run(row.name+" "+row.procedure, func(t *testing.T) {
			t.Parallel()
			a := w.call(t, row.procedure, row.body, bearer(c.people[member].token))
			if got := a.reason(); got != row.reason {
				t.Fatalf("got %s, want %s: %d %s", got, row.reason, a.status, clip(a.body))
			}
			if a.status >= 500 || len(a.body) > 64<<10 {
				t.Errorf("status %d, %d bytes", a.status, len(a.body))
			}
		})
	}
	t.Cleanup(func() { // after all of the parallel rows
		heads, err := w.store.Heads(t.Context(), []chat.ConversationID{c.group})
		if err == nil && heads[0].Seq != c.head {
			t.Errorf("refused input moved the head from %d to %d", c.head, heads[0].Seq)
		}
	})
}

func clip(s string) string { return s[:min(len(s), 500)] }

// SEND-6 and SEND-10.
func TestSameClientIDOtherContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	as := bearer(c.people[member].token)
	body := func(text string) string {
		return c.fields.Replace(`{"conversation":"$group","clientId":"$client","text":"` + text + `"}`)
	}
	assert.Equal(t, "first", w.call(t, "MessageService/Send", body("one"), as).reason(), "ok")
	assert.Equal(t, "other content", w.call(t, "MessageService/Send", body("two"), as).reason(), "idempotency_conflict")
	assert.Equal(t, "HTTP status", w.call(t, "MessageService/Send", body("two"), as).status, http.StatusConflict)
	muted := c.fields.Replace(fmt.Sprintf(`{"conversation":"$group","user":"%d","untilMs":"9000000000000"}`, c.people[member].id))
	assert.Equal(t, "mute", w.call(t, "ConversationService/MuteMember", muted, bearer(c.people[owner].token)).reason(), "ok")
	other := w.clientID()
	again := strings.Replace(body("three"), b64(c.client[:]), b64(other[:]), 1)
	assert.Equal(t, "muted", w.call(t, "MessageService/Send", again, as).reason(), "muted")
}

// SEND-3: the largest text comes through, in the encodings in which it is largest.
func TestLargestText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	for _, character := range []string{"😀", `\ud83d\ude00`} {
		client := w.clientID()
		body := c.fields.Replace(`{"conversation":"$group","clientId":"` + b64(client[:]) + `","text":"` + strings.Repeat(character, chat.MaxTextRunes) + `"}`)
		a := w.call(t, "MessageService/Send", body, bearer(c.people[member].token))
		assert.Equal(t, "a text of "+character, a.reason(), "ok")
	}
}

// Guarantee 59, and unknown fields in protobuf, which SDKs of tomorrow send.
func TestProtobufBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	var groups []byte
	for range 1000 {
		groups = protowire.AppendTag(groups, 99, protowire.StartGroupType)
	}
	for _, row := range []struct {
		name, reason string
		body         []byte
	}{
		{"empty", "ok", nil},
		{"unknown field", "ok", unknown},
		{"length beyond the end", "malformed", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}},
		{"groups 1,000 deep", "malformed", groups},
		{"too large", "request_too_large", make([]byte, 3<<20)},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/throng.v1.AccountService/GetMe", bytes.NewReader(row.body))
		r.Header.Set("Content-Type", "application/proto")
		bearer(p.token)(r)
		if a := do(t, w.handler, r); a.reason() != row.reason {
			t.Errorf("%s: got %s, want %s: %s", row.name, a.reason(), row.reason, a.body)
		}
	}
}

// HTTP-8: a small body may not become a large one.
func TestCompressionBomb(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, err := z.Write(bytes.Repeat([]byte{' '}, 1<<20))
		assert.NoError(t, "compressing", err)
	}
	assert.NoError(t, "compressing", z.Close())
	a := w.call(t, "AccountService/GetMe", bomb.String(), bearer(p.token), header("Content-Encoding", "gzip"))
	assert.Equal(t, "reason", a.reason(), "request_too_large")
	a = w.call(t, "AccountService/GetMe", "{}", bearer(p.token), header("Content-Encoding", "br"))
	assert.Equal(t, "an encoding that is not ours", a.status, http.StatusUnsupportedMediaType)
	a = w.call(t, "AccountService/GetMe", "no gzip", bearer(p.token), header("Content-Encoding", "gzip"))
	assert.Equal(t, "no gzip", a.reason(), "malformed")
}

// ERR-5: what Connect itself cannot read is told in one clean sentence, in the message and in the detail.
func TestMalformedIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	for _, row := range []struct {
		body    string
		options []option
		want    string
	}{
		{`{"foo":1}`, nil, `the body does not fit GetMeRequest: unknown field "foo" at line 1, column 2; see /openapi.json`},
		{"\x0a", []option{header("Content-Type", "application/proto")}, "it ends in the middle of a field"},
		{`{}`, []option{header("Content-Encoding", "gzip")}, "the body is not gzip, as its Content-Encoding says"},
		{`{}`, []option{header("Connect-Timeout-Ms", "soon")}, "Connect-Timeout-Ms is a number of milliseconds, at most 10 digits"},
	} {
		a := w.call(t, "AccountService/GetMe", row.body, append(row.options, bearer(p.token))...)
		assert.Equal(t, row.want, a.reason(), "malformed")
		assert.Equal(t, "message", a.text("message"), row.want)
		assert.True(t, "detail: "+a.body, strings.Count(a.body, strings.ReplaceAll(row.want, `"`, `\"`)) == 2)
	}
	many := w.call(t, "AccountService/ListProfiles", `{"users":[`+strings.Repeat(`{},`, 1<<16)+`{}]}`, bearer(p.token))
	assert.Equal(t, "HTTP-8 too many messages", many.reason(), "request_too_large")
}
