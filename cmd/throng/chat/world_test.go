package chat_test

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/uuid"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/cmd/throng/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	me    = client.UserID(1)
	alice = client.UserID(2)
	bob   = client.UserID(3)
)

// world is a server in memory: logs, read positions, an outbox that the test empties.
type world struct {
	mentioned []string
	t         *testing.T
	now       time.Time
	logs      map[client.ConversationID][]*throngv1.Entry
	convs     map[client.ConversationID]*client.Conversation
	latest    int                                         // how many entries the SDK keeps
	told      map[client.ConversationID][]*throngv1.Entry // what it was told, where that is not the log
	pending   []client.Draft
	asked     []string
	retries   int
	refuse    error
	focus     []string // what the screen told to be open
	blind     error    // the answer to that
	pages     int      // how often it read back
	types     map[client.ConversationID][]client.UserID
	typed     []client.ConversationID // where the user typed
	watch     []client.ConversationID
	there     map[client.UserID]throngv1.PresenceState
	online    map[client.ConversationID]int
	from      string
	relations []*throngv1.Relation
	devices   []*throngv1.Device
	stands    []client.Receipt
	hidden    []client.Span

	events chan client.Event
	model  tea.Model
	quit   bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), latest: 50,
		logs: map[client.ConversationID][]*throngv1.Entry{}, convs: map[client.ConversationID]*client.Conversation{},
		events: make(chan client.Event),
	}
	t.Cleanup(func() { close(w.events) })
	return w
}

// start opens the screen at a size and goes online.
func (w *world) start(width, height int) {
	w.t.Helper()
	w.model = chat.NewModel(chat.Config{
		Server: w, Reader: w, People: w, Social: w, Invites: w, Pins: w, Devices: w, Events: w.events, Me: me, Name: "Me", Host: "example.org", Now: func() time.Time { return w.now },
	})
	w.send(tea.WindowSizeMsg{Width: width, Height: height})
	w.tell(client.StateChanged{State: client.State{Phase: client.Online}})
}

func (w *world) direct(id client.ConversationID, peer client.UserID) {
	w.convs[id] = &client.Conversation{ID: id, Kind: throngv1.Kind_KIND_DIRECT, Peer: peer, First: 1, Members: 2, Role: throngv1.Role_ROLE_MEMBER}
}

func (w *world) group(id client.ConversationID, name string) {
	w.convs[id] = &client.Conversation{ID: id, Kind: throngv1.Kind_KIND_GROUP, Name: name, First: 1, Members: 3, Role: throngv1.Role_ROLE_OWNER}
}

// write appends to a log and returns the entry.
func (w *world) write(id client.ConversationID, sender client.UserID, text string) *throngv1.Entry {
	c, log := w.convs[id], w.logs[id]
	e := &throngv1.Entry{
		Conversation: uint64(id), Seq: uint64(len(log) + 1), Ordinal: uint64(len(log) + 1), Sender: uint64(sender),
		TimeMs: uint64(w.now.UnixMilli()), Body: &throngv1.Entry_Text{Text: text},
	}
	w.logs[id] = append(log, e)
	c.Head, c.Last, c.Delivered = e.GetSeq(), e, e.GetSeq()
	if sender == me {
		c.Read = e.GetSeq()
	}
	c.Unread = c.Head - c.Read
	return e
}

// say appends and tells the screen.
func (w *world) say(id client.ConversationID, sender client.UserID, text string) {
	w.tell(client.Message{Conversation: id, Entry: w.write(id, sender, text), Live: true})
}

// Typing implements chat.Server.
func (w *world) Typing(id client.ConversationID) { w.typed = append(w.typed, id) }

// Typists implements chat.Server.
func (w *world) Typists(id client.ConversationID) []client.UserID { return w.types[id] }

// Watch implements chat.Server.
func (w *world) Watch(_ []client.Watched, ids ...client.ConversationID) { w.watch = ids }

// Presence implements chat.Server.
func (w *world) Presence(user client.UserID) throngv1.PresenceState { return w.there[user] }

// OnlineCount implements chat.Server.
func (w *world) OnlineCount(id client.ConversationID) int { return w.online[id] }

// Receipts implements chat.Server.
func (w *world) Receipts(client.ConversationID) []client.Receipt { return w.stands }

// tell hands events to the screen.
func (w *world) tell(events ...client.Event) {
	w.send(chat.Happened(events...))
}

// send runs a message and the commands that come of it. Commands that wait for events or time are left alone.
func (w *world) send(msg tea.Msg) {
	var cmd tea.Cmd
	w.model, cmd = w.model.Update(msg)
	w.run(cmd)
}

func (w *world) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	name := runtime.FuncForPC(reflect.ValueOf(cmd).Pointer()).Name()
	for _, waits := range []string{".take.", ".Tick.", "cursor."} {
		if strings.Contains(name, waits) {
			return // for events, the time, the blinking of the cursor
		}
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			w.run(c)
		}
	case tea.QuitMsg:
		w.quit = true
	default:
		if strings.HasPrefix(typeName(msg), "chat.") {
			w.send(msg)
		}
	}
}

