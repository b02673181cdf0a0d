// Command follow prints everything that happens in the conversations of a user: each entry once, in order, across
// reconnects, in large groups too, where each of their hints costs it a request (examples/crowd follows one of them for less). With
// -json one line an entry, for other programs.
//
//	go run ./examples/follow -user alice -password '…'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/throng-im/throng/client"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "server")
	user := flag.String("user", "", "sign-in name")
	password := flag.String("password", "", "password")
	asJSON := flag.Bool("json", false, "print entries as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := follow(ctx, *url, *user, *password, *asJSON); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "follow:", err)
		os.Exit(1)
	}
}

func follow(ctx context.Context, url, user, password string, asJSON bool) error {
	api := client.NewAPI(url)
	login, err := api.SignIn(ctx, user, password)
	if err != nil {
		return err
	}
	c, err := client.New(url, client.Options{
		Tokens: client.RefreshingTokens(api, login.Tokens, nil), Product: "follow", Eager: true,
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Connect(ctx); err != nil {
		return err
	}
	for event := range c.Events(ctx) {
		switch e := event.(type) {
		case client.Message:
			if asJSON {
				line, err := protojson.Marshal(e.Entry)
				if err != nil {
					return err
				}
				fmt.Printf("%s\n", line)
				continue
			}
			fmt.Printf("conversation %d, %d: user %d: %q\n", e.Conversation, e.Entry.GetSeq(), e.Entry.GetSender(), e.Entry.GetText())
		case client.Hole:
			fmt.Printf("conversation %d: %d to %d not shown; Range reads them\n", e.Conversation, e.From, e.To)
		case client.StateChanged:
			fmt.Fprintln(os.Stderr, "connection:", e.State.Phase)
		}
	}
	return ctx.Err()
}
