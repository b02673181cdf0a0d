package chat

import (
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// refer does what a command says about earlier messages, which are named by the numbers that /numbers shows; ok is false where it is none of
// these.
func (m *Model) refer(word, rest string) (cmd tea.Cmd, ok bool) {
	switch word {
	case "numbers":
		m.room.numbered = !m.room.numbered
		clear(m.room.wrapped)
	case "reply":
		m.reply(rest)
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) reply(rest string) {
	number, text, _ := strings.Cut(rest, " ")
	seq, ok := numbered(number)
	if text = strings.TrimSpace(text); !ok || text == "" {
		m.say("/reply NUMBER TEXT; /numbers shows the numbers of the messages")
		return
	}
	if err := m.cfg.Server.Put(m.room.conv.ID, client.Text(text).Reply(seq)); err != nil {
		m.say("Not sent: " + reason(err))
	}
}

// numbered reads the number of a message.
func numbered(word string) (uint64, bool) {
	seq, err := strconv.ParseUint(strings.TrimPrefix(word, "#"), 10, 64)
	return seq, err == nil && seq > 0
}

// number is what stands in front of a message while numbers are shown.
func (r *room) number(e *throngv1.Entry) string {
	if !r.numbered {
		return ""
	}
	return "#" + strconv.FormatUint(e.GetSeq(), 10) + " "
}

// quote is the line above a reply: who said what it answers, and how that begins now. What is not loaded is not told.
func (r *room) quote(p painter, e *throngv1.Entry) []string {
	seq := e.GetReplyTo()
	if seq == 0 {
		return nil
	}
	text := "an earlier message"
	for _, target := range r.entries {
		if target.GetSeq() != seq {
			continue
		}
		said, notice := content(target, p.names)
		if text, _, _ = strings.Cut(said, "\n"); !notice {
			text = by(target, p.names) + ": " + text
		}
	}
	return []string{p.theme.dim.Render(fit("  ┃ "+text, p.width))}
}
