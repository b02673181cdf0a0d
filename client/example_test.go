package client_test

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/client"
)

func Example() {
	if err := chatWith(context.Background(), "http://localhost:8080"); err != nil {
		fmt.Println(err)
	}
}

func chatWith(ctx context.Context, url string) error {
	login, err := client.NewAPI(url).SignIn(ctx, "lin", "correct horse battery staple")
	if err != nil {
		return err
	}
	tokens := client.RefreshingTokens(client.NewAPI(url), login.Tokens, nil)
	c, err := client.New(url, client.Options{Tokens: tokens})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	m, err := c.Send(ctx, 1, client.Text("Hello!"))
	if err != nil {
		return err
	}
	go func() { _ = c.Connect(ctx) }()
	ack, err := m.Wait(ctx) // durable, in its final place
	fmt.Println(ack.Seq, err)
	for e := range c.Events(ctx) {
		if msg, ok := e.(client.Message); ok {
			fmt.Println(msg.Entry.GetSender(), msg.Entry.GetText())
		}
	}
	return nil
}

// A group of any size: its newest page at once, and what follows as it comes.
func ExampleClient_Focus() {
	open := func(ctx context.Context, c *client.Client, group client.ConversationID) error {
		if err := c.Focus(ctx, group); err != nil {
			return err
		}
		for e := range c.Events(ctx) {
			switch e := e.(type) {
			case client.Message:
				fmt.Println(e.Entry.GetSender(), e.Entry.GetText())
			case client.Hole: // somebody scrolls beyond the newest page
				before, err := c.Range(ctx, group, client.Query{From: e.From, To: e.To, Backward: true})
				fmt.Println(len(before.Entries), err)
			case client.Behind: // a group that is not open
				fmt.Println(e.Conversation, e.Unread)
			}
		}
		return c.Focus(context.WithoutCancel(ctx)) // nothing is open any more
	}
	_ = open
}
