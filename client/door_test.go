package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// town is a door and gateways, by name. The first word of an address is the name.
type town struct {
	t       *testing.T
	servers map[string]*clienttest.Server
	c       *client.Client

	// guarded by mu
	mu    sync.Mutex
	names []string      // the door's answer
	wait  time.Duration // or its refusal
	down  map[string]bool
	dials []string                        // of sessions and calls, by name
	asked []*throngv1.ListGatewaysRequest // at the door
}

// inTown runs a test in virtual time. The door knows the access call where names are given, and answers with them.
func inTown(t *testing.T, opts client.Options, names []string, test func(w *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, servers: map[string]*clienttest.Server{}, down: map[string]bool{}, names: names}
		for _, name := range []string{"door", "a", "b", "c"} {
			w.servers[name] = clienttest.New()
			w.servers[name].AddConversation(chat, throngv1.Kind_KIND_DIRECT, lin, maja)
		}
		if names != nil {
			w.servers["door"].OnGateways = w.gateways
		}
		opts.Tokens, opts.NetDial = client.StaticToken("user-10"), w.dial
		var err error
		if w.c, err = client.New("http://door.test", opts); err != nil {
			t.Fatal(err)
		}
		test(w)
		if err := w.c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		for _, s := range w.servers {
			s.Close()
		}
	})
}

func (w *town) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	name, _, _ := strings.Cut(addr, ".")
	w.mu.Lock()
	down := w.down[name]
	w.dials = append(w.dials, name)
	w.mu.Unlock()
	if down {
		return nil, errors.New("no route to " + name)
	}
	return w.servers[name].NetDial(ctx, network, addr)
}

func (w *town) gateways(req *throngv1.ListGatewaysRequest) (urls []string, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, req)
	for _, name := range w.names {
		if name != "" {
			name = "ws://" + name + ".test/v1/session"
		}
		urls = append(urls, name)
	}
	return urls, w.wait
}

// set makes servers reachable or not.
func (w *town) set(down bool, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		w.down[name] = down
	}
}

// failed is what the door was told when it was asked for the nth time.
func (w *town) failed(n int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.asked[n].GetFailed())
}

// online waits until the client is, and says where.
func (w *town) online() string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	if err := w.c.Connect(ctx); err != nil {
		w.t.Fatalf("connect: %v; dialed %v", err, w.dials)
	}
	return w.at()
}

func (w *town) at() string {
	var names []string
	for name, s := range w.servers {
		for range s.Sessions(lin) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// pass lets time pass.
func (w *town) pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

// took returns what was dialed since it was asked last.
func (w *town) took() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.dials, " ")
	w.dials = nil
	return s
}

func (w *town) want(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// GATE-9: the door is asked, the gateways are tried in its order, the door itself is the last resort; the answer is good for a while.
func TestGatewaysAreTriedInOrder(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{Zone: "north"}, []string{"a", "b"}, func(w *town) {
		w.want("at", w.online(), "a")
		w.want("dialed", w.took(), "door a")
		w.want("zone", w.asked[0].GetZone(), "north")
		w.servers["a"].Cut()
		w.pass(2 * time.Second)
		w.want("back where it was, without asking again", w.took(), "a")
		w.pass(20 * time.Second)
		w.set(true, "a")
		w.servers["a"].Cut()
		w.pass(2 * time.Second)
		w.want("at the next one, at once", w.at(), "b")
		w.want("dialed", w.took(), "door a b")
		w.set(true, "b")
		w.servers["b"].Cut()
		w.pass(2 * time.Second)
		w.want("at the door", w.at(), "door")
		w.want("dialed", w.took(), "b door")
	})
}

// GATE-10: who failed is left alone for half a minute, and named to the door.
func TestFailedGatewaysAreLeftAlone(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{}, []string{"a", "b"}, func(w *town) {
		w.set(true, "a")
		w.want("at", w.online(), "b")
		w.took()
		w.set(false, "a")
		w.pass(15 * time.Second)
		w.servers["b"].Cut()
		w.pass(2 * time.Second)
		w.want("dialed", w.took(), "door b")
		w.want("failed", w.failed(1), "[ws://a.test/v1/session]")
		w.pass(30 * time.Second)
		w.servers["b"].Cut()
		w.pass(2 * time.Second)
		w.want("tried again", w.took(), "door a")
		w.want("failed", w.failed(2), "[]")
	})
}

