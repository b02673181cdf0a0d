package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

type checkCmd struct {
	Dir    string
	Repair bool
	Quiet  bool
}

const checkHelp = `It reads everything once, in a small and constant amount of memory, and ends
with 0 where all is well, with 1 where it found damage that stands or could not
read the folder.`

func checkCommand(e *environment) *cobra.Command {
	c := checkCmd{Dir: fullPath("data")}
	cmd := leaf("check", "Verify everything that a data folder can show; --repair rebuilds what is derived.", checkHelp,
		func() error { return c.Run(e) }, argument{
			name: "DIR", help: "Data folder. No server may run on it. Default: data.", optional: true, value: pathValue{&c.Dir, ""},
		})
	f := cmd.Flags()
	f.BoolVar(&c.Repair, "repair", false, "Rebuild what is derived: heads, indexes, timelines.")
	f.BoolVar(&c.Quiet, "quiet", false, "Print only damage.")
	return cmd
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

	To string
}

func backupCommand(e *environment) *cobra.Command {
	var c backupCmd
	cmd := leaf("backup", "Copy the data folder, while the server runs or not.", "", func() error { return c.Run(e) }, argument{
		name:  "FOLDER",
		help:  "Folder to make; it must not exist. On the data folder's own disk the copy is instant and takes no space at first.",
		value: pathValue{&c.To, ""},
	})
	c.register(e, cmd.Flags())
	return cmd
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

	From string
}

func restoreCommand(e *environment) *cobra.Command {
	var c restoreCmd
	cmd := leaf("restore", "Make a data folder from a backup.", "", func() error { return c.Run(e) },
		argument{name: "BACKUP", help: "Folder that throng backup has made.", value: folderValue{pathValue{&c.From, ""}}})
	c.register(e, cmd.Flags())
	return cmd
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
