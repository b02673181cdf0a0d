package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/pressure"
)

// gateways asks where to open a session; it returns the URLs, or the reason why there is none.
func gateways(t testing.TB, s *server, token string) string {
	t.Helper()
	status, out := call(t, s, token, "AccessService/ListGateways", map[string]any{})
	list, _ := out["gateways"].([]any)
	urls := make([]string, len(list))
	for i, g := range list {
		m, _ := g.(map[string]any)
		urls[i] = fmt.Sprint(m["url"])
	}
	if status != http.StatusOK {
		details, _ := out["details"].([]any)
		d, _ := details[0].(map[string]any)
		debug, _ := d["debug"].(map[string]any)
		return fmt.Sprint(debug["reason"])
	}
	return strings.Join(urls, " ")
}

// GATE-2, GATE-3: the node announces itself, with what changes while it runs.
func TestTheNodeIsAGateway(t *testing.T) {
	t.Parallel()
	c := settings(t)
	s := begin(t, c)
	assert.Equal(t, "a server by itself names itself", gateways(t, s, ""), strings.Replace(s.URL(), "http", "ws", 1)+"/v1/session")

	c = settings(t)
	c.Access.URL, c.Access.Zone, c.Gateway.MaxConnections = "https://node1.example.com", "north", 777
	s = begin(t, c)
	assert.Equal(t, "one with a URL of its own", gateways(t, s, ""), "wss://node1.example.com/v1/session")
	nodes := app.Nodes(t, s.App)
	assert.True(t, fmt.Sprintf("its info: %+v", nodes), len(nodes) == 1 && nodes[0].Node != "" && nodes[0].Zone == "north" &&
		nodes[0].Version == "test" && nodes[0].Label == "test" && nodes[0].Weight == 100 && nodes[0].Capacity == 777 && !nodes[0].Draining &&
		time.Since(nodes[0].Started) < time.Minute && nodes[0].Connections == 0)
	connect(t, s, "ada")
	eventually(t, "a connection is announced", func() bool { return app.Nodes(t, s.App)[0].Connections == 1 })

	next := *c
	next.Access.Weight = 0
	s.Reload(&next)
	eventually(t, "the weight is reloaded", func() bool { return gateways(t, s, "") == "overloaded" })
	s.Reload(c)
	eventually(t, "and back", func() bool { return strings.HasPrefix(gateways(t, s, ""), "wss:") })
	op := operator(t, c)
	_, err := op.ForcePressure(t.Context(), pressure.AdmissionClosed, 0)
	assert.NoError(t, "hold", err)
	eventually(t, "who turns newcomers away is sent none", func() bool { return gateways(t, s, "") == "overloaded" })
}

// GATE-3, S-30, S-32: a drained node is announced, turns red, refuses newcomers and ends empty; HTTP is served on. It can be taken back.
func TestOperatorDrainsTheNode(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	op := operator(t, s.cfg)
	people := make([]*person, 5)
	for i := range people {
		people[i] = connect(t, s, fmt.Sprint("person", i))
		await(t, people[i], func(e client.StateChanged) bool { return e.State.Phase == client.Online })
	}
	st, err := op.DrainStatus(t.Context())
	assert.NoError(t, "status", err)
	assert.True(t, "nothing drains", !st.Draining && st.Connections == len(people))

	st, err = op.Drain(t.Context(), 400*time.Millisecond)
	assert.NoError(t, "drain", err)
	assert.True(t, "it drains", st.Draining && time.Since(st.Since) < time.Minute)
	assert.Equal(t, "clients are sent elsewhere", gateways(t, s, ""), "draining")
	status, _ := get(t, s.URL()+"/readyz")
	assert.Equal(t, "readiness", status, http.StatusServiceUnavailable)
	status, text := get(t, strings.TrimSuffix(s.MetricsURL(), "/metrics")+"/readyz")
	assert.True(t, "for operators with the reason: "+text, status == http.StatusServiceUnavailable && strings.Contains(text, "drain"))
	status, retry := handshake(t, s.URL())
	assert.True(t, "newcomers are refused, and told when to come back", status == http.StatusServiceUnavailable && retry == "2")
	_, text = get(t, s.MetricsURL())
	assert.True(t, "the metrics say so", strings.Contains(text, "throng_gateway_draining 1") &&
		strings.Contains(text, `throng_access_answers_total{answer="draining"} 1`))
	for _, p := range people {
		left := await(t, p, func(e client.StateChanged) bool { return e.State.Phase == client.Waiting })
		assert.True(t, fmt.Sprintf("told to go: %v", left.State.Cause), strings.Contains(left.State.Cause.Error(), "4100 draining"))
	}
	eventually(t, "it ends empty", func() bool {
		st, err := op.DrainStatus(t.Context())
		return err == nil && st.Draining && st.Connections == 0
	})
	status, _ = call(t, s, people[0].token, "AccountService/GetMe", map[string]any{})
	assert.Equal(t, "HTTP is served on", status, http.StatusOK)
	st, err = op.Drain(t.Context(), 0)
	assert.True(t, "again changes nothing", err == nil && st.Draining)
	_, err = op.Drain(t.Context(), 2*time.Hour)
	assert.True(t, "not for ever", err != nil && strings.Contains(err.Error(), "up to 1h"))

	st, err = op.UndoDrain(t.Context())
	assert.True(t, "undo", err == nil && !st.Draining)
	status, _ = get(t, s.URL()+"/readyz")
	assert.Equal(t, "readiness after it", status, http.StatusOK)
	assert.True(t, "clients are sent here again", strings.HasPrefix(gateways(t, s, ""), "ws://"))
	for _, p := range people {
		p.Retry()
		await(t, p, func(e client.StateChanged) bool { return e.State.Phase == client.Online })
	}
	st, err = op.UndoDrain(t.Context())
	assert.True(t, "undo of nothing", err == nil && !st.Draining && st.Connections == len(people))
}

// A server that stops has said so before it refuses anybody, and a drain that an operator began is no obstacle.
func TestAStoppingNodeIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	for _, drained := range []bool{false, true} {
		s := begin(t, settings(t))
		p := connect(t, s, "ada")
		await(t, p, func(e client.StateChanged) bool { return e.State.Phase == client.Online })
		if drained {
			_, err := operator(t, s.cfg).Drain(t.Context(), time.Hour)
			assert.NoError(t, "drain", err)
		}
		s.stop()
		await(t, p, func(e client.StateChanged) bool { return e.State.Phase == client.Waiting })
		nodes := app.Nodes(t, s.App)
		assert.True(t, "draining", len(nodes) == 1 && nodes[0].Draining)
		assert.NoError(t, "end", s.end())
	}
}
