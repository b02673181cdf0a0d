package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// world is a gateway that clients reach over real sockets.
type world struct {
	t       *testing.T
	back    *backend
	gateway *gateway.Server
	routes  *local.Routes
	url     string // http://host:port
}

// each runs a test once for each way to carry a connection over a socket: by the loops themselves, where the system has that, and by
// goroutines behind net/http.
func each(t *testing.T, change func(*gateway.Config), test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, name := range []string{"loops", "goroutines"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, name == "loops", change))
		})
	}
}

func newWorld(t *testing.T, loops bool, change func(*gateway.Config)) *world {
	t.Helper()
	return newWorldOf(t, gateway.New, loops, change)
}

func newWorldOf(
	t *testing.T, build func(gateway.Config, gateway.Deps) (*gateway.Server, error), loops bool, change func(*gateway.Config),
) *world {
	t.Helper()
	cfg := gateway.Default()
	cfg.Loops = 2
	if change != nil {
		change(&cfg)
	}
	w := &world{t: t, back: newBackend(), routes: local.NewRoutes("n1")}
	deps := w.back.deps(w.routes)
	if loops {
		deps.Door = newDoor(t, cfg)
	}
	var err error
	w.gateway, err = build(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.gateway.Run(ctx) }()
	srv := &http.Server{Handler: w.gateway, ReadHeaderTimeout: 5 * time.Second}
	ln := w.gateway.Strangers()
	if ln == nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	w.url = "http://" + ln.Addr().String()
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// newDoor opens a port for loops.
func newDoor(t *testing.T, cfg gateway.Config) *gateway.Door {
	t.Helper()
	list, err := eventloop.Listen(t.Context(), "127.0.0.1:0", cfg.LoopCount(), eventloop.Options{SendBuffer: cfg.SendBuffer})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system has no loops on sockets")
	}
	if err != nil {
		t.Fatal(err)
	}
	return &gateway.Door{Listeners: list, Path: "/v1/session", HeadTimeout: 5 * time.Second}
}

// session is where sessions begin.
func (w *world) session() string { return "ws" + strings.TrimPrefix(w.url, "http") + "/v1/session" }

func (w *world) deliver(d *cluster.Delivery) {
	w.t.Helper()
	if err := w.gateway.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}

// peer is a client on a real socket.
type peer struct {
	t *testing.T
	net.Conn
	r io.Reader
}

func (w *world) connect(protocol string) *peer {
	w.t.Helper()
	d := ws.Dialer{Protocols: []string{protocol}}
	c, br, _, err := d.Dial(w.t.Context(), w.session())
	if err != nil {
		w.t.Fatal(err)
	}
	p := &peer{t: w.t, Conn: c, r: c}
	if br != nil {
		p.r = br
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// login is a connected and authenticated device.
func (w *world) login(token string) *peer {
	w.t.Helper()
	p := w.connect("throng.v1.proto")
	p.send(authenticate(token))
	res := p.next().GetResponse()
	if res.GetAuthenticate() == nil {
		w.t.Fatalf("authenticate: %v", res)
	}
	return p
}

func authenticate(token string) *throngv1.ClientEnvelope {
	return &throngv1.ClientEnvelope{Id: 1, Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: token},
	}}
}

func text(id, conversation uint64, words string) *throngv1.ClientEnvelope {
	client := make([]byte, 16)
	client[0], client[1] = byte(id), byte(id>>8)
	client[15] = 1
	return &throngv1.ClientEnvelope{Id: id, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
		Conversation: conversation, ClientId: client, Body: &throngv1.SendRequest_Text{Text: words},
	}}}
}

func (p *peer) send(envs ...*throngv1.ClientEnvelope) {
	p.t.Helper()
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: envs})
	if err != nil {
		p.t.Fatal(err)
	}
	p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(b))))
}