// GATE-10, GATE-11, CLOSE-4: a gateway that sends the client away is left, after the time that it said, for another one.
func TestSentElsewhere(t *testing.T) {
	t.Parallel()
	for _, code := range []uint16{4100, 4101, 4150} {
		inTown(t, client.Options{}, []string{"a", "b"}, func(w *town) {
			w.online()
			w.took()
			for _, s := range w.servers["a"].Sessions(lin) {
				s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Closing{
					Closing: &throngv1.Closing{CloseCode: uint32(code), Reason: "draining", RetryAfterMs: 3_000},
				}})
				s.Close(code, "draining")
			}
			w.pass(2900 * time.Millisecond)
			w.want("nothing before its time", w.took(), "")
			w.pass(3 * time.Second)
			w.want("at", w.at(), "b")
			w.want("dialed", w.took(), "door b")
			w.want("failed", w.failed(1), "[ws://a.test/v1/session]")
		})
	}
}

// GATE-9, CLOSE-3: clients that lose their gateway come to the next one spread over the first back-off, not at once.
func TestLostGatewayWithJitter(t *testing.T) {
	t.Parallel()
	const clients = 400
	random := rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex
	var lost time.Time
	var came []time.Duration
	inTown(t, client.Options{}, []string{"a", "b"}, func(w *town) {
		w.servers["b"].OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetAuthenticate() != nil {
				mu.Lock()
				came = append(came, time.Since(lost))
				mu.Unlock()
			}
			return false
		}
		list := make([]*client.Client, clients)
		for i := range list {
			var err error
			list[i], err = client.New("http://door.test", client.Options{
				Tokens: client.StaticToken(fmt.Sprintf("user-%d", 100+i)), NetDial: w.dial,
				Random: func() float64 {
					mu.Lock()
					defer mu.Unlock()
					return random.Float64()
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := list[i].Connect(w.t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(11 * time.Second)
		w.set(true, "a")
		mu.Lock()
		lost = time.Now()
		mu.Unlock()
		w.servers["a"].Cut()
		w.pass(time.Second)
		for _, c := range list {
			_ = c.Close()
		}
	})
	tenths := map[time.Duration]int{}
	for _, d := range came {
		tenths[d/(50*time.Millisecond)]++
	}
	if len(came) != clients || len(tenths) != 10 {
		t.Errorf("%d of %d came, in %d of 10 parts of half a second", len(came), clients, len(tenths))
	}
	for part, n := range tenths {
		if n > clients/5 {
			t.Errorf("%d of %d came in part %d", n, clients, part)
		}
	}
}

// GATE-10: who has lost its own network finds nobody, and goes where it is sent once the network is back.
func TestLostNetwork(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{Random: func() float64 { return 0.5 }}, []string{"a", "b"}, func(w *town) {
		w.online()
		w.pass(time.Minute)
		w.set(true, "door", "a", "b")
		w.servers["a"].Cut()
		w.pass(2 * time.Second)
		w.want("nobody is there", w.at(), "")
		w.set(false, "door", "a", "b")
		w.pass(5 * time.Second)
		w.want("at", w.at(), "a")
	})
}

// GATE-12: where the door does not answer, the gateways that it named stay.
func TestSilentDoor(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{}, []string{"a", "b"}, func(w *town) {
		w.online()
		w.pass(time.Minute)
		w.set(true, "door", "a")
		w.took()
		w.servers["a"].Cut()
		w.pass(2 * time.Second)
		w.want("at", w.at(), "b")
		w.want("dialed", w.took(), "door a b")
		w.set(true, "b")
		w.servers["b"].Cut()
		w.pass(time.Minute)
		w.want("nobody is there", w.at(), "")
		w.set(false, "b")
		w.pass(time.Minute)
		w.want("at the one that is back", w.at(), "b")
	})
}

// GATE-2, GATE-12: a server that knows no access call is used as before, and not asked again for ten minutes.
func TestServersThatAreNotAsked(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{}, nil, func(w *town) {
		w.want("at", w.online(), "door")
		w.want("dialed", w.took(), "door door")
		for range 5 {
			w.pass(time.Minute)
			w.servers["door"].CloseSessions(4100, "draining")
			w.pass(10 * time.Second)
			w.want("dialed", w.took(), "door")
		}
		w.pass(5 * time.Minute)
		w.servers["door"].Cut()
		w.pass(10 * time.Second)
		w.want("dialed", w.took(), "door door")
	})
	inTown(t, client.Options{Direct: true}, []string{"a"}, func(w *town) {
		w.want("at", w.online(), "door")
		w.want("direct", w.took(), "door")
	})
	for _, name := range []string{"door", ""} {
		inTown(t, client.Options{}, []string{name}, func(w *town) { // one server, which names itself
			w.want("at", w.online(), "door")
			w.want("dialed", w.took(), "door door")
			w.pass(time.Minute)
			w.servers["door"].CloseSessions(4100, "draining")
			w.pass(10 * time.Second)
			w.want("at", w.at(), "door")
			w.want("dialed", w.took(), "door door")
		})
	}
}

// GATE-8, CLOSE-4: where nobody takes sessions the client waits as long as it was told.
func TestNobodyTakesSessions(t *testing.T) {
	t.Parallel()
	inTown(t, client.Options{Random: func() float64 { return 0.5 }}, []string{"a"}, func(w *town) {
		w.wait = 20 * time.Second
		ctx, cancel := context.WithTimeout(w.t.Context(), 19*time.Second)
		defer cancel()
		if err := w.c.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connect: %v", err)
		}
		st := w.c.State()
		if st.Phase != client.Waiting || !errors.Is(st.Cause, &client.Error{Reason: "draining"}) {
			t.Errorf("state %+v", st)
		}
		w.mu.Lock()
		w.wait = 0
		w.mu.Unlock()
		w.want("only the door was asked", w.took(), "door")
		w.want("at", w.online(), "a")
	})
}

