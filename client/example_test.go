package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/throng-im/throng/client"
)

func Example() {
	ctx, url := context.Background(), "http://localhost:8080"
	login, err := client.NewAPI(url).SignIn(ctx, "lin", "correct horse battery staple")
	if err != nil {
		log.Fatal(err)
	}
	tokens := client.RefreshingTokens(client.NewAPI(url), login.Tokens, nil)
	c, err := client.New(url, client.Options{Tokens: tokens})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	m, err := c.Send(ctx, 1, client.Text("Hello!"))
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = c.Connect(ctx) }()
	ack, err := m.Wait(ctx) // durable, in its final place
	fmt.Println(ack.Seq, err)
	for e := range c.Events(ctx) {
		if msg, ok := e.(client.Message); ok {
			fmt.Println(msg.Entry.GetSender(), msg.Entry.GetText())
		}
	}
}