func (p *peer) raw(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// frame returns the next frame's envelopes, or the close code. Pings are not answered.
func (p *peer) frame() (envs []*throngv1.ServerEnvelope, closed ws.StatusCode) {
	p.t.Helper()
	for {
		f, err := readFrame(p.r)
		if err != nil {
			p.t.Fatalf("reading: %v", err)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return nil, code
		case ws.OpBinary:
			var s throngv1.ServerFrame
			if err := proto.Unmarshal(f.Payload, &s); err != nil {
				p.t.Fatal(err)
			}
			return s.GetEnvelopes(), 0
		default:
			p.t.Fatalf("opcode %v", f.Header.OpCode)
			return nil, 0
		}
	}
}

// next returns the only envelope of the next frame.
func (p *peer) next() *throngv1.ServerEnvelope {
	p.t.Helper()
	envs, closed := p.frame()
	if closed != 0 || len(envs) != 1 {
		p.t.Fatalf("closed %d, %d envelopes", closed, len(envs))
	}
	return envs[0]
}

// collect reads n envelopes, however they are framed.
func (p *peer) collect(n int) []*throngv1.ServerEnvelope {
	p.t.Helper()
	var out []*throngv1.ServerEnvelope
	for len(out) < n {
		envs, closed := p.frame()
		if closed != 0 {
			p.t.Fatalf("closed with %d after %d of %d envelopes", closed, len(out), n)
		}
		out = append(out, envs...)
	}
	return out
}

// closed reads to the close frame and returns its code and the closing notice before it, if any.
func (p *peer) closed() (ws.StatusCode, *throngv1.Closing) {
	p.t.Helper()
	var notice *throngv1.Closing
	for {
		envs, code := p.frame()
		if code != 0 {
			return code, notice
		}
		for _, e := range envs {
			if c := e.GetClosing(); c != nil {
				notice = c
			}
		}
	}
}

// closedAtOnce is closed of a connection that is told nothing but that it ends.
func (p *peer) closedAtOnce() (ws.StatusCode, *throngv1.Closing) {
	p.t.Helper()
	var notice *throngv1.Closing
	for {
		envs, code := p.frame()
		if code != 0 {
			return code, notice
		}
		for _, e := range envs {
			if notice = e.GetClosing(); notice == nil {
				p.t.Fatalf("instead of the end came %v", e)
			}
		}
	}
}

func entry(conversation chat.ConversationID, seq chat.Seq, sender chat.UserID, words string, users ...chat.UserID) *cluster.Delivery {
	e := &chat.Entry{
		Conversation: conversation, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: sender, TimeMS: 1,
		ClientID: chat.ClientID{1, 2, 3}, Body: chat.Text{Text: words},
	}
	return &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: conversation, Users: users, Entry: e,
		Head: chat.Head{Conversation: conversation, Tier: chat.TierSmall, Seq: seq},
	}
}

func TestSendAndDeliver(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		a, a2, b := w.login("1:10"), w.login("1:11"), w.login("2:20")

		a.send(text(2, 5, "hello"), text(3, 5, "again"))
		for i, e := range a.collect(2) {
			res := e.GetResponse()
			if res.GetId() != uint64(i+2) || res.GetSend().GetSeq() != uint64(i+1) {
				t.Fatalf("answer %d: %v", i, res)
			}
		}
		d := entry(5, 1, 1, "hello", 1, 2)
		d.Device = 10
		w.deliver(d)
		if got := b.next().GetEntry(); got.GetText() != "hello" || got.GetClientId() != nil {
			t.Errorf("the other user got %v", got)
		}
		if got := a2.next().GetEntry(); got.GetText() != "hello" || len(got.GetClientId()) != 16 {
			t.Errorf("the sender's other device got %v", got)
		}
		// The sending session itself got nothing: the next thing it sees is its own answer.
		a.send(text(4, 5, "third"))
		if res := a.next().GetResponse(); res.GetId() != 4 {
			t.Errorf("the sending session got %v", res)
		}
	})
}

// The JSON subprotocol says the same in text messages.
func TestJSON(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.connect("throng.v1.json")
		say := func(s string) { p.raw(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(s))))) }
		hear := func() string {
			f, err := readFrame(p.r)
			if err != nil || f.Header.OpCode != ws.OpText {
				t.Fatalf("%v %v", f.Header.OpCode, err)
			}
			return string(f.Payload)
		}
		say(`{"envelopes":[{"id":"1","authenticate":{"token":"1:10"}}]}`)
		if got := hear(); !strings.Contains(got, `"user":"1","device":"10"`) {
			t.Errorf("authenticate: %s", got)
		}
		say(`{"envelopes":[{"id":"2","send":{"conversation":"5","clientId":"AAAAAAAAAAAAAAAAAAAAAQ==","text":"hello"}},{"id":"3","heartbeat":{}}]}`)
		var got string
		for !strings.Contains(got, `"id":"2"`) || !strings.Contains(got, `"id":"3"`) {
			got += hear()
		}
		if !strings.Contains(got, `{"response":{"id":"2","send":{"seq":"1","ordinal":"1","timeMs":"1"}}}`) {
			t.Errorf("send: %s", got)
		}
		w.deliver(entry(5, 1, 2, "schön", 1))
		if got := hear(); got != `{"envelopes":[{"entry":{"conversation":"5","seq":"1","ordinal":"1","sender":"2","timeMs":"1","text":"schön"}}]}` {
			t.Errorf("delivery: %s", got)
		}
	})
}

