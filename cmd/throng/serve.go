package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
)

type serveCmd struct {
	sources

	Listen  string
	TLSCert string
	TLSKey  string
}

const serveHelp = `Without any flag it keeps everything in ./data and listens on :8080. All other
settings are in the configuration file or in environment variables: see throng
config doc.

SIGTERM and SIGINT drain and stop it; SIGHUP reads the log level, the allowed
origins, the retention and what it is among the gateways (weight, grayscale)
anew.`

func serveCommand(e *environment) *cobra.Command {
	var c serveCmd
	cmd := leaf("serve", "Start the server.", serveHelp, func() error { return c.Run(e) })
	f := cmd.Flags()
	c.register(e, f)
	f.Var(textValue{&c.Listen, "ADDR"}, "listen", "Address for clients, host:port. Default: :8080.")
	f.Var(textValue{&c.TLSCert, "FILE"}, "tls-cert", "File with a certificate and its chain: TLS ends in the process.")
	f.Var(textValue{&c.TLSKey, "FILE"}, "tls-key", "File with its key.")
	return cmd
}

// Run serves until a signal ends it.
func (c serveCmd) Run(e *environment) error {
	flags := make(map[string]string)
	for path, value := range map[string]string{"server.listen": c.Listen, "server.tls.cert": c.TLSCert, "server.tls.key": c.TLSKey} {
		if value != "" {
			flags[path] = value
		}
	}
	l, err := c.load(e, flags)
	if err != nil {
		return err
	}
	sizes := l.Config.Sizes()
	var level slog.LevelVar
	log := newLogger(e.errOut, l.Config.Log, &level)
	defer app.NewCollector(&sizes, log).Close()
	a, err := app.New(e.ctx, l.Config, app.Options{
		Logger: log, Version: version, MetricsExplicit: l.Sources["metrics.listen"] != "",
		Fatal: func(err error) { os.Exit(storageFailed(e.errOut, err)) },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	go func() { // ends with ctx at the latest
		select {
		case <-a.Ready():
			greet(e, a, l.Config)
		case <-ctx.Done():
		}
	}()
	go c.reloads(ctx, e, flags, l.Config, &level, a, log) // ends with ctx
	err = a.Run(ctx)
	stop()
	return errors.Join(err, a.Close())
}

// reloads applies the configuration anew on each signal.
func (c serveCmd) reloads(
	ctx context.Context, e *environment, flags map[string]string, started *config.Config, level *slog.LevelVar, a *app.App, log *slog.Logger,
) {
	taken := started // what holds of the settings that are reloaded
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.reload:
		}
		next, err := c.load(e, flags)
		if err != nil {
			log.Error("the new configuration is not taken", "error", err)
			continue
		}
		changed, _ := config.Changes(taken, next.Config)
		_, refused := config.Changes(started, next.Config)
		taken = next.Config
		if len(changed)+len(refused) == 0 {
			log.Info("the configuration was read again; nothing in it is different")
		}
		for _, sentence := range refused {
			log.Warn("not reloaded", "setting", sentence)
		}
		if l, err := next.Config.Log.SlogLevel(); err == nil {
			level.Set(l)
		}
		a.Reload(next.Config)
		for _, path := range changed {
			log.Info("reloaded", "setting", path)
		}
	}
}

func newLogger(w io.Writer, c config.Log, level *slog.LevelVar) *slog.Logger {
	if l, err := c.SlogLevel(); err == nil {
		level.Set(l)
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// greet says where the server is and how its first administrator is made.
func greet(e *environment, a *app.App, c *config.Config) {
	bold, dim, plain := "", "", ""
	if f, ok := e.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" {
		bold, dim, plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		data = c.Data
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %sThrong%s %s is ready\n\n", bold, plain, version)
	if u := a.URL(); u != "" {
		fmt.Fprintf(&b, "  %sclients%s   %s%s%s\n", dim, plain, bold, u, plain)
	} else {
		fmt.Fprintf(&b, "  %sclients%s   none; this node is a worker\n", dim, plain)
	}
	if u := a.MetricsURL(); u != "" {
		fmt.Fprintf(&b, "  %smetrics%s   %s\n", dim, plain, u)
	}
	fmt.Fprintf(&b, "  %sdata%s      %s\n", dim, plain, data)
	if link := a.BootstrapURL(); link != "" {
		fmt.Fprintf(&b, "\n  There is no administrator yet. Make one with this link, which works once,\n    %s%s%s\n", bold, link, plain)
		command := program(os.Args[0]) + " user add --admin NAME"
		if c.Data != "data" {
			command += " --data " + word(data)
		}
		fmt.Fprintf(&b, "  or with this command:\n    %s%s%s\n", bold, command, plain)
	}
	fmt.Fprintln(e.out, b.String())
}

// program is how a person calls this program again. What go run built is gone when it ends.
func program(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/throng"
	}
	return word(arg0)
}

// word is text as one word of a shell.
func word(text string) string {
	if strings.ContainsAny(text, " \t'\"$&;()") {
		return strconv.Quote(text)
	}
	return text
}

// storageFailed says the last words of a server whose storage cannot promise anything any more, and returns its exit code.
func storageFailed(w io.Writer, err error) int {
	_, _ = fmt.Fprintf(w, "throng: the storage failed, nothing more can be stored: %v\n"+
		"What was acknowledged is safe. Look after the disk, then start the server again.\n", err)
	return exitFailed
}
