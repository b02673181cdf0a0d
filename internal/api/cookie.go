package api

import (
	"net/http"
	"time"

	"github.com/throng-im/throng/internal/chat"
	rpc "github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// refreshCookie keeps the web client's refresh token where scripts cannot read it. It travels to one path only, and there
// it counts only for a page of our own origin.
const refreshCookie = "throng_refresh"

func readCookie(r *http.Request) {
	if c, err := r.Cookie(refreshCookie); err == nil {
		requestOf(r.Context()).cookie = c.Value
	}
}

// setCookie keeps a refresh token until its expiry; an empty one ends the cookie.
func setCookie(h http.Header, rq *request, token string, expiresMS uint64) {
	c := &http.Cookie{ //nolint:gosec // Secure where the browser has TLS; a server on plain http needs its cookie too
		Name: refreshCookie, Value: token, Path: rpc.AccountServiceRefreshProcedure, HttpOnly: true,
		Secure: rq.secure, SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		c.MaxAge = -1
	} else {
		c.Expires = time.UnixMilli(int64(expiresMS))
	}
	h.Add("Set-Cookie", c.String())
}

// cookieToken returns the refresh token of the cookie, once the browser has said that a page of our own asks.
func cookieToken(rq *request) (string, error) {
	if rq.cookie == "" {
		return "", chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenMissing, "send the refresh token")
	}
	if rq.site != siteSame {
		return "", chat.Errorf(chat.CodeForbidden, chat.ReasonOriginForbidden, "the cookie counts for pages of this server only")
	}
	return rq.cookie, nil
}
