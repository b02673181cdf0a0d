package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// role is who calls.
type role string

const (
	anonymous     role = "anonymous"
	disabled      role = "disabled user"
	stranger      role = "stranger"
	exMember      role = "ex-member"
	member        role = "member"
	groupAdmin    role = "admin of the group"
	owner         role = "owner"
	administrator role = "administrator of the server"
	server        role = "server key"
	acting        role = "server key, acting for the owner"
)

func roles() []role {
	return []role{anonymous, disabled, stranger, exMember, member, groupAdmin, owner, administrator, server, acting}
}

// cell is one call of one role, in a group of its own.
type cell struct {
	*world
	people map[role]person
	target person // a further member
	other  person // somebody outside
	group  chat.ConversationID
	client chat.ClientID
	head   chat.Seq
	fields *strings.Replacer
}

// newCell makes a group of owner, admin, two members and one who was removed.
func newCell(t *testing.T, w *world) *cell {
	t.Helper()
	c := &cell{world: w, people: map[role]person{}, target: w.person(t, false), other: w.person(t, false), client: w.clientID()}
	for _, r := range []role{disabled, stranger, exMember, member, groupAdmin, owner, administrator} {
		c.people[r] = w.person(t, r == administrator)
	}
	ctx, own := t.Context(), c.people[owner].id
	var err error
	c.group, err = w.conversations.CreateGroup(ctx, own, conversation.NewGroup{
		ClientID: w.clientID(), Name: "a group",
		Members: []chat.UserID{c.people[exMember].id, c.people[member].id, c.people[groupAdmin].id, c.people[disabled].id, c.target.id},
	})
	assert.NoError(t, "making a group", err)
	_, err = w.conversations.SetRole(ctx, own, c.group, c.people[groupAdmin].id, chat.RoleAdmin)
	assert.NoError(t, "making an admin", err)
	_, err = w.conversations.Remove(ctx, own, c.group, c.people[exMember].id, "")
	assert.NoError(t, "removing", err)
	c.head = w.send(t, own, c.group, "secret of the group").Seq
	off := true
	_, err = w.accounts.UpdateUser(ctx, c.people[disabled].id, disable(&off))
	assert.NoError(t, "disabling", err)
	c.fields = strings.NewReplacer(
		"$group", fmt.Sprint(c.group), "$target", fmt.Sprint(c.target.id), "$other", fmt.Sprint(c.other.id),
		"$client", b64(c.client[:]), "$head", fmt.Sprint(c.head), "$handle", c.other.handle,
	)
	return c
}

func (c *cell) options(r role) []option {
	switch r {
	case anonymous:
		return nil
	case server:
		return []option{bearer(serverKey)}
	case acting:
		return []option{bearer(serverKey), header("Throng-User", fmt.Sprint(c.people[owner].id))}
	default:
		return []option{bearer(c.people[r].token)}
	}
}

// row says what one procedure answers to each role: "ok" or a reason. Roles that are not named get the row's own word.
type row struct {
	body string
	word string
	more map[role]string
}

// public rows are the same for everybody; others refuse who has no good token.
func (r row) want(public bool, who role) string {
	if s, ok := r.more[who]; ok {
		return s
	}
	switch {
	case public:
		return r.word
	case who == anonymous:
		return "token_missing"
	case who == disabled:
		return "user_disabled"
	}
	return r.word
}

const (
	ok      = "ok"
	hidden  = "conversation_not_found"
	former  = "not_a_member"
	low     = "role_too_low"
	unnamed = "field_invalid" // a back end that does not say whom it acts for
	refused = "forbidden"
)

// outsiders get hidden; in is for who may, low for plain members.
func outside(more map[role]string) map[role]string {
	out := map[role]string{stranger: hidden, exMember: hidden, administrator: hidden}
	maps.Copy(out, more)
	return out
}

// ended is outside where the log itself answers: who was a member knows that there is a conversation.
func ended(more map[role]string) map[role]string {
	out := outside(map[role]string{exMember: former})
	maps.Copy(out, more)
	return out
}

func only(word string, who ...role) map[role]string {
	out := map[role]string{}
	for _, r := range who {
		out[r] = word
	}
	return out
}

