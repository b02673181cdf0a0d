package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// host is a server of the protocol in memory with as much of the HTTP services as the bench needs.
type host struct {
	throngv1connect.UnimplementedAdminServiceHandler
	throngv1connect.UnimplementedConversationServiceHandler

	srv *clienttest.Server
	mu  sync.Mutex
	ids map[string]uint64
	n   atomic.Uint64
}

func (h *host) CreateUsers(_ context.Context, req *connect.Request[throngv1.CreateUsersRequest]) (*connect.Response[throngv1.CreateUsersResponse], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	resp := &throngv1.CreateUsersResponse{}
	for _, u := range req.Msg.GetUsers() {
		if h.ids[u.GetExternalId()] == 0 {
			h.ids[u.GetExternalId()] = uint64(len(h.ids) + 1)
		}
		resp.Ids = append(resp.Ids, h.ids[u.GetExternalId()])
	}
	return connect.NewResponse(resp), nil
}

func (h *host) IssueToken(_ context.Context, req *connect.Request[throngv1.IssueTokenRequest]) (*connect.Response[throngv1.IssueTokenResponse], error) {
	return connect.NewResponse(&throngv1.IssueTokenResponse{
		Tokens: &throngv1.Tokens{AccessToken: "user-" + strconv.FormatUint(req.Msg.GetUser(), 10)},
	}), nil
}

func (h *host) OpenDirect(_ context.Context, req *connect.Request[throngv1.OpenDirectRequest]) (*connect.Response[throngv1.OpenDirectResponse], error) {
	me, _ := strconv.ParseUint(req.Header().Get("Throng-User"), 10, 64)
	id := h.n.Add(1)
	h.srv.AddConversation(id, throngv1.Kind_KIND_DIRECT, me, req.Msg.GetUser())
	return connect.NewResponse(&throngv1.OpenDirectResponse{Conversation: &throngv1.Conversation{Id: id}}), nil
}

func (h *host) CreateGroup(_ context.Context, req *connect.Request[throngv1.CreateGroupRequest]) (*connect.Response[throngv1.CreateGroupResponse], error) {
	me, _ := strconv.ParseUint(req.Header().Get("Throng-User"), 10, 64)
	id := h.n.Add(1)
	h.srv.AddConversation(id, throngv1.Kind_KIND_GROUP, append(req.Msg.GetMembers(), me)...)
	return connect.NewResponse(&throngv1.CreateGroupResponse{Conversation: &throngv1.Conversation{Id: id}}), nil
}

func serve(t *testing.T, srv *clienttest.Server) string {
	t.Helper()
	h := &host{srv: srv, ids: map[string]uint64{}}
	mux := http.NewServeMux()
	mux.Handle("/v1/session", srv)
	mux.Handle(throngv1connect.NewAdminServiceHandler(h))
	mux.Handle(throngv1connect.NewConversationServiceHandler(h))
	ts := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.Close()
		ts.Close()
	})
	return ts.URL
}

func small(url string) bench.SendConfig {
	return bench.SendConfig{
		Senders: 4, Conversations: 8, Members: 3, Users: 6, Size: 64, URL: url, Key: "key",
		Duration: 200 * time.Millisecond, Warmup: 20 * time.Millisecond,
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := small(serve(t, clienttest.New()))
			cfg.Rate = rate
			rep, err := bench.Send(t.Context(), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Faults() != 0 || rep.Acked == 0 || rep.Deliveries == 0 || rep.Checked < rep.Deliveries {
				t.Errorf("report %+v", rep)
			}
			if rep.AckMS.P50 <= 0 || rep.DeliverMS.Max < rep.DeliverMS.P50 || rep.BytesPerDelivery < 8 || rep.BytesPerDelivery > 40 {
				t.Errorf("report %+v", rep)
			}
			if rate > 0 && (rep.Rate < rate/2 || rep.Rate > rate*1.5) {
				t.Errorf("rate %v, want about %v", rep.Rate, rate)
			}
		})
	}
}

func TestPreload(t *testing.T) {
	t.Parallel()
	srv := clienttest.New()
	cfg := small(serve(t, srv))
	cfg.Preload, cfg.Rate = 300, 200
	rep, err := bench.Send(t.Context(), cfg, nil)
	if err != nil || rep.Faults() != 0 || rep.Rate > 300 {
		t.Errorf("report %+v, %v", rep, err)
	}
	stored := 0
	for conv := uint64(1); conv <= 8; conv++ {
		stored += len(srv.Log(conv)) - 1
	}
	if want := 300 + int(rep.Acked); stored < want {
		t.Errorf("%d messages stored, want %d at least", stored, want)
	}
}

// TestSendFindsFaults breaks the deliveries: the bench must see it.
func TestSendFindsFaults(t *testing.T) {
	t.Parallel()
	var pushes atomic.Int64
	nth := func(n int64, v clienttest.Verdict) func(*clienttest.Session, *throngv1.ServerEnvelope) clienttest.Verdict {
		return func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntry().GetText() != "" && pushes.Add(1)%n == 0 {
				return v
			}
			return clienttest.Pass
		}
	}
	t.Run("twice", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Twice)
		rep, err := bench.Send(t.Context(), small(serve(t, srv)), nil)
		if err != nil || rep.Duplicate == 0 || rep.Lost != 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("lost on the way, there when asked", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Drop)
		rep, err := bench.Send(t.Context(), small(serve(t, srv)), nil)
		if err != nil || rep.Lost != 0 || rep.Pulled == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("lost for good", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Drop)
		srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetListEntries() == nil {
				return false
			}
			s.Refuse(env.GetId(), throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
			return true
		}
		rep, err := bench.Send(t.Context(), small(serve(t, srv)), nil)
		if err != nil || rep.Lost == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("refused for a moment", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend() == nil || pushes.Add(1)%50 != 0 {
				return false
			}
			s.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "overloaded", 0)
			return true
		}
		rep, err := bench.Send(t.Context(), small(serve(t, srv)), nil)
		if err != nil || rep.Faults() != 0 || rep.Errors["overloaded"] == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
}

func TestMainCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.json")
	var out, errOut bytes.Buffer
	args := strings.Fields("send --senders 2 --conversations 2 --duration 100ms --warmup -1ns --key k --url " +
		serve(t, clienttest.New()) + " --json " + file)
	if err := bench.Main(t.Context(), args, &out, &errOut); err != nil {
		t.Fatal(err, errOut.String())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rep bench.Report
	if err := json.Unmarshal(b, &rep); err != nil || rep.Acked == 0 || !strings.Contains(rep.Command, "--senders 2") {
		t.Errorf("report %s, %v", b, err)
	}
	if !strings.Contains(out.String(), "acknowledged") {
		t.Errorf("table %q", out.String())
	}
	for _, bad := range [][]string{nil, {"receive"}, {"send", "--nonsense"}, {"send", "word"}, {"send", "--members", "1"}} {
		if err := bench.Main(t.Context(), bad, &out, &errOut); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
