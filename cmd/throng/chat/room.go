package chat

import (
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/textarea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// room is the open conversation: a run of entries without a hole, the place in it, and the text being written.
type room struct {
	conv    client.Conversation
	entries []*throngv1.Entry
	from    uint64 // lowest seq covered; what lies before it is not loaded
	loading bool
	loadErr error

	newFrom uint64 // first seq that was unread when the room was opened; 0 where nothing was
	offset  int    // lines hidden below the bottom edge
	below   int    // entries that came while the bottom was out of sight
	hole    uint64 // last seq of a hole behind what is loaded, 0 where there is none: what follows it is not shown yet
	marked  uint64 // read position that the server was told
	unread  bool   // it was marked as unread when it was opened

	numbered bool // messages show their numbers

	input   textarea.Model
	wrapped map[uint64][]string // lines of an entry's text, by seq, for one width
	width   int
}

// maxLoaded bounds how many entries a room keeps; scrolling further back is still possible after reopening it.
const maxLoaded = 20_000

// inputLines is how high the field grows.
const inputLines = 5

func newRoom(c client.Conversation, latest []*throngv1.Entry) *room {
	r := &room{conv: c, wrapped: map[uint64][]string{}, marked: c.Read, unread: c.Settings.MarkedUnread}
	r.input = newInput()
	r.input.SetValue(clean(c.Settings.Draft, true))
	r.reload(latest)
	if c.Unread > 0 {
		r.newFrom = c.Read + 1
	}
	return r
}

func newInput() textarea.Model {
	in := textarea.New()
	in.Placeholder = "Write a message"
	in.Prompt = "❯ "
	in.ShowLineNumbers = false
	in.CharLimit = 100_000
	in.MaxHeight = 0
	in.SetHeight(1)
	in.KeyMap.InsertNewline.SetKeys("alt+enter", "ctrl+j")
	plain := in.FocusedStyle
	plain.CursorLine, plain.Placeholder = plain.Text, plain.Placeholder.Faint(true)
	in.FocusedStyle, in.BlurredStyle = plain, plain
	in.Focus()
	return in
}

// reload starts over with the newest entries that are known, which are a run without a hole.
func (r *room) reload(latest []*throngv1.Entry) {
	r.loading, r.loadErr = false, nil
	r.drop()
	for _, e := range latest {
		r.add(e)
	}
	if len(r.entries) > 0 {
		r.from = r.entries[0].GetSeq()
	}
}

// take takes an entry that just came. What stands before a hole is let go, and loaded again by scrolling back; but while somebody
// reads it, it stays, and what follows the hole waits in the SDK.
func (r *room) take(e *throngv1.Entry) {
	if r.hole != 0 && r.offset == 0 {
		r.drop()
	}
	r.amend(e)
	if (r.hole != 0 || r.add(e)) && r.offset > 0 && client.Target(e) == 0 {
		r.below++
	}
}

// amend has what is loaded show what an entry makes of it.
func (r *room) amend(by *throngv1.Entry) {
	target := client.Target(by)
	if target == 0 {
		return
	}
	delete(r.wrapped, target)
	for i, e := range r.entries {
		r.entries[i], _ = client.Amend(e, by)
	}
}

// mine is the newest message of the user that has not gone; nil where none is loaded.
func (r *room) mine(me client.UserID) *throngv1.Entry {
	for _, e := range slices.Backward(r.entries) {
		if client.UserID(e.GetSender()) == me && !isNotice(e) {
			return e
		}
	}
	return nil
}

// add appends the next entry.
func (r *room) add(e *throngv1.Entry) bool {
	last := r.last()
	if last != 0 && e.GetSeq() <= last {
		return false
	}
	r.entries = append(r.entries, e)
	if len(r.entries) == 1 {
		r.from = e.GetSeq()
	}
	if len(r.entries) > maxLoaded {
		r.entries = slices.Delete(r.entries, 0, maxLoaded/4)
		r.from = r.entries[0].GetSeq()
	}
	return true
}

// drop forgets everything before a hole in the log.
func (r *room) drop() {
	r.entries, r.from, r.offset, r.below, r.hole = nil, 0, 0, 0, 0
	clear(r.wrapped)
}

// behind reports whether there are newer entries than those that came.
// hide takes out what the user has deleted.
func (r *room) hide(spans []client.Span) {
	r.entries = slices.DeleteFunc(r.entries, func(e *throngv1.Entry) bool {
		return slices.ContainsFunc(spans, func(s client.Span) bool { return s.From <= e.GetSeq() && e.GetSeq() <= s.To })
	})
}

func (r *room) behind() bool { return r.conv.Delivered < r.conv.Head }

func (r *room) last() uint64 {
	if len(r.entries) == 0 {
		return 0
	}
	return r.entries[len(r.entries)-1].GetSeq()
}

// more reports whether there is something before what is loaded.
func (r *room) more() bool {
	if r.from == 0 {
		return r.conv.Head > 0 && r.conv.Head >= r.conv.First
	}
	return r.from > max(r.conv.First, 1)
}

// before is the seq that the next page has to end before.
func (r *room) before() uint64 {
	if r.from == 0 {
		return r.conv.Head + 1
	}
	return r.from
}

// prepend takes an older page.
func (r *room) prepend(p client.Page) {
	r.loading, r.loadErr = false, nil
	bound := r.before()
	older := make([]*throngv1.Entry, 0, len(p.Entries)+len(r.entries))
	for _, e := range p.Entries {
		if e.GetSeq() < bound {
			older = append(older, e)
		}
	}
	r.entries = append(older, r.entries...)
	switch {
	case p.From == 0, p.From >= bound: // nothing was covered: there is nothing before
		r.from = max(r.conv.First, 1)
	default:
		r.from = p.From
	}
}

// unreadEnd is the seq to mark as read: the newest entry, when its end is in sight.
func (r *room) unreadEnd() uint64 {
	if r.offset > 0 || r.last() < r.marked || r.last() == r.marked && !r.unread {
		return 0
	}
	return r.last()
}

// lines draws the entries from the bottom up until height lines below the offset are full. It returns exactly height lines, and
// whether the oldest loaded line came into sight.
func (r *room) lines(p painter, pending []client.Draft, height int) (out []string, top bool) {
	want := height + r.offset
	var rev []string // bottom first
	push := func(block []string) {
		for _, line := range slices.Backward(block) {
			rev = append(rev, line)
		}
	}
	for i, d := range slices.Backward(pending) {
		push(p.pending(d, i == 0 && (len(r.entries) == 0 || r.entries[len(r.entries)-1].GetSender() != uint64(p.names.me))))
		if len(rev) >= want {
			break
		}
	}
	for i := len(r.entries) - 1; i >= 0 && len(rev) < want; i-- {
		push(r.block(p, i))
	}
	if len(rev) < want {
		top = true
		if word := r.topWord(); word != "" {
			rev = append(rev, p.theme.dim.Render(rule(word, p.width)))
		}
	}
	if r.offset > len(rev)-height { // never scroll beyond the oldest line
		r.offset = max(0, len(rev)-height)
	}
	rev = rev[min(r.offset, len(rev)):]
	rev = rev[:min(height, len(rev))]
	out = make([]string, 0, height)
	for len(out) < height-len(rev) {
		out = append(out, fit("", p.width))
	}
	for _, line := range slices.Backward(rev) {
		out = append(out, line)
	}
	return out, top
}

func (r *room) topWord() string {
	switch {
	case r.loading:
		return "loading…"
	case r.loadErr != nil:
		return "could not load what was before; pgup tries again"
	case r.more():
		return "pgup for more"
	default:
		return ""
	}
}

// total counts the lines of everything loaded, so that a scrolled view can stay where it is when something is added below.
func (r *room) total(p painter, pending []client.Draft) int {
	n := 0
	for i := range r.entries {
		n += len(r.block(p, i))
	}
	for i, d := range pending {
		n += len(p.pending(d, i == 0))
	}
	return n
}

// block is an entry with what stands above it: a day, the line of new messages, the sender's name.
func (r *room) block(p painter, i int) []string {
	if r.width != p.width {
		clear(r.wrapped)
		r.width = p.width
	}
	e := r.entries[i]
	if client.Target(e) != 0 {
		return nil // it shows in the message that it is about
	}
	var prev *throngv1.Entry
	if i > 0 {
		prev = r.entries[i-1]
	}
	at := stamp(e, p.now.Location())
	var out []string
	newDay := prev == nil || !sameDay(stamp(prev, p.now.Location()), at)
	if newDay && !at.IsZero() {
		out = append(out, p.theme.rule.Render(rule(dayName(at, p.now), p.width)))
	}
	firstNew := r.newFrom != 0 && e.GetSeq() >= r.newFrom && (prev == nil || prev.GetSeq() < r.newFrom)
	if firstNew {
		out = append(out, p.theme.badge.Render(rule("new", p.width)))
	}
	text, notice := content(e, p.names)
	if notice {
		for _, line := range wrap(text, p.width-4) {
			out = append(out, p.theme.dim.Render(fit("  "+line, p.width)))
		}
		return out
	}
	if newDay || firstNew || !together(prev, e) {
		out = append(out, p.heading(e, at))
	}
	out = append(out, r.quote(p, e)...)
	own := client.UserID(e.GetSender()) == p.names.me && p.width > 2*tickWidth
	lines, ok := r.wrapped[e.GetSeq()]
	if !ok {
		room := p.width - 2
		if own {
			room -= tickWidth
		}
		lines = wrap(r.number(e)+text, room)
		if len(r.wrapped) > maxLoaded {
			clear(r.wrapped)
		}
		r.wrapped[e.GetSeq()] = lines
	}
	margin := "  "
	if client.Mentions(e, p.names.me) {
		margin = "@ "
	}
	for _, line := range lines {
		out = append(out, fit(margin+line, p.width))
	}
	if own {
		out[len(out)-1] = fit("  "+lines[len(lines)-1], p.width-tickWidth) + p.theme.dim.Render(p.tick(e))
	}
	return out
}

// together reports whether two entries stand under one name: the same sender within five minutes.
func together(a, b *throngv1.Entry) bool {
	if a == nil || a.GetSender() != b.GetSender() || b.GetTimeMs() > a.GetTimeMs()+uint64((5*time.Minute).Milliseconds()) {
		return false
	}
	return !isNotice(a)
}

func dayName(at, now time.Time) string {
	switch {
	case sameDay(at, now):
		return "today"
	case sameDay(at, now.AddDate(0, 0, -1)):
		return "yesterday"
	case at.Year() == now.Year():
		return at.Format("Monday, 2 January")
	default:
		return at.Format("2 January 2006")
	}
}
