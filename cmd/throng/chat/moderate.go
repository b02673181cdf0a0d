package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Moderation is what a group's admins do, and what members are called in it. Each call waits for the server.
type Moderation interface {
	// Moderate does what a command says in a group: kick, ban, unban or mute somebody, for a time where that has an end, and says why.
	Moderate(ctx context.Context, id client.ConversationID, command, handle string, lasting time.Duration, why string) error
	// Terms changes what the group holds its members to, Nickname what the user is called in it.
	Terms(ctx context.Context, req *throngv1.UpdateGroupRequest) error
	Nickname(ctx context.Context, id client.ConversationID, name string) error
}

// moderate is what the commands of groups do; false for what is none.
func (m *Model) moderate(word, rest string) (tea.Cmd, bool) {
	id, people := m.room.conv.ID, m.cfg.People
	terms := func(notice string, req *throngv1.UpdateGroupRequest) (tea.Cmd, bool) {
		req.Conversation = uint64(id)
		return act(notice, func(ctx context.Context) error { return people.Terms(ctx, req) }), true
	}
	switch word {
	case "kick", "ban", "unban", "mute", "unmute":
		handle, why, _ := strings.Cut(rest, " ")
		if handle = strings.TrimPrefix(handle, "@"); handle == "" {
			return m.usage("/" + word + " NAME, and why; a ban or mute may have a time before that, like 30m, 2h or 7d")
		}
		lasting, why := timeOf(why)
		return act("Done.", func(ctx context.Context) error { return people.Moderate(ctx, id, word, handle, lasting, why) }), true
	case "nick":
		return act("", func(ctx context.Context) error { return people.Nickname(ctx, id, rest) }), true
	case "announce":
		return terms("", &throngv1.UpdateGroupRequest{Announcement: &rest})
	case "quiet":
		var until uint64
		if rest != "off" {
			lasting, more := timeOf(rest)
			if more != "" {
				return m.usage("/quiet for ever, /quiet 2h for a while, /quiet off to end it")
			}
			until = endOf(m.cfg.Now(), lasting)
		}
		return terms("", &throngv1.UpdateGroupRequest{QuietUntilMs: &until})
	case "posting":
		who, ok := map[string]throngv1.Posting{"all": throngv1.Posting_POSTING_ALL, "admins": throngv1.Posting_POSTING_ADMINS}[rest]
		if !ok {
			return m.usage("/posting admins, or /posting all")
		}
		return terms("", &throngv1.UpdateGroupRequest{Posting: &who})
	case "history":
		on := rest == "on"
		if !on && rest != "off" {
			return m.usage("/history on lets newcomers read what is said from now on, /history off does not")
		}
		return terms("", &throngv1.UpdateGroupRequest{History: &on})
	case "password":
		if rest == "" {
			return m.usage("/password WORDS: who knows them may join")
		}
		return terms("People join with this password now.", &throngv1.UpdateGroupRequest{
			Joining: throngv1.Joining_JOINING_PASSWORD.Enum(), Password: rest,
		})
	default:
		return nil, false
	}
}

// usage says how a command is written.
func (m *Model) usage(text string) (tea.Cmd, bool) {
	m.say(text)
	return nil, true
}

// timeOf takes a time like 30m or 2h from the front of what was written; 0 where none stands there.
func timeOf(text string) (lasting time.Duration, rest string) {
	text = strings.TrimSpace(text)
	word, rest, _ := strings.Cut(text, " ")
	if days, ok := strings.CutSuffix(word, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 10_000 {
			return time.Duration(n) * 24 * time.Hour, strings.TrimSpace(rest)
		}
	}
	if d, err := time.ParseDuration(word); err == nil && d > 0 {
		return d, strings.TrimSpace(rest)
	}
	return 0, text
}

// forever is the end of what has none.
const forever = 1<<53 - 1

func endOf(now time.Time, lasting time.Duration) uint64 {
	if lasting == 0 {
		return forever
	}
	return uint64(max(0, now.Add(lasting).UnixMilli()))
}

// Moderate implements Moderation.
func (s sdk) Moderate(ctx context.Context, id client.ConversationID, command, handle string, lasting time.Duration, why string) error {
	users, err := s.find(ctx, handle)
	if err != nil {
		return err
	}
	conv, user, api := uint64(id), uint64(users[0]), s.API().Conversations
	switch command {
	case "kick":
		_, err = api.RemoveMember(ctx, connect.NewRequest(&throngv1.RemoveMemberRequest{Conversation: conv, User: user, Reason: why}))
	case "ban":
		_, err = api.BanMember(ctx, connect.NewRequest(&throngv1.BanMemberRequest{Conversation: conv, User: user, UntilMs: endOf(time.Now(), lasting), Reason: why}))
	case "unban":
		_, err = api.Unban(ctx, connect.NewRequest(&throngv1.UnbanRequest{Conversation: conv, User: user, Reason: why}))
	case "mute":
		_, err = api.MuteMember(ctx, connect.NewRequest(&throngv1.MuteMemberRequest{Conversation: conv, User: user, UntilMs: endOf(time.Now(), lasting), Reason: why}))
	case "unmute":
		_, err = api.MuteMember(ctx, connect.NewRequest(&throngv1.MuteMemberRequest{Conversation: conv, User: user, Reason: why}))
	default:
		err = fmt.Errorf("there is no /%s", command)
	}
	return err
}

// Terms implements Moderation.
func (s sdk) Terms(ctx context.Context, req *throngv1.UpdateGroupRequest) error {
	_, err := s.API().Conversations.UpdateGroup(ctx, connect.NewRequest(req))
	return err
}

// Nickname implements Moderation.
func (s sdk) Nickname(ctx context.Context, id client.ConversationID, name string) error {
	_, err := s.API().Conversations.SetNickname(ctx, connect.NewRequest(&throngv1.SetNicknameRequest{Conversation: uint64(id), Nickname: name}))
	return err
}
