package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

type exportCmd struct {
	sources

	To        string
	Passwords bool
	Resume    bool
}

const exportHelp = `What an export writes is of one moment, and nobody is kept from writing
meanwhile. One that is resumed is of two: it has everybody and every
conversation, but users and conversations that were finished before the cut stay
as they were then.`

func exportCommand(e *environment) *cobra.Command {
	c := exportCmd{To: "-"}
	cmd := leaf("export", "Write everything as JSON lines.", exportHelp, func() error { return c.Run(e) },
		argument{name: "FILE", help: "File to write. Default: -, standard output.", optional: true, value: pathValue{&c.To, ""}})
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.Passwords, "passwords", false, "With the hashes of passwords, so that people can sign in where it is imported.")
	f.BoolVar(&c.Resume, "resume", false, "Go on with a file in which an export was cut off; where there is none, begin it.")
	return cmd
}

// Run exports everything.
func (c exportCmd) Run(e *environment) error {
	if c.To == "-" {
		if c.Resume {
			return errors.New("standard output cannot be gone on with; name a file")
		}
		return c.with(e, false, func(op *app.Operator) error { return op.Export(e.ctx, e.out, c.Passwords, app.Cut{}) })
	}
	f, from, err := c.open()
	switch {
	case errors.Is(err, app.ErrWhole):
		fmt.Fprintf(e.out, "%s is whole already\n", c.To)
		return nil
	case err != nil:
		return err
	}
	out := &cutFile{file: f, at: from.Offset}
	err = c.with(e, false, func(op *app.Operator) error { return op.Export(e.ctx, out, c.Passwords || from.Passwords, from) })
	// An export that is said to be there is on the disk.
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		fmt.Fprintf(e.out, "exported into %s\n", c.To)
		return nil
	}
	if out.at == 0 && !out.cut {
		return errors.Join(err, removeEmpty(c.To)) // it never began
	}
	return fmt.Errorf("%w\nwhat is in the file is good; go on with: throng export --resume %s", err, c.To)
}

// removeEmpty removes a file that nothing was written into.
func removeEmpty(name string) error {
	info, err := os.Stat(name)
	if err == nil && info.Size() == 0 {
		err = os.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("removing the empty file: %w", err)
	}
	return nil
}

// open makes the file, or finds out where to go on with it.
func (c exportCmd) open() (*os.File, app.Cut, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !c.Resume {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(c.To, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, app.Cut{}, fmt.Errorf("%s exists; name another file, or go on with it: throng export --resume %s", c.To, c.To)
	case err != nil:
		return nil, app.Cut{}, fmt.Errorf("making the export: %w", err)
	}
	cut, err := app.InspectExport(f)
	if err == nil && c.Passwords && cut.Origin != "" && !cut.Passwords {
		err = errors.New("it was begun without passwords; leave --passwords away, or export into a new file")
	}
	if err != nil {
		return nil, cut, errors.Join(fmt.Errorf("%s: %w", c.To, err), f.Close())
	}
	return f, cut, nil
}

// cutFile writes behind a cut. The rest of the file goes when there is something to take its place, not before: where the
// export is refused, the file stays as it was.
type cutFile struct {
	file *os.File
	at   int64
	cut  bool
}

// Write implements io.Writer.
func (f *cutFile) Write(p []byte) (int, error) {
	if !f.cut {
		if err := f.file.Truncate(f.at); err != nil {
			return 0, fmt.Errorf("cutting the file: %w", err)
		}
		if _, err := f.file.Seek(f.at, io.SeekStart); err != nil {
			return 0, fmt.Errorf("cutting the file: %w", err)
		}
		f.cut = true
	}
	n, err := f.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing the export: %w", err)
	}
	return n, nil
}
