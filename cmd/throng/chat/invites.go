package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	tea "github.com/charmbracelet/bubbletea"
	"rsc.io/qr"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Invites are the links into groups. Each call waits for the server.
type Invites interface {
	// CreateLink makes a link into a group, and returns its URL.
	CreateLink(ctx context.Context, id client.ConversationID) (string, error)
	Links(ctx context.Context, id client.ConversationID) ([]*throngv1.Link, error)
	RevokeLink(ctx context.Context, id client.ConversationID, link uint64) error
	// Preview shows what a link leads into, and Join goes there.
	Preview(ctx context.Context, link string) (*throngv1.LinkPreview, error)
	Join(ctx context.Context, link string) (client.ConversationID, error)
}

// cardMsg brings lines to show until a key is pressed.
type cardMsg struct {
	lines []string
	err   error
}

// invite does what a command about links says; ok is false where it is none.
func (m *Model) invite(word, rest string) (cmd tea.Cmd, ok bool) {
	invites, id := m.cfg.Invites, m.room.conv.ID
	link, err := strconv.ParseUint(rest, 10, 64)
	switch {
	case word == "link" && rest == "":
		return card(func(ctx context.Context) ([]string, error) {
			url, err := invites.CreateLink(ctx, id)
			if err != nil {
				return nil, err
			}
			return linkCard(url)
		}), true
	case word == "links" && rest == "":
		return card(func(ctx context.Context) ([]string, error) {
			all, err := invites.Links(ctx, id)
			return m.linkLines(all), err
		}), true
	case word == "unlink" && err == nil:
		return act("Nobody joins by it any more.", func(ctx context.Context) error { return invites.RevokeLink(ctx, id, link) }), true
	case word == "peek" && rest != "":
		return card(func(ctx context.Context) ([]string, error) {
			p, err := invites.Preview(ctx, rest)
			return []string{fmt.Sprintf("%s, %d members", clean(p.GetName(), false), p.GetMembers()), "", "/join and the link goes there."}, err
		}), true
	case word == "join" && rest != "":
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			to, err := invites.Join(ctx, rest)
			return doneMsg{open: to, err: err}
		}, true
	default:
		return nil, false
	}
}

// card reads something that takes more than a line to show.
func card(read func(ctx context.Context) ([]string, error)) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		lines, err := read(ctx)
		return cardMsg{lines, err}
	}
}

// shown takes what is to be shown.
func (m *Model) shown(msg cardMsg) {
	if msg.err != nil {
		m.say(reason(msg.err))
		return
	}
	m.card = msg.lines
}

// linkCard is a link and its QR code.
func linkCard(url string) ([]string, error) {
	code, err := qr.Encode(url, qr.L)
	if err != nil {
		return nil, fmt.Errorf("making a QR code: %w", err)
	}
	return append([]string{url, "Whoever has this link can join, for 7 days. /links shows all, /unlink NUMBER ends one."}, qrLines(code)...), nil
}

// qrLines draws a code, two rows of it a line, light on dark with the margin that readers need.
func qrLines(code *qr.Code) []string {
	const margin = 2
	halves := [2][2]string{{"█", "▀"}, {"▄", " "}} // by whether the upper and the lower module are black
	at := func(x, y int) int {
		if code.Black(x, y) { // outside of the code nothing is
			return 1
		}
		return 0
	}
	var lines []string
	for y := -margin; y < code.Size+margin; y += 2 {
		var b strings.Builder
		for x := -margin; x < code.Size+margin; x++ {
			b.WriteString(halves[at(x, y)][at(x, y+1)])
		}
		lines = append(lines, b.String())
	}
	return lines
}

// cardLines shows the card; what does not fit is left out from its end, so that its QR code is whole where that is possible.
func (m *Model) cardLines(height int) []string {
	lines := make([]string, 0, height)
	for _, l := range m.card[:min(len(m.card), height)] {
		if strings.ContainsAny(l, "█▀▄") {
			lines = append(lines, m.theme.code.Render(l))
			continue
		}
		lines = append(lines, fit("  "+l, m.width))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines
}

// linkLines lists links.
func (m *Model) linkLines(all []*throngv1.Link) []string {
	now := m.cfg.Now()
	lines := make([]string, 0, 2+len(all))
	lines = append(lines, "Links into this group:", "")
	for _, l := range all {
		state := "ends in " + lasting(time.UnixMilli(int64(l.GetExpiresMs())).Sub(now).Truncate(time.Minute))
		switch most := l.GetMost(); {
		case l.GetRevoked():
			state = "revoked"
		case l.GetExpiresMs() <= uint64(now.UnixMilli()):
			state = "ended"
		case most != 0 && l.GetUsed() >= most:
			state = "used up"
		}
		lines = append(lines, fmt.Sprintf("%d  %d joined, %s", l.GetId(), l.GetUsed(), state))
	}
	if len(all) == 0 {
		lines[0] = "No links into this group: /link makes one."
	}
	return lines
}

// invites fills Invites from the SDK.
type invites struct {
	sdk
	server string
}

// CreateLink implements Invites.
func (s invites) CreateLink(ctx context.Context, id client.ConversationID) (string, error) {
	resp, err := s.API().Invites.CreateLink(ctx, connect.NewRequest(&throngv1.CreateLinkRequest{Conversation: uint64(id)}))
	if err != nil {
		return "", err
	}
	if url := resp.Msg.GetUrl(); url != "" {
		return url, nil
	}
	return client.LinkURL(s.server, resp.Msg.GetToken()), nil
}

// Links implements Invites.
func (s invites) Links(ctx context.Context, id client.ConversationID) ([]*throngv1.Link, error) {
	resp, err := s.API().Invites.ListLinks(ctx, connect.NewRequest(&throngv1.ListLinksRequest{Conversation: uint64(id)}))
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetLinks(), nil
}

// RevokeLink implements Invites.
func (s invites) RevokeLink(ctx context.Context, id client.ConversationID, link uint64) error {
	_, err := s.API().Invites.RevokeLink(ctx, connect.NewRequest(&throngv1.RevokeLinkRequest{Conversation: uint64(id), Id: link}))
	return err
}

// token is what lets people in by a link. A token is not shown to another server than the one that it is of.
func (s invites) token(link string) (string, error) {
	server, token, ok := client.ParseLink(link)
	switch {
	case !ok:
		return "", fmt.Errorf("%q is no link into a group", link)
	case server != "" && server != strings.TrimSuffix(s.server, "/"):
		return "", fmt.Errorf("this link is of %s; if that is this server under another name, give what is behind the # alone", server)
	default:
		return token, nil
	}
}

// Preview implements Invites.
func (s invites) Preview(ctx context.Context, link string) (*throngv1.LinkPreview, error) {
	token, err := s.token(link)
	if err != nil {
		return nil, err
	}
	resp, err := s.API().Invites.PreviewLink(ctx, connect.NewRequest(&throngv1.PreviewLinkRequest{Token: token}))
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetPreview(), nil
}

// Join implements Invites.
func (s invites) Join(ctx context.Context, link string) (client.ConversationID, error) {
	token, err := s.token(link)
	if err != nil {
		return 0, err
	}
	resp, err := s.API().Invites.JoinByLink(ctx, connect.NewRequest(&throngv1.JoinByLinkRequest{Token: token}))
	if err != nil {
		return 0, err
	}
	return client.ConversationID(resp.Msg.GetConversation()), nil
}
