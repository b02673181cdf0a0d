package chat

import (
	"context"
	"strings"

	"connectrpc.com/connect"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// relatedMsg brings the list of relations.
type relatedMsg struct {
	list []*throngv1.Relation
	err  error
}

// relate does what a command about a person says; ok is false where it is none.
func (m *Model) relate(word, rest string) (cmd tea.Cmd, ok bool) {
	social := m.cfg.Social
	if word == "friends" {
		m.say(m.friends())
		return nil, true
	}
	if _, known := senders()[rest]; word == "privacy" && (known || rest == "") {
		return m.privacy(rest), true
	}
	if word == "privacy" && (rest == "listed" || rest == "unlisted") {
		done := map[string]string{"listed": "People find you by your name.", "unlisted": "Nobody finds you by your name."}[rest]
		return act(done, func(ctx context.Context) error { return social.List(ctx, rest == "listed") }), true
	}
	done, ok := map[string]string{
		"friend": "Asked.", "accept": "You are friends.", "refuse": "Refused.", "withdraw": "Taken back.", "unfriend": "You are no longer friends.",
		"follow": "You follow them.", "unfollow": "You no longer follow them.", "remark": "Remembered.",
		"block": "Blocked: you get no messages from them.", "unblock": "You get their messages again.",
	}[word]
	handle, text, _ := strings.Cut(rest, " ")
	handle = strings.TrimPrefix(handle, "@")
	if !ok || handle == "" {
		return nil, false
	}
	return act(done, func(ctx context.Context) error { return social.Relate(ctx, word, handle, strings.TrimSpace(text)) }), true
}

// senders are the words for whom somebody takes messages of.
func senders() map[string]throngv1.MessagesFrom {
	return map[string]throngv1.MessagesFrom{
		"all":     throngv1.MessagesFrom_MESSAGES_FROM_ALL,
		"groups":  throngv1.MessagesFrom_MESSAGES_FROM_COMMON_GROUPS,
		"friends": throngv1.MessagesFrom_MESSAGES_FROM_FRIENDS,
	}
}

// privacy says, or changes, whom the user takes messages of.
func (m *Model) privacy(from string) tea.Cmd {
	social := m.cfg.Social
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		now, err := social.Privacy(ctx, from)
		return doneMsg{notice: map[string]string{
			"all": "Everybody may write to you.", "friends": "Friends may write to you, and whoever you write to.",
			"groups": "Friends and members of common groups may write to you, and whoever you write to.",
		}[now], err: err}
	}
}

// friends says who is a friend, and who asks.
func (m *Model) friends() string {
	var friends, asking, asked []string
	for _, r := range m.related {
		name := m.names.of(client.UserID(r.GetUser()))
		switch r.GetFriendship() {
		case throngv1.Friendship_FRIENDSHIP_FRIENDS:
			friends = append(friends, name)
		case throngv1.Friendship_FRIENDSHIP_INCOMING:
			if note := clean(r.GetNote(), false); note != "" {
				name += " (" + note + ")"
			}
			asking = append(asking, name)
		case throngv1.Friendship_FRIENDSHIP_REQUESTED:
			asked = append(asked, name)
		case throngv1.Friendship_FRIENDSHIP_UNSPECIFIED:
		}
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"Friends", friends}, {"Asking you", asking}, {"You asked", asked}} {
		if len(p.names) > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.names, ", ")+".")
		}
	}
	if len(parts) == 0 {
		return "No friends here yet: /friend NAME asks somebody."
	}
	return strings.Join(parts, " ")
}

// readRelations brings the list where something says that it changed.
func (m *Model) readRelations() tea.Cmd {
	if !m.relatedStale || m.state.Phase != client.Online || m.cfg.Social == nil {
		return nil
	}
	m.relatedStale = false
	social := m.cfg.Social
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		list, err := social.Relations(ctx)
		return relatedMsg{list, err}
	}
}

// relations takes the list. One that could not be read is read with the next news.
func (m *Model) relations(msg relatedMsg) {
	if msg.err != nil {
		return
	}
	waiting := func(list []*throngv1.Relation) (n int) {
		for _, r := range list {
			if r.GetFriendship() == throngv1.Friendship_FRIENDSHIP_INCOMING {
				n++
			}
		}
		return n
	}
	if waiting(msg.list) > waiting(m.related) {
		m.say("Somebody wants to be friends: /friends shows who.")
	}
	m.related = msg.list
	clear(m.names.remarks)
	for _, r := range msg.list {
		if remark := clean(r.GetRemark(), false); remark != "" {
			m.names.remarks[client.UserID(r.GetUser())] = remark
		}
	}
}

// social fills Social from the SDK.
type social struct {
	sdk
	list *client.Relations
}

// Relations brings the list to what the server has.
func (s social) Relations(ctx context.Context) ([]*throngv1.Relation, error) {
	if err := s.list.Sync(ctx); err != nil {
		return nil, err
	}
	return s.list.All(), nil
}

// Privacy implements Social.
func (s social) Privacy(ctx context.Context, from string) (string, error) {
	var now *throngv1.Privacy
	if from == "" {
		resp, err := s.API().Social.GetPrivacy(ctx, connect.NewRequest(&throngv1.GetPrivacyRequest{}))
		if err != nil {
			return "", err
		}
		now = resp.Msg.GetPrivacy()
	} else {
		resp, err := s.API().Social.UpdatePrivacy(ctx, connect.NewRequest(&throngv1.UpdatePrivacyRequest{MessagesFrom: senders()[from]}))
		if err != nil {
			return "", err
		}
		now = resp.Msg.GetPrivacy()
	}
	for word, value := range senders() {
		if value == now.GetMessagesFrom() {
			return word, nil
		}
	}
	return "", nil
}

// List implements Social.
func (s social) List(ctx context.Context, on bool) error {
	off := !on
	_, err := s.API().Social.UpdatePrivacy(ctx, connect.NewRequest(&throngv1.UpdatePrivacyRequest{Unlisted: &off}))
	return err
}

// Relate implements Social.
func (s social) Relate(ctx context.Context, command, handle, text string) error {
	users, err := s.find(ctx, handle)
	if err != nil {
		return err
	}
	api, user := s.API().Social, uint64(users[0])
	switch command {
	case "friend":
		_, err = api.RequestFriend(ctx, connect.NewRequest(&throngv1.RequestFriendRequest{User: user, Note: text}))
	case "accept":
		_, err = api.AcceptFriend(ctx, connect.NewRequest(&throngv1.AcceptFriendRequest{User: user}))
	case "refuse":
		_, err = api.RefuseFriend(ctx, connect.NewRequest(&throngv1.RefuseFriendRequest{User: user}))
	case "withdraw":
		_, err = api.WithdrawRequest(ctx, connect.NewRequest(&throngv1.WithdrawRequestRequest{User: user}))
	case "unfriend":
		_, err = api.Unfriend(ctx, connect.NewRequest(&throngv1.UnfriendRequest{User: user}))
	case "follow", "unfollow":
		_, err = api.SetFollow(ctx, connect.NewRequest(&throngv1.SetFollowRequest{User: user, Follow: command == "follow"}))
	case "block", "unblock":
		_, err = api.SetBlock(ctx, connect.NewRequest(&throngv1.SetBlockRequest{User: user, Block: command == "block"}))
	case "remark":
		_, err = api.SetRemark(ctx, connect.NewRequest(&throngv1.SetRemarkRequest{User: user, Remark: text}))
	}
	return err
}
