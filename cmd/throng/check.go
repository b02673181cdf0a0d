package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
)

type checkCmd struct {
	sources

	Dir    string
	Only   string
	Repair bool
	Quiet  bool
}

const checkHelp = `It reads everything once, in a small and constant amount of memory, and ends
with 0 where all is well, with 1 where it found damage that stands or could not
read.

A data folder is looked at while no server runs on it. The databases of a
cluster, which --config names, are looked at while nodes run; what lies in two
databases and differs is looked at again for some seconds before it counts.

On a cluster --repair rebuilds users' lists of conversations from the members,
while nodes run, and may be stopped and started again; --only shelf looks at
nothing else.`

// onlyShelf is what --only takes.
const onlyShelf = "shelf"

func checkCommand(e *environment) *cobra.Command {
	var c checkCmd
	cmd := leaf("check", "Verify everything that a data folder or a cluster can show; --repair rebuilds what is derived.", checkHelp,
		func() error { return c.Run(e) }, argument{
			name: "DIR", help: "Data folder. No server may run on it. Default: what the configuration names.", optional: true, value: pathValue{&c.Dir, ""},
		})
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Repair, "repair", false, "Rebuild what is derived: heads, indexes, timelines; on a cluster, lists of conversations.")
	f.Var(textValue{&c.Only, "WHAT"}, "only", "Look at nothing but users' lists of conversations, on a cluster: shelf.")
	f.BoolVar(&c.Quiet, "quiet", false, "Print only damage.")
	return cmd
}

// Run checks a folder, or the databases of a cluster.
func (c checkCmd) Run(e *environment) error {
	if c.Only != "" && c.Only != onlyShelf {
		return fmt.Errorf("--only: %q is nothing that is looked at by itself; there is %s", c.Only, onlyShelf)
	}
	report, err := c.check(e)
	switch {
	case err != nil && e.ctx.Err() != nil:
		return errors.New("it was stopped, and has not looked at everything")
	case err != nil:
		return err
	}
	if !c.Quiet {
		fmt.Fprint(e.out, report.Summary())
	}
	if report.Damaged() {
		return exitError{exitFailed}
	}
	return nil
}

func (c checkCmd) check(e *environment) (app.Report, error) {
	tell := func(text string) { fmt.Fprintln(e.out, text) }
	dir := c.Dir
	if dir == "" {
		l, err := c.load(e, nil)
		if err != nil {
			return app.Report{}, err
		}
		if l.Config.Shared() {
			return c.databases(e, l.Config, tell)
		}
		dir = l.Config.Data
	}
	if c.Only != "" {
		return app.Report{}, errors.New("--only is for the databases of a cluster, which --config names; a folder is looked at as a whole")
	}
	return app.Check(e.ctx, dir, c.Repair, tell)
}

func (c checkCmd) databases(e *environment, cluster *config.Config, tell func(string)) (app.Report, error) {
	p := newProgress(e.errOut)
	report, err := app.CheckDatabases(e.ctx, cluster, app.CheckOptions{
		Shelf: c.Only == onlyShelf, Repair: c.Repair,
		Tell: func(text string) {
			p.end()
			tell(text)
		},
		Progress: func(text string) {
			if !c.Quiet {
				p.now(text)
			}
		},
	})
	p.end()
	return report, err
}