// GATE-10: a gateway may refuse in any way, and so may all; the word of the door counts, and ends a client that it cannot serve.
func TestRefusedHandshakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		door string
		want client.CloseReason
	}{{"400 Bad Request", client.Incompatible}, {"503 Busy", ""}} {
		synctest.Test(t, func(t *testing.T) {
			door := clienttest.New()
			door.OnGateways = func(*throngv1.ListGatewaysRequest) ([]string, time.Duration) {
				return []string{"ws://gone.test/v1/session", "ftp://a", "ws://door.test/v1/session", "ws://lost.test/v1/session"}, 0
			}
			calls := 0
			c, err := client.New("ws://door.test", client.Options{
				Tokens: client.StaticToken("user-10"),
				NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if calls++; calls == 1 {
						return door.NetDial(ctx, network, addr)
					}
					status := "404 Not Found"
					if strings.HasPrefix(addr, "door.") {
						status = tc.door
					}
					near, far := net.Pipe()
					go func() { // ends with the connection
						_, _ = far.Read(make([]byte, 4096))
						_, _ = far.Write([]byte("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n"))
						_ = far.Close()
					}()
					return near, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_ = c.Connect(ctx)
			synctest.Wait()
			if st := c.State(); st.Reason != tc.want {
				t.Errorf("door says %s: state %+v", tc.door, st)
			}
			_ = c.Close()
			door.Close()
		})
	}
}

// GATE-13: a door over TLS sends nobody to a gateway without.
func TestGatewaysAreAsSafeAsTheDoor(t *testing.T) {
	t.Parallel()
	srv, plain := clienttest.New(), clienttest.New()
	door, gateway := httptest.NewTLSServer(srv), httptest.NewServer(plain)
	defer func() {
		srv.Close()
		plain.Close()
		door.Close()
		gateway.Close()
	}()
	asked := 0
	srv.OnGateways = func(*throngv1.ListGatewaysRequest) ([]string, time.Duration) {
		asked++
		return []string{strings.Replace(gateway.URL, "http", "ws", 1) + "/v1/session"}, 0
	}
	roots := x509.NewCertPool()
	roots.AddCert(door.Certificate())
	c, err := client.New(door.URL, client.Options{
		Tokens: client.StaticToken("user-10"), TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if asked != 1 || len(srv.Sessions(lin)) != 1 || plain.Dials() != 0 || len(plain.Sessions(lin)) != 0 {
		t.Errorf("asked %d times, %d sessions at the door, %d at the gateway", asked, len(srv.Sessions(lin)), len(plain.Sessions(lin)))
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
