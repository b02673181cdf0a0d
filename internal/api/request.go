package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// request is what the layers learned about a request; it travels in its context. It belongs to the request's goroutine.
type request struct {
	id      string
	address string // of the client, without port; behind trusted proxies the wiring has set it
	host    string // that the client asked
	secure  bool   // the client's side is encrypted
	site    site   // which page asks
	cookie  string // the refresh token of the cookie, on its one path
	caller  caller
}

// caller is who asks, once the token has said so. The zero caller is anonymous.
type caller struct {
	user   chat.UserID // whom the request is for: the token's user, or whom a back end acts for; 0 is a back end in its own name
	device chat.DeviceID
	admin  bool
	server bool // holds the server key
}

// actor is the caller as the log sees it.
func (c caller) actor() wire.Actor {
	return wire.Actor{User: c.user, Device: c.device, Server: c.server}
}

type requestKey struct{}

func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns what is known of the request; handlers are always called with it.
func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

func newRequest(r *http.Request) *request {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails; see crypto/rand
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return &request{
		id: hex.EncodeToString(id[:]), address: host, host: r.Host,
		// A client that lies about X-Forwarded-Proto only gets a cookie that its own browser will not keep.
		secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}
