package clienttest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// peeked is a connection of which something was looked at.
type peeked struct {
	net.Conn

	r *bufio.Reader
}

func (c peeked) Read(b []byte) (int, error) { return c.r.Read(b) }

// call answers the one request over HTTP that a connection began with; ok is false where it begins with something else.
func (s *Server) call(c peeked) (ok bool) {
	if head, err := c.r.Peek(len(http.MethodPost)); err != nil || string(head) != http.MethodPost {
		return false
	}
	r, err := http.ReadRequest(c.r)
	if err != nil {
		return true
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return true
	}
	status, kind, answer := s.answerCall(r.URL.Path, body)
	w := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {kind}},
		Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Close: true, Request: r,
	}
	_ = w.Write(c) // the client has gone
	return true
}

// answerCall is the access call, and 404 for all others.
func (s *Server) answerCall(path string, body []byte) (status int, kind string, answer []byte) {
	req := new(throngv1.ListGatewaysRequest)
	if path != throngv1connect.AccessServiceListGatewaysProcedure || s.OnGateways == nil || proto.Unmarshal(body, req) != nil {
		return refuse(http.StatusNotFound, "unimplemented", &throngv1.Error{Code: throngv1.Code_CODE_NOT_FOUND, Reason: "route_not_found"})
	}
	urls, wait := s.OnGateways(req)
	if wait > 0 {
		return refuse(http.StatusServiceUnavailable, "unavailable", &throngv1.Error{
			Code: throngv1.Code_CODE_UNAVAILABLE, Reason: "draining", RetryAfterMs: uint32(wait.Milliseconds()),
		})
	}
	resp := &throngv1.ListGatewaysResponse{ValidMs: uint32(gatewaysValid.Milliseconds())}
	for _, u := range urls {
		g := &throngv1.Gateway{Url: u, Door: u == ""}
		if g.GetDoor() {
			g.Url = "ws://seen-from-inside.test/v1/session"
		}
		resp.Gateways = append(resp.Gateways, g)
	}
	b, err := proto.Marshal(resp)
	if err != nil {
		return http.StatusInternalServerError, "text/plain", nil
	}
	return http.StatusOK, "application/proto", b
}

// gatewaysValid is how long the model's answers are good.
const gatewaysValid = 10 * time.Second

// refuse is an error as Connect has it.
func refuse(status int, code string, e *throngv1.Error) (int, string, []byte) {
	detail, err := proto.Marshal(e)
	if err != nil {
		return http.StatusInternalServerError, "text/plain", nil
	}
	b, err := json.Marshal(map[string]any{
		"code":    code,
		"details": []map[string]string{{"type": "throng.v1.Error", "value": base64.RawStdEncoding.EncodeToString(detail)}},
	})
	if err != nil {
		return http.StatusInternalServerError, "text/plain", nil
	}
	return status, "application/json", b
}
