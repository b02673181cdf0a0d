package send

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	parallel    = 32 // calls at once while setting up
	usersAtOnce = 1_000
	dialTries   = 20
)

// setUp makes the users, signs in those that are online, and makes the conversations.
func (r *run) setUp(ctx context.Context, s *target.Server) error {
	if _, err := rand.Read(r.nonce[:]); err != nil {
		return err
	}
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}
	defer web.CloseIdleConnections()
	api := func(act client.UserID) *client.API {
		return client.NewAPI(s.URL(), client.WithHTTPClient(web), client.WithTokens(client.StaticToken(s.Key())), client.WithActor(act))
	}
	if err := r.makeUsers(ctx, api(0)); err != nil {
		return err
	}
	r.tokens = make([]string, r.plan.users)
	back := api(0)
	err := target.Each(ctx, "tokens", r.plan.users, parallel, r.tell, func(ctx context.Context, u int) error {
		resp, err := back.Admin.IssueToken(ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(r.users[u]), Device: &throngv1.NewDevice{Name: "bench", Platform: throngv1.Platform_PLATFORM_SERVER},
		}))
		if err != nil {
			return fmt.Errorf("issue a token: %w", err)
		}
		r.tokens[u] = resp.Msg.GetTokens().GetAccessToken()
		return nil
	})
	if err != nil {
		return err
	}
	r.convs = make([]client.ConversationID, len(r.plan.groups))
	return target.Each(ctx, "conversations", len(r.plan.groups), parallel, r.tell, func(ctx context.Context, g int) (err error) {
		r.convs[g], err = r.makeConversation(ctx, api(r.users[r.plan.groups[g].online[0]]), g)
		return err
	})
}

func (r *run) makeUsers(ctx context.Context, api *client.API) error {
	n := r.plan.users + r.plan.absent
	r.users = make([]client.UserID, 0, n)
	for from := 0; from < n; from += usersAtOnce {
		r.tell(live.Progress{Phase: "users", Done: from, Total: n})
		req := &throngv1.CreateUsersRequest{}
		for u := from; u < min(from+usersAtOnce, n); u++ {
			req.Users = append(req.Users, &throngv1.NewUser{ExternalId: target.ExternalID(u), Name: target.ExternalID(u)})
		}
		resp, err := api.Admin.CreateUsers(ctx, connect.NewRequest(req))
		if err != nil {
			return fmt.Errorf("create users: %w", err)
		}
		for _, id := range resp.Msg.GetIds() {
			r.users = append(r.users, client.UserID(id))
		}
	}
	if len(r.users) != n {
		return fmt.Errorf("create users: %d ids for %d users", len(r.users), n)
	}
	return nil
}

func (r *run) makeConversation(ctx context.Context, api *client.API, g int) (client.ConversationID, error) {
	gr := r.plan.groups[g]
	if r.plan.direct {
		resp, err := api.Conversations.OpenDirect(ctx,
			connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(r.users[gr.online[1]])}))
		if err != nil {
			return 0, fmt.Errorf("open a direct conversation: %w", err)
		}
		return client.ConversationID(resp.Msg.GetConversation().GetId()), nil
	}
	id := r.nonce
	id[0], id[1], id[2], id[3] = byte(g>>24), byte(g>>16), byte(g>>8), byte(g)
	id[6], id[8] = uuidOwn|id[6]&0x0f, uuidVariant|id[8]&0x3f
	req := &throngv1.CreateGroupRequest{ClientId: id[:], Name: fmt.Sprintf("bench %d", g)}
	for _, u := range gr.online[1:] {
		req.Members = append(req.Members, uint64(r.users[u]))
	}
	for _, u := range gr.offline {
		req.Members = append(req.Members, uint64(r.users[u]))
	}
	resp, err := api.Conversations.CreateGroup(ctx, connect.NewRequest(req))
	if err != nil {
		return 0, fmt.Errorf("create a group: %w", err)
	}
	return client.ConversationID(resp.Msg.GetConversation().GetId()), nil
}

// connect opens a session for each user that is online.
func (r *run) connect(ctx context.Context, url string) error {
	r.peers = make([]*peer, r.plan.users)
	err := target.Each(ctx, "connect", r.plan.users, parallel, r.tell, func(ctx context.Context, u int) error {
		for try := 1; ; try++ {
			conn, err := link.Dial(ctx, link.Config{URL: url})
			var refused *link.HandshakeError
			if errors.As(err, &refused) && try < dialTries { // it admits so many in a second
				t := time.NewTimer(max(refused.RetryAfter, 100*time.Millisecond))
				<-t.C
				continue
			}
			if err != nil {
				return err
			}
			r.peers[u] = newPeer(r, u, conn)
			return authenticate(ctx, conn, r.tokens[u])
		}
	})
	if err != nil {
		for _, p := range r.peers {
			if p != nil {
				p.close()
			}
		}
		return err
	}
	r.newSenders()
	return nil
}
