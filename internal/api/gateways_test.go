package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// chooser answers what it is told to, and notes who asked.
type chooser struct {
	nodes []cluster.Info
	err   error
	asked cluster.Ask
}

func (c *chooser) Gateways(_ context.Context, a cluster.Ask) ([]cluster.Info, error) {
	c.asked = a
	return c.nodes, c.err
}

// GATE-2, GATE-4, GATE-8: what the scheduler chose is answered, and it is told all that the client said.
func TestListGateways(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	choose := &chooser{nodes: []cluster.Info{{URL: "wss://b.example.com/v1/session", Zone: "south"}, {URL: "wss://a.example.com/v1/session"}}}
	behind := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Gateways = choose })
	a := behind.call(t, "AccessService/ListGateways", `{"zone":"south","failed":["wss://c.example.com/v1/session"]}`)
	assert.Equal(t, "status", a.status, http.StatusOK)
	assert.Equal(t, "gateways", fmt.Sprint(a.at("gateways")),
		"[map[url:wss://b.example.com/v1/session zone:south] map[url:wss://a.example.com/v1/session]]")
	assert.Equal(t, "valid", fmt.Sprint(a.at("validMs")), "10000")
	assert.True(t, fmt.Sprintf("asked %+v", choose.asked), choose.asked.User == 0 && choose.asked.Zone == "south" &&
		slices.Equal(choose.asked.Failed, []string{"wss://c.example.com/v1/session"}))

	choose.err = chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "come back")
	chat.AsError(choose.err).RetryAfter = 2 * time.Second
	a = behind.call(t, "AccessService/ListGateways", `{}`)
	assert.Equal(t, "nobody takes anybody", a.status, http.StatusServiceUnavailable)
	assert.Equal(t, "reason", a.reason(), "draining")
	assert.Equal(t, "when to come back", a.header.Get("Retry-After"), "2")
	choose.err = errors.New("secret")
	assert.Equal(t, "an error inside", behind.call(t, "AccessService/ListGateways", `{}`).reason(), "internal")

	for name, body := range map[string]string{
		"a long zone":        `{"zone":"` + strings.Repeat("z", 65) + `"}`,
		"too many that fail": `{"failed":["` + strings.Repeat(`a","`, 16) + `a"]}`,
	} {
		assert.Equal(t, name, behind.call(t, "AccessService/ListGateways", body).reason(), "field_too_large")
	}
}

// GATE-1: a good token says who asks; any other is none.
func TestListGatewaysKnowsTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, gone := w.person(t, false), w.person(t, false)
	off := true
	_, err := w.accounts.UpdateUser(t.Context(), gone.id, disable(&off))
	assert.NoError(t, "disabling", err)
	choose := &chooser{}
	behind := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Gateways = choose })
	for name, tc := range map[string]struct {
		options []option
		want    chat.UserID
	}{
		"nobody":                        {nil, 0},
		"a user":                        {[]option{bearer(p.token)}, p.id},
		"a disabled user":               {[]option{bearer(gone.token)}, 0},
		"nonsense":                      {[]option{bearer("nonsense")}, 0},
		"no bearer":                     {[]option{header("Authorization", "Basic abc")}, 0},
		"a back end":                    {[]option{bearer(serverKey)}, 0},
		"a back end that acts for one":  {[]option{bearer(serverKey), header("Throng-User", fmt.Sprint(p.id))}, p.id},
		"a user who would be a backend": {[]option{bearer(p.token), header("Throng-User", "1")}, 0},
	} {
		choose.asked = cluster.Ask{User: 99}
		a := behind.call(t, "AccessService/ListGateways", `{}`, tc.options...)
		assert.Equal(t, name, a.reason(), "ok")
		assert.Equal(t, name, choose.asked.User, tc.want)
	}
	a := behind.call(t, "AccessService/ListGateways?token=x", `{}`)
	assert.Equal(t, "a token in the URL", a.reason(), "malformed")
}

// GATE-2: where no gateway has a URL, the server's own address is answered, else the one that was asked.
func TestListGatewaysNamesTheDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for public, want := range map[string]string{
		"":                            "ws://chat.example.com:8080/v1/session",
		"https://public.example.com":  "wss://public.example.com/v1/session",
		"http://10.0.0.1:8080/behind": "ws://10.0.0.1:8080/behind/v1/session",
	} {
		for _, choose := range []api.Gateways{nil, &chooser{}} {
			s := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Gateways, d.PublicURL = choose, public })
			host := func(r *http.Request) { r.Host = "chat.example.com:8080" }
			a := s.call(t, "AccessService/ListGateways", `{}`, host)
			assert.Equal(t, "gateways", fmt.Sprint(a.at("gateways")), "[map[door:true url:"+want+"]]")
			if public != "" {
				continue
			}
			a = s.call(t, "AccessService/ListGateways", `{}`, host, header("X-Forwarded-Proto", "https"))
			assert.Equal(t, "over TLS", fmt.Sprint(a.at("gateways")), "[map[door:true url:wss://chat.example.com:8080/v1/session]]")
			a = s.call(t, "AccessService/ListGateways", `{}`, func(r *http.Request) { r.Host = "" })
			assert.Equal(t, "no host", a.reason(), "malformed")
		}
	}
}

func TestSessionURL(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://a.example.com": "wss://a.example.com/v1/session", "http://a:1/": "ws://a:1/v1/session",
		"wss://a/x": "wss://a/x/v1/session", "ws://[::1]:8080": "ws://[::1]:8080/v1/session", "": "", "a": "", "http://%zz": "",
	} {
		assert.Equal(t, base, api.SessionURL(base), want)
	}
}
