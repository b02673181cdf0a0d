package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Pins are the pinned messages, and links to messages. Each call waits for the server.
type Pins interface {
	// Pinned reads the pinned messages of a conversation, the one that was pinned last first.
	Pinned(ctx context.Context, id client.ConversationID) ([]*throngv1.PinnedMessage, error)
	// Permalink is the link to a message.
	Permalink(ctx context.Context, id client.ConversationID, seq uint64) (string, error)
	// Goto finds the message that a link names, and reads what stands around it.
	Goto(ctx context.Context, link string) (*throngv1.ResolveLinkResponse, []*throngv1.Entry, error)
}

// foundMsg brings the message of a link with what stands around it.
type foundMsg struct {
	place   *throngv1.ResolveLinkResponse
	entries []*throngv1.Entry
	err     error
}

// pinsMsg brings the pinned messages of the conversation.
type pinsMsg struct {
	all []*throngv1.PinnedMessage
	err error
}

// aroundLink is how many entries are shown on each side of a message that a link names.
const aroundLink = 5

// pin does what a command about pinned messages and links to messages says; ok is false where it is none.
func (m *Model) pin(word, rest string) (cmd tea.Cmd, ok bool) {
	pins, id := m.cfg.Pins, m.room.conv.ID
	switch word {
	case "pins":
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			all, err := pins.Pinned(ctx, id)
			return pinsMsg{all, err}
		}, true
	case "pin", "unpin", "permalink":
		seq, ok := m.seqOf(rest)
		if !ok {
			return m.usage("/" + word + ", or /" + word + " NUMBER: without a number it is the newest message here; /pins and links have the numbers")
		}
		switch word {
		case "pin":
			m.put(client.Pin(seq))
		case "unpin":
			m.put(client.Unpin(seq))
		default:
			return card(func(ctx context.Context) ([]string, error) {
				link, err := pins.Permalink(ctx, id, seq)
				return []string{link, "", "Members of the conversation get to the message by it: /goto and the link."}, err
			}), true
		}
		return nil, true
	case "goto":
		if rest == "" {
			return m.usage("/goto LINK")
		}
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			place, entries, err := pins.Goto(ctx, rest)
			return foundMsg{place, entries, err}
		}, true
	default:
		return nil, false
	}
}

// seqOf is the number that was written, or that of the newest message that is loaded.
func (m *Model) seqOf(text string) (uint64, bool) {
	if text != "" {
		seq, err := strconv.ParseUint(text, 10, 64)
		return seq, err == nil && seq > 0
	}
	for i := len(m.room.entries) - 1; i >= 0; i-- {
		if e := m.room.entries[i]; !isNotice(e) {
			return e.GetSeq(), true
		}
	}
	return 0, false
}

// put sends what is about an earlier message.
func (m *Model) put(body client.Body) {
	if err := m.cfg.Server.Put(m.room.conv.ID, body); err != nil {
		m.say("Not sent: " + reason(err))
	}
}

// found opens the conversation of a link, and shows the message among those around it.
func (m *Model) found(msg foundMsg) tea.Cmd {
	if msg.err != nil {
		m.say(reason(msg.err))
		return nil
	}
	lines := make([]string, 0, len(msg.entries)+2)
	for _, e := range msg.entries {
		mark := "  "
		if e.GetSeq() == msg.place.GetSeq() {
			mark = "▶ "
		}
		lines = append(lines, mark+m.brief(e))
	}
	cmd := m.done(doneMsg{open: client.ConversationID(msg.place.GetConversation())})
	lines = append(lines, "", msg.place.GetLink())
	m.card = lines
	return cmd
}

// pinLines lists pinned messages.
func (m *Model) pinLines(all []*throngv1.PinnedMessage) []string {
	if len(all) == 0 {
		return []string{"No message is pinned here: /pin NUMBER pins one."}
	}
	lines := make([]string, 0, 2+len(all))
	lines = append(lines, "Pinned messages:", "")
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("%d  %s", p.GetEntry().GetSeq(), m.brief(p.GetEntry())))
	}
	return lines
}

// brief is an entry on one line.
func (m *Model) brief(e *throngv1.Entry) string {
	text, notice := content(e, m.names)
	text = strings.Join(strings.Fields(text), " ")
	if notice {
		return text
	}
	return by(e, m.names) + ": " + text
}

// permalinks fills Pins from the SDK.
type permalinks struct {
	sdk
	server string
}

// Pinned implements Pins.
func (s permalinks) Pinned(ctx context.Context, id client.ConversationID) ([]*throngv1.PinnedMessage, error) {
	var all []*throngv1.PinnedMessage
	for before := uint64(0); ; before = all[len(all)-1].GetPinSeq() {
		resp, err := s.API().Messages.ListPins(ctx, connect.NewRequest(&throngv1.ListPinsRequest{Conversation: uint64(id), Before: before}))
		if err != nil {
			return nil, err
		}
		if all = append(all, resp.Msg.GetPins()...); !resp.Msg.GetMore() || len(resp.Msg.GetPins()) == 0 {
			return all, nil
		}
	}
}

// Permalink implements Pins. A server that does not know its address leaves the one that this client uses.
func (s permalinks) Permalink(ctx context.Context, id client.ConversationID, seq uint64) (string, error) {
	place, err := s.resolve(ctx, client.MessageLink("", id, seq))
	if err != nil {
		return "", err
	}
	if server, _, _, ok := client.ParseMessageLink(place.GetLink()); ok && server != "" {
		return place.GetLink(), nil
	}
	return client.MessageLink(s.server, id, seq), nil
}

// Goto implements Pins. What a link says is asked of this server alone.
func (s permalinks) Goto(ctx context.Context, link string) (*throngv1.ResolveLinkResponse, []*throngv1.Entry, error) {
	server, id, seq, ok := client.ParseMessageLink(link)
	if !ok {
		return nil, nil, fmt.Errorf("%q is no link to a message", link)
	}
	if server == strings.TrimSuffix(s.server, "/") { // whatever the server takes for its own address
		link = client.MessageLink("", id, seq)
	}
	place, err := s.resolve(ctx, link)
	if err != nil {
		return nil, nil, err
	}
	from := max(place.GetAround().GetFrom(), seq-min(seq, aroundLink))
	page, err := s.Range(ctx, id, client.Query{From: from, Limit: 2*aroundLink + 1})
	if err != nil {
		return nil, nil, err
	}
	return place, page.Entries, nil
}

func (s permalinks) resolve(ctx context.Context, link string) (*throngv1.ResolveLinkResponse, error) {
	resp, err := s.API().Messages.ResolveLink(ctx, connect.NewRequest(&throngv1.ResolveLinkRequest{Link: link}))
	if err != nil {
		return nil, err
	}
	return resp.Msg, nil
}
