package cluster_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

// patience is how long a story waits for what must come: far longer than it takes, so that a slow machine fails nothing.
const patience = 30 * time.Second

// dialLimit is how long a balancer waits for a node before it tries another.
const dialLimit = 2 * time.Second

// node is a server that clients reach.
type node interface {
	// URL is where it is now; empty while it is down.
	URL() string
}

// world is the servers of a story, and the people on them.
type world struct {
	t     testing.TB
	nodes []node
	made  atomic.Int64
}

// dialer connects to one node after another, beginning with the preferred one, as a balancer at layer 4 does.
type dialer struct {
	nodes  []node
	prefer atomic.Int64
}

// DialContext ignores the address that it is given: whoever asks is sent to a node that is up.
func (d *dialer) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	first := int(d.prefer.Load())
	err := fmt.Errorf("no node is up")
	for i := range d.nodes {
		at := d.nodes[(first+i)%len(d.nodes)].URL()
		if at == "" {
			continue
		}
		u, parseErr := url.Parse(at)
		if parseErr != nil {
			return nil, parseErr
		}
		var conn net.Conn
		if conn, err = (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, network, u.Host); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (d *dialer) http() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

// through returns a dialer that prefers a node.
func (w *world) through(n int) *dialer {
	d := &dialer{nodes: w.nodes}
	d.prefer.Store(int64(n % len(w.nodes)))
	return d
}

// back is a back end that acts for a user, or with 0 for itself, on a node.
func (w *world) back(n int, actor client.UserID) *client.API {
	return client.NewAPI("http://server", client.WithHTTPClient(w.through(n).http()),
		client.WithTokens(client.StaticToken(process.Key)), client.WithActor(actor))
}

// people makes so many users, without a device.
func (w *world) people(count int) []client.UserID {
	w.t.Helper()
	req := &throngv1.CreateUsersRequest{}
	for range count {
		req.Users = append(req.Users, &throngv1.NewUser{ExternalId: fmt.Sprintf("%s-%d", w.t.Name(), w.made.Add(1))})
	}
	made, err := w.back(0, 0).Admin.CreateUsers(w.ctx(), connect.NewRequest(req))
	w.must("making users", err)
	users := make([]client.UserID, count)
	for i, id := range made.Msg.GetIds() {
		users[i] = client.UserID(id)
	}
	return users
}

// token signs a new device of a user in.
func (w *world) token(n int, user client.UserID) string {
	w.t.Helper()
	resp, err := w.back(n, 0).Admin.IssueToken(w.ctx(), connect.NewRequest(&throngv1.IssueTokenRequest{
		User: uint64(user), Device: &throngv1.NewDevice{Name: "story", Platform: throngv1.Platform_PLATFORM_SERVER},
	}))
	w.must("signing in", err)
	return resp.Msg.GetTokens().GetAccessToken()
}

// group makes a group; the first user owns it.
func (w *world) group(n int, members ...client.UserID) client.ConversationID {
	w.t.Helper()
	req := &throngv1.CreateGroupRequest{ClientId: clientID(w.made.Add(1)), Name: "story"}
	for _, m := range members[1:] {
		req.Members = append(req.Members, uint64(m))
	}
	made, err := w.back(n, members[0]).Conversations.CreateGroup(w.ctx(), connect.NewRequest(req))
	w.must("making a group", err)
	return client.ConversationID(made.Msg.GetConversation().GetId())
}

// clientID is a UUID of its own for each number.
func clientID(n int64) []byte {
	id := make([]byte, 16)
	for i := range 8 {
		id[8+i] = byte(n >> (56 - 8*i))
	}
	id[0] = 0xC1
	return id
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// until waits for something that must come about.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	if waited := within(w.ctx(), patience, is); !waited {
		w.t.Fatalf("after %s it is still not so that %s", patience, what)
	}
}

// within waits for something for a while, and reports whether it came.
func within(ctx context.Context, limit time.Duration, is func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return is()
		}
	}
	return true
}
