package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

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
