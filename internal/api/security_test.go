package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

const refreshPath = "/throng.v1.AccountService/Refresh"

// Guarantees 1 and 2, S-3, HTTP-7: pages of other origins are refused, whatever they carry.
func TestOrigins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *account.Config, d *api.Deps) {
		d.AllowedOrigins = func() []string { return []string{"https://chat.example.com"} }
	})
	p := w.person(t, false)
	for _, row := range []struct {
		name    string
		headers map[string]string
		want    string
	}{
		{"no browser", nil, "ok"},
		{"own origin", map[string]string{"Origin": "http://example.com"}, "ok"},
		{"own origin behind TLS", map[string]string{"Origin": "https://EXAMPLE.com"}, "ok"},
		{"allowed origin", map[string]string{"Origin": "https://chat.example.com"}, "ok"},
		{"foreign origin", map[string]string{"Origin": "https://evil.example"}, "origin_forbidden"},
		{"suffix of an allowed one", map[string]string{"Origin": "https://chat.example.com.evil.example"}, "origin_forbidden"},
		{"allowed host, other scheme", map[string]string{"Origin": "http://chat.example.com"}, "origin_forbidden"},
		{"own host, other port", map[string]string{"Origin": "http://example.com:81"}, "origin_forbidden"},
		{"own host, other scheme", map[string]string{"Origin": "ftp://example.com"}, "origin_forbidden"},
		{"null", map[string]string{"Origin": "null"}, "origin_forbidden"},
		{"empty", map[string]string{"Origin": ""}, "origin_forbidden"},
		{"cross site without an origin", map[string]string{"Sec-Fetch-Site": "cross-site"}, "origin_forbidden"},
		{"same origin by fetch metadata", map[string]string{"Sec-Fetch-Site": "same-origin"}, "ok"},
	} {
		options := []option{bearer(p.token)}
		for k, v := range row.headers {
			options = append(options, header(k, v))
		}
		a := w.call(t, "AccountService/GetMe", `{}`, options...)
		assert.Equal(t, row.name, a.reason(), row.want)
		allowed := a.header.Get("Access-Control-Allow-Origin")
		assert.Equal(t, row.name+": CORS", allowed != "", row.name == "allowed origin")
		assert.Equal(t, row.name+": credentials", a.header.Get("Access-Control-Allow-Credentials"), "")
	}
}

// HTTP-7.
func TestPreflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *account.Config, d *api.Deps) { d.AllowedOrigins = func() []string { return []string{"*"} } })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/throng.v1.MessageService/Send", nil)
	r.Header.Set("Origin", "https://anywhere.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	a := do(t, w.handler, r)
	assert.Equal(t, "status", a.status, http.StatusNoContent)
	assert.Equal(t, "origin", a.header.Get("Access-Control-Allow-Origin"), "https://anywhere.example")
	assert.True(t, "the token's header is allowed", strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization"))
	assert.Equal(t, "Vary", a.header.Get("Vary"), "Origin")
}

// Guarantees 5 and 26, S-4, HTTP-3: where a token may stand, and in which form.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	for _, row := range []struct {
		name, authorization, query, want string
	}{
		{"bearer", "Bearer " + p.token, "", "ok"},
		{"bearer in other letters", "bearer " + p.token, "", "ok"},
		{"nothing", "", "", "token_missing"},
		{"empty", "Bearer ", "", "token_invalid"},
		{"basic", "Basic " + p.token, "", "token_invalid"},
		{"two tokens", "Bearer " + p.token + " " + p.token, "", "token_invalid"},
		{"a list", "Bearer " + p.token + ",Bearer " + p.token, "", "token_invalid"},
		{"no token of ours", "Bearer abc", "", "token_invalid"},
		{"alg none", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "", "token_invalid"},
		{"a token too long", "Bearer " + strings.Repeat("a", 8<<10), "", "token_invalid"},
		{"in the query", "", "?access_token=" + p.token, "malformed"},
		{"in the query too", "Bearer " + p.token, "?token=" + p.token, "malformed"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/throng.v1.AccountService/GetMe"+row.query, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		if row.authorization != "" {
			r.Header.Set("Authorization", row.authorization)
		}
		a := do(t, w.handler, r)
		assert.Equal(t, row.name, a.reason(), row.want)
		if a.status == http.StatusUnauthorized {
			assert.Equal(t, row.name, a.header.Get("WWW-Authenticate"), "Bearer")
		}
	}
	signIn := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/throng.v1.AccountService/SignIn?token=x", strings.NewReader("{}"))
	signIn.Header.Set("Content-Type", "application/json")
	assert.Equal(t, "a token in the URL of a public route", do(t, w.handler, signIn).reason(), "malformed")
	session := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/session?access_token=x", nil)
	assert.Equal(t, "a token in the URL of a session", do(t, w.handler, session).reason(), "malformed")
}

