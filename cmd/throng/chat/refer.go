package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		return m.reply(rest), true
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) reply(rest string) tea.Cmd {
	number, text, _ := strings.Cut(rest, " ")
	seq, ok := numbered(number)
	if text = strings.TrimSpace(text); !ok || text == "" {
		m.say("/reply NUMBER TEXT; /numbers shows the numbers of the messages")
		return nil
	}
	cmd, _ := m.post(client.Text(text).Reply(seq), text)
	return cmd
}

// post sends a message; sent is false where it was refused at once. One that names people waits until it is known who they are.
func (m *Model) post(b client.Body, text string) (cmd tea.Cmd, sent bool) {
	id := m.room.conv.ID
	handles, all := ats(text)
	if all {
		b = b.MentionAll()
	}
	if len(handles) == 0 {
		if err := m.cfg.Server.Put(id, b); err != nil {
			m.say("Not sent: " + reason(err))
			return nil, false
		}
		return nil, true
	}
	people, server := m.cfg.People, m.cfg.Server
	return act("", func(ctx context.Context) error {
		err := people.Mention(ctx, id, b, handles)
		if err == nil {
			return nil
		}
		return errors.Join(fmt.Errorf("it is sent without names in it: %w", err), server.Put(id, b))
	}), true
}

// maxAts bounds how many names are looked up for one message.
const maxAts = 20

// ats are the sign-in names that a text has behind an @, each once, and whether it is for all.
func ats(text string) (handles []string, all bool) {
	for _, word := range strings.Fields(text) {
		handle, ok := strings.CutPrefix(word, "@")
		handle = strings.TrimRight(handle, ".,;:!?)\"'")
		switch {
		case !ok || handle == "":
		case handle == "all":
			all = true
		case len(handles) < maxAts && !slices.Contains(handles, handle):
			handles = append(handles, handle)
		}
	}
	return handles, all
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
