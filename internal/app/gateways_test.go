package app_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/cluster"
)

// companyKey signs the tokens that every server of these tests takes.
const companyKey = "company-secret-of-the-tests-0123456789"

// companyToken is a company's word for who somebody is: one that several servers believe.
func companyToken(t testing.TB, subject string) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		assert.NoError(t, "encode", err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now().Unix()
	text := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{"sub": subject, "iat": now, "exp": now + 3600})
	mac := hmac.New(sha256.New, []byte(companyKey))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// board is a registry that several servers of a process share.
type board struct {
	mu    sync.Mutex
	infos map[cluster.Node]cluster.Info
}

func (b *board) Announce(info cluster.Info) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.infos[info.Node] = info
}

func (b *board) Nodes(context.Context) ([]cluster.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]cluster.Info, 0, len(b.infos))
	for _, i := range b.infos {
		list = append(list, i)
	}
	slices.SortFunc(list, func(x, y cluster.Info) int { return strings.Compare(string(x.Node), string(y.Node)) })
	return list, nil
}

// balancer carries connections to servers in turn, without looking into them; those that are not ready get none.
func balancer(t testing.TB, servers []*server) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, "listen", err)
	var turn atomic.Uint64
	var wg sync.WaitGroup
	pick := func() string {
		for range servers {
			s := servers[turn.Add(1)%uint64(len(servers))]
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL()+"/readyz", http.NoBody)
			assert.NoError(t, "request", err)
			if resp, err := new(http.Client).Do(r); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return strings.TrimPrefix(s.URL(), "http://")
				}
			}
		}
		return ""
	}
	carry := func(near net.Conn) {
		defer func() { _ = near.Close() }()
		far, err := net.Dial("tcp", pick())
		if err != nil {
			return
		}
		wg.Go(func() {
			_, _ = io.Copy(far, near)
			_ = far.Close()
		})
		_, _ = io.Copy(near, far)
	}
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { carry(near) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// fleet is several servers that know of each other, and clients that came through a balancer.
type fleet struct {
	t       testing.TB
	servers []*server
	ops     []*app.Operator
	clients []*client.Client

	// guarded by mu
	mu   sync.Mutex
	told []time.Duration // when to come back, of those who were sent elsewhere
}

// note is told what a client tells.
func (f *fleet) note(e client.Event) {
	changed, ok := e.(client.StateChanged)
	if closed := (*client.CloseError)(nil); ok && errors.As(changed.State.Cause, &closed) && closed.Code == 4100 {
		f.mu.Lock()
		f.told = append(f.told, closed.RetryAfter)
		f.mu.Unlock()
	}
}

// newFleet starts them. Where own is set each server has a URL of its own; else the balancer is the only way.
func newFleet(t testing.TB, servers, clients int, own bool) *fleet {
	t.Helper()
	f, shared := &fleet{t: t}, &board{infos: map[cluster.Node]cluster.Info{}}
	for i := range servers {
		c := settings(t)
		c.Access.Label = fmt.Sprint("label-", i)
		c.Account.Company.HS256Secrets = []account.Secret{companyKey}
		a, err := app.New(t.Context(), c, app.Options{Version: "test", MetricsExplicit: true, Registry: shared})
		assert.NoError(t, "new", err)
		if own {
			app.AnnounceOwnURL(a)
		}
		f.servers = append(f.servers, run(t, c, a))
		f.ops = append(f.ops, operator(t, c))
	}
	door := balancer(t, f.servers)
	f.clients = make([]*client.Client, clients)
	var wg sync.WaitGroup
	for i := range f.clients {
		var err error
		f.clients[i], err = client.New(door, client.Options{
			Tokens: client.StaticToken(companyToken(t, fmt.Sprint("user-", i))), Device: "test", BackoffBase: 50 * time.Millisecond,
			OnEvent: f.note,
		})
		assert.NoError(t, "client", err)
		wg.Go(func() { _ = f.clients[i].Connect(t.Context()) })
	}
	t.Cleanup(func() {
		for _, c := range f.clients {
			_ = c.Close()
		}
	})
	wg.Wait()
	return f
}

// spread returns how many connections each server has, once every client is online and has one.
func (f *fleet) spread() (counts []int) {
	f.t.Helper()
	eventually(f.t, "every client is online", func() bool {
		counts = make([]int, len(f.servers))
		sum := 0
		for i, op := range f.ops {
			st, err := op.DrainStatus(f.t.Context())
			assert.NoError(f.t, "status", err)
			counts[i] = st.Connections
			sum += st.Connections
		}
		for _, c := range f.clients {
			if c.State().Phase != client.Online {
				return false
			}
		}
		return sum == len(f.clients)
	})
	return counts
}

// GATE-3, GATE-9, GATE-11, S-30: a rolling restart. Server after server is drained: its clients go to the others, it ends empty, and
// nobody is left without a server.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"gateways with URLs": true, "behind a balancer only": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 3, 45, own)
			counts := f.spread()
			for _, n := range counts {
				assert.True(t, fmt.Sprintf("all take some: %v", counts), n > 0)
			}
			for i, op := range f.ops {
				_, err := op.Drain(t.Context(), 500*time.Millisecond)
				assert.NoError(t, "drain", err)
				if own {
					for range 50 {
						assert.True(t, "nobody is sent to who drains", !strings.Contains(gateways(t, f.servers[0], ""), strings.TrimPrefix(f.servers[i].URL(), "http")))
					}
				}
				eventually(t, "it ends empty", func() bool {
					st, err := op.DrainStatus(t.Context())
					assert.NoError(t, "status", err)
					return st.Connections == 0
				})
				counts = f.spread()
				assert.Equal(t, "connections of the drained", counts[i], 0)
				_, err = op.UndoDrain(t.Context())
				assert.NoError(t, "undo", err)
			}
		})
	}
}

