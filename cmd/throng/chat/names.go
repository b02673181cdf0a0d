package chat

import (
	"strconv"

	"github.com/throng-im/throng/client"
)

// names knows what users are called, and remembers whom it asked for.
type names struct {
	me    client.UserID
	known map[client.UserID]string
	asked map[client.UserID]bool
}

// maxNames bounds what is remembered; beyond it everything is asked anew.
const maxNames = 50_000

func newNames(me client.UserID, name string) *names {
	return &names{me: me, known: map[client.UserID]string{me: clean(name, false)}, asked: map[client.UserID]bool{}}
}

// of is a user's name, or a number while it is not known.
func (n *names) of(user client.UserID) string {
	if name := n.known[user]; name != "" {
		return name
	}
	return "user " + strconv.FormatUint(uint64(user), 10)
}

func (n *names) learn(user client.UserID, name string) {
	if len(n.known) > maxNames {
		own := n.known[n.me]
		clear(n.known)
		clear(n.asked)
		n.known[n.me] = own
	}
	if name = clean(name, false); name != "" {
		n.known[user] = name
	}
}

// unknown returns the users of the list that nobody has asked for, and takes them as asked.
func (n *names) unknown(users ...client.UserID) []client.UserID {
	var list []client.UserID
	for _, user := range users {
		if user != 0 && n.known[user] == "" && !n.asked[user] {
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
