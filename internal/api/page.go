package api

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// pageFiles are the page that stands where there is no web client: where things are, and the form behind an invitation.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load its own style and script and call this server, nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is one file of the page.
type asset struct {
	contentType string
	tag         string // ETag
	content     []byte
}

// pageAssets reads the page, by path.
func pageAssets() (map[string]asset, error) {
	out := make(map[string]asset, 3)
	for path, a := range map[string]struct{ name, contentType string }{
		"/":              {"index.html", "text/html; charset=utf-8"},
		"/page/page.css": {"page.css", "text/css; charset=utf-8"},
		"/page/page.js":  {"page.js", "text/javascript; charset=utf-8"},
	} {
		b, err := pageFiles.ReadFile("page/" + a.name)
		if err != nil {
			return nil, chat.Wrap(err, chat.CodeInternal, chat.ReasonInternal, "reading a file of the page")
		}
		sum := sha256.Sum256(b)
		out[path] = asset{a.contentType, `"` + hex.EncodeToString(sum[:8]) + `"`, b}
	}
	return out, nil
}

// serve writes the file; who has this version of it gets none.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-cache") // ask each time: the next version of the server has another page under the same path
	h.Set("Etag", a.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.content) // the caller has gone
}

// front serves what no other route does: the web client, or a page that says where things are.
func (s *Server) front() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case !asked || strings.HasPrefix(r.URL.Path, "/throng.v1."): // a mistyped procedure is no page of the web client
			s.nowhere(w, r)
		case s.deps.Web != nil:
			s.deps.Web.ServeHTTP(w, r)
		default:
			s.servePage(w, r)
		}
	})
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	a, ok := s.page[r.URL.Path]
	if !ok {
		s.nowhere(w, r)
		return
	}
	if r.URL.Path == "/" {
		w.Header().Add("Vary", "Accept")
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(endpoints()) // the caller has gone
			return
		}
	}
	a.serve(w, r)
}

func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, chat.Errorf(chat.CodeNotFound, chat.ReasonRouteNotFound, "no such route; /openapi.json lists them"))
}

func endpoints() map[string]string {
	return map[string]string{
		"name":    "throng",
		"api":     "/throng.v1.{Account,Conversation,Message,Social,Admin}Service/{Method}",
		"openapi": "/openapi.json",
		"session": SessionPath,
		"health":  pathHealth,
		"ready":   pathReady,
	}
}