// GATE-9, S-30: a server that is gone is left for the others; its sessions were told to go there soon.
func TestALostGateway(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 30, true)
	f.spread()
	last := len(f.servers) - 1
	assert.NoError(t, "end", f.servers[last].end())
	f.servers, f.ops = f.servers[:last], f.ops[:last]
	f.spread()
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.True(t, fmt.Sprintf("told to come back at once: %v", f.told), len(f.told) > 0 && slices.Max(f.told) <= time.Second)
}

// GATE-6: who is sent to the servers with something new is a setting that may change while they run.
func TestGrayscaleIsReloaded(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 0, true)
	s, fresh := f.servers[0], strings.Replace(f.servers[1].URL(), "http", "ws", 1)+"/v1/session"
	token := companyToken(t, "anna")
	_, me := call(t, s, token, "AccountService/GetMe", map[string]any{})
	user, _ := me["user"].(map[string]any)
	set := func(percent float64, users ...string) {
		next := *s.cfg
		next.Access.Grayscale = cluster.Grayscale{Label: "label-1", Percent: percent, Users: users}
		s.Reload(&next)
	}
	assert.Equal(t, "as it was begun, all three are answered", len(strings.Fields(gateways(t, s, token))), 3)
	set(100)
	assert.Equal(t, "all to the new one", gateways(t, s, token), fresh)
	set(0)
	for range 20 {
		assert.True(t, "none to the new one", !strings.Contains(gateways(t, s, token), fresh))
	}
	set(0, fmt.Sprint(user["id"]))
	assert.Equal(t, "one of the list", gateways(t, s, token), fresh)
	assert.True(t, "somebody else", !strings.Contains(gateways(t, s, companyToken(t, "ben")), fresh))
	assert.True(t, "nobody", !strings.Contains(gateways(t, s, ""), fresh))
	_, err := f.ops[1].Drain(t.Context(), 0)
	assert.NoError(t, "drain", err)
	assert.True(t, "the new one drains", !strings.Contains(gateways(t, s, token), fresh))
}
