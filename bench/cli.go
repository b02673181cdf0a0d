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
)

// ErrFaults is returned by Main where messages were lost, repeated, out of order or damaged.
var ErrFaults = errors.New("the server did not deliver what it acknowledged")

// ErrUsage is returned by Main for a command line that it does not understand.
var ErrUsage = errors.New("wrong command line")

const usage = `Usage: throng bench send [flags]

Puts a server under load and checks every delivery at every receiver. Without --url it starts a server of its own on a
temporary folder. All members of the conversations are online, but for --online.

  throng bench send                                                   1,000 senders, direct conversations
  throng bench send --senders 100 --members 10                        100 senders, groups of 10
  throng bench send --senders 100 --members 100 --online 10           groups of 100 with 10 online
  throng bench send --rate 2000                                       messages due at a fixed rate

`

// Main is the command throng bench: args are what follows that word.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "send" {
		_, _ = io.WriteString(stderr, usage)
		if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
			return nil
		}
		return fmt.Errorf("%w: bench needs to know what to do: send", ErrUsage)
	}
	cfg := SendConfig{Command: "throng bench " + strings.Join(args, " ")}
	f, file := flags(&cfg, stderr)
	if err := f.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: bench send takes flags only, not %q", ErrUsage, f.Arg(0))
	}
	if cfg.Key == "" {
		cfg.Key = os.Getenv("THRONG_SERVER_KEY")
	}
	rep, err := Send(ctx, cfg, bar(stderr))
	if err != nil {
		return err
	}
	if _, err := rep.WriteTo(stdout); err != nil {
		return err
	}
	if *file != "" {
		if err := writeJSON(*file, stdout, &rep); err != nil {
			return err
		}
	}
	if n := rep.Faults(); n > 0 {
		return fmt.Errorf("%w: %d faults", ErrFaults, n)
	}
	return nil
}

func flags(c *SendConfig, stderr io.Writer) (f *flag.FlagSet, jsonFile *string) {
	f = flag.NewFlagSet("bench send", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		f.PrintDefaults()
	}
	f.IntVar(&c.Senders, "senders", defaultSenders, "`users` that send at the same time")
	f.IntVar(&c.Conversations, "conversations", defaultSenders, "conversations they send to")
	f.IntVar(&c.Members, "members", defaultMembers, "members of each conversation; 2 are direct conversations")
	f.IntVar(&c.Online, "online", 0, "members of each that are online (default all)")
	f.IntVar(&c.Users, "users", 0, "users online in all (default two for each direct conversation, else as many as senders)")
	f.IntVar(&c.Size, "size", defaultSize, "`bytes` of a text")
	f.Float64Var(&c.Rate, "rate", 0, "messages `per second` over all senders; 0 is one outstanding for each sender")
	f.DurationVar(&c.Duration, "duration", defaultDuration, "how long to measure")
	f.DurationVar(&c.Warmup, "warmup", defaultWarmup, "how long to send before that")
	f.IntVar(&c.Preload, "preload", 0, "messages that lie in the server before the load")
	f.StringVar(&c.URL, "url", "", "a running server (default starts one)")
	f.StringVar(&c.Key, "key", "", "the server key of the running server (or THRONG_SERVER_KEY)")
	f.StringVar(&c.Metrics, "metrics", "", "`URL` of the running server's metrics, for its processor time")
	f.StringVar(&c.Binary, "binary", "", "the `file` to start instead of this one")
	f.StringVar(&c.Folder, "folder", "", "a `folder` for the started server's data, kept afterwards (default temporary)")
	jsonFile = f.String("json", "", "write the report to a `file` too; - is standard output")
	return f, jsonFile
}

func writeJSON(file string, stdout io.Writer, rep *Report) error {
	b, err := json.MarshalIndent(rep, "", "  ")
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

const (
	barWidth = 30
	percent  = 100
)

// bar shows progress on a terminal, and a word for each phase elsewhere.
func bar(w io.Writer) func(Progress) {
	f, ok := w.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd()))
	phase := ""
	return func(p Progress) {
		if !live {
			if p.Phase != phase {
				phase = p.Phase
				_, _ = fmt.Fprintf(w, "%s …\n", phase)
			}
			return
		}
		line := fmt.Sprintf("%-14s", p.Phase)
		if p.Total > 0 {
			full := min(barWidth*p.Done/p.Total, barWidth)
			line += strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + fmt.Sprintf(" %3d%%", percent*p.Done/p.Total)
		}
		if p.Rate > 0 {
			line += fmt.Sprintf("  %.0f/s", p.Rate)
		}
		_, _ = fmt.Fprintf(w, "\r\x1b[K%s", line)
		if p.Phase == "drain" {
			_, _ = fmt.Fprint(w, "\r\x1b[K")
		}
	}
}
