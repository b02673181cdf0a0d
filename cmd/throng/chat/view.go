package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// View implements tea.Model: a bar, perhaps a banner, the list beside the room, and a line of help.
func (m *Model) View() string {
	if m.width < 10 || m.height < 5 {
		return "too small"
	}
	lines := []string{m.barLine()}
	if banner := m.banner(); banner != "" {
		lines = append(lines, m.theme.banner.Render(fit(" "+banner, m.width)))
	}
	height := m.height - len(lines) - 1
	switch {
	case m.help:
		lines = append(lines, m.helpLines(height)...)
	case m.card != nil:
		lines = append(lines, m.cardLines(height)...)
	default:
		lines = append(lines, m.body(height)...)
	}
	lines = append(lines, m.footer())
	return strings.Join(lines, "\n")
}

func (m *Model) painter() painter {
	p := painter{theme: m.theme, names: m.names, width: m.roomWidth(), now: m.cfg.Now()}
	if m.room != nil {
		p.read, p.got = reached(m.cfg.Server.Receipts(m.room.conv.ID))
	}
	return p
}

func (m *Model) listWidth() int {
	if !m.both() {
		return m.width
	}
	return min(max(m.width*3/10, minList), maxList)
}

func (m *Model) roomWidth() int {
	if !m.both() {
		return m.width
	}
	return m.width - m.listWidth() - 2
}

// roomHeight is how many lines of entries there are.
func (m *Model) roomHeight() int {
	height := m.height - 2 // bar and footer
	if m.banner() != "" {
		height--
	}
	return max(1, height-2-m.inputHeight()) // title and rule
}

// inputHeight grows with what is written, and never takes more than a third.
func (m *Model) inputHeight() int {
	if m.room == nil {
		return 1
	}
	in, lines := m.room.input, 0
	for line := range strings.SplitSeq(in.Value(), "\n") {
		lines += len(wrap(line, m.roomWidth()-3))
	}
	return min(max(lines, 1), inputLines, max(1, m.height/3))
}

func (m *Model) barLine() string {
	left := " Throng  " + m.names.of(m.cfg.Me) + " at " + m.cfg.Host
	if total := m.cfg.Server.TotalUnread(); total > 0 {
		left += "  (" + badge(total) + ")"
	}
	return m.theme.bar.Render(spread(left, m.standing(), m.width))
}

// banner says that something is wrong with the connection, and what comes next.
func (m *Model) banner() string {
	switch m.state.Phase {
	case client.Waiting:
		wait := m.state.RetryAt.Sub(m.cfg.Now()).Round(time.Second)
		text := "No connection"
		if wait > 0 {
			text += fmt.Sprintf("; again in %d s", int(wait.Seconds()))
		}
		return text + " (ctrl+r: now). What you write is sent later." // it fits into 80 columns, and its first half into 40
	case client.Connecting, client.Syncing:
		if m.was && m.state.Attempt > 0 {
			return "Connecting again…"
		}
	case client.Closed:
		text := "Ended"
		if m.state.Cause != nil {
			text += ": " + clean(reason(m.state.Cause), false)
		}
		return text + " (ctrl+c, then start again)"
	case client.Idle, client.Online:
	}
	return ""
}

func (m *Model) body(height int) []string {
	now := m.cfg.Now()
	if !m.both() {
		switch {
		case m.prompt != nil:
			return m.prompt.view(m.theme, m.width, height)
		case m.showsRoom():
			return m.roomLines(m.width, height)
		default:
			return m.list.view(m.theme, m.names, m.width, height, m.openID(), true, now)
		}
	}
	left := m.list.view(m.theme, m.names, m.listWidth(), height, m.openID(), !m.inRoom && m.prompt == nil, now)
	var right []string
	switch {
	case m.prompt != nil:
		right = m.prompt.view(m.theme, m.roomWidth(), height)
	case m.room != nil:
		right = m.roomLines(m.roomWidth(), height)
	default:
		right = m.empty(m.roomWidth(), height)
	}
	bar := m.theme.dim.Render("│")
	out := make([]string, height)
	for i := range out {
		out[i] = left[i] + bar + " " + right[i]
	}
	return out
}

func (m *Model) openID() client.ConversationID {
	if m.room == nil {
		return 0
	}
	return m.room.conv.ID
}

func (m *Model) empty(width, height int) []string {
	lines := make([]string, height)
	for i := range lines {
		lines[i] = fit("", width)
	}
	if height > 2 {
		text := "enter opens a conversation, ctrl+n begins one"
		if m.state.Phase != client.Online && len(m.list.all) == 0 {
			text = "connecting to " + m.cfg.Host + " …"
		}
		for i, line := range wrap(text, width) {
			if at := height/2 + i; at < height {
				lines[at] = m.theme.dim.Render(fit(strings.Repeat(" ", max(0, (width-strWidth(line))/2))+line, width))
			}
		}
	}
	return lines
}

func (m *Model) roomLines(width, height int) []string {
	r := m.room
	lines := []string{m.titleLine(width)}
	input := m.inputHeight()
	body, _ := r.lines(m.painter(), m.pending(), max(1, height-2-input))
	lines = append(lines, body...)
	lines = append(lines, m.roomRule(width))
	in := r.input
	in.SetWidth(width)
	in.SetHeight(input)
	if !m.inRoom {
		in.Blur()
	}
	for line := range strings.SplitSeq(in.View(), "\n") {
		lines = append(lines, fit(line, width))
	}
	for len(lines) < height {
		lines = append(lines, fit("", width))
	}
	return lines[:height]
}

