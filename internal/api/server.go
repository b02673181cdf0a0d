package api

import (
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"

	rpc "github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// SessionPath is where sessions begin.
const SessionPath = "/v1/session"

// Where the server is asked how it does.
const (
	pathHealth = "/healthz"
	pathReady  = "/readyz"
)

// Server is the HTTP handler of everything but sessions, which it hands to the gateway. ServeHTTP may be called from any
// goroutine.
type Server struct {
	// immutable after construction
	cfg     Config
	deps    Deps
	backend *Backend
	log     *slog.Logger
	now     func() time.Time
	access  map[string]access
	exports *places
	openAPI []byte
	page    map[string]asset
	handler http.Handler
}

// maxExports is how many users may export at once.
const maxExports = 2

// compressAbove is the size from which answers are worth compressing.
const compressAbove = 1 << 10

// New makes the handler. It fails where the configuration cannot work or a procedure lacks its row of access.
func New(cfg Config, d Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d.defaults()
	s := &Server{
		cfg: cfg, deps: d, backend: NewBackend(d.Messages, d.Timelines, d.Names, d.Now).Tell(d.Receipts), log: d.Logger, now: d.Now,
		access: accessOf(), exports: newPlaces(maxExports),
	}
	if err := checkAccess(s.access); err != nil {
		return nil, err
	}
	doc, err := OpenAPI()
	if err != nil {
		return nil, err
	}
	s.openAPI = doc
	if s.page, err = pageAssets(); err != nil {
		return nil, err
	}
	s.handler = s.outermost(s.origin(s.routes()))
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// routes is every path that the server knows.
func (s *Server) routes() http.Handler {
	options := []connect.HandlerOption{
		connect.WithInterceptors(interceptor{s}),
		connect.WithReadMaxBytes(s.cfg.MaxRequestBytes),
		compression(s.cfg.MaxRequestBytes),
		connect.WithCompressMinBytes(compressAbove),
		connect.WithHandlerOptions(codecs()...),
	}
	mux := http.NewServeMux()
	s.mount(mux)(rpc.NewAccessServiceHandler(accessHandler{s}, options...))
	s.mount(mux)(rpc.NewAccountServiceHandler(accountHandler{s}, options...))
	s.mount(mux)(rpc.NewConversationServiceHandler(conversationHandler{s}, options...))
	s.mount(mux)(rpc.NewMessageServiceHandler(messageHandler{s}, options...))
	s.mount(mux)(rpc.NewPresenceServiceHandler(presenceHandler{s}, options...))
	s.mount(mux)(rpc.NewReceiptServiceHandler(receiptHandler{s}, options...))
	s.mount(mux)(rpc.NewSocialServiceHandler(socialHandler{s}, options...))
	s.mount(mux)(rpc.NewInviteServiceHandler(inviteHandler{s}, options...))
	s.mount(mux)(rpc.NewAdminServiceHandler(adminHandler{s}, options...))
	mux.HandleFunc(SessionPath, s.serveSession)
	mux.HandleFunc("GET /openapi.json", s.serveOpenAPI)
	mux.HandleFunc("GET "+pathHealth, s.serveHealth)
	mux.HandleFunc("GET "+pathReady, s.serveReady)
	mux.Handle("/", s.front())
	return mux
}

// mount routes the procedures of one service, each behind its row of access.
func (s *Server) mount(mux *http.ServeMux) func(prefix string, h http.Handler) {
	return func(prefix string, h http.Handler) {
		for procedure, need := range s.access {
			if len(procedure) > len(prefix) && procedure[:len(prefix)] == prefix {
				inner := s.guard(h)
				if procedure == rpc.AccountServiceExportDataProcedure {
					inner = s.stream(inner)
				}
				mux.Handle(procedure, s.procedure(procedure, s.authorise(need, inner)))
			}
		}
	}
}
