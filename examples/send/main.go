// Command send signs in and sends one message: the shortest program that is sure that its message was stored.
//
//	go run ./examples/send -user alice -password '…' -to bob -text hello
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "server")
	user := flag.String("user", "", "sign-in name")
	password := flag.String("password", "", "password")
	to := flag.String("to", "", "sign-in name of the receiver")
	text := flag.String("text", "hello", "what to say")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := send(ctx, *url, *user, *password, *to, *text); err != nil {
		fmt.Fprintln(os.Stderr, "send:", err)
		os.Exit(1)
	}
}

func send(ctx context.Context, url, user, password, to, text string) error {
	login, err := client.NewAPI(url).SignIn(ctx, user, password)
	if err != nil {
		return err
	}
	c, err := client.New(url, client.Options{
		Tokens:  client.StaticToken(login.Tokens.Access), // good for a short program: the token is not renewed
		OnEvent: func(client.Event) {},                   // nothing is of interest
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Connect(ctx); err != nil {
		return err
	}

	peer, err := c.API().Accounts.FindUser(ctx, connect.NewRequest(&throngv1.FindUserRequest{Handle: to}))
	if err != nil {
		return err
	}
	conversation, err := c.OpenDirect(ctx, client.UserID(peer.Msg.GetProfile().GetUser()))
	if err != nil {
		return err
	}
	sending, err := c.Send(ctx, conversation, client.Text(text))
	if err != nil {
		return err
	}
	ack, err := sending.Wait(ctx) // durable on the server, in its final place
	if err != nil {
		return err
	}
	fmt.Printf("message %d of conversation %d, %s\n", ack.Seq, conversation, ack.Time.Format(time.RFC3339))
	return nil
}
