package gateway_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// S-32, HTTP-13: a refused handshake is answered as any other error over HTTP.
func TestRefusedHandshakesAreErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status  int
		method  string
		header  http.Header
		config  func(*gateway.Config)
		connect string
		reason  string
		first   bool // another handshake is admitted before
	}{
		{status: 400, header: http.Header{"Sec-Websocket-Key": {"no"}}, connect: "invalid_argument", reason: "malformed"},
		{status: 400, header: http.Header{"Sec-Websocket-Protocol": {"chat"}}, connect: "unimplemented", reason: "unsupported"},
		{status: 401, header: http.Header{"Authorization": {"Basic eDp5"}}, connect: "unauthenticated", reason: "token_invalid"},
		{status: 403, header: http.Header{"Origin": {"null"}}, connect: "permission_denied", reason: "origin_forbidden"},
		{status: 405, method: http.MethodPost, connect: "unimplemented", reason: "unsupported"},
		{status: 426, header: http.Header{"Upgrade": {"h2c"}}, connect: "unimplemented", reason: "unsupported"},
		{status: 429, config: func(c *gateway.Config) { c.MaxPerAddress = 1 }, connect: "resource_exhausted", reason: "rate_limited", first: true},
		{status: 429, config: func(c *gateway.Config) { c.MaxPendingPerAddress = 1 }, connect: "resource_exhausted", reason: "rate_limited", first: true},
		{status: 431, header: http.Header{"X-Many": make([]string, 120)}, connect: "out_of_range", reason: "request_too_large"},
		{status: 503, config: func(c *gateway.Config) { c.MaxPending = 1 }, connect: "unavailable", reason: "overloaded", first: true},
	} {
		t.Run(http.StatusText(tc.status)+" "+tc.reason, func(t *testing.T) {
			each(t, tc.config, func(t *testing.T, w *world) {
				knock := func(method string, set http.Header) *http.Response {
					req, err := http.NewRequestWithContext(t.Context(), method, w.url+"/v1/session", nil)
					assert.NoError(t, "request", err)
					req.Header = handshake()
					for k, v := range set {
						req.Header[k] = v
					}
					res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
					assert.NoError(t, "handshake", err)
					t.Cleanup(func() { _ = res.Body.Close() })
					return res
				}
				if tc.first {
					assert.Equal(t, "the first", knock(http.MethodGet, nil).StatusCode, http.StatusSwitchingProtocols)
				}
				res := knock(cmp.Or(tc.method, http.MethodGet), tc.header)
				assert.Equal(t, "status", res.StatusCode, tc.status)
				var body wire.ErrorBody
				assert.NoError(t, "JSON", json.NewDecoder(res.Body).Decode(&body))
				assert.Equal(t, "code", body.Code, tc.connect)
				assert.True(t, "one detail", len(body.Details) == 1)
				value, err := base64.RawStdEncoding.DecodeString(body.Details[0].Value)
				assert.NoError(t, "base64", err)
				var detail throngv1.Error
				assert.NoError(t, "detail", proto.Unmarshal(value, &detail))
				assert.Equal(t, "reason", detail.GetReason(), tc.reason)
				assert.Equal(t, "message", detail.GetMessage(), body.Message)
				assert.Equal(t, "Retry-After", res.Header.Get("Retry-After") != "", tc.status == 429 || tc.status == 503)
			})
		})
	}
}
