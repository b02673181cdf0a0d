package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/throng-im/throng/internal/config"
)

// commands is the command line.
func commands(e *environment) *cobra.Command {
	root := group("throng", "Throng, a chat server for crowds. Start one with: throng serve")
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	f := root.PersistentFlags()
	f.BoolP("help", "h", false, "Show this help.")
	f.Bool("version", false, "Print the version.")
	root.SetFlagErrorFunc(flagProblem)

	sections := []section{
		{"The server", []*cobra.Command{serveCommand(e), readyCommand(e), drainCommand(e), pressureCommand(e), traceCommand(e), configCommand(e)}},
		{"People", []*cobra.Command{userCommand(e)}},
		{"What it stores", []*cobra.Command{
			backupCommand(e), restoreCommand(e), checkCommand(e), exportCommand(e), importCommand(e), migrateCommand(e), slotsCommand(e),
		}},
		{"Clients, and this program", []*cobra.Command{
			chatCommand(e), benchCommand(e), leaf("version", "Print the version.", "", func() error { return say(e.out, versionText()) }),
		}},
	}
	for _, s := range sections {
		root.AddCommand(s.commands...)
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { showSections(cmd, sections) })
	root.SetHelpCommand(&cobra.Command{
		Use: "help", Short: "Show the help of a command.", Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = unexpected(cmd, rest[0])
			}
			if err != nil {
				return err
			}
			return cmd.Help()
		},
	})
	return root
}

// argument is a value that stands in a command line without the name of a flag.
type argument struct {
	name     string // in the help
	help     string
	optional bool
	value    pflag.Value
}

// leaf is a command that does something; long is shown below short in its help, in lines of at most helpWidth.
func leaf(name, short, long string, run func() error, arguments ...argument) *cobra.Command {
	use := name
	for _, a := range arguments {
		if a.optional {
			use += " [" + a.name + "]"
		} else {
			use += " " + a.name
		}
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error { return take(cmd, arguments, args) },
		RunE: func(*cobra.Command, []string) error { return failed(run()) },
	}
	cmd.Flags().SortFlags = false
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { showCommand(cmd, arguments) })
	return cmd
}

// take gives the arguments their values.
func take(cmd *cobra.Command, arguments []argument, args []string) error {
	if err := sayVersion(cmd); err != nil {
		return err
	}
	for i, a := range arguments {
		switch {
		case i < len(args):
			if err := a.value.Set(args[i]); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		case !a.optional:
			return fmt.Errorf("%s is missing: %s", a.name, useLine(cmd))
		}
	}
	if len(args) > len(arguments) {
		return unexpected(cmd, args[len(arguments)])
	}
	return nil
}

// group is a command that has others below it and does nothing by itself.
func group(name, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, SuggestionsMinimumDistance: 2}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := sayVersion(cmd); err != nil || len(args) == 0 {
			return err
		}
		return unexpected(cmd, args[0])
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		names := make([]string, len(below))
		for i, b := range below {
			names[i] = strconv.Quote(b.Name())
		}
		return fmt.Errorf("expected one of %s", strings.Join(names, ", "))
	}
	cmd.AddCommand(below...)
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { showSections(cmd, []section{{"Commands", below}}) })
	return cmd
}

// failedError is what went wrong in a command; all other errors of a command line are mistakes in it.
type failedError struct{ error }

// Unwrap gives the cause.
func (e *failedError) Unwrap() error { return e.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failedError{err}
}

// errSaid ends a command line that asked for the version.
var errSaid = errors.New("the version was printed")

// sayVersion prints the version where --version stands in the command line.
func sayVersion(cmd *cobra.Command) error {
	if asked, err := cmd.Flags().GetBool("version"); err != nil || !asked {
		return err //nolint:wrapcheck // every command has the flag
	}
	if err := say(cmd.OutOrStdout(), versionText()); err != nil {
		return failed(err)
	}
	return errSaid
}

func unexpected(cmd *cobra.Command, text string) error {
	if near := cmd.SuggestionsFor(text); len(near) > 0 {
		return fmt.Errorf("unexpected argument %s, did you mean %q?", text, near[0])
	}
	return fmt.Errorf("unexpected argument %s", text)
}

// flagProblem says what is wrong with a flag.
func flagProblem(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name, dashes := unknown.GetSpecifiedName(), "--"
		if one := unknown.GetSpecifiedShortnames(); one != "" {
			name, dashes = one, "-"
		}
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := config.Nearest(name, known); near != "" {
			return fmt.Errorf("unknown flag %s%s, did you mean %q?", dashes, name, "--"+near)
		}
		return fmt.Errorf("unknown flag %s%s", dashes, name)
	case errors.As(err, &missing):
		return fmt.Errorf("--%s needs a value: --%s %s", missing.GetFlag().Name, missing.GetFlag().Name, placeholder(missing.GetFlag()))
	case errors.As(err, &invalid):
		switch f := invalid.GetFlag(); f.Value.Type() {
		case "bool":
			return fmt.Errorf("--%s: it is true or false, not %q", f.Name, invalid.GetValue())
		case "duration":
			return fmt.Errorf("--%s: %q is no time; write it like 90s, 5m or 2h", f.Name, invalid.GetValue())
		case "int":
			return fmt.Errorf("--%s: %q is no number", f.Name, invalid.GetValue())
		default:
			return fmt.Errorf("--%s: %w", f.Name, errors.Unwrap(invalid))
		}
	}
	return err
}

// textValue is a text of a flag or of an argument.
type textValue struct {
	into *string
	kind string // what stands for it in the help
}

// Set implements pflag.Value.
func (v textValue) Set(text string) error {
	*v.into = text
	return nil
}

// String implements pflag.Value.
func (v textValue) String() string { return *v.into }

// Type implements pflag.Value.
func (v textValue) Type() string { return v.kind }

// pathValue is the name of a file or folder; it is made absolute. A lone - stays what it is.
type pathValue textValue

// Set implements pflag.Value.
func (v pathValue) Set(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	*v.into = fullPath(text)
	return nil
}

// String implements pflag.Value.
func (v pathValue) String() string { return *v.into }

// Type implements pflag.Value.
func (v pathValue) Type() string { return v.kind }

// path adds a flag that names a file or a folder.
func path(f *pflag.FlagSet, into *string, name, kind, help string) {
	f.Var(pathValue{into, kind}, name, help)
}

// fullPath is the absolute form of a name, also of one that begins with ~, which a shell leaves alone behind an equals sign.
func fullPath(name string) string {
	if name == "" || name == "-" {
		return name
	}
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, below)
		}
	}
	if full, err := filepath.Abs(name); err == nil {
		return full
	}
	return name
}

// folderValue is a folder that exists.
type folderValue struct{ pathValue }

// Set implements pflag.Value.
func (v folderValue) Set(text string) error {
	if err := v.pathValue.Set(text); err != nil {
		return err
	}
	info, err := os.Stat(*v.into)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", *v.into)
	}
	return err //nolint:wrapcheck // it names the folder
}

// notValue sets what it points to to the contrary.
type notValue struct{ into *bool }

// Set implements pflag.Value.
func (v notValue) Set(text string) error {
	not, err := strconv.ParseBool(text)
	*v.into = !not
	return err //nolint:wrapcheck // flagProblem says it
}

// String implements pflag.Value.
func (v notValue) String() string { return strconv.FormatBool(!*v.into) }

// Type implements pflag.Value.
func (v notValue) Type() string { return "bool" }
