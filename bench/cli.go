package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/report"
)

// ErrFaults is returned by Main where messages were lost, repeated, out of order or damaged, or a run missed what it is judged by.
var ErrFaults = errors.New("the run did not go well")

// ErrUsage is returned by Main for a command line that it does not understand.
var ErrUsage = errors.New("wrong command line")

// result is what a scenario's report can do, besides being written as JSON.
type result interface {
	// Title names the load in one line.
	Title() string
	// Rows are the figures for people.
	Rows() []report.Row
	// Plots are drawn on the page.
	Plots() []report.Plot
	// Verdict says in a sentence how it went, and whether it went well.
	Verdict() (sentence string, good bool)
}

// scenario is one of the things that bench does.
type scenario struct {
	name    string
	summary string
	usage   string
	// flags registers what it takes, and returns what runs it once they are read.
	flags func(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error)
}

// common are the flags of every scenario.
type common struct {
	command                                   string
	url, key, secret, metrics, binary, folder string
	json, html                                string
}

func (c *common) register(f *flag.FlagSet) {
	f.StringVar(&c.url, "url", "", "`URL` of a running server (default starts one)")
	f.StringVar(&c.key, "key", "", "the server `key` of the running server (default $THRONG_SERVER_KEY)")
	f.StringVar(&c.metrics, "metrics", "", "`URL` of the running server's metrics, for its processor time")
	f.StringVar(&c.binary, "binary", "", "the `file` to start instead of this one")
	f.StringVar(&c.folder, "folder", "", "a `folder` for the started server's data, kept afterwards (default temporary)")
	f.StringVar(&c.json, "json", "", "write the report to a `file` too; - is standard output")
	f.StringVar(&c.html, "html", "", "write a page with plots to a `file`")
}

// Main is the command throng bench: args are what follows that word.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		for _, s := range scenarios() {
			if s.name == args[0] {
				return s.main(ctx, args, stdout, stderr)
			}
		}
	}
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		_, err := io.WriteString(stdout, usage())
		return err
	}
	_, _ = io.WriteString(stderr, usage())
	if len(args) > 0 {
		return fmt.Errorf("%w: bench has no scenario %q", ErrUsage, args[0])
	}
	return fmt.Errorf("%w: bench needs to know what to do: %s", ErrUsage, names())
}

func (s scenario) main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c := common{command: "throng bench " + strings.Join(args, " ")}
	f := flag.NewFlagSet("bench "+s.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // what it says is returned
	run := s.flags(f, &c)
	if s.summary != "" {
		c.register(f)
	}
	if err := f.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, err = io.WriteString(stdout, s.help(f))
			return err
		}
		return fmt.Errorf("%w: %w; see: throng bench %s --help", ErrUsage, err, s.name)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: bench %s takes flags only, not %q", ErrUsage, s.name, f.Arg(0))
	}
	if c.key == "" {
		c.key = os.Getenv("THRONG_SERVER_KEY")
	}
	c.secret = os.Getenv("THRONG_COMPANY_SECRET")
	view := live.New(stderr)
	res, err := run(ctx, view.Show)
	view.Close()
	if err != nil || res == nil {
		return err
	}
	return c.finish(res, stdout)
}

// finish writes the report everywhere that it was asked for.
func (c *common) finish(res result, stdout io.Writer) error {
	sentence, good := res.Verdict()
	rows := append(res.Rows(), report.R("verdict", "%s", sentence))
	if _, err := io.WriteString(stdout, report.Table(res.Title(), rows, columns(stdout))); err != nil {
		return err
	}
	if c.json != "" {
		if err := writeJSON(c.json, stdout, res); err != nil {
			return err
		}
	}
	if c.html != "" {
		page := report.Page{
			Title: res.Title(), Command: c.command, Verdict: sentence, Good: good, Rows: res.Rows(), Plots: res.Plots(),
			Environment: report.ReadEnvironment(), Data: res,
		}
		text, err := page.HTML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.html, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if !good {
		return fmt.Errorf("%w: %s", ErrFaults, sentence)
	}
	return nil
}

func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return live.Width(f)
	}
	const usual = 100
	return usual
}

func writeJSON(file string, stdout io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if file == "-" {
		_, err = stdout.Write(b)
		return err
	}
	return os.WriteFile(file, b, 0o600)
}

func names() string {
	var all []string
	for _, s := range scenarios() {
		if s.summary != "" {
			all = append(all, s.name)
		}
	}
	return strings.Join(all, ", ")
}
