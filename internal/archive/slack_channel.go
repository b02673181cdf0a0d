package archive

import (
	"cmp"
	"errors"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

type slackMessage struct {
	Type     string `json:"type"`
	Subtype  string `json:"subtype"`
	User     string `json:"user"`
	BotID    string `json:"bot_id"`
	Username string `json:"username"`
	Text     string `json:"text"`
	TS       string `json:"ts"`
	Hidden   bool   `json:"hidden"`
	Files    []struct {
		Name string `json:"name"`
	} `json:"files"`
}

func (m slackMessage) ms() uint64 { return parseTS(m.TS) }

func (m slackMessage) author() string { return cmp.Or(m.User, m.BotID, m.Username) }

// wanted leaves out what is no message: joins, topics, tombstones.
func (m slackMessage) wanted() bool {
	switch m.Subtype {
	case "", "me_message", "bot_message", "file_share", "thread_broadcast", "file_comment":
		return m.Type == "message" && !m.Hidden && m.author() != "" && m.ms() > 0 && (m.Text != "" || len(m.Files) > 0)
	default:
		return false
	}
}

// slackLog puts a channel's entries in order.
type slackLog struct {
	s       *slack
	id      chat.ConversationID
	seq     chat.Seq
	ordinal chat.Ordinal
	timeMS  uint64
}

func (l *slackLog) entry(sender chat.UserID, timeMS uint64, clientID string, b chat.Body) error {
	text, err := encodeBody(b)
	if err != nil {
		return err
	}
	l.seq++
	if chat.Countable(b) {
		l.ordinal++
	}
	l.timeMS = max(l.timeMS, timeMS, 1)
	l.s.counts.Entries++
	return l.s.write(entry{
		Type: typeEntry, Conversation: l.id, Seq: l.seq, Ordinal: l.ordinal, Sender: sender, TimeMS: l.timeMS, ClientID: clientID, Body: text,
	})
}

// channel writes a conversation: everybody who is in it or wrote in it comes in at its beginning, and who is not in it any
// more goes at its end.
func (s *slack) channel(c slackChannel, id chat.ConversationID) error {
	members, now, err := s.members(c)
	if err != nil {
		return err
	}
	if c.direct && len(members) != 2 && len(members) != 1 {
		return nil // nobody could be in it
	}
	s.counts.Conversations++
	out := conversation{Type: typeConversation, ID: id, Kind: "group", Open: c.open, Name: cut(firstOf(c.Name, c.ID), chat.MaxNameRunes)}
	created := chat.Created{
		Kind: chat.KindGroup, Name: out.Name, Open: c.open, Description: cutBytes(firstOf(plain(s, c.Purpose.Value), plain(s, c.Topic.Value)), chat.MaxDescription),
	}
	rest := members
	if c.direct {
		out.Kind, out.Name, out.Pair = "direct", "", []chat.UserID{members[0], members[len(members)-1]}
		created, rest = chat.Created{Kind: chat.KindDirect, Members: members}, nil
	} else if len(members) > 0 {
		created.Members, rest = members[:1], members[1:]
	}
	if err := s.write(out); err != nil {
		return err
	}
	log := &slackLog{s: s, id: id}
	begin, err := s.begin(c)
	if err != nil {
		return err
	}
	if err := log.entry(0, begin, "", created); err != nil {
		return err
	}
	for part := range slices.Chunk(rest, chat.MaxMembersAtOnce) {
		if err := log.entry(0, begin, "", chat.MembersChanged{Action: chat.MemberAdded, Users: part, Role: chat.RoleMember}); err != nil {
			return err
		}
	}
	if err := s.texts(c, log, members); err != nil {
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(members), func(u chat.UserID) bool { return now[u] })
	for part := range slices.Chunk(gone, chat.MaxMembersAtOnce) {
		if c.direct {
			break
		}
		if err := log.entry(0, log.timeMS, "", chat.MembersChanged{Action: chat.MemberRemoved, Users: part}); err != nil {
			return err
		}
	}
	return nil
}

// begin is when a channel began: as it says, or with its first message.
func (s *slack) begin(c slackChannel) (timeMS uint64, err error) {
	if c.Created > 0 {
		return uint64(c.Created) * 1000, nil
	}
	err = s.messages(c, func(m slackMessage) error {
		timeMS = m.ms()
		return errFirst
	})
	if errors.Is(err, errFirst) {
		err = nil
	}
	return max(timeMS, 1), err
}

// errFirst ends a walk at its first step.
var errFirst = errors.New("the first is enough")

func (s *slack) texts(c slackChannel, log *slackLog, members []chat.UserID) error {
	inside := make(map[chat.UserID]bool, len(members))
	for _, u := range members {
		inside[u] = true
	}
	return s.messages(c, func(m slackMessage) error {
		text := plain(s, m.Text)
		for _, f := range m.Files {
			text = strings.TrimSpace(text + "\n[" + firstOf(f.Name, "file") + "]")
		}
		text = cutBytes(cut(text, chat.MaxTextRunes), chat.MaxTextBytes)
		u := s.users[m.author()]
		if text == "" || u == nil || !inside[u.id] {
			return nil
		}
		return log.entry(u.id, m.ms(), s.clientID(c, m), chat.Text{Text: text})
	})
}

// members are those who are in a channel now or wrote there once, the owner first; now tells them apart.
func (s *slack) members(c slackChannel) (members []chat.UserID, now map[chat.UserID]bool, err error) {
	now = make(map[chat.UserID]bool)
	all := make(map[chat.UserID]bool)
	for _, id := range c.Members {
		if u := s.users[id]; u != nil {
			now[u.id], all[u.id] = true, true
		}
	}
	if !c.direct {
		err = s.messages(c, func(m slackMessage) error {
			if u := s.users[m.author()]; u != nil {
				all[u.id] = true
			}
			return nil
		})
	}
	members = slices.Sorted(maps.Keys(all))
	owner := s.users[c.Creator]
	slices.SortStableFunc(members, func(a, b chat.UserID) int { return rank(owner, now, a) - rank(owner, now, b) })
	if c.direct {
		slices.Sort(members)
	}
	return members, now, err
}

// rank puts the creator first where it is still there, then those who are.
func rank(owner *slackUser, now map[chat.UserID]bool, u chat.UserID) int {
	switch {
	case owner != nil && owner.id == u && now[u]:
		return 0
	case now[u]:
		return 1
	default:
		return 2
	}
}

// reference is Slack's markup for people, channels and links: <@U1|name>, <#C1|name>, <!here>, <https://…|text>.
var reference = regexp.MustCompile(`<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>`)

// plain turns Slack's markup into text.
func plain(s *slack, text string) string {
	text = reference.ReplaceAllStringFunc(text, func(match string) string {
		p := reference.FindStringSubmatch(match)
		kind, target, label := p[1], p[2], p[3]
		switch kind {
		case "@":
			if u := s.users[target]; u != nil {
				label = cmp.Or(label, u.Profile.Display, u.Name)
			}
			return "@" + cmp.Or(label, target)
		case "#":
			return "#" + cmp.Or(label, target)
		case "!":
			name, _, _ := strings.Cut(target, "^")
			return cmp.Or(label, "@"+name)
		}
		if label != "" && label != target {
			return label + " (" + target + ")"
		}
		return target
	})
	return strings.ToValidUTF8(html.UnescapeString(text), "\uFFFD")
}

func cutBytes(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
