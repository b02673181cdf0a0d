package chat

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Config is what a Model is made of.
type Config struct {
	Server Server
	Reader Reader
	People People
	Social Social
	// Invites are the links into groups.
	Invites Invites
	// Pins are the pinned messages, and links to messages.
	Pins Pins
	// Devices is where the user is signed in.
	Devices Devices
	// Events are taken in order; the channel is closed when the client has ended.
	Events <-chan client.Event
	Me     client.UserID
	Name   string
	Host   string
	Now    func() time.Time
}

// callTimeout bounds every call that the screen waits for.
const callTimeout = 15 * time.Second

// Narrower terminals show the list or the conversation, not both.
const (
	bothWidth = 64
	minList   = 24
	maxList   = 38
)

// Model is the whole screen. It is owned by the bubbletea program.
type Model struct {
	cfg   Config
	theme theme
	names *names

	width, height int
	list          listPane
	room          *room
	texts         map[client.ConversationID]string // what was being written where
	inRoom        bool                             // keys go to the room, not to the list
	prompt        *prompt
	help          bool
	card          []string // shown until a key is pressed
	focused       bool     // the terminal window has the user's attention
	crowd         crowd
	related       []*throngv1.Relation
	signedIn      []*throngv1.Device // as they were last shown
	relatedStale  bool               // the list of relations is to be read
	state         client.State
	was           bool // it was online before
	notice        string
	noticeUntil   time.Time
}

// NewModel makes the screen.
func NewModel(cfg Config) *Model {
	return &Model{
		cfg: cfg, theme: newTheme(), names: newNames(cfg.Me, cfg.Name), texts: map[client.ConversationID]string{},
		crowd: crowd{delayed: map[client.ConversationID]time.Time{}}, width: 80, height: 24, focused: true,
	}
}

// Messages of the screen to itself.
type (
	eventsMsg struct {
		events []client.Event
		closed bool
	}
	pageMsg struct {
		id   client.ConversationID
		page client.Page
		err  error
	}
	profilesMsg struct {
		found []*throngv1.Profile
		asked []client.UserID
		err   error
	}
	readMsg struct {
		id  client.ConversationID
		was uint64
		err error
	}
	doneMsg struct {
		open   client.ConversationID // to go to, or 0
		notice string
		err    error
	}
	tickMsg struct{}
)

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(m.take(), tick(), tea.SetWindowTitle("Throng"))
}

func tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} }) }

// maxTake is how many events are looked at before the screen is drawn again.
const maxTake = 256

// take waits for the next events.
func (m *Model) take() tea.Cmd {
	events := m.cfg.Events
	return func() tea.Msg {
		e, ok := <-events
		if !ok {
			return eventsMsg{closed: true}
		}
		list := []client.Event{e}
		for len(list) < maxTake {
			select {
			case e, ok := <-events:
				if !ok {
					return eventsMsg{events: list}
				}
				list = append(list, e)
			default:
				return eventsMsg{events: list}
			}
		}
		return eventsMsg{events: list}
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	case tea.KeyMsg:
		cmd = m.key(msg)
	case eventsMsg:
		cmd = m.events(msg)
	case pageMsg:
		m.page(msg)
	case devicesMsg:
		m.listed(msg)
	case relatedMsg:
		m.relations(msg)
	case profilesMsg:
		m.profiles(msg)
	case lookedMsg:
		m.looked(msg)
	case readMsg:
		if msg.err != nil && m.room != nil && m.room.conv.ID == msg.id {
			m.room.marked = msg.was // the next tick tries again
		}
	case doneMsg:
		cmd = m.done(msg)
	case foundMsg:
		cmd = m.found(msg)
	case pinsMsg:
		m.shown(cardMsg{m.pinLines(msg.all), msg.err})
	case cardMsg:
		m.shown(msg)
	case tickMsg:
		cmd = tick()
	default:
		if m.room != nil && m.prompt == nil { // the cursor's blinking
			m.room.input, cmd = m.room.input.Update(msg)
		}
	}
	return m, tea.Batch(cmd, m.look(), m.ask(), m.read(), m.readRelations())
}

// events applies what happened.
func (m *Model) events(msg eventsMsg) tea.Cmd {
	if msg.closed {
		return nil
	}
	title := m.cfg.Server.TotalUnread()
	before := 0
	if m.room != nil && m.room.offset > 0 {
		before = m.room.total(m.painter(), m.pending())
	}
	for _, e := range msg.events {
		m.apply(e)
	}
	m.list.set(m.cfg.Server.Conversations())
	if m.room != nil {
		m.refresh()
		if m.room.offset > 0 { // stay where the reader is
			m.room.offset = max(1, m.room.offset+m.room.total(m.painter(), m.pending())-before)
		}
	}
	cmds := []tea.Cmd{m.take()}
	if now := m.cfg.Server.TotalUnread(); now != title || now == 0 {
		cmds = append(cmds, tea.SetWindowTitle(windowTitle(now)))
	}
	return tea.Batch(cmds...)
}

func windowTitle(unread uint64) string {
	if unread == 0 {
		return "Throng"
	}
	return "(" + badge(unread) + ") Throng"
}

