package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

const serverKey = "server-key-of-the-tests-0123456789"

// world is the real thing behind the API, on a file system in memory.
type world struct {
	there         presence.Store
	handler       http.Handler
	accounts      *account.Service
	messages      *message.Service
	conversations *conversation.Service
	relations     *social.Service
	store         *pebble.Store
	deps          api.Deps
	logs          *logBuffer
	serial        atomic.Uint64
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// past is what the wiring builds of the store.
type past struct {
	*pebble.Store
	rows timeline.Store
}

func (p past) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConversationID, error) {
	rows, err := p.rows.Rows(ctx, user)
	if err != nil {
		return nil, err
	}
	ids := make([]chat.ConversationID, len(rows.Rows))
	for i, r := range rows.Rows {
		ids[i] = r.Conversation
	}
	return ids, nil
}

// settings changes what a world is built with.
type settings func(*account.Config, *api.Deps)

func newWorld(t testing.TB, change ...settings) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{logs: new(logBuffer)}
	logger := slog.New(slog.NewTextHandler(w.logs, nil))
	var err error
	w.store, err = pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Logger: logger})
	assert.NoError(t, "opening the store", err)
	rows, err := w.store.Timelines()
	assert.NoError(t, "opening timelines", err)

	registry := prometheus.NewRegistry()
	w.messages = message.New(message.DefaultConfig(), w.store, w.store, registry, logger)
	follower := timeline.NewFollower(timeline.Default(), rows, w.store.TimelineLogs(), w.store.TimelineEvents(), logger)
	timelines := timeline.New(timeline.Default(), rows, w.store.TimelineLogs(), follower)

	accountConfig := account.Default()
	accountConfig.SigningSecrets = []account.Secret{account.Secret(strings.Repeat("s", 32))}
	accountConfig.ServerKeys = []account.Secret{serverKey}
	deps := api.Deps{Logger: logger}
	for _, c := range change {
		c(&accountConfig, &deps)
	}
	w.accounts, err = account.New(accountConfig, account.Deps{
		Users: w.store.Accounts(), Devices: w.store.Accounts(), Invitations: w.store.Accounts(), Registerer: registry, Logger: logger,
	})
	assert.NoError(t, "making accounts", err)
	w.conversations = conversation.New(conversation.Default(), w.store, w.messages, w.accounts, w.store,
		conversation.WithPasswords(w.accounts, untried{}), conversation.WithEntries(single{w.messages}))

	deps.Tokens, deps.Users, deps.Accounts, deps.Administration = w.accounts, w.accounts, w.accounts, w.accounts
	deps.Moderation = w.conversations
	deps.Openings, deps.Changes, deps.Tiers, deps.Messages, deps.Timelines = w.conversations, w.conversations, w.conversations, w.messages, timelines
	w.there = local.NewPresence().Join("n1")
	deps.Presence = presence.NewHub(presence.Default(), presence.Deps{
		Store: w.there, Self: "n1", Rooms: halls{w.messages, w.store},
	})
	deps.Past = past{w.store, rows}
	w.relations, err = social.New(social.Default(), social.Deps{Rows: w.store.Relations(), Users: w.accounts})
	assert.NoError(t, "making relations", err)
	deps.Relations, deps.RelationLists, deps.Privacy = w.relations, w.relations, w.relations
	seen := halls{w.messages, w.store}
	hides := hiders{w.accounts, w.relations}
	deps.Discretion = w.accounts
	deps.Receipts = api.NewReceipts(receipt.New(receipt.Default(), w.store, seen, hides), receipt.NewHub(receipt.Default(), receipt.Deps{}))
	deps.Invites = invite.New(w.store.Links(), groups{w.store, w.conversations}, deps.Now)
	w.deps = deps
	w.handler, err = api.New(api.Default(), deps)
	assert.NoError(t, "making the API", err)

	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{w.messages.Run, follower.Run, w.accounts.Run} {
		wg.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_ = w.store.Close()
	})
	return w
}

// newAPI is another door of the same world.
func newAPI(t testing.TB, w *world, logs *logBuffer, change func(*api.Deps)) *world {
	t.Helper()
	deps := w.deps
	deps.Logger = slog.New(slog.NewTextHandler(logs, nil))
	change(&deps)
	h, err := api.New(api.Default(), deps)
	assert.NoError(t, "making the API", err)
	return &world{handler: h, logs: logs}
}

// person is a user with a device.
type person struct {
	id     chat.UserID
	device chat.DeviceID
	token  string
	handle string
}

func (w *world) person(t testing.TB, admin bool) person {
	t.Helper()
	p := person{handle: fmt.Sprintf("user-%d", w.serial.Add(1))}
	ids, _, err := w.accounts.CreateUsers(t.Context(), []account.NewUser{{Handle: p.handle, Name: "Name of " + p.handle, Admin: admin}})
	assert.NoError(t, "making a user", err)
	g, err := w.accounts.IssueToken(t.Context(), ids[0], account.NewDevice{Name: "a device"})
	assert.NoError(t, "issuing a token", err)
	p.id, p.device, p.token = ids[0], g.Device, g.Tokens.Access
	return p
}

func (w *world) clientID() chat.ClientID {
	var c chat.ClientID
	n := w.serial.Add(1)
	for i := range 8 {
		c[15-i] = byte(n >> (8 * i))
	}
	return c
}

// send appends a text by the shortest way.
func (w *world) send(t testing.TB, from chat.UserID, id chat.ConversationID, text string) chat.Result {
	t.Helper()
	r, err := w.messages.Append(t.Context(), &chat.Draft{Conversation: id, Sender: from, ClientID: w.clientID(), Body: chat.Text{Text: text}})
	assert.NoError(t, "sending", err)
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// reason returns the reason word of an error, "ok" for an answer.
func (a answer) reason() string {
	if a.status == http.StatusOK {
		return "ok"
	}
	list, _ := a.json["details"].([]any)
	if len(list) != 1 {
		return fmt.Sprintf("no detail in %d %s", a.status, a.body)
	}
	detail, _ := list[0].(map[string]any)
	debug, _ := detail["debug"].(map[string]any)
	reason, _ := debug["reason"].(string)
	return reason
}

// number reads a 64-bit number of an answer, by a path like "conversation.id".
func (a answer) at(path string) any {
	var v any = a.json
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

type option func(*http.Request)

func bearer(token string) option {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func do(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	res := rec.Result()
	defer res.Body.Close() //nolint:errcheck // in memory
	b, err := io.ReadAll(res.Body)
	assert.NoError(t, "reading an answer", err)
	a := answer{status: res.StatusCode, header: res.Header, body: string(b)}
	_ = json.Unmarshal(b, &a.json) // pages are no JSON
	return a
}

// call calls a procedure, "AccountService/GetMe", with a JSON body.
func (w *world) call(t testing.TB, procedure, body string, options ...option) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/throng.v1."+procedure, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, o := range options {
		o(r)
	}
	return do(t, w.handler, r)
}