func (w *world) key(keys ...string) {
	for _, k := range keys {
		w.send(keyMsg(k))
	}
}

func (w *world) typeText(s string) { w.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)}) }

func (w *world) view() string { return w.model.View() }

// shows fails unless the screen shows each text.
func (w *world) shows(texts ...string) {
	w.t.Helper()
	view := w.view()
	for _, text := range texts {
		if !strings.Contains(view, text) {
			w.t.Errorf("the screen does not show %q:\n%s", text, view)
		}
	}
}

func (w *world) hides(texts ...string) {
	w.t.Helper()
	view := w.view()
	for _, text := range texts {
		if strings.Contains(view, text) {
			w.t.Errorf("the screen shows %q:\n%s", text, view)
		}
	}
}

// Conversations implements chat.Server.
func (w *world) Conversations() []client.Conversation {
	list := make([]client.Conversation, 0, len(w.convs))
	for _, c := range w.convs {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b client.Conversation) int { return int(a.ID) - int(b.ID) })
	return list
}

// Latest implements chat.Server.
func (w *world) Latest(id client.ConversationID) []*throngv1.Entry {
	log, ok := w.told[id]
	if !ok {
		log = w.logs[id]
	}
	return slices.Clone(log[max(0, len(log)-w.latest):])
}

// TotalUnread implements chat.Server.
func (w *world) TotalUnread() uint64 {
	total := uint64(0)
	for _, c := range w.convs {
		total += c.Unread
	}
	return total
}

// Before implements chat.Reader.
func (w *world) Before(_ context.Context, id client.ConversationID, seq uint64) (client.Page, error) {
	w.pages++
	to := int(seq) - 1
	from := max(0, to-30)
	if to <= 0 {
		return client.Page{}, nil
	}
	return client.Page{Entries: slices.Clone(w.logs[id][from:to]), From: uint64(from + 1), To: uint64(to)}, nil
}

// Put implements chat.Server.
func (w *world) Put(id client.ConversationID, b client.Body) error {
	w.pending = append(w.pending, client.Draft{Conversation: id, ClientID: uuid.New(), Body: b})
	return w.refuse
}

// Send implements chat.Server.
func (w *world) Send(id client.ConversationID, text string) error {
	if w.refuse != nil {
		return w.refuse
	}
	w.pending = append(w.pending, client.Draft{Conversation: id, ClientID: uuid.New(), Body: client.Text(text)})
	return nil
}

// store is the server's acknowledgement of the oldest message.
func (w *world) store() {
	d := w.pending[0]
	w.pending = w.pending[1:]
	e := w.write(d.Conversation, me, d.Body.Text())
	w.tell(client.Sent{Draft: d}, client.Message{Conversation: d.Conversation, Entry: e, Live: true})
}

// Pending implements chat.Server.
func (w *world) Pending(id client.ConversationID) []client.Draft {
	var list []client.Draft
	for _, d := range w.pending {
		if d.Conversation == id {
			list = append(list, d)
		}
	}
	return list
}

// MarkRead implements chat.Reader.
func (w *world) MarkRead(_ context.Context, id client.ConversationID, seq uint64) error {
	c := w.convs[id]
	c.Read = max(c.Read, seq)
	c.Unread = c.Head - c.Read
	c.Settings.MarkedUnread = false

	return nil
}

// MarkUnread implements chat.Reader.
func (w *world) MarkUnread(_ context.Context, id client.ConversationID) error {
	w.convs[id].Settings.MarkedUnread = true
	return nil
}

// Hide implements chat.Reader.
func (w *world) Hide(_ context.Context, _ client.ConversationID, spans ...client.Span) error {
	w.hidden = append(w.hidden, spans...)
	return nil
}

// Focus implements chat.Reader.
func (w *world) Focus(_ context.Context, ids ...client.ConversationID) error {
	w.focus = append(w.focus, fmt.Sprint(ids))
	return w.blind
}

// Retry implements chat.Server.
func (w *world) Retry() { w.retries++ }

// Profiles implements chat.People.
func (w *world) Profiles(_ context.Context, users []client.UserID) ([]*throngv1.Profile, error) {
	known := map[client.UserID]string{alice: "Alice", bob: "鲍勃"}
	found := make([]*throngv1.Profile, 0, len(users))
	for _, u := range users {
		found = append(found, &throngv1.Profile{User: uint64(u), Name: known[u], Version: 2})
	}
	return found, nil
}

// OpenDirect implements chat.People.
func (w *world) OpenDirect(_ context.Context, handle string) (client.ConversationID, error) {
	w.asked = append(w.asked, "direct "+handle)
	if handle != "alice" {
		return 0, &client.Error{Reason: "user_not_found", Message: "There is nobody called " + handle + "."}
	}
	w.direct(77, alice)
	return 77, nil
}

// CreateGroup implements chat.People.
func (w *world) CreateGroup(_ context.Context, name string, handles []string) (client.ConversationID, error) {
	w.asked = append(w.asked, "group "+name+": "+strings.Join(handles, "+"))
	w.group(88, name)
	return 88, nil
}

