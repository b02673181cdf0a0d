//go:build cluster

package cluster_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// TestUpgrade is I25 and T14 with two versions in one cluster: while people write, three nodes become those of the next version one after
// the other, and one of them goes back. What the next version writes into rows, events, deliveries and timelines, this one passes over
// or keeps: nothing that was acknowledged is lost (I1 to I4), and what only the next version knows is still there after this one
// has changed every row that has some.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	binary, err := next.Binary(t.Context())
	assert.NoError(t, "building the next version", err)
	ours, err := builder.Binary(t.Context())
	assert.NoError(t, "building this one", err)
	g := shared(t)
	db, err := sql.Open("mysql", g.dsn)
	assert.NoError(t, "opening the database", err)
	defer func() { assert.NoError(t, "closing the database", db.Close()) }()
	servers := processes(t, 3, g)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := gather(&world{t: t, nodes: nodesOf(servers)}, 12, 10, rand.New(rand.NewPCG(seed, 14)))
	p := &poll{w: c.w, users: c.w.people(3)}
	p.begin()
	q := &quiet{w: c.w, users: c.w.people(3), refresh: make(map[client.UserID]string)}
	for n := range 4 {
		q.rooms = append(q.rooms, c.w.group(n, q.users...))
	}

	ctx, cancel := context.WithCancel(t.Context())
	var talking sync.WaitGroup
	talking.Go(func() { c.talk(ctx, 50, rand.New(rand.NewPCG(seed, 15))) })
	for i, s := range servers {
		replace(t, s, binary)
		p.ask(i)
		q.change(2, fmt.Sprint("after node ", i)) // by one of this version, until that is replaced too
	}
	replace(t, servers[0], ours)
	p.ask(1)
	q.change(1, "by the next version")
	pause(ctx, time.Second) // both versions are under load
	cancel()
	talking.Wait()
	c.settle(patience)
	p.judge()

	before := marked(t, db)
	for _, table := range []string{"head", "conversation", "member", "shelf", "account", "device", "entry"} {
		if len(before[table]) == 0 {
			t.Errorf("the next version wrote nothing of its own into %s: this test shows nothing of it", table)
		}
	}
	q.change(0, "by this version")
	after := marked(t, db)
	for table, rows := range before {
		for _, row := range rows {
			if !slices.Contains(after[table], row) {
				t.Errorf("this version has lost what the next one wrote into %s %s", table, row)
			}
		}
	}
	c.w.until("nothing waits to be published", func() bool {
		var n int
		assert.NoError(t, "counting", db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM outbox").Scan(&n))
		return n == 0 // also of the kind that this version does not know
	})
	if said := servers[0].Said(); !strings.Contains(said, "which this one can run on") {
		t.Error("a node that went back does not say that the tables are those of a newer version")
	}
	for i, s := range servers {
		if said := s.Said(); strings.Contains(said, "ERROR") || strings.Contains(said, "panic") {
			t.Errorf("node %d logged an error", i)
		}
	}
	t.Logf("%d acknowledged, %d of them as repeats; the slowest took %s", c.acked.Load(), c.repeats.Load(), c.slowest().Round(time.Millisecond))
}

// replace drains a node, stops it and starts it as another version.
func replace(t *testing.T, s outside, binary string) {
	t.Helper()
	out, err := s.Run(t.Context(), "drain", "--over", "1s")
	assert.NoError(t, "drain "+out, err)
	assert.NoError(t, "stop", s.Stop())
	s.Install(binary)
	took, err := s.Start(t.Context())
	assert.NoError(t, "start", err)
	t.Logf("ready again after %s", took.Round(time.Millisecond))
}

// quiet are groups in which nobody talks: what stands in their rows is by whoever changed them last.
type quiet struct {
	w       *world
	users   []client.UserID
	rooms   []client.ConversationID
	refresh map[client.UserID]string // tokens of a device of each
}

