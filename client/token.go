package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// TokenReason says why a token is asked for.
type TokenReason uint8

// The reasons.
const (
	// TokenFirst: any token that is good will do.
	TokenFirst TokenReason = iota + 1
	// TokenExpiring: the one in use ends soon.
	TokenExpiring
	// TokenRejected: the server did not take the last one.
	TokenRejected
)

// TokenSource gives access tokens. A Client asks only when it needs a new one; an API before each call. Its methods may be
// called from any goroutine.
type TokenSource interface {
	// Token returns a token to use now. An *Error that cannot be retried ends the Client with ReasonAuth.
	Token(ctx context.Context, why TokenReason) (string, error)
}

// TokenFunc is a function as a TokenSource, for companies that sign tokens for their own users.
type TokenFunc func(ctx context.Context, why TokenReason) (string, error)

// Token implements TokenSource.
func (f TokenFunc) Token(ctx context.Context, why TokenReason) (string, error) { return f(ctx, why) }

// StaticToken is a token that never changes, like a server key. Once rejected it ends the Client.
func StaticToken(token string) TokenSource {
	return TokenFunc(func(_ context.Context, why TokenReason) (string, error) {
		if why == TokenRejected {
			return "", &Error{
				Code: throngv1.Code_CODE_UNAUTHENTICATED, Reason: "token_invalid", Message: "The token was rejected.",
			}
		}
		return token, nil
	})
}

// Tokens are one device's sign-in. Keep them to stay signed in after the process has ended.
type Tokens struct {
	Access         string    `json:"access"`
	AccessExpires  time.Time `json:"access_expires"`
	Refresh        string    `json:"refresh"`
	RefreshExpires time.Time `json:"refresh_expires"`
}

// Login is the outcome of signing up or in.
type Login struct {
	// User is the account that signed in.
	User *throngv1.User
	// Device is this device's id.
	Device uint64
	// Tokens are its sign-in.
	Tokens Tokens
}

const (
	refreshBefore  = 30 * time.Second // how long before its end an access token is replaced
	refreshTimeout = 15 * time.Second
)

// RefreshingTokens is a TokenSource that uses up refresh tokens: each refresh gives a new one, and save is called with it
// before it is used. The first use spends the old one, so a crash before it, or a save that fails, does not sign the
// device out: the old one is shown again. save may be nil.
func RefreshingTokens(api *API, tokens Tokens, save func(Tokens) error) TokenSource {
	return &refresher{accounts: api, save: save, tokens: tokens, now: time.Now, turn: make(chan struct{}, 1)}
}

type refresher struct {
	// Immutable after construction.
	accounts *API
	save     func(Tokens) error
	now      func() time.Time
	// turn holds one token while somebody uses the fields below. It is held over the call, because of two refreshes with one
	// token the later one would end the device; being a channel, it lets those who wait give up.
	turn chan struct{}

	// Guarded by turn.
	tokens Tokens
	used   string
}

// Token implements TokenSource.
func (r *refresher) Token(ctx context.Context, why TokenReason) (string, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	fresh := r.tokens.AccessExpires.IsZero() || r.now().Add(refreshBefore).Before(r.tokens.AccessExpires)
	switch {
	case why == TokenFirst && fresh, r.used != r.tokens.Access && fresh:
		r.used = r.tokens.Access // a token that nobody has tried yet is good for every reason
		return r.used, nil
	}
	// Whoever waits for the turn waits for this call: it ends even where the network has gone silent.
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	resp, err := r.accounts.anonymous.Refresh(ctx,
		connect.NewRequest(&throngv1.RefreshRequest{RefreshToken: r.tokens.Refresh}))
	if err != nil {
		return "", err
	}
	tokens := tokensOf(resp.Msg.GetTokens())
	if r.save != nil {
		if err := r.save(tokens); err != nil {
			return "", fmt.Errorf("save the new tokens: %w", err)
		}
	}
	r.tokens, r.used = tokens, tokens.Access
	return r.used, nil
}

func tokensOf(t *throngv1.Tokens) Tokens {
	return Tokens{
		Access: t.GetAccessToken(), AccessExpires: fromMS(t.GetAccessExpiresMs()),
		Refresh: t.GetRefreshToken(), RefreshExpires: fromMS(t.GetRefreshExpiresMs()),
	}
}

func fromMS(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// permanent reports whether err says that no token will be had.
func permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && !e.Retryable() && e.Reason != "transport"
}