// AddMembers implements chat.People.
func (w *world) AddMembers(_ context.Context, _ client.ConversationID, handles []string) error {
	w.asked = append(w.asked, "add "+strings.Join(handles, "+"))
	return nil
}

// Rename implements chat.People.
func (w *world) Rename(_ context.Context, _ client.ConversationID, name string) error {
	w.asked = append(w.asked, "name "+name)
	return nil
}

// Leave implements chat.People.
func (w *world) Leave(context.Context, client.ConversationID) error {
	w.asked = append(w.asked, "leave")
	return nil
}

// Moderate implements chat.Moderation.
func (w *world) Moderate(_ context.Context, _ client.ConversationID, command, handle string, lasting time.Duration, why string) error {
	w.asked = append(w.asked, fmt.Sprint(command, " ", handle, " ", lasting, " ", why))
	return nil
}

// Terms implements chat.Moderation.
func (w *world) Terms(_ context.Context, req *throngv1.UpdateGroupRequest) error {
	w.asked = append(w.asked, fmt.Sprint("terms ", req.GetAnnouncement(), req.GetPosting(), req.GetPassword(), req.GetQuietUntilMs(), req.GetHistory()))
	return nil
}

// Nickname implements chat.Moderation.
func (w *world) Nickname(_ context.Context, _ client.ConversationID, name string) error {
	w.asked = append(w.asked, "nick "+name)
	return nil
}

// Relate implements chat.Social.
func (w *world) Relate(_ context.Context, command, handle, text string) error {
	w.asked = append(w.asked, strings.TrimSpace(command+" "+handle+" "+text))
	return nil
}

// Privacy implements chat.Social.
func (w *world) Privacy(_ context.Context, from string) (string, error) {
	w.from = cmp.Or(from, w.from)
	return w.from, nil
}

// List implements chat.Social.
func (w *world) List(_ context.Context, on bool) error {
	w.asked = append(w.asked, fmt.Sprint("listed ", on))
	return nil
}

// Relations implements chat.Social.
func (w *world) Relations(context.Context) ([]*throngv1.Relation, error) { return w.relations, nil }

// CreateLink implements chat.Invites.
func (w *world) CreateLink(context.Context, client.ConversationID) (string, error) {
	return client.LinkURL("https://example.org", "AAAAAAAAAAf-_0123456789abcdefABC"), nil
}

// Links implements chat.Invites.
func (w *world) Links(context.Context, client.ConversationID) ([]*throngv1.Link, error) {
	ends := uint64(w.now.UnixMilli()) + 3_600_000
	return []*throngv1.Link{{Id: 71, Used: 3, ExpiresMs: ends}, {Id: 72, ExpiresMs: ends, Revoked: true}, {Id: 73, ExpiresMs: 1}, {Id: 74, ExpiresMs: ends, Most: 2, Used: 2}}, nil
}

// RevokeLink implements chat.Invites.
func (w *world) RevokeLink(_ context.Context, _ client.ConversationID, link uint64) error {
	w.asked = append(w.asked, fmt.Sprint("unlink ", link))
	return nil
}

// Preview implements chat.Invites.
func (w *world) Preview(_ context.Context, link string) (*throngv1.LinkPreview, error) {
	return &throngv1.LinkPreview{Name: "Club of " + link, Members: 12}, nil
}

// Join implements chat.Invites.
func (w *world) Join(_ context.Context, link string) (client.ConversationID, error) {
	w.asked = append(w.asked, "join "+link)
	return 1, nil
}

// Devices implements chat.Devices.
func (w *world) Devices(context.Context) ([]*throngv1.Device, error) { return w.devices, nil }

// SignOut implements chat.Devices.
func (w *world) SignOut(_ context.Context, device uint64) (uint32, error) {
	w.asked = append(w.asked, fmt.Sprint("sign out ", device))
	return 1, nil
}

// Pinned implements chat.Pins.
func (w *world) Pinned(context.Context, client.ConversationID) ([]*throngv1.PinnedMessage, error) {
	return []*throngv1.PinnedMessage{{Entry: &throngv1.Entry{Seq: 2, Sender: uint64(alice), Body: &throngv1.Entry_Text{Text: "be\nkind"}}, PinSeq: 3}}, w.refuse
}

// Permalink implements chat.Pins.
func (w *world) Permalink(_ context.Context, id client.ConversationID, seq uint64) (string, error) {
	return client.MessageLink("https://example.org", id, seq), w.refuse
}

// Goto implements chat.Pins.
func (w *world) Goto(_ context.Context, link string) (*throngv1.ResolveLinkResponse, []*throngv1.Entry, error) {
	_, id, seq, _ := client.ParseMessageLink(link)
	e := &throngv1.Entry{Seq: seq, Sender: uint64(alice), Body: &throngv1.Entry_Text{Text: "this one"}}
	return &throngv1.ResolveLinkResponse{Conversation: uint64(id), Seq: seq, Entry: e, Link: link}, []*throngv1.Entry{e}, w.refuse
}

// Mention implements chat.Referring.
func (w *world) Mention(_ context.Context, id client.ConversationID, b client.Body, handles []string) error {
	w.mentioned = handles
	return w.Put(id, b)
}
