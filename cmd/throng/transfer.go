package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

type importCmd struct {
	sources

	From     string
	Slack    bool
	Position string
}

const importHelp = `An import that was stopped goes on where it was when it is started again; one
that was finished changes nothing when it is repeated. Do not let people write
into a conversation before its import has ended.`

func importCommand(e *environment) *cobra.Command {
	var c importCmd
	cmd := leaf("import", "Read JSON lines, or an export of Slack.", importHelp, func() error { return c.Run(e) }, argument{
		name: "FILE", help: "File of JSON lines (- is standard input), or the folder or zip file of an export of Slack.",
		value: pathValue{&c.From, ""},
	})
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Slack, "slack", false, "It is an export of Slack. Default: folders and zip files are.")
	path(f, &c.Position, "position", "FILE", "File that remembers how far the import came. Default: next to the imported file.")
	return cmd
}

// Run imports.
func (c importCmd) Run(e *environment) error {
	in, stop, err := c.open(e)
	if err != nil {
		return err
	}
	defer stop()
	return c.with(e, true, func(op *app.Operator) error {
		from := c.position()
		last, err := op.Import(e.ctx, in, from, func(p app.Position) {
			c.remember(e, p)
			fmt.Fprintf(e.errOut, "\r%d users, %d conversations, %d entries ", p.Counts.Users, p.Counts.Conversations, p.Counts.Entries)
		})
		fmt.Fprintln(e.errOut)
		if text := last.Cleaned.String(); text != "" {
			fmt.Fprintln(e.errOut, "not taken as it was:", text)
		}
		if err != nil && last.Line == 0 {
			return fmt.Errorf("%s is no export of Throng: %w", c.From, err)
		}
		if err != nil {
			return fmt.Errorf("%w\nwhat stands before it is stored; start the same import again to go on", err)
		}
		c.forget()
		fmt.Fprintf(e.out, "imported %d users, %d conversations, %d entries\n", last.Counts.Users, last.Counts.Conversations, last.Counts.Entries)
		return nil
	})
}

// open returns JSON lines, converting an export of Slack on the way.
func (c importCmd) open(e *environment) (io.Reader, func(), error) {
	if c.From == "-" {
		return e.in, func() {}, nil
	}
	f, err := os.Open(c.From)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the import: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("opening the import: %w", errors.Join(err, f.Close()))
	}
	var start [4]byte
	_, _ = f.ReadAt(start[:], 0) // a folder has none
	if !c.Slack && !info.IsDir() && string(start[:2]) != "PK" {
		return f, func() { _ = f.Close() }, nil
	}
	_ = f.Close()
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(app.ConvertSlack(e.ctx, c.From, w)) }() // ends when the reader closes
	return r, func() { _ = r.Close() }, nil
}

func (c importCmd) positionFile() string {
	switch {
	case c.Position != "":
		return c.Position
	case c.From == "-":
		return ""
	default:
		return c.From + ".position"
	}
}

func (c importCmd) position() (p app.Position) {
	if name := c.positionFile(); name != "" {
		if text, err := os.ReadFile(name); err == nil { //nolint:gosec // the operator names the file
			_ = json.Unmarshal(text, &p) // a damaged one begins anew, which is slower and no worse
		}
	}
	return p
}

func (c importCmd) remember(e *environment, p app.Position) {
	name := c.positionFile()
	if name == "" || p.Line == 0 {
		return
	}
	text, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(name+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		fmt.Fprintln(e.errOut, "warning: the position cannot be remembered:", err)
	}
}

func (c importCmd) forget() {
	if name := c.positionFile(); name != "" {
		_ = os.Remove(name) // it may never have been written
	}
}