// S-1, S-3 to S-5, S-24, S-32, S-36.
func TestHandshakeIsChecked(t *testing.T) {
	each(t, func(c *gateway.Config) { c.Origins = []string{"https://app.example"} }, func(t *testing.T, w *world) {
		good := handshake()
		for _, tc := range []struct {
			name   string
			method string
			query  string
			set    http.Header
			status int
		}{
			{name: "good", status: 101},
			{name: "compression offered", set: http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}}, status: 101},
			{name: "own origin", set: http.Header{"Origin": {w.url}}, status: 101},
			{name: "allowed origin", set: http.Header{"Origin": {"https://app.example"}}, status: 101},
			{name: "foreign origin (no. 1)", set: http.Header{"Origin": {"https://evil.example"}}, status: 403},
			{name: "origin null (no. 2)", set: http.Header{"Origin": {"null"}}, status: 403},
			{name: "two origins", set: http.Header{"Origin": {"https://app.example", "https://evil.example"}}, status: 403},
			{name: "no origin, token in header (no. 4)", set: http.Header{"Authorization": {"Bearer 1:10"}}, status: 101},
			{name: "other authorization", set: http.Header{"Authorization": {"Basic eDp5"}}, status: 401},
			{name: "a frame beside the token", set: http.Header{"Authorization": {"Bearer 1:10"}, "Throng-Frame": {"CgA"}}, status: 101},
			{name: "a frame without a token", set: http.Header{"Throng-Frame": {"CgA"}}, status: 400},
			{name: "a frame that is not in base64url", set: http.Header{"Authorization": {"Bearer 1:10"}, "Throng-Frame": {"CgA="}}, status: 400},
			{name: "token in query (no. 5)", query: "?token=1:10", status: 400},
			{name: "access token in query (no. 5)", query: "?access_token=1:10", status: 400},
			{name: "version 8 (no. 6)", set: http.Header{"Sec-Websocket-Version": {"8"}}, status: 426},
			{name: "no version", set: http.Header{"Sec-Websocket-Version": nil}, status: 426},
			{name: "no key (no. 7)", set: http.Header{"Sec-Websocket-Key": nil}, status: 400},
			{name: "short key (no. 7)", set: http.Header{"Sec-Websocket-Key": {"dGhl"}}, status: 400},
			{name: "two keys (no. 7)", set: http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="}}, status: 400},
			{name: "POST (no. 8)", method: "POST", status: 405},
			{name: "no upgrade", set: http.Header{"Upgrade": nil}, status: 426},
			{name: "upgrade to something else", set: http.Header{"Upgrade": {"h2c"}}, status: 426},
			{name: "no connection header", set: http.Header{"Connection": nil}, status: 426},
			{name: "no subprotocol", set: http.Header{"Sec-Websocket-Protocol": nil}, status: 400},
			{name: "unknown subprotocol", set: http.Header{"Sec-Websocket-Protocol": {"chat"}}, status: 400},
			{name: "too many headers (no. 10)", set: http.Header{"X-Many": make([]string, 120)}, status: 431},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				method := tc.method
				if method == "" {
					method = http.MethodGet
				}
				req, err := http.NewRequestWithContext(t.Context(), method, w.url+"/v1/session"+tc.query, nil)
				if err != nil {
					t.Fatal(err)
				}
				for k, v := range good {
					req.Header[k] = v
				}
				for k, v := range tc.set {
					if v == nil {
						delete(req.Header, k)
					} else {
						req.Header[k] = v
					}
				}
				res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = res.Body.Close() }()
				if res.StatusCode != tc.status {
					t.Errorf("status %d, want %d", res.StatusCode, tc.status)
				}
				switch res.StatusCode {
				case http.StatusSwitchingProtocols:
					if got := res.Header.Get("Sec-Websocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
						t.Errorf("accept %q", got)
					}
					if got := res.Header.Get("Sec-Websocket-Protocol"); got != "throng.v1.proto" {
						t.Errorf("protocol %q", got)
					}
					want := ""
					if tc.set.Get("Sec-Websocket-Extensions") != "" {
						want = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
					}
					if got := res.Header.Get("Sec-Websocket-Extensions"); got != want {
						t.Errorf("agreed to %q, want %q", got, want)
					}
				case http.StatusUpgradeRequired:
					if res.Header.Get("Sec-Websocket-Version") != "13" {
						t.Error("426 does not name the version")
					}
				}
			})
		}
	})
}

// handshake is the header of a good handshake.
func handshake() http.Header {
	return http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"chat, throng.v1.proto"},
	}
}