// Guarantee 30: a token of who was signed out, disabled or deleted is worth nothing at once.
func TestEndedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.person(t, true)
	for name, end := range map[string]func(p person) answer{
		"signed_out": func(p person) answer {
			return w.call(t, "AdminService/SignOutUser", fmt.Sprintf(`{"user":"%d"}`, p.id), bearer(admin.token))
		},
		"user_disabled": func(p person) answer {
			return w.call(t, "AdminService/UpdateUser", fmt.Sprintf(`{"user":"%d","disabled":true}`, p.id), bearer(admin.token))
		},
	} {
		p := w.person(t, false)
		assert.Equal(t, "before", w.call(t, "AccountService/GetMe", `{}`, bearer(p.token)).reason(), "ok")
		assert.Equal(t, name, end(p).reason(), "ok")
		assert.Equal(t, "after", w.call(t, "AccountService/GetMe", `{}`, bearer(p.token)).reason(), name)
	}
}

// HTTP-5: a back end acts for users that exist, and only a back end does.
func TestActing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, admin, off := w.person(t, false), w.person(t, true), w.person(t, false)
	yes := true
	_, err := w.accounts.UpdateUser(t.Context(), off.id, disable(&yes))
	assert.NoError(t, "disabling", err)
	for _, row := range []struct{ token, user, want string }{
		{serverKey, fmt.Sprint(p.id), "ok"},
		{serverKey, fmt.Sprint(off.id), "user_disabled"},
		{serverKey, "999999", "user_not_found"},
		{serverKey, "0", "id_invalid"},
		{serverKey, "01", "id_invalid"},
		{serverKey, "-1", "id_invalid"},
		{serverKey, "", "id_invalid"},
		{serverKey, p.handle, "id_invalid"},
		{p.token, fmt.Sprint(p.id), "forbidden"},
		{admin.token, fmt.Sprint(p.id), "forbidden"},
	} {
		a := w.call(t, "AccountService/GetMe", `{}`, bearer(row.token), header("Throng-User", row.user))
		assert.Equal(t, "acting for "+row.user, a.reason(), row.want)
		if row.want == "ok" {
			assert.Equal(t, "who it is", a.text("user.id"), row.user)
		}
	}
}

// cookieOf finds the refresh cookie of an answer.
func cookieOf(a answer) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == "throng_refresh" {
			return c
		}
	}
	return nil
}

// Guarantees 4, 37 and 38, HTTP-6: the one cookie, and what it is good for.
func TestRefreshCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Equal(t, "sign up", w.call(t, "AccountService/SignUp", `{"handle":"ada","password":"correct horse battery"}`).reason(), "ok")
	signIn := func(options ...option) answer {
		return w.call(t, "AccountService/SignIn", `{"handle":"ada","password":"correct horse battery","device":{"cookie":true}}`, options...)
	}
	plain := signIn()
	assert.Equal(t, "the token is in the cookie alone", plain.text("tokens.refreshToken"), "")
	c := cookieOf(plain)
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != refreshPath || c.Secure {
		t.Fatalf("cookie over plain http: %+v", c)
	}
	secure := cookieOf(signIn(header("X-Forwarded-Proto", "https")))
	if secure == nil || !secure.Secure {
		t.Fatalf("cookie over https: %+v", secure)
	}
	with := func(c *http.Cookie, options ...option) answer {
		return w.call(t, "AccountService/Refresh", `{}`, append(options, header("Cookie", c.Name+"="+c.Value))...)
	}
	assert.Equal(t, "no proof of origin", with(c).reason(), "origin_forbidden")
	assert.Equal(t, "foreign origin", with(c, header("Origin", "https://evil.example")).reason(), "origin_forbidden")
	assert.Equal(t, "no bearer by cookie", w.call(t, "AccountService/GetMe", `{}`, header("Cookie", c.Name+"="+c.Value)).reason(), "token_missing")
	refreshed := with(c, header("Origin", "http://example.com"))
	assert.Equal(t, "refresh", refreshed.reason(), "ok")
	assert.Equal(t, "the next token is in the cookie alone", refreshed.text("tokens.refreshToken"), "")
	next := cookieOf(refreshed)
	if next == nil || next.Value == c.Value {
		t.Fatalf("the next cookie: %+v", next)
	}
	out := w.call(t, "AccountService/SignOut", `{}`, bearer(refreshed.text("tokens.accessToken")), header("Origin", "http://example.com"))
	assert.Equal(t, "sign out", out.reason(), "ok")
	if ended := cookieOf(out); ended == nil || ended.MaxAge >= 0 {
		t.Errorf("signing out leaves the cookie: %+v", ended)
	}
	gone := with(next, header("Origin", "http://example.com"))
	assert.Equal(t, "after signing out", gone.status, http.StatusUnauthorized)
	if ended := cookieOf(gone); ended == nil || ended.MaxAge >= 0 {
		t.Errorf("a dead cookie stays: %+v", ended)
	}
}

// Guarantee 10, ERR-7.
func TestTooManyHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for i := range 101 {
		r.Header.Add("X-Header", fmt.Sprint(i))
	}
	assert.Equal(t, "status", do(t, w.handler, r).status, http.StatusRequestHeaderFieldsTooLarge)
	for size, want := range map[int]int{15 << 10: http.StatusOK, 16 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("X-Header", strings.Repeat("x", size))
		assert.Equal(t, fmt.Sprint(size), do(t, w.handler, r).status, want)
	}
}

