package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

//go:embed page.html
var page []byte

// front serves what no other route does: the web client, or a page that says where things are.
func (s *Server) front() http.Handler {
	if s.deps.Web != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A mistyped procedure is no page of the web client.
			if strings.HasPrefix(r.URL.Path, "/throng.v1.") || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
				s.nowhere(w, r)
				return
			}
			s.deps.Web.ServeHTTP(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			s.nowhere(w, r)
			return
		}
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(endpoints()) // the caller has gone
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = w.Write(page) // the caller has gone
	})
}

func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, chat.Errorf(chat.CodeNotFound, chat.ReasonRouteNotFound, "no such route; /openapi.json lists them"))
}

func endpoints() map[string]string {
	return map[string]string{
		"name":    "throng",
		"api":     "/throng.v1.{Account,Conversation,Message,Admin}Service/{Method}",
		"openapi": "/openapi.json",
		"session": "/v1/session",
		"health":  "/healthz",
		"ready":   "/readyz",
	}
}
