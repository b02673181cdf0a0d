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
	"github.com/google/uuid"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
	"github.com/throng-im/throng/test/memnet"
)

// Spans of a world's life, in virtual time.
const (
	lifetime  = 90 * time.Second
	healingIn = 180 * time.Second
)

// World is one run.
type World struct {
	// immutable after construction
	seed   uint64
	faults faults
	ctx    context.Context //nolint:containedctx // the life of the world
	end    context.CancelFunc
	net    *memnet.Network
	node   *node
	admin  *client.API
	http   *http.Client

	// owned by the world's goroutine until it lives, constant then
	rng      *rand.Rand
	operator *memnet.Link
	users    []client.UserID
	devices  []*device
	rooms    []client.ConversationID
	changing map[client.ConversationID]bool // groups whose members come and go
	tasks    sync.WaitGroup

	history history.Log

	// guarded by mu
	mu    sync.Mutex
	steps []string
	reads map[readKey]struct{}
	err   error
}

type readKey struct {
	user              client.UserID
	conversation, seq uint64
}

// Run lives through the world of a seed. Its error tells what broke, with the steps that led there.
func Run(t *testing.T, seed uint64) error {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a seed is to be repeatable
	var logs bytes.Buffer
	w := &World{
		seed: seed, rng: rng, faults: drawFaults(rng), ctx: ctx, end: end, net: &memnet.Network{},
		changing: map[client.ConversationID]bool{}, reads: map[readKey]struct{}{},
	}
	log := slog.New(slog.NewTextHandler(&lockedWriter{to: &logs}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.node = newNode(t.TempDir(), w.net, log)
	w.operator = w.net.NewLink(rand.New(rand.NewPCG(seed, 8))) //nolint:gosec // as above
	w.http = &http.Client{Transport: &http.Transport{DialContext: w.operator.DialContext}}
	w.admin = client.NewAPI("http://server", client.WithHTTPClient(w.http), client.WithTokens(client.StaticToken(serverKey)))
	if err := w.run(); err != nil {
		return fmt.Errorf("seed %d: %w\nfaults: %+v\nsteps:\n%s\nserver:\n%s", seed, err, w.faults, w.told(), tail(logs.String(), 4000))
	}
	return nil
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

type lockedWriter struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
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
		if err := d.start(); err != nil {
			return err
		}
		w.tasks.Go(func() { d.live(until) })
	}
	w.trouble(until)
	time.Sleep(time.Until(until))
	if err := w.broken(); err != nil {
		return err
	}
	if err := w.heal(); err != nil {
		return err
	}
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
	return w.judge()
}

// close leaves nothing running, whatever happened.
func (w *World) close() {
	w.end()
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
	n := 3 + w.rng.IntN(5)
	var users []*throngv1.NewUser
	for i := range n {
		users = append(users, &throngv1.NewUser{ExternalId: fmt.Sprintf("u%d", i), Name: fmt.Sprintf("User %d", i)})
	}
	made, err := w.admin.Admin.CreateUsers(w.ctx, connect.NewRequest(&throngv1.CreateUsersRequest{Users: users}))
	if err != nil {
		return err
	}
	for i, id := range made.Msg.GetIds() {
		w.users = append(w.users, client.UserID(id))
		for k := range 1 + w.rng.IntN(2) {
			w.newDevice(fmt.Sprintf("u%d.%d", i, k), client.UserID(id))
		}
	}
	for i := range 1 + w.rng.IntN(3) {
		as := client.NewAPI("http://server", client.WithHTTPClient(w.http), client.WithTokens(client.StaticToken(serverKey)), client.WithActor(w.users[i%n]))
		direct, err := as.Conversations.OpenDirect(w.ctx, connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(w.users[(i+1)%n])}))
		if err != nil {
			return err
		}
		w.room(direct.Msg.GetConversation(), false)
		group, err := as.Conversations.CreateGroup(w.ctx, connect.NewRequest(&throngv1.CreateGroupRequest{
			ClientId: id(w.rng), Name: "group", Members: ids(w.users), Open: true,
		}))
		if err != nil {
			return err
		}
		w.room(group.Msg.GetConversation(), i > 0)
	}
	return nil
}

func (w *World) room(c *throngv1.Conversation, changing bool) {
	id := client.ConversationID(c.GetId())
	w.rooms = append(w.rooms, id)
	w.changing[id] = changing
	if !changing {
		w.history.Invoke(history.Op{Kind: history.Append, Client: -1, Conversation: uint64(id), Key: "*throngv1.Entry_Created"}).
			OK(func(o *history.Op) { o.Seq = 1 })
	}
}

// record notes an operation. Where members come and go, entries stand in the log that nobody sent, and a page may leave some
// out: the history of such a group is not judged, its streams are.
func (w *World) record(op history.Op) *history.Pending {
	if w.changing[client.ConversationID(op.Conversation)] {
		return new(history.Log).Invoke(op)
	}
	return w.history.Invoke(op)
}

func ids(users []client.UserID) []uint64 {
	out := make([]uint64, 0, len(users))
	for _, u := range users {
		out = append(out, uint64(u))
	}
	return out
}

func id(rng *rand.Rand) []byte {
	var b [16]byte
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	u := uuid.UUID(b)
	return u[:]
}

func (w *World) step(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (w *World) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b bytes.Buffer
	for _, s := range w.steps {
		fmt.Fprintln(&b, "  ", s)
	}
	return b.String()
}

func (w *World) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *World) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// saw notes that a user was shown an entry.
func (w *World) saw(user client.UserID, conversation, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[readKey{user, conversation, seq}] = struct{}{}
}
