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

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/chat"
)

// Exit codes: 1 is a failure, also damage that check found and a delivery that bench found wrong; 2 is a wrong command line.
const (
	exitFailed = 1
	exitUsage  = 2
)

// version is set by the linker.
var version = "dev"

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
	cobra.MousetrapHelpText = ""       // on Windows, a shortcut to throng serve is to start it
	cobra.EnableCommandSorting = false // they are listed by what one needs first
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
	root := commands(e)
	root.SetOut(e.out)
	root.SetErr(e.errOut)
	root.SetArgs(append([]string{}, args...)) // nil would be those of the process
	cmd, err := root.ExecuteC()
	var exit exitError
	var failure *failedError
	switch {
	case err == nil, errors.Is(err, errSaid):
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &failure):
		fmt.Fprintln(e.errOut, "throng:", sentence(failure.error))
		return exitFailed
	default:
		if cmd.Hidden { // help itself
			cmd = root
		}
		fmt.Fprintf(e.errOut, "throng: %v\nRun `%s --help` to see what there is.\n", err, cmd.CommandPath())
		return exitUsage
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
