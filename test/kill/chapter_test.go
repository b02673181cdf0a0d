package kill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
	"github.com/throng-im/throng/test/process"
)

const (
	terminals = 24 // bare connections
	devices   = 8  // with the SDK
	groups    = 32
	directs   = 16
)

// chapter is a set of users and conversations of its own, with a history that is judged at its end: histories must not
// grow with the run.
type chapter struct {
	// immutable after construction
	server *process.Server
	number int
	rng    *rand.Rand
	users  []uint64 // of terminals, then of devices
	tokens []string
	rooms  map[uint64][]int // members, as indexes of users

	terminals []*terminal
	devices   []*device
	clients   *errgroup.Group
	ctx       context.Context //nolint:containedctx // the life of the chapter
	end       context.CancelCauseFunc
	connects  sync.WaitGroup

	history history.Log

	// atomic
	draining                atomic.Bool
	acked, retried, repeats atomic.Int64
	drawn                   [terminals + devices]atomic.Int64
}

// keys numbers the messages of a client.
func (c *chapter) keys(number int) int { return int(c.drawn[number].Add(1)) }

// open makes the chapter's people and starts its clients. The server is up.
func open(ctx context.Context, s *process.Server, number int, seed uint64) (*chapter, error) {
	c := &chapter{server: s, number: number, rng: rand.New(rand.NewPCG(seed, uint64(number))), rooms: make(map[uint64][]int)}
	ctx, c.end = context.WithCancelCause(ctx)
	c.clients, c.ctx = errgroup.WithContext(ctx)
	if err := c.populate(ctx); err != nil {
		return nil, fmt.Errorf("making users and conversations: %w", err)
	}
	mine := make([][]uint64, len(c.users))
	for room, members := range c.rooms {
		for _, u := range members {
			mine[u] = append(mine[u], room)
		}
	}
	for i, user := range c.users {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), 1))
		if i < terminals {
			t := &terminal{
				chapter: c, number: i, user: user, token: c.tokens[i], rooms: mine[i], window: 1, rng: rng,
				read: make(map[uint64]uint64),
			}
			c.terminals = append(c.terminals, t)
			c.clients.Go(func() error { return t.live(c.ctx) })
			continue
		}
		d, err := newDevice(c, i, user, c.tokens[i], mine[i], rng)
		if err != nil {
			return nil, err
		}
		c.devices = append(c.devices, d)
		c.connects.Go(func() { _ = d.client.Connect(c.ctx) })
		c.clients.Go(func() error { return d.live(c.ctx) })
	}
	return c, nil
}

// populate makes users who are each in a few groups and direct conversations; everybody is in one at least.
func (c *chapter) populate(ctx context.Context) error {
	back := c.server.API(0)
	req := &throngv1.CreateUsersRequest{}
	for i := range terminals + devices {
		req.Users = append(req.Users, &throngv1.NewUser{ExternalId: fmt.Sprintf("%d-%d", c.number, i)})
	}
	made, err := back.Admin.CreateUsers(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	c.users = made.Msg.GetIds()
	for _, u := range c.users {
		resp, err := back.Admin.IssueToken(ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
			User: u, Device: &throngv1.NewDevice{Name: "kill", Platform: throngv1.Platform_PLATFORM_SERVER},
		}))
		if err != nil {
			return err
		}
		c.tokens = append(c.tokens, resp.Msg.GetTokens().GetAccessToken())
	}
	for g := range groups {
		members := c.rng.Perm(len(c.users))[:3+c.rng.IntN(5)]
		members[0] = g % len(c.users)
		members = unique(members)
		req := &throngv1.CreateGroupRequest{ClientId: c.clientID(), Name: "group"}
		for _, m := range members[1:] {
			req.Members = append(req.Members, c.users[m])
		}
		resp, err := c.server.API(c.users[members[0]]).Conversations.CreateGroup(ctx, connect.NewRequest(req))
		if err != nil {
			return err
		}
		c.room(resp.Msg.GetConversation().GetId(), members)
	}
	for d := range directs {
		members := []int{2 * d, 2*d + 1}
		resp, err := c.server.API(c.users[members[0]]).Conversations.OpenDirect(ctx,
			connect.NewRequest(&throngv1.OpenDirectRequest{User: c.users[members[1]]}))
		if err != nil {
			return err
		}
		c.room(resp.Msg.GetConversation().GetId(), members)
	}
	return nil
}

func (c *chapter) room(id uint64, members []int) {
	c.rooms[id] = members
	c.history.Invoke(history.Op{Kind: history.Append, Client: -1, Conversation: id, Key: keyOf(&throngv1.Entry{Body: &throngv1.Entry_Created{}})}).
		OK(func(o *history.Op) { o.Seq = 1 })
}

func (c *chapter) clientID() []byte {
	id := make([]byte, 16)
	for i := range id {
		id[i] = byte(c.rng.Uint32())
	}
	return id
}

func unique(in []int) []int {
	var out []int
	seen := make(map[int]bool)
	for _, n := range in {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// drainLimit is how long clients get for what is on its way when the server stays up.
const drainLimit = 30 * time.Second

// drain lets the clients finish on a server that stays up.
func (c *chapter) drain() error {
	c.draining.Store(true)
	late := time.AfterFunc(drainLimit, func() { c.end(fmt.Errorf("not all was answered within %s of a healthy server", drainLimit)) })
	defer late.Stop()
	return c.clients.Wait()
}

// close ends what still runs.
func (c *chapter) close() error {
	c.end(errors.New("the chapter is over"))
	var err error
	for _, d := range c.devices {
		err = errors.Join(err, d.client.Close())
	}
	c.connects.Wait()
	return err
}
