package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/trace"
)

// collector takes spans, as OpenTelemetry's does.
type collector struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*tracepb.Span
}

func collect(t testing.TB) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, "reading spans", err)
		d := new(tracepb.TracesData)
		assert.NoError(t, "decoding spans", proto.Unmarshal(body, d))
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, source := range d.GetResourceSpans() {
			for _, scope := range source.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of returns the spans of a trace by their names.
func (c *collector) of(id string) map[string]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*tracepb.Span{}
	for _, s := range c.spans {
		if hexOf(s.GetTraceId()) == id {
			out[s.GetName()] = s
		}
	}
	return out
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// number reads one as JSON has it.
func number(t testing.TB, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	assert.NoError(t, "number", err)
	return n
}

// TestWhereAMessageWent: the operator is told of every step of a message, the collector too, and what is not known is said. SEND-21: what
// the caller calls it is linked to, and decides nothing.
func TestWhereAMessageWent(t *testing.T) {
	t.Parallel()
	spans := collect(t)
	cfg := settings(t)
	cfg.Tracing.Endpoint, cfg.Tracing.Ratio = spans.URL, 1
	s := begin(t, cfg)
	ada, bob := connect(t, s, "ada"), connect(t, s, "bob")
	_, out := call(t, s, ada.token, "ConversationService/OpenDirect", map[string]any{"user": bob.id})
	id := idOf(out["conversation"])
	conversation := number(t, id)
	const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	say := func(body client.Body) uint64 { // on a session
		h, err := ada.Send(t.Context(), client.ConversationID(conversation), body)
		assert.NoError(t, "send on a session", err)
		done, err := h.Wait(t.Context())
		assert.NoError(t, "acknowledgement", err)
		return done.Seq
	}
	first := say(client.Text("are you there?")) // both have a session from here on
	await(t, bob, func(m client.Message) bool { return m.Entry.GetSeq() == first })
	send := func(traceparent string) (repeat any, seq uint64) {
		status, sent := callFrom(t, s, ada.token, traceparent, "MessageService/Send", map[string]any{
			"conversation": id, "clientId": "AAAAAAAAAAAAAAAAAAAAAQ==", "text": "a secret word",
		})
		assert.Equal(t, "send", status, http.StatusOK)
		return sent["repeat"], number(t, fmt.Sprint(sent["seq"]))
	}
	_, seq := send(caller)
	repeat, again := send("no trace context")
	assert.Equal(t, "the repeat of a send that names another caller", repeat, any(true))
	assert.Equal(t, "its seq", again, seq)
	await(t, bob, func(m client.Message) bool { return m.Entry.GetSeq() == seq })
	more := say(client.Text("and one more").Traced(caller))
	_, read := call(t, s, bob.token, "MessageService/MarkRead", map[string]any{"conversation": id, "seq": seq})
	assert.True(t, "read", read != nil)

	op := operator(t, cfg)
	report, err := op.Trace(t.Context(), conversation, seq)
	assert.NoError(t, "trace", err)
	var text strings.Builder
	for limit := time.Now().Add(20 * time.Second); ; { // the last step is noted a moment after it was made
		text.Reset()
		assert.NoError(t, "writing", report.Write(&text))
		if strings.Contains(text.String(), "delivered     to 2 sessions") || time.Now().After(limit) {
			break
		}
		report, err = op.Trace(t.Context(), conversation, seq)
		assert.NoError(t, "trace", err)
	}
	for _, part := range []string{
		"text by user " + ada.id, "client id", "00000000-0000-0000-0000-000000000001", "direct of 2 members, small", "slot ",
		"events stand beside the log", "by 1 of the 1 member who may", report.Trace + ", sent to the collector",
		"handed in; waited", "with 0 other drafts", "called from trace " + caller, "on write: to the nodes of 2 members, which are 1",
		"came to the node; goes out at once", "written to ", " of event loop ", "delivered     to 2 sessions", "(asked here)",
	} {
		assert.True(t, "the report says "+part+":\n"+text.String(), strings.Contains(text.String(), part))
	}
	named := false // by one of its steps, which are noted side by side
	for limit := time.Now().Add(20 * time.Second); !named && time.Now().Before(limit); {
		second, err := op.Trace(t.Context(), conversation, more)
		assert.NoError(t, "trace of the second", err)
		named = slices.ContainsFunc(second.Nodes[0].Steps, func(s trace.Step) bool { return s.Caller == caller })
	}
	assert.True(t, "its caller is named", named)
	assert.True(t, "no content is in it", !strings.Contains(text.String(), "secret"))
	assert.True(t, "nothing is unknown:\n"+text.String(), !strings.Contains(text.String(), "unknown"))

	var got map[string]*tracepb.Span
	for limit := time.Now().Add(20 * time.Second); len(got) < 4 && time.Now().Before(limit); <-time.After(20 * time.Millisecond) {
		got = spans.of(report.Trace)
	}
	root := got["throng.append"]
	assert.True(t, "the root is there", root != nil)
	assert.Equal(t, "its link", hexOf(root.GetLinks()[0].GetTraceId()), caller[3:35])
	for _, name := range []string{"throng.fanout", "throng.receive", "throng.write"} {
		child := got[name]
		assert.True(t, name+" is there", child != nil)
		assert.Equal(t, name+"'s parent", hexOf(child.GetParentSpanId()), hexOf(root.GetSpanId()))
		assert.True(t, name+" is no earlier than the root", child.GetStartTimeUnixNano() >= root.GetStartTimeUnixNano())
	}

	// A server that was started since knows what the log knows.
	assert.NoError(t, "end", s.end())
	cfg.Tracing.Endpoint, cfg.Tracing.Ratio = "", 0
	begin(t, cfg)
	report, err = operator(t, cfg).Trace(t.Context(), conversation, seq)
	assert.NoError(t, "trace", err)
	text.Reset()
	assert.NoError(t, "writing", report.Write(&text))
	for _, part := range []string{
		"text by user " + ada.id, "by 1 of the 1 member who may", "delivered     unknown: no node remembers it", "when it was handed in, and on which node",
		"when it was started",
	} {
		assert.True(t, "the report says "+part+":\n"+text.String(), strings.Contains(text.String(), part))
	}
}

// TestWhereNothingWent: mistakes are told in words.
func TestWhereNothingWent(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Tracing.RecentBytes = 0 // off
	s := begin(t, cfg)
	ada, bob := connect(t, s, "ada"), connect(t, s, "bob")
	_, out := call(t, s, ada.token, "ConversationService/OpenDirect", map[string]any{"user": bob.id})
	conversation := number(t, idOf(out["conversation"]))
	op := operator(t, cfg)
	for _, c := range []struct {
		conversation, seq uint64
		says              string
	}{
		{conversation, 2, "ends at seq 1; there is no 2 yet"},
		{conversation + 1_000_000, 1, "there is no conversation"},
		{conversation, 0, "decimal number from 1"},
		{1 << 60, 1, "decimal number from 1"},
	} {
		_, err := op.Trace(t.Context(), c.conversation, c.seq)
		assert.True(t, fmt.Sprintf("%v says %s", err, c.says), err != nil && strings.Contains(err.Error(), c.says))
	}
	report, err := op.Trace(t.Context(), conversation, 1)
	assert.NoError(t, "trace", err)
	var text strings.Builder
	assert.NoError(t, "writing", report.Write(&text))
	for _, part := range []string{"created by", "it is set to remember nothing", "delivered     unknown"} {
		assert.True(t, "the report says "+part+":\n"+text.String(), strings.Contains(text.String(), part))
	}
	assert.Equal(t, "no trace", report.Trace, "")
}
