package chat

import (
	"context"
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// names knows what users are called, and remembers whom it asked for.
type names struct {
	me    client.UserID
	known map[client.UserID]profile
	// remarks are the user's own names for others; they stand in front of theirs.
	remarks map[client.UserID]string
	asked   map[client.UserID]bool
}

// profile is a name and how new it is.
type profile struct {
	name    string
	version uint64
}

// maxNames bounds what is remembered; beyond it everything is asked anew.
const maxNames = 50_000

func newNames(me client.UserID, name string) *names {
	return &names{me: me, known: map[client.UserID]profile{me: {name: clean(name, false)}}, asked: map[client.UserID]bool{}, remarks: map[client.UserID]string{}}
}

// of is a user's name, or a number while it is not known.
func (n *names) of(user client.UserID) string {
	if remark := n.remarks[user]; remark != "" {
		return remark
	}
	if p, ok := n.known[user]; ok {
		return p.name
	}
	return "user " + strconv.FormatUint(uint64(user), 10)
}

// learn takes what others see of users; what is older than what is known changes nothing.
func (n *names) learn(profiles []*throngv1.Profile) {
	for _, p := range profiles {
		n.learnOne(client.UserID(p.GetUser()), profile{clean(p.GetName(), false), p.GetVersion()})
	}
}

func (n *names) learnOne(user client.UserID, p profile) {
	if len(n.known) > maxNames {
		own := n.known[n.me]
		clear(n.known)
		clear(n.asked)
		n.known[n.me] = own
	}
	if p.name != "" && p.version >= n.known[user].version {
		n.known[user] = p
	}
}

// unknown returns the users of the list that nobody has asked for, and takes them as asked.
func (n *names) unknown(users ...client.UserID) []client.UserID {
	var list []client.UserID
	for _, user := range users {
		if user != 0 && n.known[user].name == "" && !n.asked[user] {
			n.asked[user] = true
			list = append(list, user)
		}
	}
	return list
}

// again lets users be asked for once more, after an attempt that failed.
func (n *names) again(users []client.UserID) {
	for _, user := range users {
		delete(n.asked, user)
	}
}

// ask learns the names that the screen lacks.
func (m *Model) ask() tea.Cmd {
	if m.state.Phase != client.Online {
		return nil
	}
	var users []client.UserID
	for _, c := range m.list.all {
		users = append(users, c.Peer)
		if c.Last != nil {
			users = append(users, mentioned(c.Last)...)
		}
	}
	for _, r := range m.related {
		users = append(users, client.UserID(r.GetUser()))
	}
	if m.room != nil {
		for _, e := range m.room.entries {
			users = append(users, mentioned(e)...)
		}
	}
	const most = 200
	users = m.names.unknown(users...)
	if len(users) > most {
		m.names.again(users[most:])
		users = users[:most]
	}
	if len(users) == 0 {
		return nil
	}
	people := m.cfg.People
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		found, err := people.Profiles(ctx, users)
		return profilesMsg{found, users, err}
	}
}

func (m *Model) profiles(msg profilesMsg) {
	if msg.err != nil {
		m.names.again(msg.asked)
		return
	}
	m.names.learn(msg.found)
}
