package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/bench"
	"github.com/throng-im/throng/cmd/throng/chat"
)

type chatCmd struct {
	URL  string
	User string
	Dir  string
}

func chatCommand(e *environment) *cobra.Command {
	c := chatCmd{URL: "http://localhost:8080"}
	var at string
	cmd := leaf("chat", "Chat in this terminal.", "", func() error {
		if at != "" {
			c.URL = at
		}
		return c.Run(e)
	}, argument{name: "URL", help: "Server. Default: http://localhost:8080.", optional: true, value: textValue{&at, ""}})
	f := cmd.Flags()
	f.Var(textValue{&c.URL, "URL"}, "url", "The same, as a flag.")
	f.VarP(textValue{&c.User, "NAME"}, "user", "u", "Sign-in name. Default: the last one used at this server.")
	path(f, &c.Dir, "dir", "DIR", "Folder for sign-ins and unsent messages. Default: in your configuration folder.")
	return cmd
}

// Run shows the terminal client.
func (c chatCmd) Run(e *environment) error {
	return chat.Run(e.ctx, chat.Options{
		URL: c.URL, User: c.User, Dir: c.Dir, Product: "throng chat " + version, In: e.in, Out: e.out,
	})
}

// benchCommand leaves everything behind its name to the engine, which has a command line of its own.
func benchCommand(e *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Put a server under load and check what it delivers.", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return failed(runBench(e, args)) },
	}
	cmd.SetHelpFunc(func(*cobra.Command, []string) { _ = runBench(e, []string{"--help"}) })
	return cmd
}

func runBench(e *environment, args []string) error {
	err := bench.Main(e.ctx, args, e.out, e.errOut)
	if errors.Is(err, bench.ErrUsage) {
		fmt.Fprintln(e.errOut, "throng:", err)
		return exitError{exitUsage}
	}
	return err
}
