// Command echo is a bot: whatever somebody writes to it, it writes back, but for large groups, which it leaves in peace. It survives restarts of the server and of itself:
// the outbox is a file, and an answer moves the bot's read position, so that no message is answered twice.
//
//	go run ./examples/echo -user echo -password '…'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/throng-im/throng/client"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "server")
	user := flag.String("user", "echo", "sign-in name")
	password := flag.String("password", "", "password")
	unsent := flag.String("outbox", "echo.outbox", "file of messages that are not sent yet")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := echo(ctx, *url, *user, *password, *unsent); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func echo(ctx context.Context, url, user, password, unsent string) error {
	api := client.NewAPI(url)
	login, err := api.SignIn(ctx, user, password)
	if err != nil {
		return err
	}
	outbox, err := client.OpenFileOutbox(unsent)
	if err != nil {
		return err
	}
	c, err := client.New(url, client.Options{
		Tokens: client.RefreshingTokens(api, login.Tokens, nil), Product: "echo", Outbox: outbox,
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Connect(ctx); err != nil {
		return err
	}
	answered := map[client.ConversationID]uint64{} // up to which seq
	for event := range c.Events(ctx) {
		m, ok := event.(client.Message)
		if !ok {
			continue
		}
		if _, seen := answered[m.Conversation]; !seen {
			before, _ := c.Conversation(m.Conversation)
			answered[m.Conversation] = before.Read
		}
		me, _ := c.Me()
		text := m.Entry.GetText()
		if text == "" || m.Entry.GetSender() == uint64(me) || m.Entry.GetSeq() <= answered[m.Conversation] {
			continue // no text, its own, or answered before it was restarted
		}
		answered[m.Conversation] = m.Entry.GetSeq()
		if _, err := c.Send(ctx, m.Conversation, client.Text(text)); err != nil {
			return err
		}
	}
	return ctx.Err()
}
