package api

import (
	"context"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// accessHandler is throng.v1.AccessService.
type accessHandler struct{ s *Server }

const (
	// gatewaysValid is how long clients may go by an answer: shorter than a restart takes, longer than a few attempts.
	gatewaysValid = 10 * time.Second
	// maxFailed bounds how many gateways a client may complain about.
	maxFailed = 16
)

// ListGateways implements the procedure of the same name.
func (h accessHandler) ListGateways(
	ctx context.Context, r *connect.Request[throngv1.ListGatewaysRequest],
) (*connect.Response[throngv1.ListGatewaysResponse], error) {
	ask := cluster.Ask{User: requestOf(ctx).caller.user, Zone: r.Msg.GetZone(), Failed: r.Msg.GetFailed()}
	if len(ask.Zone) > cluster.MaxZone || len(ask.Failed) > maxFailed {
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge,
			"a zone has at most %d bytes, and at most %d gateways are told to have failed", cluster.MaxZone, maxFailed)
	}
	var nodes []cluster.Info
	if g := h.s.deps.Gateways; g != nil {
		var err error
		if nodes, err = g.Gateways(ctx, ask); err != nil {
			return nil, err
		}
	}
	out := &throngv1.ListGatewaysResponse{ValidMs: uint32(gatewaysValid.Milliseconds())}
	for i := range nodes {
		out.Gateways = append(out.Gateways, &throngv1.Gateway{Url: nodes[i].URL, Zone: nodes[i].Zone})
	}
	if len(out.Gateways) == 0 {
		here := h.s.here(requestOf(ctx))
		if here == "" {
			return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "a request names its host")
		}
		out.Gateways = []*throngv1.Gateway{{Url: here, Door: true}}
	}
	return connect.NewResponse(out), nil
}

// here is where sessions of the server itself begin: at its public address, or at the one by which the client has found it.
func (s *Server) here(rq *request) string {
	switch {
	case s.deps.PublicURL != "":
		return SessionURL(s.deps.PublicURL)
	case rq.host == "":
		return ""
	case rq.secure:
		return SessionURL("https://" + rq.host)
	default:
		return SessionURL("http://" + rq.host)
	}
}

// SessionURL is where sessions begin at a server, given how it is reached: http, https, ws or wss. It is empty where that is no
// address.
func SessionURL(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return ""
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	return u.JoinPath(SessionPath).String()
}
