package api_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

func browse(t *testing.T, w *world, path string, options ...option) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for _, o := range options {
		o(r)
	}
	return do(t, w.handler, r)
}

// HTTP-14.
func TestPageForBrowsersAndJSONForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	html := header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	page := browse(t, w, "/", html)
	assert.Equal(t, "status", page.status, http.StatusOK)
	assert.Equal(t, "type", page.header.Get("Content-Type"), "text/html; charset=utf-8")
	assert.Equal(t, "caching", page.header.Get("Cache-Control"), "no-cache")
	policy := page.header.Get("Content-Security-Policy")
	assert.True(t, policy, strings.Contains(policy, "script-src 'self'") && !strings.Contains(policy, "unsafe"))

	other := browse(t, w, "/", header("Accept", "*/*"))
	assert.Equal(t, "for others", other.text("openapi"), "/openapi.json")
	for _, a := range []answer{page, other} {
		assert.True(t, "caches tell the two apart", strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept"))
	}
	again := browse(t, w, "/", html, header("If-None-Match", page.header.Get("Etag")))
	assert.Equal(t, "the same again", again.status, http.StatusNotModified)
	assert.Equal(t, "its body", again.body, "")
	assert.Equal(t, "a page that there is not", browse(t, w, "/page/", html).status, http.StatusNotFound)
}

// What the policy forbids is not in the page, and what the page loads is there.
func TestPageLoadsOnlyItsOwnFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := browse(t, w, "/", header("Accept", "text/html")).body
	for _, inline := range []string{`<style`, `style="`, `<script>`, ` onclick`, ` onsubmit`, `http-equiv`} {
		assert.True(t, inline, !strings.Contains(page, inline))
	}
	loaded := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	assert.Equal(t, "files and links", len(loaded), 3)
	for _, m := range loaded {
		assert.Equal(t, m[1], browse(t, w, m[1]).status, http.StatusOK)
	}
	script := browse(t, w, "/page/page.js")
	assert.Equal(t, "type", script.header.Get("Content-Type"), "text/javascript; charset=utf-8")
	for _, m := range regexp.MustCompile(`data-t="(\w+)"`).FindAllStringSubmatch(page, -1) {
		assert.True(t, "Chinese for "+m[1], regexp.MustCompile(`\b`+m[1]+`: "\p{Han}|\b`+m[1]+`: "HTTP`).MatchString(script.body))
	}
	for _, keeper := range []string{"localStorage", "sessionStorage", "document.cookie", "innerHTML"} {
		assert.True(t, keeper, !strings.Contains(script.body, keeper))
	}
}
