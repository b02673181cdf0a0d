package client

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

// API is the HTTP side of a server: the generated services with authorization, and errors as *Error. It may be used from
// any goroutine.
type API struct {
	// Accounts is the caller's own account.
	Accounts throngv1connect.AccountServiceClient
	// Conversations makes conversations and changes who is in them.
	Conversations throngv1connect.ConversationServiceClient
	// Messages is the log, for those who are not on a session.
	Messages throngv1connect.MessageServiceClient
	// Presence answers who is there, for those who are not on a session.
	Presence throngv1connect.PresenceServiceClient
	// Receipts answers who has read what, for those who are not on a session.
	Receipts throngv1connect.ReceiptServiceClient
	// Admin is for administrators and back ends.
	Admin throngv1connect.AdminServiceClient
	// Invites makes links into groups, and lets people in by them.
	Invites throngv1connect.InviteServiceClient
	// Social is friends, follows and remarks; Relations keeps the list of them.
	Social throngv1connect.SocialServiceClient

	anonymous throngv1connect.AccountServiceClient
}

// APIOption changes how an API is made.
type APIOption func(*apiConfig)

type apiConfig struct {
	http   connect.HTTPClient
	tokens TokenSource
	act    UserID
}

// WithHTTPClient uses c for the calls; otherwise an API has a client on the default transport.
func WithHTTPClient(c *http.Client) APIOption { return func(a *apiConfig) { a.http = c } }

// WithTokens authorizes the calls. Without it only those that need no sign-in work.
func WithTokens(t TokenSource) APIOption { return func(a *apiConfig) { a.tokens = t } }

// WithActor makes a server key act for a user.
func WithActor(u UserID) APIOption { return func(a *apiConfig) { a.act = u } }

// NewAPI makes the HTTP side of the server at url.
func NewAPI(url string, opts ...APIOption) *API {
	cfg := apiConfig{http: &http.Client{}}
	for _, o := range opts {
		o(&cfg)
	}
	base := strings.TrimSuffix(url, "/")
	plain := connect.WithInterceptors(translate{})
	all := connect.WithInterceptors(translate{}, authorize{tokens: cfg.tokens, act: cfg.act})
	return &API{
		Accounts:      throngv1connect.NewAccountServiceClient(cfg.http, base, all),
		Conversations: throngv1connect.NewConversationServiceClient(cfg.http, base, all),
		Messages:      throngv1connect.NewMessageServiceClient(cfg.http, base, all),
		Presence:      throngv1connect.NewPresenceServiceClient(cfg.http, base, all),
		Receipts:      throngv1connect.NewReceiptServiceClient(cfg.http, base, all),
		Admin:         throngv1connect.NewAdminServiceClient(cfg.http, base, all),
		Invites:       throngv1connect.NewInviteServiceClient(cfg.http, base, all),
		Social:        throngv1connect.NewSocialServiceClient(cfg.http, base, all),
		anonymous:     throngv1connect.NewAccountServiceClient(cfg.http, base, plain),
	}
}

// SignUp makes an account and signs this device in. invitation may be empty where sign-up is open.
func (a *API) SignUp(ctx context.Context, handle, password, invitation string) (*Login, error) {
	resp, err := a.anonymous.SignUp(ctx, connect.NewRequest(&throngv1.SignUpRequest{
		Handle: handle, Password: password, Invitation: invitation, Device: thisDevice(),
	}))
	if err != nil {
		return nil, err
	}
	m := resp.Msg
	return &Login{User: m.GetUser(), Device: m.GetDevice(), Tokens: tokensOf(m.GetTokens())}, nil
}

// SignIn adds this device to an account.
func (a *API) SignIn(ctx context.Context, handle, password string) (*Login, error) {
	resp, err := a.anonymous.SignIn(ctx, connect.NewRequest(&throngv1.SignInRequest{
		Handle: handle, Password: password, Device: thisDevice(),
	}))
	if err != nil {
		return nil, err
	}
	m := resp.Msg
	return &Login{User: m.GetUser(), Device: m.GetDevice(), Tokens: tokensOf(m.GetTokens())}, nil
}

func thisDevice() *throngv1.NewDevice {
	return &throngv1.NewDevice{Name: product, Platform: throngv1.Platform_PLATFORM_TERMINAL}
}

// translate turns the errors of the Connect client into those of this package.
type translate struct{}

// WrapUnary implements connect.Interceptor.
func (translate) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		resp, err := next(ctx, req)
		if err != nil {
			return nil, fromConnect(err)
		}
		return resp, nil
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (translate) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (translate) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// authorize adds the token, and asks once for another where the server rejects it.
type authorize struct {
	tokens TokenSource
	act    UserID
}

// WrapUnary implements connect.Interceptor.
func (a authorize) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := a.set(ctx, req.Header(), TokenFirst); err != nil {
			return nil, err
		}
		resp, err := next(ctx, req)
		if a.tokens == nil || connect.CodeOf(err) != connect.CodeUnauthenticated {
			return resp, err
		}
		if terr := a.set(ctx, req.Header(), TokenRejected); terr != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (a authorize) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		// Where no token is to be had, the server's refusal tells the caller.
		_ = a.set(ctx, conn.RequestHeader(), TokenFirst)
		return conn
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (a authorize) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (a authorize) set(ctx context.Context, h http.Header, why TokenReason) error {
	if a.tokens == nil {
		return nil
	}
	t, err := a.tokens.Token(ctx, why)
	if err != nil {
		return err
	}
	h.Set("Authorization", "Bearer "+t)
	if a.act != 0 {
		h.Set("Throng-User", strconv.FormatUint(uint64(a.act), 10))
	}
	return nil
}
