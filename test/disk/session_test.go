package disk_test

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

// session is a person's live connection.
type session struct {
	client *client.Client
	room   client.ConversationID
}

func newSession(ctx context.Context, s *process.Server, p *person) (*session, error) {
	token, err := s.API(0).Admin.IssueToken(ctx, connect.NewRequest(&throngv1.IssueTokenRequest{
		User: p.user, Device: &throngv1.NewDevice{Name: "disk", Platform: throngv1.Platform_PLATFORM_SERVER},
	}))
	if err != nil {
		return nil, err
	}
	c, err := client.New("http://server", client.Options{
		Tokens: client.StaticToken(token.Msg.GetTokens().GetAccessToken()), NetDial: s.DialContext, HTTP: s.HTTP(), OnEvent: func(client.Event) {},
	})
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	return &session{client: c, room: client.ConversationID(p.room)}, nil
}

func (s *session) send(ctx context.Context, size int) error {
	sent, err := s.client.Send(ctx, s.room, client.Text(strings.Repeat("x", size)))
	if err != nil {
		return err
	}
	if _, err := sent.Wait(ctx); err != nil {
		return fmt.Errorf("waiting for the acknowledgement: %w", err)
	}
	return nil
}

func (s *session) close() { _ = s.client.Close() }
