package fair

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	pollEvery   = 10 * time.Millisecond
	ackPatience = 2 * time.Minute // for who waits for its turn in a group whose limit lets through a message in 50 s at least
	opening     = 32              // calls at once
	pairSources = 2               // a block of addresses that the group's clients do not use
)

// crowd is clients and what they say to each other: the group, or all pairs.
type crowd struct {
	fleet *load.Fleet
	pump  *pump.Pump
	heads func(ctx context.Context) (func(client int) uint64, error)
	lost  int64
}

// close ends it.
func (c *crowd) close() error {
	if c.pump != nil {
		c.pump.Close()
	}
	return c.fleet.Close()
}

// rest sends nothing new and waits until everything is acknowledged and, as far as it comes by itself, delivered.
func (c *crowd) rest(ctx context.Context) error {
	const undelivered = 10 * time.Second // beyond it settle asks for it
	c.pump.Pause()
	begin := time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		waiting, flying := c.pump.Waiting()
		took := time.Since(begin)
		switch {
		case flying == 0, waiting == 0 && took > undelivered:
			return nil
		case took > ackPatience:
			return fmt.Errorf("%d messages were not answered for %v", waiting, ackPatience)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.pump.Err(); err != nil {
			return err
		}
	}
}

// settle looks at every receiver of what was sent until now.
func (c *crowd) settle(ctx context.Context, tell live.Func) error {
	heads, err := c.heads(ctx)
	if err != nil {
		return err
	}
	c.lost += int64(c.fleet.Settle(ctx, heads, tell))
	return ctx.Err()
}

// open makes the fleet, opens all of its clients, and begins to send nothing yet.
func (c *crowd) open(ctx context.Context, cfg *load.Config, mouth func(f *load.Fleet) pump.Mouth, tell live.Func) (err error) {
	if c.fleet, err = load.New(ctx, *cfg); err != nil {
		return err
	}
	if err := c.fleet.Open(ctx, cfg.Clients, tell); err != nil {
		return errors.Join(err, c.fleet.Close())
	}
	c.pump.Start(mouth(c.fleet), c.fleet.Now)
	c.pump.Pause()
	return nil
}

// makeGroup makes the group and opens those of it who are online.
func (r *run) makeGroup(ctx context.Context) (*crowd, error) {
	c, ids := r.cfg, r.people.IDs[2*r.cfg.Pairs:]
	conv, err := r.srv.MakeGroup(ctx, "bench", ids, r.tell)
	if err != nil {
		return nil, err
	}
	r.tell(live.Progress{Phase: "members"})
	if err := r.srv.AwaitMember(ctx, ids[len(ids)-1], conv); err != nil {
		return nil, err
	}
	head, err := r.srv.Head(ctx, ids[0], conv)
	if err != nil {
		return nil, err
	}
	writers := make([]int, c.Writers)
	writing := map[int]bool{}
	for i := range writers {
		writers[i] = i * (c.Online / c.Writers) // over all of them
		writing[writers[i]] = true
	}
	g := &crowd{pump: pump.New(pump.Config{Senders: writers, Receivers: c.Online - 1, Size: c.Size, InFlight: inFlight})}
	err = g.open(ctx, &load.Config{
		URL: r.srv.URL(), Clients: c.Online, Driver: g.pump, Again: load.FullJitter(), Patience: c.Patience,
		Token:        func(n int) (token, device string) { return r.people.Token(2*c.Pairs + n) },
		Conversation: func(int) (uint64, uint64) { return uint64(conv), head + 1 },
		Sends:        func(n int) bool { return writing[n] },
	}, func(f *load.Fleet) pump.Mouth { return pump.Server{Fleet: f, Conversation: uint64(conv)} }, r.tell)
	g.heads = func(ctx context.Context) (func(client int) uint64, error) {
		head, err := r.srv.Head(ctx, ids[0], conv)
		return load.UpTo(c.Online, max(head, g.fleet.Highest())), err
	}
	return g, err
}

// chats is the pump of the pairs: clients 2k and 2k+1 have conversation k.
type chats struct {
	*pump.Pump

	fleet *load.Fleet
	convs []uint64

	mu    sync.Mutex
	heads []uint64
}

// Acked implements load.Driver.
func (c *chats) Acked(client int, id, seq uint64, now int64) {
	c.mu.Lock()
	c.heads[client/2] = max(c.heads[client/2], seq)
	c.mu.Unlock()
	c.Pump.Acked(client, id, seq, now)
}

// Say implements pump.Mouth.
func (c *chats) Say(m *pump.Message) bool {
	c.fleet.Send(m.Client, m.ID, c.convs[m.Client/2], &m.ClientID, m.Text)
	return false
}

// Flush implements pump.Mouth.
func (*chats) Flush() {}

// makePairs makes the one-to-one conversations and opens everybody who has one.
func (r *run) makePairs(ctx context.Context) (*crowd, error) {
	n := r.cfg.Pairs
	senders := make([]int, 2*n)
	for i := range senders {
		senders[i] = i
	}
	talk := &chats{
		Pump:  pump.New(pump.Config{Senders: senders, Random: true, Receivers: 1, Size: r.cfg.Size, Rate: r.cfg.Rate}),
		convs: make([]uint64, n), heads: make([]uint64, n),
	}
	web := target.Web()
	defer web.CloseIdleConnections()
	err := target.Each(ctx, "chats", n, opening, r.tell, func(ctx context.Context, k int) error {
		me, other := r.people.IDs[2*k], r.people.IDs[2*k+1]
		resp, err := r.srv.API(web, me).Conversations.OpenDirect(ctx, connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(other)}))
		if err != nil {
			return fmt.Errorf("open a direct conversation: %w", err)
		}
		talk.convs[k] = resp.Msg.GetConversation().GetId()
		talk.heads[k], err = r.srv.Head(ctx, me, client.ConversationID(talk.convs[k]))
		return err
	})
	if err != nil {
		return nil, err
	}
	first := append([]uint64(nil), talk.heads...)
	p := &crowd{pump: talk.Pump, heads: func(context.Context) (func(client int) uint64, error) {
		talk.mu.Lock()
		defer talk.mu.Unlock()
		heads := append([]uint64(nil), talk.heads...)
		return func(client int) uint64 { return heads[client/2] }, nil
	}}
	err = p.open(ctx, &load.Config{
		URL: r.srv.URL(), Clients: 2 * n, Loops: 1, Token: r.people.Token, Driver: talk, Again: load.FullJitter(), Patience: r.cfg.Patience,
		Sources: pairSources, Pause: -1, // what is measured is read at once
		Conversation: func(client int) (conv, from uint64) { return talk.convs[client/2], first[client/2] + 1 },
	}, func(f *load.Fleet) pump.Mouth {
		talk.fleet = f
		return talk
	}, r.tell)
	return p, err
}
