package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// site is which page, if any, made a browser ask.
type site uint8

const (
	siteNone    site = iota // no browser, or one that does not say
	siteSame                // our own origin
	siteAllowed             // an origin of the settings
	siteForeign
)

// Headers of CORS. What browsers may send and read is what the API uses, no more.
const (
	corsMethods = "GET, POST"
	corsHeaders = "Authorization, Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms, Throng-User, Throng-Device"
	corsExpose  = "Request-Id, Retry-After"
	corsMaxAge  = "7200" // seconds
)

// siteOf judges the Origin and Sec-Fetch-Site headers. Origin "null" (sandboxes, files) is foreign.
func siteOf(r *http.Request, allowed []string) site {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		switch r.Header.Get("Sec-Fetch-Site") {
		case "same-origin":
			return siteSame
		case "cross-site", "same-site":
			return siteForeign
		}
		return siteNone
	}
	if len(origins) > 1 {
		return siteForeign
	}
	u, err := url.Parse(origins[0])
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host) {
		return siteSame
	}
	if slices.ContainsFunc(allowed, func(a string) bool { return a == "*" || strings.EqualFold(a, origins[0]) }) {
		return siteAllowed
	}
	return siteForeign
}

// origin refuses foreign pages, answers preflights and sets CORS headers. The site is in the request's record afterwards.
func (s *Server) origin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rq := requestOf(r.Context())
		rq.site = siteOf(r, s.deps.AllowedOrigins())
		h := w.Header()
		h.Add("Vary", "Origin")
		switch rq.site {
		case siteForeign:
			if r.Header.Get("Origin") == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
				break // a link on another page leads here; what needs a token is refused without one
			}
			s.fail(w, r, chat.Errorf(chat.CodeForbidden, chat.ReasonOriginForbidden, "this page's origin is not allowed; see the setting allowed_origins"))
			return
		case siteAllowed:
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Expose-Headers", corsExpose)
		case siteNone, siteSame:
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", corsMaxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
