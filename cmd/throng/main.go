package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/throng-im/throng/internal/chat"
)

// Exit codes: 1 is a failure, also damage that check found and a delivery that bench found wrong; 2 is a wrong command line.
const (
	exitFailed = 1
	exitUsage  = 2
)

// version is set by the linker.
var version = "dev"

// cli are the commands.
type cli struct {
	Version kong.VersionFlag `help:"Print the version."`

	Serve    serveCmd    `cmd:"" help:"Start the server."`
	User     userCmd     `cmd:"" help:"Look after people: add, list, disable, delete, reset-password."`
	Chat     chatCmd     `cmd:"" help:"Chat in this terminal."`
	Bench    benchCmd    `cmd:"" passthrough:"" help:"Put a server under load and check what it delivers."`
	Check    checkCmd    `cmd:"" help:"Verify everything that a data folder can show; --repair rebuilds what is derived."`
	Backup   backupCmd   `cmd:"" help:"Copy the data folder, while the server runs or not."`
	Restore  restoreCmd  `cmd:"" help:"Make a data folder from a backup."`
	Export   exportCmd   `cmd:"" help:"Write everything as JSON lines."`
	Import   importCmd   `cmd:"" help:"Read JSON lines, or an export of Slack."`
	Migrate  migrateCmd  `cmd:"" help:"Copy a data folder into the databases of a cluster, or back."`
	Drain    drainCmd    `cmd:"" help:"Empty a running server: its clients go to others, or take it back with --undo."`
	Pressure pressureCmd `cmd:"" help:"Show what a running server leaves out while it has too much to do, or hold a level."`
	Ready    readyCmd    `cmd:"" help:"Ask a server whether it is ready; for health checks."`
	Config   configCmd   `cmd:"" help:"Check or print the configuration, or print its reference page."`
	Printing printingCmd `cmd:"" name:"version" help:"Print the version."`
}

// environment is what commands get from the world.
type environment struct {
	ctx    context.Context // of the one command that runs
	out    io.Writer
	errOut io.Writer
	in     io.Reader
	env    []string
	reload <-chan os.Signal
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	notifyReload(reload)
	go func() { // a second signal ends the process at once
		<-ctx.Done()
		stop()
	}()
	code := run(os.Args[1:], &environment{
		ctx: ctx, out: os.Stdout, errOut: os.Stderr, in: os.Stdin, env: os.Environ(), reload: reload,
	})
	stop()
	os.Exit(code)
}

// exitError ends the process with its code, after its own words were printed.
type exitError struct{ code int }

// Error implements error.
func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// run is the whole program; it returns the exit code.
func run(args []string, e *environment) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("throng"),
		kong.Description("Throng, a chat server for crowds. Start one with: throng serve"),
		kong.Vars{"version": versionText()},
		kong.Writers(e.out, e.errOut),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintln(e.errOut, "throng:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(e.errOut, "throng: %v\nRun `throng --help`, or `throng COMMAND --help` for one command.\n", err)
		return exitUsage
	}
	err = k.Run(e)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	default:
		fmt.Fprintln(e.errOut, "throng:", sentence(err))
		return exitFailed
	}
}

// sentence is an error for a person: of the server's errors only the message.
func sentence(err error) string {
	var e *chat.Error
	if errors.As(err, &e) && e.Code != chat.CodeInternal {
		return e.Message
	}
	return err.Error()
}

type printingCmd struct{}

// Run prints the version.
func (printingCmd) Run(e *environment) error {
	_, err := fmt.Fprintln(e.out, versionText())
	return err
}

func versionText() string {
	text := "throng " + version
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			text += " (" + s.Value[:12] + ")"
		}
	}
	return text + " " + info.GoVersion
}
