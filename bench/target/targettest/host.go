package targettest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// host is a server of the protocol in memory with as much of the HTTP services as the bench needs.
type host struct {
	throngv1connect.UnimplementedAdminServiceHandler
	throngv1connect.UnimplementedConversationServiceHandler
	throngv1connect.UnimplementedMessageServiceHandler

	srv     *clienttest.Server
	mu      sync.Mutex
	ids     map[string]uint64
	members map[uint64]uint32 // of groups
	n       atomic.Uint64
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
	h.mu.Lock()
	h.members[id] = uint32(len(req.Msg.GetMembers()) + 1)
	h.mu.Unlock()
	return connect.NewResponse(&throngv1.CreateGroupResponse{Conversation: &throngv1.Conversation{Id: id}}), nil
}

// Sync shows every conversation to everybody: whoever asks is a member.
func (h *host) Sync(context.Context, *connect.Request[throngv1.SyncRequest]) (*connect.Response[throngv1.SyncResponse], error) {
	resp := &throngv1.SyncResponse{}
	for id := range h.n.Load() {
		resp.Conversations = append(resp.Conversations, &throngv1.Conversation{Id: id + 1})
	}
	return connect.NewResponse(resp), nil
}

// GetConversation tells how many members there are.
func (h *host) GetConversation(_ context.Context, req *connect.Request[throngv1.GetConversationRequest]) (*connect.Response[throngv1.GetConversationResponse], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := req.Msg.GetConversation()
	return connect.NewResponse(&throngv1.GetConversationResponse{Conversation: &throngv1.Conversation{Id: id, MemberCount: h.members[id]}}), nil
}

// ListEntries reads the last page.
func (h *host) ListEntries(_ context.Context, req *connect.Request[throngv1.ListEntriesRequest]) (*connect.Response[throngv1.ListEntriesResponse], error) {
	log := h.srv.Log(req.Msg.GetConversation())
	page := log[len(log)-min(len(log), int(req.Msg.GetLimit())):]
	return connect.NewResponse(&throngv1.ListEntriesResponse{HeadSeq: uint64(len(log)), Entries: page}), nil
}

// Serve serves srv over TCP, with the services, until the test ends; it returns the base URL.
func Serve(t testing.TB, srv *clienttest.Server) string {
	t.Helper()
	h := &host{srv: srv, ids: map[string]uint64{}, members: map[uint64]uint32{}}
	mux := http.NewServeMux()
	mux.Handle("/v1/session", srv)
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle(throngv1connect.NewAdminServiceHandler(h))
	mux.Handle(throngv1connect.NewConversationServiceHandler(h))
	mux.Handle(throngv1connect.NewMessageServiceHandler(h))
	ts := httptest.NewServer(mux)
	t.Cleanup(func() {
		srv.Close()
		ts.Close()
	})
	return ts.URL
}
