// Command crowd follows one group, however large it is: it shows the newest page at once and what follows as it comes. Of the user's
// other large groups it learns only that they went on. Its memory and what it asks for do not grow with the group.
//
//	go run ./examples/crowd -user alice -password '…' -group 7
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "server")
	user := flag.String("user", "", "sign-in name")
	password := flag.String("password", "", "password")
	group := flag.Uint64("group", 0, "the conversation's id")
	flag.Parse()
	if *user == "" || *group == 0 {
		fmt.Fprintln(os.Stderr, "crowd: -user and -group are needed")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := follow(ctx, *url, *user, *password, client.ConversationID(*group)); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func follow(ctx context.Context, url, user, password string, group client.ConversationID) error {
	api := client.NewAPI(url)
	login, err := api.SignIn(ctx, user, password)
	if err != nil {
		return err
	}
	c, err := client.New(url, client.Options{Tokens: client.RefreshingTokens(api, login.Tokens, nil), Product: "crowd"})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Connect(ctx); err != nil {
		return err
	}
	// Focus passes over what the user is no member of, so that nobody learns by it what there is. Asking for the group is told.
	if _, err := c.API().Conversations.GetConversation(ctx, connect.NewRequest(&throngv1.GetConversationRequest{Conversation: uint64(group)})); err != nil {
		return err
	}
	if err := c.Focus(ctx, group); err != nil { // it holds over reconnects
		return err
	}
	names := map[uint64]string{} // a program that runs for long bounds it
	for event := range c.Events(ctx) {
		switch e := event.(type) {
		case client.ProfilesLearned: // of those whose messages follow
			for _, p := range e.Profiles {
				names[p.GetUser()] = p.GetName()
			}
		case client.Message:
			if e.Conversation == group && e.Entry.GetText() != "" {
				who := names[e.Entry.GetSender()]
				if who == "" {
					who = "user " + strconv.FormatUint(e.Entry.GetSender(), 10)
				}
				fmt.Printf("%6d  %s: %q\n", e.Entry.GetSeq(), who, e.Entry.GetText())
			}
		case client.Hole: // what lies before the newest page; a program that shows it reads it when somebody scrolls
			if e.Conversation == group {
				fmt.Printf("        … %d to %d\n", e.From, e.To)
			}
		case client.Behind:
			fmt.Fprintf(os.Stderr, "conversation %d went on: %d unread\n", e.Conversation, e.Unread)
		case client.Batching:
			fmt.Fprintf(os.Stderr, "messages wait for each other for %v; who sends waits %v\n", e.Interval, e.SendWait)
		case client.Degraded:
			fmt.Fprintf(os.Stderr, "the server leaves out: %+v\n", e)
		}
	}
	return ctx.Err()
}