// change changes, through one node, everything that a record stands for: conversations, heads, members, settings, accounts, devices.
func (q *quiet) change(n int, text string) {
	w := q.w
	for i, room := range q.rooms {
		owner, other := q.users[0], q.users[1+i%(len(q.users)-1)]
		changed, err := w.back(n, owner).Conversations.UpdateGroup(w.ctx(), connect.NewRequest(&throngv1.UpdateGroupRequest{
			Conversation: uint64(room), Description: &text,
		}))
		w.must("changing a group", err)
		_, err = w.back(n, other).Messages.MarkRead(w.ctx(), connect.NewRequest(&throngv1.MarkReadRequest{
			Conversation: uint64(room), Seq: changed.Msg.GetSeq(),
		}))
		w.must("reading", err)
		_, err = w.back(n, other).Messages.Send(w.ctx(), connect.NewRequest(&throngv1.SendRequest{
			Conversation: uint64(room), ClientId: clientID(w.made.Add(1)), Body: &throngv1.SendRequest_Text{Text: text},
		}))
		w.must("sending", err)
		_, err = w.back(n, owner).Conversations.UpdateSettings(w.ctx(), connect.NewRequest(&throngv1.UpdateSettingsRequest{
			Conversation: uint64(room), Draft: &text,
		}))
		w.must("changing settings", err)
	}
	for _, user := range q.users {
		_, err := w.back(n, user).Accounts.UpdateProfile(w.ctx(), connect.NewRequest(&throngv1.UpdateProfileRequest{Name: &text}))
		w.must("changing a profile", err)
		if token := q.refresh[user]; token != "" {
			resp, err := w.back(n, 0).Accounts.Refresh(w.ctx(), connect.NewRequest(&throngv1.RefreshRequest{RefreshToken: token}))
			w.must("refreshing", err)
			q.refresh[user] = resp.Msg.GetTokens().GetRefreshToken()
			continue
		}
		resp, err := w.back(n, 0).Admin.IssueToken(w.ctx(), connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(user), Device: &throngv1.NewDevice{Name: text, Platform: throngv1.Platform_PLATFORM_SERVER},
		}))
		w.must("signing in", err)
		q.refresh[user] = resp.Msg.GetTokens().GetRefreshToken()
	}
}

// marked are the rows, by table, that have what only the next version writes.
func marked(t *testing.T, db *sql.DB) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	for table, of := range map[string]string{
		"head": "conversation,0,value", "conversation": "conversation,0,value", "member": "conversation,user,value",
		"shelf": "user,conversation,settings", "account": "user,0,value", "device": "user,device,value", "entry": "conversation,seq,value",
	} {
		column := of[strings.LastIndex(of, ",")+1:]
		rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT %s FROM %s WHERE LOCATE('of the next version', %s) > 0", of, table, column))
		assert.NoError(t, "reading "+table, err)
		for rows.Next() {
			var a, b uint64
			var value []byte
			assert.NoError(t, "reading "+table, rows.Scan(&a, &b, &value))
			out[table] = append(out[table], fmt.Sprint(a, " ", b))
		}
		assert.NoError(t, "reading "+table, rows.Err())
		assert.NoError(t, "reading "+table, rows.Close())
	}
	return out
}

// poll is a conversation into which the next version writes entries of a kind that this one does not know.
type poll struct {
	w       *world
	users   []client.UserID
	room    client.ConversationID
	devices []*device
	asked   []string
}

func (p *poll) begin() {
	p.room = p.w.group(0, p.users...)
	for i, u := range p.users {
		p.devices = append(p.devices, p.w.join(i, u))
	}
}

// ask sends, through a node of the next version, what only that can say; everybody is told that there is an entry.
func (p *poll) ask(n int) {
	text := fmt.Sprintf("poll:%d", len(p.asked))
	p.asked = append(p.asked, text)
	resp, err := p.w.back(n, p.users[0]).Messages.Send(p.w.ctx(), connect.NewRequest(&throngv1.SendRequest{
		Conversation: uint64(p.room), ClientId: clientID(1_000 + int64(len(p.asked))), Body: &throngv1.SendRequest_Text{Text: text},
	}))
	p.w.must("asking", err)
	for _, d := range p.devices {
		d.hears(p.room, resp.Msg.GetSeq())
	}
}

// judge reads them through a node of either version.
func (p *poll) judge() {
	for n, known := range []bool{false, true} {
		log := p.w.log(n, p.users[1], p.room)
		if len(log) != 1+len(p.asked) {
			p.w.t.Errorf("node %d has %d entries, %d were acknowledged", n, len(log), 1+len(p.asked))
			continue
		}
		for i, text := range log[1:] {
			want := ""
			if known {
				want = p.asked[i]
			}
			assert.Equal(p.w.t, fmt.Sprintf("entry %d as node %d knows it", i+2, n), text, want)
		}
	}
}