func (m *Model) titleLine(width int) string {
	c := m.room.conv
	right := ""
	switch {
	case c.Dissolved:
		right = "dissolved "
	case c.Kind == throngv1.Kind_KIND_GROUP && c.Role == throngv1.Role_ROLE_UNSPECIFIED:
		right = "you are no longer in it "
	case c.Kind == throngv1.Kind_KIND_GROUP && c.Members == 1:
		right = "only you "
	case c.Kind == throngv1.Kind_KIND_GROUP:
		right = grouped(uint64(c.Members)) + " members "
		if there := m.presence(c); there != "" {
			right = grouped(uint64(c.Members)) + " members, " + there + " "
		}
	case m.presence(c) != "":
		right = m.presence(c) + " "
	}
	left := width - strWidth(right)
	return m.theme.name.Render(fit(name(c, m.names), left)) + m.theme.dim.Render(right)
}

// footer is a notice, or the keys that matter now.
func (m *Model) footer() string {
	if m.notice != "" && m.cfg.Now().Before(m.noticeUntil) {
		return m.theme.badge.Render(fit(" "+m.notice, m.width))
	}
	keys, always := []string{"enter open", "n write to", "g group", "↑↓ choose", "ctrl+t next unread"}, "? help  q quit"
	switch {
	case m.help, m.card != nil:
		keys, always = nil, "any key goes back"
	case m.prompt != nil:
		keys, always = []string{"tab next field", "enter do it"}, "esc back"
	case m.inRoom && m.room != nil:
		keys, always = []string{"enter send", "esc list", "alt+enter new line", "pgup/pgdn scroll", "alt+↑↓ switch"}, "f1 help"
	}
	return m.theme.help.Render(fit(keyLine(keys, always, m.width), m.width))
}

// keyLine is as many of the keys as fit into width cells, the first ones first, and those that always stand there at the end.
func keyLine(keys []string, always string, width int) string {
	line := " "
	for _, k := range keys {
		if strWidth(line+k+"  "+always) > width {
			break
		}
		line += k + "  "
	}
	return line + always
}

func (m *Model) helpLines(height int) []string {
	rows := [][2]string{
		{"enter", "open the conversation; send the message"},
		{"alt+enter", "a new line in the message"},
		{"pgup, pgdn, ↑ ↓", "scroll; older messages are loaded as you go"},
		{"end", "back to the newest message"},
		{"alt+↑, alt+↓", "the conversation above, below"},
		{"ctrl+t", "the next conversation with something new"},
		{"tab, esc", "between the list and the conversation"},
		{"ctrl+n", "write to somebody"},
		{"ctrl+g", "make a group"},
		{"ctrl+r", "connect again now"},
		{"/edit NEW TEXT", "your last message says that instead"},
		{"/reply NUMBER TEXT", "answer a message; /numbers shows the numbers"},
		{"@NAME, @all", "in a message: mention somebody, or everybody"},
		{"/recall WHY", "take your last message back"},
		{"/pin", "pin the newest message, /pin NUMBER another one; /pins, /unpin NUMBER"},
		{"/permalink", "the link to a message, /permalink NUMBER to another one; /goto LINK"},
		{"/add NAME…", "add people to the group"},
		{"/name NEW NAME", "call the group something else"},
		{"/leave", "leave the group"},
		{"/unread", "mark the conversation as unread"},
		{"/hide 3", "delete the newest 3 messages, for you alone; /hide all"},
		{"/link", "a link into the group, with its QR code; /links, /unlink NUMBER"},
		{"/join LINK", "join by a link; /peek LINK only looks"},
		{"/nick NAME", "what you are called in the group"},
		{"/kick NAME WHY", "take somebody out; /ban NAME 7d WHY, /unban NAME"},
		{"/mute NAME 1h WHY", "nothing from somebody for a time; /unmute NAME"},
		{"/quiet 1h", "only admins write for a time; /quiet off, /posting admins, /posting all"},
		{"/announce TEXT", "a text above the group; /password WORD, /history on"},
		{"/friends", "who your friends are, and who wants to be one"},
		{"/friend NAME NOTE", "ask somebody; /withdraw NAME takes it back"},
		{"/accept NAME", "be friends; /refuse NAME, /unfriend NAME"},
		{"/follow NAME", "follow somebody; /unfollow NAME"},
		{"/block NAME", "get no messages from somebody; /unblock NAME"},
		{"/privacy all", "everybody may write to you; /privacy groups, /privacy friends"},
		{"/privacy unlisted", "nobody finds you by your name; /privacy listed"},
		{"/remark NAME AS", "call somebody what you like; only you see it"},
		{"/devices", "where you are signed in; /signout NUMBER, /signout others"},
		{"ctrl+c", "quit; you stay signed in"},
	}
	lines := []string{"", m.theme.name.Render(fit("  What the keys do", m.width)), ""}
	for _, row := range rows {
		const keyWidth = 18
		lines = append(lines, "  "+m.theme.key.Render(fit(row[0], keyWidth))+fit(row[1], max(0, m.width-keyWidth-2)))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	for i := range lines {
		lines[i] = fit(lines[i], m.width)
	}
	return lines[:height]
}
