package chat

import (
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// painter draws the parts of a room for one width and one moment.
type painter struct {
	theme theme
	names *names
	width int
	now   time.Time
	// read and got are up to where everybody else has read and got; 0 where that is not known.
	read, got uint64
}

// reached is up to where all have read and got. Those of whom reading is not told count as not having read.
func reached(list []client.Receipt) (read, got uint64) {
	for i, r := range list {
		if i == 0 {
			read, got = r.Read, r.Got
		}
		read, got = min(read, r.Read), min(got, r.Got)
	}
	return read, got
}

// tickWidth is how much room a tick takes.
const tickWidth = 3

// tick is what stands behind an own message: two ticks where everybody has read it, one where everybody has got it.
func (p painter) tick(e *throngv1.Entry) string {
	switch {
	case e.GetSeq() > p.got:
		return "   "
	case e.GetSeq() > p.read:
		return " ✓ "
	default:
		return " ✓✓"
	}
}

// heading is the line above the messages of one person.
func (p painter) heading(e *throngv1.Entry, at time.Time) string {
	who := by(e, p.names)
	if client.UserID(e.GetSender()) == p.names.me {
		who = "you"
	}
	when := at.Format("15:04")
	who = fit(who, min(strWidth(who), max(1, p.width-len(when)-2)))
	rest := p.width - strWidth(who) - 2
	return p.theme.person(e.GetSender()).Render(who) + "  " + p.theme.dim.Render(fit(when, rest))
}

// pending is a message that waits for the server.
func (p painter) pending(d client.Draft, first bool) []string {
	var out []string
	if d.Body.Target() != 0 {
		return nil // the message that it is about stands where it is
	}
	if first {
		out = append(out, p.theme.dim.Render(fit("you", p.width)))
	}
	for i, line := range wrap(clean(d.Body.Text(), true), p.width-4) {
		mark := "  "
		if i == 0 {
			mark = "… "
		}
		out = append(out, p.theme.dim.Render(fit(mark+line, p.width)))
	}
	return out
}
