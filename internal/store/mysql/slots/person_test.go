//go:build cluster

package slots_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/mysql/slots"
	"github.com/throng-im/throng/internal/timeline"
)

// person is a user whose rows a test writes, and what they ought to be.
type person struct {
	id     chat.UserID
	device chat.DeviceID
	n      int
	groups map[chat.ClientID]chat.ConversationID
}

func newPerson(t testing.TB, s *mysql.Store) *person {
	t.Helper()
	a := people.New(s)
	made, err := a.Create(t.Context(), []account.Account{{User: account.User{Name: "0", ExternalID: t.Name()}}}, account.Terms{})
	assert.NoError(t, "create", err)
	p := &person{id: made[0].ID, groups: map[chat.ClientID]chat.ConversationID{}}
	d, _, err := a.Add(t.Context(), account.Device{User: p.id, Label: "label"}, account.Room{Most: 10})
	assert.NoError(t, "device", err)
	p.device = d.ID
	return p
}

// write changes a row of each table of the user.
func (p *person) write(t testing.TB, s *mysql.Store) {
	t.Helper()
	p.n++
	a, shelf := people.New(s), people.NewShelf(s)
	_, _, err := a.Update(t.Context(), p.id, func(u *account.Account) error { u.Name = fmt.Sprint(p.n); return nil }, account.Ending{})
	assert.NoError(t, "update", err)
	assert.NoError(t, "touch", a.Touch(t.Context(), []account.Use{{User: p.id, Device: p.device, AtMS: uint64(p.n)}}))
	draft := fmt.Sprint(p.n)
	_, err = shelf.PutSettings(t.Context(), p.id, chat.ConversationID(p.n%3+1), timeline.Patch{Draft: &draft})
	assert.NoError(t, "settings", err)
	err = shelf.Enroll(t.Context(), []timeline.Change{{User: p.id, Conversation: 7, Seq: chat.Seq(p.n), Membership: timeline.Entered}})
	assert.NoError(t, "enroll", err)
	client := chat.ClientID{9, byte(p.n >> 8), byte(p.n)}
	id, err := s.Claim(t.Context(), p.id, client, chat.ConversationID(1_000+p.n))
	assert.NoError(t, "claim", err)
	p.groups[client] = id
	_, err = s.Pair(t.Context(), p.id, p.id+chat.UserID(p.n), chat.ConversationID(5_000+p.n))
	assert.NoError(t, "pair", err)
}

// check reads everything back.
func (p *person) check(t testing.TB, s *mysql.Store) {
	t.Helper()
	a, shelf := people.New(s), people.NewShelf(s)
	u, err := a.ByExternal(t.Context(), t.Name())
	assert.NoError(t, "by external id", err)
	assert.True(t, "the account", u.ID == p.id && u.Name == fmt.Sprint(p.n))
	d, err := a.Device(t.Context(), p.id, p.device)
	assert.NoError(t, "device", err)
	assert.Equal(t, "use", d.LastUsedMS, uint64(p.n))
	for n := max(1, p.n-2); n <= p.n; n++ {
		k, err := shelf.Row(t.Context(), p.id, chat.ConversationID(n%3+1))
		assert.NoError(t, "row", err)
		assert.Equal(t, "draft", k.Settings.Draft, fmt.Sprint(n))
	}
	k, err := shelf.Row(t.Context(), p.id, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "seq", k.Seq, chat.Seq(p.n))
	for client, id := range p.groups {
		again, err := s.Claim(t.Context(), p.id, client, 0)
		assert.NoError(t, "claim", err)
		assert.Equal(t, "group", again, id)
	}
	for n := 1; n <= p.n; n++ {
		id, err := s.Pair(t.Context(), p.id, p.id+chat.UserID(n), 0)
		assert.NoError(t, "pair", err)
		assert.Equal(t, "pair", id, chat.ConversationID(5_000+n))
	}
	listed, err := a.List(t.Context(), 0, 10)
	assert.NoError(t, "list", err)
	assert.True(t, "is listed once", len(listed) == 1 && listed[0].ID == p.id)
}

// A user's rows are written while they move to and fro.
func TestUsersMoveUnderWriters(t *testing.T) {
	t.Parallel()
	l := newLand(t, 2)
	p := newPerson(t, l.nodes[0])
	slot := slots.Slot{Users: true, Number: p.id.Slot()}
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var rounds atomic.Int64
	writing.Go(func() {
		for n := 0; ctx.Err() == nil && !t.Failed(); n++ {
			p.write(t, l.nodes[n%2])
			rounds.Add(1)
		}
	})
	at := 0
	if l.nodes[0].OfUser(p.id) == l.nodes[0].Home() {
		at = 1
	}
	for n := range 4 {
		assert.NoError(t, "move", l.move(t, (at+n)%2, nil, slot))
	}
	cancel()
	writing.Wait()
	assert.True(t, "something was written", rounds.Load() > 4)
	p.check(t, l.nodes[0])
	p.check(t, l.nodes[1])
	for _, table := range []string{"account WHERE user", "device WHERE user", "shelf WHERE user", "claim WHERE actor", "direct WHERE low"} {
		assert.Equal(t, table, l.rows(t, at, fmt.Sprintf("%s=%d", table, p.id)), 0)
	}
}
