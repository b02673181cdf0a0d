package main

import (
	"errors"

	"github.com/throng-im/throng/bench"
	"github.com/throng-im/throng/cmd/throng/chat"
)

type chatCmd struct {
	URL  string `arg:"" optional:"" default:"http://localhost:8080" help:"Server."`
	User string `short:"u" help:"Sign-in name. Default: the last one used at this server." placeholder:"NAME"`
	Dir  string `help:"Folder for sign-ins and unsent messages. Default: in your configuration folder." type:"path" placeholder:"DIR"`
}

// Run shows the terminal client.
func (c chatCmd) Run(e *environment) error {
	return chat.Run(e.ctx, chat.Options{ //nolint:wrapcheck // its sentences are for people
		URL: c.URL, User: c.User, Dir: c.Dir, Product: "throng chat " + version, In: e.in, Out: e.out,
	})
}

type benchCmd struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"See: throng bench send --help."`
}

// Run puts a server under load.
func (c benchCmd) Run(e *environment) error {
	err := bench.Main(e.ctx, c.Args, e.out, e.errOut)
	if errors.Is(err, bench.ErrFaults) {
		return errors.Join(err, exitError{exitDamage})
	}
	return err //nolint:wrapcheck // its sentences are for people
}
