package chat

import (
	"strings"
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// listPane shows the conversations, two lines each, newest first.
type listPane struct {
	all      []client.Conversation
	selected client.ConversationID
	top      int // first row shown
}

const listRow = 2

// set takes the conversations anew and keeps the selection on the one it was on.
func (l *listPane) set(all []client.Conversation) {
	kept := make([]client.Conversation, 0, len(all))
	for _, c := range all {
		if !c.Settings.Archived {
			kept = append(kept, c)
		}
	}
	l.all = kept
	if l.index() < 0 {
		l.selected = 0
		if len(l.all) > 0 {
			l.selected = l.all[0].ID
		}
	}
}

func (l *listPane) index() int {
	for i, c := range l.all {
		if c.ID == l.selected {
			return i
		}
	}
	return -1
}

// move selects another row, by so many.
func (l *listPane) move(by int) {
	if len(l.all) == 0 {
		return
	}
	l.selected = l.all[min(max(l.index()+by, 0), len(l.all)-1)].ID
}

// unread selects the next conversation that has something new, and says whether there is one.
func (l *listPane) unread() bool {
	start := max(l.index(), 0)
	for i := range l.all {
		c := l.all[(start+1+i)%len(l.all)]
		if c.Unread > 0 && !c.Settings.Muted {
			l.selected = c.ID
			return true
		}
	}
	return false
}

// view draws height lines of width cells.
func (l *listPane) view(t theme, n *names, width, height int, open client.ConversationID, active bool, now time.Time) []string {
	rows := max(1, height/listRow)
	at := max(l.index(), 0)
	l.top = min(max(l.top, at-rows+1), at)
	l.top = max(0, min(l.top, len(l.all)-rows))

	lines := make([]string, 0, height)
	for i := l.top; i < len(l.all) && len(lines)+listRow <= height; i++ {
		c := l.all[i]
		lines = append(lines, l.row(t, n, c, width, c.ID == l.selected && active, c.ID == open, now)...)
	}
	if len(l.all) == 0 {
		for _, line := range []string{"No conversations yet.", "", "ctrl+n  new message", "ctrl+g  new group"} {
			lines = append(lines, t.dim.Render(fit(" "+line, width)))
		}
	}
	for len(lines) < height {
		lines = append(lines, strings.Repeat(" ", width))
	}
	return lines[:height]
}

func (l *listPane) row(t theme, n *names, c client.Conversation, width int, selected, open bool, now time.Time) []string {
	mark := "  "
	switch {
	case selected:
		mark = t.selected.Render("▌ ")
	case open:
		mark = t.dim.Render("▌ ")
	}
	title := name(c, n)
	if c.Settings.Pinned {
		title = "★ " + title
	}
	when := clock(stamp(c.Last, now.Location()), now)
	first := fit(title, width-3-len(when)-1)
	switch {
	case selected:
		first = t.selected.Render(first)
	case c.Unread > 0:
		first = t.name.Render(first)
	}
	count, style := badge(c.Unread), t.badge
	if c.Unread == 0 && c.Settings.MarkedUnread {
		count = "●"
	}
	if c.Settings.Muted {
		style = t.dim
	}
	second := fit(preview(c, n), width-3-len(count)-1)
	return []string{
		mark + first + " " + t.dim.Render(when) + " ",
		mark + t.dim.Render(second) + " " + style.Render(fit(count, strWidth(count))) + " ",
	}
}

// name is what a conversation is called for this user.
func name(c client.Conversation, n *names) string {
	switch {
	case c.Kind == throngv1.Kind_KIND_DIRECT && c.Peer != 0:
		return n.of(c.Peer)
	case clean(c.Name, false) != "":
		return clean(c.Name, false)
	default:
		return "group"
	}
}

// preview is the newest entry on one line.
func preview(c client.Conversation, n *names) string {
	if c.Settings.Draft != "" {
		return "draft: " + clean(c.Settings.Draft, false)
	}
	if c.Last == nil {
		return ""
	}
	text, notice := content(c.Last, n)
	text = clean(text, false)
	switch {
	case notice:
		return text
	case client.UserID(c.Last.GetSender()) == n.me:
		return "you: " + text
	case c.Kind == throngv1.Kind_KIND_DIRECT:
		return text
	default:
		return by(c.Last, n) + ": " + text
	}
}
