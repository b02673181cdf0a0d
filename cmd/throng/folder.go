package main

import (
	"fmt"

	"github.com/throng-im/throng/internal/app"
)

type checkCmd struct {
	Dir    string `arg:"" optional:"" type:"path" default:"data" help:"Data folder. No server may run on it."`
	Repair bool   `help:"Rebuild what is derived: heads, indexes, timelines."`
	Quiet  bool   `help:"Print only damage."`
}

// Help is shown below the flags.
func (checkCmd) Help() string {
	return `It reads everything once, in a small and constant amount of memory, and ends with 0 where all is well, with 1 where it
found damage that stands or could not read the folder.`
}

// Run checks a folder.
func (c checkCmd) Run(e *environment) error {
	report, err := app.Check(e.ctx, c.Dir, c.Repair, func(problem string) { fmt.Fprintln(e.out, problem) })
	if err != nil {
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

type backupCmd struct {
	sources

	To string `arg:"" type:"path" help:"Folder to make; it must not exist. On the data folder's own disk the copy is instant and takes no space at first."`
}

// Run copies the data folder.
func (c backupCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		if err := op.Backup(e.ctx, c.To); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "the backup is in %s\nmake a data folder from it with: throng restore %s --data DIR\n", c.To, c.To)
		return nil
	})
}

type restoreCmd struct {
	sources

	From string `arg:"" type:"existingdir" help:"Backup."`
}

// Run makes a data folder from a backup.
func (c restoreCmd) Run(e *environment) error {
	l, err := c.load(e, nil)
	if err != nil {
		return err
	}
	if err := app.Restore(e.ctx, c.From, l.Config.Data); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "restored into %s; clients will start over when they connect\n", l.Config.Data)
	return nil
}
