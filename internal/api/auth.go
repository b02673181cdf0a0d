package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

const (
	// headerUser names the user that a back end acts for.
	headerUser = "Throng-User"
	// headerDevice is what a company's client calls its device.
	headerDevice = "Throng-Device"
)

// tokenParams are names under which clients would put a token into the URL, where logs and histories keep it.
func tokenParams() []string {
	return []string{"access_token", "token", "refresh_token", "authorization"}
}

// authorise learns who calls a procedure and refuses who may not. Nothing of the body has been read by then.
func (s *Server) authorise(need access, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rq := requestOf(r.Context())
		if err := refuseURLToken(r); err != nil {
			s.fail(w, r, err)
			return
		}
		switch need {
		case accessPublic:
			next.ServeHTTP(w, r)
			return
		case accessKnown:
			if err := s.limitAddress(r.Context()); err != nil {
				s.fail(w, r, err)
				return
			}
			if c, err := s.identify(r); err == nil { // the session will say what is wrong with a token
				rq.caller = c
			}
			next.ServeHTTP(w, r)
			return
		case accessUser, accessMember, accessAdmin:
		}
		c, err := s.identify(r)
		if err == nil {
			err = permit(need, c)
		}
		if err == nil && c.user != 0 {
			err = s.limitRequest(c.user)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		rq.caller = c
		next.ServeHTTP(w, r)
	})
}

// identify reads the Authorization header and, from back ends, whom they act for.
func (s *Server) identify(r *http.Request) (caller, error) {
	token, err := bearer(r)
	if err != nil {
		return caller{}, err
	}
	id, err := s.deps.Tokens.Authenticate(r.Context(), token, r.Header.Get(headerDevice))
	if err != nil {
		return caller{}, err
	}
	s.deps.Tokens.Seen(id, requestOf(r.Context()).address)
	c := caller{user: id.User, device: id.Device, admin: id.Admin, server: id.Server}
	actsFor := r.Header.Values(headerUser)
	switch {
	case len(actsFor) == 0:
		return c, nil
	case !id.Server:
		return caller{}, chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "only a back end with the server key acts for others; leave %s out", headerUser)
	case len(actsFor) > 1:
		return caller{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "%s names one user", headerUser)
	}
	n, err := chat.ParseID(actsFor[0])
	if err != nil {
		return caller{}, err
	}
	c.user = chat.UserID(n)
	u, err := s.deps.Users.Get(r.Context(), c.user)
	if err != nil {
		return caller{}, err
	}
	if u.Disabled {
		return caller{}, chat.Errorf(chat.CodeForbidden, chat.ReasonUserDisabled, "user %d is disabled; nobody acts for it until an administrator enables it", n)
	}
	return c, nil
}

func permit(need access, c caller) error {
	switch {
	case need == accessAdmin && !c.admin && !c.server:
		return chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "this is for administrators and back ends")
	case need == accessUser && c.user == 0:
		return chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "name the user that you act for in the header %s", headerUser)
	}
	return nil
}

// bearer returns the token of the Authorization header, the only place where one is looked for.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenMissing, "send a token in the header Authorization: Bearer …")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") {
		return "", chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "the header is Authorization: Bearer, a space and one token")
	}
	return token, nil
}

// refuseURLToken holds S-4 for every route: a token in a URL is refused even where another one is in the header, so that
// the habit does not go unnoticed.
func refuseURLToken(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query := r.URL.Query()
	for _, name := range tokenParams() {
		if query.Has(name) {
			return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "a token never travels in the URL; send it in the header Authorization")
		}
	}
	return nil
}

// limitAddress slows down callers without a token.
func (s *Server) limitAddress(ctx context.Context) error {
	if wait := s.deps.Limits.TakeAddress(requestOf(ctx).address); wait > 0 {
		return limit.Error(wait)
	}
	return nil
}

func (s *Server) limitRequest(user chat.UserID) error {
	if wait := s.deps.Limits.TakeRequest(user); wait > 0 {
		return limit.Error(wait)
	}
	return nil
}
