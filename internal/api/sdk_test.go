package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	rpc "github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// authorized adds a token to every call of a client.
func authorized(token string) connect.ClientOption {
	return connect.WithInterceptors(tokenInterceptor(token))
}

type tokenInterceptor string

func (i tokenInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		r.Header().Set("Authorization", "Bearer "+string(i))
		return next(ctx, r)
	}
}

func (i tokenInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set("Authorization", "Bearer "+string(i))
		return conn
	}
}

func (i tokenInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// The clients that Connect generates understand the server: protobuf and JSON, compressed or not, errors and streams.
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	p := c.people[member]
	w.send(t, p.id, c.group, strings.Repeat("a long text that is worth compressing ", 200))
	srv := httptest.NewServer(w.handler)
	t.Cleanup(srv.Close)
	for name, options := range map[string][]connect.ClientOption{
		"protobuf":       nil,
		"protobuf, gzip": {connect.WithSendGzip()},
		"JSON":           {connect.WithProtoJSON()},
	} {
		options = append(options, authorized(p.token))
		messages := rpc.NewMessageServiceClient(srv.Client(), srv.URL, options...)
		page, err := messages.ListEntries(t.Context(), connect.NewRequest(&throngv1.ListEntriesRequest{Conversation: uint64(c.group)}))
		assert.NoError(t, name, err)
		assert.True(t, name+": the long text", len(page.Msg.GetEntries()[len(page.Msg.GetEntries())-1].GetText()) > 7_000)

		_, err = messages.ListEntries(t.Context(), connect.NewRequest(&throngv1.ListEntriesRequest{Conversation: 999_999}))
		var refused *connect.Error
		assert.True(t, name+": a Connect error", errors.As(err, &refused))
		assert.Equal(t, name+": code", refused.Code(), connect.CodeNotFound)
		assert.Equal(t, name+": details", len(refused.Details()), 1)
		detail, err := refused.Details()[0].Value()
		assert.NoError(t, name, err)
		told, ok := detail.(*throngv1.Error)
		assert.True(t, name+": our detail", ok)
		assert.Equal(t, name+": reason", told.GetReason(), "conversation_not_found")

		stream, err := rpc.NewAccountServiceClient(srv.Client(), srv.URL, options...).
			ExportData(t.Context(), connect.NewRequest(&throngv1.ExportDataRequest{}))
		assert.NoError(t, name, err)
		kinds := map[string]int{}
		for stream.Receive() {
			kinds[stream.Msg().GetKind()]++
		}
		assert.NoError(t, name, stream.Err())
		assert.NoError(t, name, stream.Close())
		assert.Equal(t, name+": messages", kinds["message"], 1)
	}
}

// Guarantee of T21: a body that comes byte by byte is cut off; it holds no goroutine for longer than a request may take.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	cfg := api.Default()
	cfg.RequestTimeout = time.Second
	h, err := api.New(cfg, w.deps)
	assert.NoError(t, "making the API", err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	assert.NoError(t, "dialling", err)
	defer conn.Close() //nolint:errcheck // the test is over
	assert.NoError(t, "bounding the test", conn.SetDeadline(time.Now().Add(20*time.Second)))
	begun := time.Now()
	_, err = fmt.Fprintf(conn, "POST /throng.v1.AccountService/GetMe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{", p.token)
	assert.NoError(t, "writing", err)
	answer, err := io.ReadAll(conn)
	assert.NoError(t, "reading until the server closes", err)
	assert.True(t, "within its time", time.Since(begun) < 10*time.Second)
	assert.True(t, "no failure inside: "+string(answer), !strings.Contains(string(answer), " 500 "))
	assert.True(t, "an answer with a reason: "+string(answer), strings.Contains(string(answer), "reason"))
}

// A cut-off client is no error of ours.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/throng.v1.MessageService/Sync", strings.NewReader(`{}`))
	r.Header.Set("Content-Type", "application/json")
	bearer(p.token)(r)
	a := do(t, w.handler, r)
	assert.True(t, fmt.Sprintf("status %d", a.status), a.status == 499 || a.status == http.StatusOK)
	assert.True(t, "nothing is logged as a failure", !strings.Contains(w.logs.String(), "request failed"))
}