// named gives the roles another word.
func named(word string, roles map[role]string) map[role]string {
	for r := range roles {
		roles[r] = word
	}
	return roles
}

func admins() map[role]string { return only(ok, administrator, server, acting) }

// rows has every procedure of the schema; one without a row fails the test. Fields that other rules hold for have rows of their
// own, behind a space.
func rows() map[string]row {
	self := func(body string) row { return row{body, ok, only(unnamed, server)} }
	group := func(body string) row { return row{body, ok, outside(only(unnamed, server))} }
	return map[string]row{
		"AccessService/ListGateways": {`{"zone":"north"}`, ok, nil},

		"AccountService/SignUp":         {`{"handle":"new-$client","password":"short"}`, "handle_invalid", nil},
		"AccountService/SignIn":         {`{"handle":"nobody","password":"correct horse battery"}`, "sign_in_failed", nil},
		"AccountService/Refresh":        {`{}`, "token_missing", nil},
		"AccountService/SignOut":        {`{"all":true}`, ok, only(unnamed, server)},
		"AccountService/SignOut others": {`{"others":true}`, ok, map[role]string{server: unnamed, acting: "id_invalid"}},
		"AccountService/ListDevices":    self(`{}`),
		"AccountService/GetMe":          self(`{}`),
		"AccountService/UpdateProfile":  self(`{"name":"another"}`),
		"AccountService/ChangePassword": {`{"oldPassword":"correct horse battery","newPassword":"battery horse correct"}`, "sign_in_failed", only(unnamed, server)},
		"AccountService/DeleteAccount":  self(`{}`),
		"AccountService/ListProfiles":   {`{"users":["$other"]}`, ok, nil},
		"AccountService/FindUser":       {`{"handle":"$handle"}`, ok, nil},
		"AccountService/ExportData":     self(`{}`),

		"ConversationService/OpenDirect":        self(`{"user":"$other"}`),
		"ConversationService/CreateGroup":       self(`{"clientId":"$client","name":"g","members":["$other"]}`),
		"ConversationService/GetConversation":   {`{"conversation":"$group"}`, ok, outside(map[role]string{exMember: ok, server: unnamed})},
		"ConversationService/ListConversations": self(`{}`),
		"ConversationService/UpdateGroup":       {`{"conversation":"$group","name":"renamed"}`, ok, ended(only(low, member))},
		"ConversationService/UpdateGroup slow":  {`{"conversation":"$group","slowModeMs":5000}`, ok, ended(only(low, member))},
		"ConversationService/Join":              {`{"conversation":"$group"}`, ok, outside(map[role]string{exMember: "not_open", server: unnamed})},
		"ConversationService/AddMembers":        {`{"conversation":"$group","users":["$other"]}`, ok, outside(only(low, member))},
		"ConversationService/RemoveMember":      {`{"conversation":"$group","user":"$target"}`, ok, ended(only(low, member))},
		"ConversationService/Leave":             {`{"conversation":"$group"}`, ok, ended(map[role]string{server: unnamed, owner: "owner_must_transfer", acting: "owner_must_transfer"})},
		"ConversationService/SetRole":           {`{"conversation":"$group","user":"$target","role":"ROLE_ADMIN"}`, ok, ended(only(low, member, groupAdmin))},
		"ConversationService/Transfer":          {`{"conversation":"$group","user":"$target"}`, ok, ended(only(low, member, groupAdmin))},
		"ConversationService/MuteMember":        {`{"conversation":"$group","user":"$target","untilMs":"9000000000000"}`, ok, ended(only(low, member))},
		"ConversationService/UpdateGroup terms": {
			`{"conversation":"$group","joining":"JOINING_PASSWORD","password":"sesame","posting":"POSTING_ADMINS","quietUntilMs":"0","history":true,"announcement":"hi"}`,
			ok, ended(only(low, member)),
		},
		"ConversationService/UpdateGroup unsaid": {`{"conversation":"$group","joining":"JOINING_PASSWORD"}`, "field_invalid", ended(only(low, member))},
		"ConversationService/Join password":      {`{"conversation":"$group","password":"sesame"}`, ok, outside(map[role]string{exMember: "not_open", server: unnamed})},
		"ConversationService/SetNickname":        {`{"conversation":"$group","nickname":"nick"}`, ok, ended(only("id_invalid", server))},
		"ConversationService/SetNickname other":  {`{"conversation":"$group","user":"$target","nickname":"nick"}`, ok, ended(only(low, member))},
		"ConversationService/BanMember":          {`{"conversation":"$group","user":"$target","reason":"spam"}`, ok, ended(only(low, member))},
		"ConversationService/Unban":              {`{"conversation":"$group","user":"$target"}`, ok, ended(only(low, member))},
		"ConversationService/ListBans":           {`{"conversation":"$group"}`, ok, ended(only(low, member))},
		"ConversationService/ListActs":           {`{"conversation":"$group"}`, ok, ended(only(low, member))},
		"ConversationService/Dissolve":           {`{"conversation":"$group"}`, ok, ended(only(low, member, groupAdmin))},
		"ConversationService/ListMembers":        {`{"conversation":"$group"}`, ok, outside(nil)},
		"ConversationService/UpdateSettings":     group(`{"conversation":"$group","pinned":true}`),

		"MessageService/Send":                   {`{"conversation":"$group","clientId":"$client","text":"hi"}`, ok, ended(nil)},
		"MessageService/ListEntries":            {`{"conversation":"$group"}`, ok, outside(map[role]string{exMember: ok, server: unnamed})},
		"MessageService/ListEdits":              {`{"conversation":"$group","seq":"1"}`, "message_not_found", outside(map[role]string{exMember: "message_not_found", server: unnamed})},
		"MessageService/Send edit":              {`{"conversation":"$group","clientId":"$client","edit":{"target":"1","text":"hi"}}`, "message_not_found", ended(nil)},
		"MessageService/Send recall":            {`{"conversation":"$group","clientId":"$client","recall":{"target":"1"}}`, "message_not_found", ended(nil)},
		"MessageService/Send pin":               {`{"conversation":"$group","clientId":"$client","pin":{"target":"$head","on":true}}`, ok, ended(only(low, member))},
		"MessageService/Send unpin":             {`{"conversation":"$group","clientId":"$client","pin":{"target":"$head"}}`, "not_pinned", ended(only(low, member))},
		"MessageService/ListPins":               {`{"conversation":"$group"}`, ok, outside(map[role]string{exMember: ok, server: unnamed})},
		"MessageService/ResolveLink":            {`{"link":"$group/$head"}`, ok, outside(map[role]string{exMember: "message_not_found", server: unnamed})},
		"MessageService/ResolveLink of nothing": {`{"link":"$group/0"}`, "message_link_invalid", only(unnamed, server)},
		"MessageService/MarkRead":               {`{"conversation":"$group","seq":"$head"}`, ok, outside(map[role]string{exMember: "read_beyond_head", server: unnamed})},
		"MessageService/Sync":                   self(`{}`),

		"PresenceService/GetPresence": self(`{"people":[{"user":"$other"},{"user":"$target"}]}`),
		"PresenceService/ListOnline":  {`{"conversation":"$group"}`, ok, outside(map[role]string{server: unnamed})},

		"ReceiptService/GetReceipts":        {`{"conversation":"$group","seq":"$head"}`, ok, outside(map[role]string{server: unnamed})},
		"ReceiptService/GetReceipts beyond": {`{"conversation":"$group","seq":"99999"}`, "message_not_found", outside(map[role]string{server: unnamed})},
		"ReceiptService/ListReceipts":       {`{"conversation":"$group"}`, ok, outside(map[role]string{server: unnamed})},
		"InviteService/CreateLink":          {`{"conversation":"$group"}`, ok, outside(only(low, member))},
		"InviteService/CreateLink long":     {`{"conversation":"$group","expiresMs":"1"}`, "field_invalid", outside(only(low, member))},
		"InviteService/ListLinks":           {`{"conversation":"$group"}`, ok, outside(only(low, member))},
		"InviteService/RevokeLink":          {`{"conversation":"$group","id":"5"}`, "link_not_found", outside(only(low, member))},
		"InviteService/PreviewLink":         {`{"token":"AAAAAAAAAAcBAgMEBQYHCAkKCwwNDg8Q"}`, "link_not_found", only(unnamed, server)},
		"InviteService/JoinByLink":          {`{"token":"none"}`, "link_not_found", only(unnamed, server)},

		"ReceiptService/HideEntries":        {`{"conversation":"$group","spans":[{"from":"1","to":"2"}]}`, ok, outside(map[role]string{exMember: ok, server: unnamed})},
		"ReceiptService/HideEntries beyond": {`{"conversation":"$group","spans":[{"from":"1","to":"99999"}]}`, "range_invalid", outside(map[role]string{exMember: "range_invalid", server: unnamed})},
		"ReceiptService/HideEntries none":   {`{"conversation":"$group"}`, "field_invalid", only(unnamed, server)},

		"SocialService/RequestFriend":   self(`{"user":"$other","note":"hi"}`),
		"SocialService/AcceptFriend":    {`{"user":"$other"}`, "request_not_found", only(unnamed, server)},
		"SocialService/RefuseFriend":    self(`{"user":"$other"}`),
		"SocialService/WithdrawRequest": self(`{"user":"$other"}`),
		"SocialService/Unfriend":        self(`{"user":"$other"}`),
		"SocialService/SetFollow":       self(`{"user":"$other","follow":true}`),
		"SocialService/SetFollow whom":  {`{"user":"123456789","follow":true}`, "user_not_found", only(unnamed, server)},
		"SocialService/SetRemark":       self(`{"user":"$other","remark":"my friend"}`),
		"SocialService/SetBlock":        self(`{"user":"$other","block":true}`),
		"SocialService/ListRelations":   self(`{}`),
		"SocialService/GetPrivacy":      self(`{}`),
		"SocialService/UpdatePrivacy":   self(`{"messagesFrom":"MESSAGES_FROM_ALL"}`),
		"SocialService/UpdatePrivacy 2": self(`{"noReadReceipts":true}`),
		"SocialService/UpdatePrivacy u": self(`{"unlisted":false}`),
		"SocialService/UpdatePrivacy 0": {`{}`, "field_invalid", only(unnamed, server)},

		"AdminService/CreateUsers":      {`{"users":[{"externalId":"$client"}]}`, refused, admins()},
		"AdminService/GetUser":          {`{"id":"$other"}`, refused, admins()},
		"AdminService/ListUsers":        {`{"limit":1}`, refused, admins()},
		"AdminService/UpdateUser":       {`{"user":"$other","name":"n"}`, refused, admins()},
		"AdminService/ResetPassword":    {`{"user":"$other"}`, refused, admins()},
		"AdminService/IssueToken":       {`{"user":"$other"}`, refused, admins()},
		"AdminService/SignOutUser":      {`{"user":"$other"}`, refused, admins()},
		"AdminService/EraseUser":        {`{"user":"$target","messages":true}`, refused, admins()},
		"AdminService/CreateInvitation": {`{"uses":1}`, refused, admins()},
		"AdminService/GetTier":          {`{"conversation":"$group"}`, refused, admins()},
		"AdminService/SetTier":          {`{"conversation":"$group","tier":"TIER_LARGE"}`, refused, admins()},
		"AdminService/SetTier nowhere":  {`{"conversation":"123456789","tier":"TIER_LARGE"}`, refused, named(hidden, admins())},
		"AdminService/SetTier wrong":    {`{"conversation":"$group","tier":4}`, refused, named("field_invalid", admins())},
	}
}

