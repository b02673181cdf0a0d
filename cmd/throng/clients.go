package main

import (
	"errors"
	"fmt"

	"github.com/throng-im/throng/bench"
	"github.com/throng-im/throng/cmd/throng/chat"
)

type chatCmd struct {
	At   string `arg:"" optional:"" name:"url" help:"Server. Default: http://localhost:8080."`
	URL  string `name:"url" default:"http://localhost:8080" help:"The same, as a flag." placeholder:"URL"`
	User string `short:"u" help:"Sign-in name. Default: the last one used at this server." placeholder:"NAME"`
	Dir  string `help:"Folder for sign-ins and unsent messages. Default: in your configuration folder." type:"path" placeholder:"DIR"`
}

// Run shows the terminal client.
func (c chatCmd) Run(e *environment) error {
	url := c.URL
	if c.At != "" {
		url = c.At
	}
	return chat.Run(e.ctx, chat.Options{
		URL: url, User: c.User, Dir: c.Dir, Product: "throng chat " + version, In: e.in, Out: e.out,
	})
}

type benchCmd struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"See: throng bench send --help."`
}

// Run puts a server under load.
func (c benchCmd) Run(e *environment) error {
	err := bench.Main(e.ctx, c.Args, e.out, e.errOut)
	if errors.Is(err, bench.ErrUsage) {
		fmt.Fprintln(e.errOut, "throng:", err)
		return exitError{exitUsage}
	}
	return err
}