func (m *Model) apply(event client.Event) {
	switch e := event.(type) {
	case client.StateChanged:
		m.state = e.State
		m.was = m.was || e.State.Phase == client.Online
		m.relatedStale = m.relatedStale || e.State.Phase == client.Online
	case client.RelationsChanged:
		m.relatedStale = true
	case client.Message:
		if m.room == nil || e.Conversation != m.room.conv.ID {
			return
		}
		m.room.take(e.Entry)
		if m.room.newFrom == 0 && !m.focused && client.UserID(e.Entry.GetSender()) != m.cfg.Me {
			m.room.newFrom = e.Entry.GetSeq()
		}
	case client.Hole:
		if m.room != nil && e.Conversation == m.room.conv.ID {
			m.room.hole = e.To
		}
	case client.ProfilesLearned:
		m.names.learn(e.Profiles)
	case client.Degraded:
		m.degraded(e)
	case client.SendDelayed:
		m.crowd.delayed[e.Draft.Conversation] = e.Until
	case client.Sent:
		delete(m.crowd.delayed, e.Draft.Conversation)
	case client.SendFailed:
		delete(m.crowd.delayed, e.Draft.Conversation)
		m.say("Not sent: " + reason(e.Err))
		if m.room != nil && m.room.conv.ID == e.Draft.Conversation && m.room.input.Value() == "" {
			m.room.input.SetValue(clean(e.Draft.Body.Text(), true))
		}
	case client.EntriesHidden:
		if m.room != nil && e.Conversation == m.room.conv.ID {
			m.room.hide(e.Spans)
		}
	case client.Reset:
		if m.room != nil {
			m.room.drop()
		}
	default: // PresenceChanged, TypingChanged, ReceiptsChanged, ConversationChanged, ReadChanged, SettingsChanged, Behind, Batching: the list and the room are read anew below
	}
}

// refresh takes the open conversation's state from the server.
func (m *Model) refresh() {
	for _, c := range m.list.all {
		if c.ID == m.room.conv.ID {
			m.room.conv = c
			m.room.marked = max(m.room.marked, c.Read)
			return
		}
	}
}

func (m *Model) page(msg pageMsg) {
	if m.room == nil || m.room.conv.ID != msg.id {
		return
	}
	if msg.err != nil {
		m.room.loading, m.room.loadErr = false, msg.err
		return
	}
	m.room.prepend(msg.page)
}

func (m *Model) done(msg doneMsg) tea.Cmd {
	if msg.err != nil {
		m.say(reason(msg.err))
		return nil
	}
	if msg.notice != "" {
		m.say(msg.notice)
	}
	if msg.open == 0 {
		return nil
	}
	m.list.set(m.cfg.Server.Conversations())
	m.list.selected = msg.open
	return m.open(msg.open)
}

// open shows a conversation and puts the keys there.
func (m *Model) open(id client.ConversationID) tea.Cmd {
	m.inRoom = true
	if m.room != nil && m.room.conv.ID == id {
		return nil
	}
	m.leave()
	conv := client.Conversation{ID: id}
	for _, c := range m.list.all {
		if c.ID == id {
			conv = c
		}
	}
	m.room = newRoom(conv, m.cfg.Server.Latest(id))
	if text := m.texts[id]; text != "" {
		m.room.input.SetValue(text)
	}
	if len(m.room.entries) < m.height && m.room.more() && !m.room.behind() { // what it lacks comes with the focus
		return m.older()
	}
	return nil
}

// leave keeps what was being written.
func (m *Model) leave() {
	if m.room == nil {
		return
	}
	if text := m.room.input.Value(); text != "" {
		m.texts[m.room.conv.ID] = text
	} else {
		delete(m.texts, m.room.conv.ID)
	}
}

// older loads the page before what the room has.
func (m *Model) older() tea.Cmd {
	r := m.room
	if r.loading || !r.more() {
		return nil
	}
	r.loading = true
	id, before, reader := r.conv.ID, r.before(), m.cfg.Reader
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		page, err := reader.Before(ctx, id, before)
		return pageMsg{id, page, err}
	}
}

// read marks what is in sight as read.
func (m *Model) read() tea.Cmd {
	if m.room == nil || !m.focused || m.prompt != nil || m.help || m.card != nil || m.state.Phase != client.Online || !m.showsRoom() {
		return nil
	}
	seq := m.room.unreadEnd()
	if seq == 0 {
		return nil
	}
	id, was, reader := m.room.conv.ID, m.room.marked, m.cfg.Reader
	m.room.marked, m.room.unread = seq, false
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		return readMsg{id, was, reader.MarkRead(ctx, id, seq)}
	}
}

func (m *Model) say(text string) {
	const shown = 6 * time.Second
	m.notice, m.noticeUntil = clean(text, false), m.cfg.Now().Add(shown)
}

func (m *Model) pending() []client.Draft {
	if m.room == nil {
		return nil
	}
	return m.cfg.Server.Pending(m.room.conv.ID)
}

func (m *Model) both() bool      { return m.width >= bothWidth }
func (m *Model) showsRoom() bool { return m.room != nil && (m.both() || m.inRoom) }