// procedureOf is what a row calls.
func procedureOf(row string) string {
	procedure, _, _ := strings.Cut(row, " ")
	return procedure
}

// procedures is every one of the schema, without its package.
func procedures() []string {
	var out []string
	for _, f := range []protoreflect.FileDescriptor{
		throngv1.File_throng_v1_access_proto, throngv1.File_throng_v1_account_proto, throngv1.File_throng_v1_conversation_proto,
		throngv1.File_throng_v1_message_proto, throngv1.File_throng_v1_presence_proto, throngv1.File_throng_v1_receipts_proto,
		throngv1.File_throng_v1_social_proto, throngv1.File_throng_v1_invite_proto, throngv1.File_throng_v1_admin_proto, throngv1.File_throng_v1_session_proto, throngv1.File_throng_v1_entry_proto,
	} {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				out = append(out, fmt.Sprintf("%s/%s", s.Name(), s.Methods().Get(j).Name()))
			}
		}
	}
	return out
}

// Guarantees 40 to 55, GATE-1, HTTP-4, HTTP-5, SEND-8, SYNC-13, ERR-6: who may call what, for every route and every role. A route without
// a row fails.
func TestRouteMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	table := rows()
	for _, p := range procedures() {
		if _, ok := table[p]; !ok {
			t.Errorf("%s has no row: say what it answers to each role", p)
		}
	}
	known := procedures()
	public := []string{"AccessService/ListGateways", "AccountService/SignUp", "AccountService/SignIn", "AccountService/Refresh"}
	for p, r := range table {
		if !slices.Contains(known, procedureOf(p)) {
			t.Errorf("%s is in the table and not in the schema", p)
			continue
		}
		for _, who := range roles() {
			t.Run(p+"/"+string(who), func(t *testing.T) {
				t.Parallel()
				c := newCell(t, w)
				a := c.ask(t, p, c.fields.Replace(r.body), who)
				if got, want := a.reason(), r.want(slices.Contains(public, p), who); got != want {
					t.Fatalf("got %s, want %s: %d %s", got, want, a.status, a.body)
				}
				leaks(t, who, a)
			})
		}
	}
}