// HTTP-10, and what keeps browsers from misusing an answer.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/nowhere", "/openapi.json", "/healthz", "/throng.v1.AccountService/GetMe"} {
		a := do(t, w.handler, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			assert.Equal(t, path+" "+name, a.header.Get(name), want)
		}
		assert.True(t, path+": Content-Security-Policy", strings.HasPrefix(a.header.Get("Content-Security-Policy"), "default-src 'none'"))
		assert.Equal(t, path+": length of Request-Id", len(a.header.Get("Request-Id")), 16)
	}
}

// HTTP-1: gRPC and forms are not served; the content type decides before anything is read.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	for contentType, want := range map[string]int{
		"application/json":                  http.StatusOK,
		"application/json; charset=utf-8":   http.StatusOK,
		"application/json;charset=UTF-8":    http.StatusOK,
		"application/json; charset=latin1":  http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"application/grpc":                  http.StatusUnsupportedMediaType,
		"application/grpc-web+json":         http.StatusUnsupportedMediaType,
		"application/connect+json":          http.StatusUnsupportedMediaType,
		"":                                  http.StatusUnsupportedMediaType,
	} {
		a := w.call(t, "AccountService/GetMe", `{}`, bearer(p.token), header("Content-Type", contentType))
		if a.status != want {
			t.Errorf("%q: %d, want %d: %s", contentType, a.status, want, a.body)
		}
		if a.status != http.StatusOK {
			assert.Equal(t, contentType, a.reason(), "unsupported")
		}
	}
}

// broken is a timeline that fails in the way that strangers must not read of.
type broken struct {
	api.Timelines
	err error
}

func (b broken) Sync(context.Context, chat.UserID, timeline.Query) (timeline.Changes, error) {
	if b.err == nil {
		panic("secret of the panic")
	}
	return timeline.Changes{}, b.err
}

// ERR-3: strangers read "internal error" and a number under which the log has the rest.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	for name, err := range map[string]error{"an error": errors.New("secret of the disk"), "a panic": nil} {
		logs := new(logBuffer)
		broke := newAPI(t, w, logs, func(d *api.Deps) { d.Timelines = broken{err: err} })
		a := broke.call(t, "MessageService/Sync", `{}`, bearer(p.token))
		assert.Equal(t, name, a.status, http.StatusInternalServerError)
		assert.Equal(t, name, a.reason(), "internal")
		id := a.header.Get("Request-Id")
		assert.True(t, name+": names the request", strings.Contains(a.body, id))
		assert.True(t, name+": tells nothing", !strings.Contains(a.body, "secret"))
		assert.True(t, name+": is logged", strings.Contains(logs.String(), "secret") && strings.Contains(logs.String(), id))
	}
}

// slow lets nobody through.
type slow struct{}

func (slow) TakeFind(chat.UserID) time.Duration    { return 0 }
func (slow) TakeRequest(chat.UserID) time.Duration { return 1500 * time.Millisecond }
func (slow) TakeSend(chat.UserID, chat.ConversationID) *chat.Error {
	err := chat.Errorf(chat.CodeRateLimited, chat.ReasonConversationBusy, "wait")
	err.RetryAfter = time.Minute
	return err
}
func (slow) GiveSend(chat.ConversationID)     {}
func (slow) TakeAddress(string) time.Duration { return time.Hour }

// Guarantee 66, ERR-4, GATE-1: who is too fast is told when to come back.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	limited := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Limits = slow{} })
	for procedure, retry := range map[string]string{
		"AccountService/GetMe": "2", "AccountService/SignIn": "3600", "AccountService/SignUp": "3600", "AccountService/Refresh": "3600",
		"AccessService/ListGateways": "3600",
	} {
		a := limited.call(t, procedure, `{}`, bearer(p.token))
		assert.Equal(t, procedure, a.reason(), "rate_limited")
		assert.Equal(t, procedure, a.status, http.StatusTooManyRequests)
		assert.Equal(t, procedure+" Retry-After", a.header.Get("Retry-After"), retry)
	}
	onlySend := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Limits = sendOnly{} })
	a := onlySend.call(t, "MessageService/Send", `{}`, bearer(p.token))
	assert.Equal(t, "a send's Retry-After", a.header.Get("Retry-After"), "60")
	assert.Equal(t, "a send's reason", a.reason(), "conversation_busy")
}

type sendOnly struct{ slow }

func (sendOnly) TakeFind(chat.UserID) time.Duration    { return 0 }
func (sendOnly) TakeRequest(chat.UserID) time.Duration { return 0 }

// HTTP-11.
func TestReadiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	down := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Ready = func(context.Context) error { return errors.New("secret: disk full") } })
	a := do(t, down.handler, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	assert.Equal(t, "status", a.status, http.StatusServiceUnavailable)
	assert.True(t, "the cause stays inside", !strings.Contains(a.body, "secret"))
	a = do(t, down.handler, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	assert.Equal(t, "it lives all the same", a.status, http.StatusOK)
}
