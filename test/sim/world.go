package sim

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
	"github.com/throng-im/throng/test/memnet"
)

// Spans of a world's life, in virtual time.
const (
	lifetime  = 60 * time.Second
	healingIn = 180 * time.Second
)

// World is one run.
type World struct {
	// immutable after construction
	seed   uint64
	faults faults
	shape  shape
	ctx    context.Context //nolint:containedctx // the life of the world
	end    context.CancelFunc
	net    *memnet.Network
	log    *slog.Logger
	node   *node
	admin  *client.API
	http   *http.Client

	// owned by the world's goroutine until it lives, constant then
	rng      *rand.Rand
	operator *memnet.Link
	users    []client.UserID
	devices  []*device

	history history.Log
	living  sync.WaitGroup // persons
	tasks   sync.WaitGroup // what they wait for

	// guarded by mu
	mu      sync.Mutex
	rooms   []room
	directs map[[2]client.UserID]client.ConversationID
	steps   []string
	reads   map[readKey]struct{}
	marks   map[markKey]uint64
	pairs   []pair
	err     error
}

type readKey struct {
	user         client.UserID
	conversation client.ConversationID
	seq          uint64
}

type markKey struct {
	user         client.UserID
	conversation client.ConversationID
}

// pair is two messages of which the second may not stand before the first, nor without it.
type pair struct {
	room          client.ConversationID
	first, second string
}

func newWorld(t *testing.T, seed uint64, shaped func(*shape)) (*World, *lockedBuffer) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &World{
		seed: seed, rng: rng, faults: drawFaults(rng), shape: drawShape(rng), net: &memnet.Network{},
		directs: map[[2]client.UserID]client.ConversationID{}, reads: map[readKey]struct{}{}, marks: map[markKey]uint64{},
	}
	w.shape.drawMemory(rand.New(rand.NewPCG(seed, 10))) // of its own, as in populate
	if shaped != nil {
		shaped(&w.shape)
	}
	w.net.Buffer = w.shape.buffer
	w.ctx, w.end = context.WithCancel(context.Background())
	logs := &lockedBuffer{}
	w.log = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.node = newNode(t.TempDir(), w.net, w.log, w.shape)
	w.operator = w.net.NewLink(rand.New(rand.NewPCG(seed, 8)))
	w.http = &http.Client{Transport: &http.Transport{DialContext: w.operator.DialContext}}
	w.admin = w.as(0)
	return w, logs
}

// as is the server's API for a user, without a device.
func (w *World) as(user client.UserID) *client.API {
	return client.NewAPI("http://server", client.WithHTTPClient(w.http), client.WithTokens(client.StaticToken(serverKey)), client.WithActor(user))
}

// Run lives through the world of a seed. Its error tells what broke, with the steps that led there.
func Run(t *testing.T, seed uint64) error {
	t.Helper()
	w, logs := newWorld(t, seed, nil)
	defer w.end()
	return w.explain(w.run(), logs)
}

func (w *World) explain(err error, logs *lockedBuffer) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("seed %d: %w\nfaults: %+v\nserver settings: %+v\nsteps:\n%s\nlogs:\n%s", w.seed, err, w.faults, w.shape, w.story(), logs.tail(4000))
}

// lockedBuffer is written to by everything that logs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	return s[max(0, len(s)-n):]
}

func (w *World) run() error {
	if err := w.node.start(w.ctx); err != nil {
		return err
	}
	defer w.close()
	if err := w.populate(); err != nil {
		return fmt.Errorf("setting the world up: %w", err)
	}
	until := time.Now().Add(lifetime)
	for _, d := range w.devices {
		if err := d.install(); err != nil {
			return err
		}
		w.living.Go(func() { d.live(until) })
	}
	if rng := rand.New(rand.NewPCG(w.seed, 11)); rng.IntN(2) == 0 {
		w.living.Go(func() { w.govern(rng, until) })
	}
	if rng := rand.New(rand.NewPCG(w.seed, 13)); rng.IntN(2) == 0 {
		w.living.Go(func() { w.relate(rng, until) })
	}
	if rng := rand.New(rand.NewPCG(w.seed, 17)); rng.IntN(2) == 0 {
		w.living.Go(func() { w.peruse(rng, until) })
	}
	w.trouble(until)
	time.Sleep(time.Until(until))
	if err := w.heal(); err != nil {
		return err
	}
	if err := w.leave(); err != nil {
		return err
	}
	return w.judge()
}

// leave ends clients and server in peace.
func (w *World) leave() error {
	for _, d := range w.devices {
		if err := d.client().Close(); err != nil {
			return fmt.Errorf("closing a client: %w", err)
		}
	}
	w.end()
	w.tasks.Wait()
	if err := w.node.shut(); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	w.node.app = nil
	return nil
}

// close leaves nothing running, whatever happened.
func (w *World) close() {
	w.end()
	w.living.Wait()
	for _, d := range w.devices {
		if c := d.client(); c != nil {
			_ = c.Close()
		}
		d.http.CloseIdleConnections()
	}
	w.http.CloseIdleConnections()
	w.tasks.Wait()
	if w.node.app != nil {
		_ = w.node.shut()
	}
}

// populate makes users, devices and conversations; some of them small and constant, some with members that come and go.
func (w *World) populate() error {
	if err := w.makeUsers(3 + w.rng.IntN(5)); err != nil {
		return err
	}
	lazy := rand.New(rand.NewPCG(w.seed, 9)).IntN(2) == 0 // a source of its own: seeds that were kept live through what they did
	for i := range w.users {
		for k := range 1 + w.rng.IntN(2) {
			d := w.newDevice(fmt.Sprintf("u%d.%d", i, k), w.users[i])
			d.lazy = lazy && d.number%2 == 1
		}
	}
	for i := range 1 + w.rng.IntN(2) {
		actor, peer := w.users[i], w.users[i+1]
		direct, err := w.as(actor).Conversations.OpenDirect(w.ctx, connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(peer)}))
		if err != nil {
			return err
		}
		if err := w.opened(actor, peer, direct.Msg.GetConversation()); err != nil {
			return err
		}
		for _, changing := range []bool{false, true} {
			group, err := w.as(actor).Conversations.CreateGroup(w.ctx, connect.NewRequest(&throngv1.CreateGroupRequest{
				ClientId: newID(w.rng), Name: "group", Members: ids(w.users), Open: true,
			}))
			if err != nil {
				return err
			}
			w.addRoom(group.Msg.GetConversation(), changing)
		}
	}
	return nil
}

func (w *World) makeUsers(n int) error {
	users := make([]*throngv1.NewUser, 0, n)
	for i := range n {
		users = append(users, &throngv1.NewUser{ExternalId: fmt.Sprintf("u%d", i), Name: fmt.Sprintf("User %d", i)})
	}
	made, err := w.admin.Admin.CreateUsers(w.ctx, connect.NewRequest(&throngv1.CreateUsersRequest{Users: users}))
	if err != nil {
		return err
	}
	for _, id := range made.Msg.GetIds() {
		w.users = append(w.users, client.UserID(id))
	}
	return nil
}

func ids(users []client.UserID) []uint64 {
	out := make([]uint64, 0, len(users))
	for _, u := range users {
		out = append(out, uint64(u))
	}
	return out
}