// leaks finds what an outsider must not read in any answer.
func leaks(t *testing.T, who role, a answer) {
	t.Helper()
	if who != anonymous && who != disabled && who != stranger && who != exMember {
		return
	}
	if strings.Contains(a.body, "secret of the group") {
		t.Errorf("%s reads the group's messages: %s", who, a.body)
	}
}

func (c *cell) ask(t *testing.T, procedure, body string, who role) answer {
	t.Helper()
	if procedure == "AccountService/ExportData" {
		return c.export(t, c.options(who)...)
	}
	return c.call(t, procedureOf(procedure), body, c.options(who)...)
}

// plainRoutes are the routes that are no procedures: everybody may, and nobody learns anything.
func plainRoutes() map[string]int {
	return map[string]int{
		"GET /":                                   http.StatusOK,
		"GET /openapi.json":                       http.StatusOK,
		"GET /healthz":                            http.StatusOK,
		"GET /readyz":                             http.StatusOK,
		"GET /v1/session":                         http.StatusServiceUnavailable, // no gateway in this world
		"POST /v1/session":                        http.StatusMethodNotAllowed,
		"GET /favicon.ico":                        http.StatusNotFound,
		"POST /":                                  http.StatusNotFound,
		"GET /throng.v1.AccountService/GetMe":     http.StatusMethodNotAllowed,
		"POST /throng.v1.AccountService/Nothing":  http.StatusNotFound,
		"POST /throng.v1.NothingService/GetMe":    http.StatusNotFound,
		"POST /throng.v1.AccountService/GetMe/x":  http.StatusNotFound,
		"DELETE /throng.v1.AccountService/SignUp": http.StatusMethodNotAllowed,
		"GET /metrics":                            http.StatusNotFound,
		"GET /debug/pprof/":                       http.StatusNotFound,
	}
}

func TestPlainRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	for route, want := range plainRoutes() {
		for _, options := range [][]option{nil, {bearer(p.token)}, {bearer(serverKey)}} {
			method, path, _ := strings.Cut(route, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			for _, o := range options {
				o(r)
			}
			a := do(t, w.handler, r)
			if a.status != want {
				t.Errorf("%s: %d %s, want %d", route, a.status, a.body, want)
			}
		}
	}
}

// ERR-6: a conversation that a stranger may not see and one that does not exist are told in the same words, by every procedure.
func TestExistenceIsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	nowhere := strings.NewReplacer(fmt.Sprintf(`"conversation":"%d"`, c.group), `"conversation":"123456789"`)
	asked := 0
	for p, r := range rows() {
		body := c.fields.Replace(r.body)
		if nowhere.Replace(body) == body {
			continue
		}
		asked++
		there, not := c.ask(t, p, body, stranger), c.ask(t, p, nowhere.Replace(body), stranger)
		if there.status != not.status || there.body != not.body || there.status == http.StatusOK {
			t.Errorf("%s tells a stranger what there is:\n%d %s\n%d %s", p, there.status, there.body, not.status, not.body)
		}
	}
	assert.True(t, "procedures about conversations were asked", asked > 10)
}
