package target

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	usersAtOnce = 1_000 // the most that the API takes
	parallel    = 4     // calls at once; more would only wait for each other
	issuing     = 32    // tokens asked for at once
	tokenLife   = 12 * time.Hour
	tokenHead   = `{"alg":"HS256","typ":"JWT"}` //nolint:gosec // the header of every token
	device      = "bench"                       // each user's one device
)

// People are the users of a run: made in bulk, with tokens that are signed here, so that the server hashes no password and
// answers no call for each of them.
type People struct {
	// IDs by their number in the run.
	IDs []client.UserID

	secret []byte
	issued []string // where there is no secret
	expiry int64
}

// NewPeople names users whom an earlier run has made, by their ids as far as those matter. Their tokens are signed with the company's secret.
func NewPeople(secret string, ids ...client.UserID) *People {
	return &People{IDs: ids, secret: []byte(secret), expiry: time.Now().Add(tokenLife).Unix()}
}

// API is a client of the server's HTTP services that acts for somebody; 0 is the back end itself.
func (s *Server) API(web *http.Client, act client.UserID) *client.API {
	return client.NewAPI(s.url, client.WithHTTPClient(web), client.WithTokens(client.StaticToken(s.key)), client.WithActor(act))
}

// Web makes an HTTP client for many calls at once. Close its idle connections.
func Web() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: issuing, MaxConnsPerHost: issuing}}
}

// ExternalID is how the n-th user of a run is called on the server, the same in every run.
func ExternalID(n int) string { return "bench-" + strconv.Itoa(n) }

// MakePeople makes n users; the first online of them get tokens.
func (s *Server) MakePeople(ctx context.Context, n, online int, tell live.Func) (*People, error) {
	web := Web()
	defer web.CloseIdleConnections()
	api := s.API(web, 0)
	p := NewPeople(s.secret, make([]client.UserID, n)...)
	chunks := (n + usersAtOnce - 1) / usersAtOnce
	err := Each(ctx, "users", chunks, parallel, tell, func(ctx context.Context, c int) error {
		from, to := c*usersAtOnce, min((c+1)*usersAtOnce, n)
		req := &throngv1.CreateUsersRequest{}
		for u := from; u < to; u++ {
			req.Users = append(req.Users, &throngv1.NewUser{ExternalId: ExternalID(u), Name: ExternalID(u)})
		}
		resp, err := api.Admin.CreateUsers(ctx, connect.NewRequest(req))
		if err != nil {
			return fmt.Errorf("create users: %w", err)
		}
		if len(resp.Msg.GetIds()) != to-from {
			return fmt.Errorf("create users: %d ids for %d users", len(resp.Msg.GetIds()), to-from)
		}
		for i, id := range resp.Msg.GetIds() {
			p.IDs[from+i] = client.UserID(id)
		}
		return nil
	})
	if err != nil || len(p.secret) > 0 {
		return p, err
	}
	p.issued = make([]string, online)
	return p, Each(ctx, "tokens", online, issuing, tell, func(ctx context.Context, u int) error {
		resp, err := api.Admin.IssueToken(ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(p.IDs[u]), Device: &throngv1.NewDevice{Name: device, Platform: throngv1.Platform_PLATFORM_SERVER},
		}))
		if err != nil {
			return fmt.Errorf("issue a token: %w", err)
		}
		p.issued[u] = resp.Msg.GetTokens().GetAccessToken()
		return nil
	})
}

// SignIn has the first n users known to the server with their devices, over HTTP, as they would be after their first session.
func (s *Server) SignIn(ctx context.Context, p *People, n int, tell live.Func) error {
	web := Web()
	defer web.CloseIdleConnections()
	return Each(ctx, "sign in", n, parallel, tell, func(ctx context.Context, u int) error {
		token, dev := p.Token(u)
		req := connect.NewRequest(&throngv1.GetMeRequest{})
		req.Header().Set("Throng-Device", dev)
		if _, err := client.NewAPI(s.url, client.WithHTTPClient(web), client.WithTokens(client.StaticToken(token))).Accounts.GetMe(ctx, req); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		return nil
	})
}

// Token returns what user n authenticates with: a token and, where it is signed here, the name of the device.
func (p *People) Token(n int) (token, dev string) {
	if p.issued != nil {
		return p.issued[n], ""
	}
	enc := base64.RawURLEncoding
	claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, ExternalID(n), p.expiry-int64(tokenLife.Seconds()), p.expiry)
	signed := enc.EncodeToString([]byte(tokenHead)) + "." + enc.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, p.secret)
	_, _ = mac.Write([]byte(signed)) // a hash takes everything
	return signed + "." + enc.EncodeToString(mac.Sum(nil)), device
}

const progressEvery = 200 * time.Millisecond

// Each does something for 0 to n−1, several at once, and tells how far it is.
func Each(ctx context.Context, phase string, n, atOnce int, tell live.Func, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next, done atomic.Int64
	for range min(atOnce, n) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := do(ctx, i); err != nil {
					return err
				}
				done.Add(1)
			}
		})
	}
	told, stop := make(chan struct{}), make(chan struct{})
	go func() { // ends with Each
		defer close(told)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			tell(live.Progress{Phase: phase, Done: int(done.Load()), Total: n})
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	err := g.Wait()
	close(stop)
	<-told
	return err
}
