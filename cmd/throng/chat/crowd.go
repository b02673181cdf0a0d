package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// crowd is what the screen knows of busy groups and of a busy server.
type crowd struct {
	told     client.ConversationID // what the server was told to be on the screen; 0 is nothing
	stop     context.CancelFunc    // ends the telling that is under way; nil where none is
	degraded client.Degraded
	delayed  map[client.ConversationID]time.Time // until when the server made a message of the outbox wait
}

// lookedMsg is the end of a telling.
type lookedMsg struct{ err error }

// look tells the server what is on the screen. One telling is under way at a time, so that none overtakes another.
func (m *Model) look() tea.Cmd {
	var id client.ConversationID
	if m.showsRoom() {
		id = m.room.conv.ID
	}
	if id == m.crowd.told {
		return nil
	}
	if m.crowd.stop != nil {
		m.crowd.stop() // its end looks again
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	m.crowd.told, m.crowd.stop = id, cancel
	var ids []client.ConversationID
	if id != 0 {
		ids = append(ids, id)
	}
	m.cfg.Server.Watch(nil, ids...)
	reader := m.cfg.Reader
	return func() tea.Msg {
		defer cancel()
		return lookedMsg{reader.Focus(ctx, ids...)}
	}
}

// looked notes the end. Who gave up, because there is no connection or something else came onto the screen, took nothing back.
func (m *Model) looked(msg lookedMsg) {
	m.crowd.stop = nil
	if msg.err != nil && !errors.Is(msg.err, context.Canceled) && !errors.Is(msg.err, context.DeadlineExceeded) {
		m.say("Not opened: " + reason(msg.err))
	}
}

// degraded notes what the server leaves out, and says so where it is felt here.
func (m *Model) degraded(d client.Degraded) {
	felt := func(d client.Degraded) bool { return d.ContentAsHints || d.AdmissionClosed }
	switch was := m.crowd.degraded; {
	case felt(d) && !felt(was):
		m.say("The server is busy; groups lag.")
	case !felt(d) && felt(was):
		m.say("Groups are up to date again.")
	}
	m.crowd.degraded = d
}

// standing is how the connection and the server stand, for the status line.
func (m *Model) standing() string {
	switch {
	case m.state.Phase != client.Online:
		return "○ " + m.state.Phase.String() + " "
	case m.crowd.degraded.Level == 0:
		return "● online "
	case m.both():
		return "◐ online, server busy "
	default:
		return "◐ busy "
	}
}

// roomRule is the line between the entries and the field.
func (m *Model) roomRule(width int) string {
	r := m.room
	if r.offset > 0 {
		words := []string{"end goes to the newest"}
		if r.below > 0 {
			text := fmt.Sprintf("↓ %s new messages below", grouped(uint64(r.below)))
			if r.below == 1 {
				text = "↓ 1 new message below"
			}
			words = []string{text, "end shows them"}
		}
		return m.theme.badge.Render(rule(several(words, width-4), width))
	}
	if words := m.roomWords(); len(words) > 0 {
		return m.theme.rule.Render(rule(several(words, width-4), width))
	}
	return m.theme.rule.Render(strings.Repeat("─", width))
}

// roomWords say how the open conversation is delivered and what sending in it takes, the most pressing first.
func (m *Model) roomWords() (words []string) {
	c := m.room.conv
	if text := m.typing(c.ID); text != "" {
		words = append(words, text)
	}
	if wait := m.crowd.delayed[c.ID].Sub(m.cfg.Now()); wait > 0 {
		words = append(words, "wait "+lasting(wait))
	}
	if m.room.behind() && m.state.Phase == client.Online {
		words = append(words, "newer messages are on their way")
	}
	if c.Batching > 0 {
		words = append(words, "messages come in batches")
	}
	if c.SlowMode > 0 && c.Role == throngv1.Role_ROLE_MEMBER {
		words = append(words, "slow mode: one message in "+lasting(c.SlowMode))
	}
	if c.SendWait > c.SlowMode {
		words = append(words, "wait "+lasting(c.SendWait)+" between messages")
	}
	return words
}

// typing says who is typing in a conversation.
func (m *Model) typing(id client.ConversationID) string {
	switch users := m.cfg.Server.Typists(id); len(users) {
	case 0:
		return ""
	case 1:
		return m.names.of(users[0]) + " is typing"
	case 2:
		return m.names.of(users[0]) + " and " + m.names.of(users[1]) + " are typing"
	default:
		return strconv.Itoa(len(users)) + " people are typing"
	}
}

// presence says how the others of a conversation are there; nothing where that is not known.
func (m *Model) presence(c client.Conversation) string {
	if c.Kind == throngv1.Kind_KIND_DIRECT {
		switch m.cfg.Server.Presence(c.Peer) {
		case throngv1.PresenceState_PRESENCE_STATE_ONLINE:
			return "online"
		case throngv1.PresenceState_PRESENCE_STATE_BUSY:
			return "busy"
		case throngv1.PresenceState_PRESENCE_STATE_AWAY:
			return "away"
		case throngv1.PresenceState_PRESENCE_STATE_OFFLINE:
			return "offline"
		case throngv1.PresenceState_PRESENCE_STATE_UNSPECIFIED:
		}
		return ""
	}
	if n := m.cfg.Server.OnlineCount(c.ID); n > 0 {
		return "about " + grouped(uint64(n)) + " online"
	}
	return ""
}

// several joins as many words as fit into width cells; the first one always stands there.
func several(words []string, width int) string {
	line := words[0]
	for _, w := range words[1:] {
		if strWidth(line+" · "+w) > width {
			break
		}
		line += " · " + w
	}
	return line
}

// lasting is a duration as people say it, rounded up.
func lasting(d time.Duration) string {
	up := func(unit time.Duration) int { return int((d + unit - 1) / unit) }
	switch {
	case d <= 2*time.Minute:
		return strconv.Itoa(up(time.Second)) + " s"
	case d <= 2*time.Hour:
		return strconv.Itoa(up(time.Minute)) + " min"
	default:
		return strconv.Itoa(up(time.Hour)) + " h"
	}
}

// grouped is a number with its thousands apart.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
