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
