package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/chat"
)

type traceCmd struct {
	sources

	Entry entryValue
	JSON  bool
}

const traceHelp = `It asks the running server, and through it every other node: who sent the
message and when, where it was stored, whether its event was published, how it
was fanned out, which nodes got it and how many sessions they wrote it to, and
how many members have read it. Nodes remember their latest steps only
(tracing.recent_bytes); of an older message it tells what the log, the outbox
and the read positions know. What nobody knows any more is named. The content is
never shown.

  throng trace 7/123`

func traceCommand(e *environment) *cobra.Command {
	var c traceCmd
	cmd := leaf("trace", "Show where a message went.", traceHelp, func() error { return c.Run(e) }, argument{
		name: "CONVERSATION/SEQ", help: "The conversation's id and the message's seq in it, such as 7/123.", value: &c.Entry,
	})
	f := cmd.Flags()
	c.register(e, f)
	f.BoolVar(&c.JSON, "json", false, "Print it as JSON.")
	return cmd
}

// Run asks and prints.
func (c traceCmd) Run(e *environment) error {
	return c.with(e, false, func(op *app.Operator) error {
		report, err := op.Trace(e.ctx, c.Entry.conversation, c.Entry.seq)
		switch {
		case err != nil:
			return err
		case c.JSON:
			out := json.NewEncoder(e.out)
			out.SetIndent("", "  ")
			return out.Encode(report) //nolint:wrapcheck // nothing to add
		}
		if !op.Running() {
			fmt.Fprintln(e.errOut, "no server runs on this folder: this is what the log knows")
		}
		return report.Write(e.out) //nolint:wrapcheck // nothing to add
	})
}

// entryValue is the name of an entry.
type entryValue struct{ conversation, seq uint64 }

// Set implements pflag.Value.
func (v *entryValue) Set(text string) error {
	conversation, seq, ok := strings.Cut(text, "/")
	var err error
	if !ok {
		err = errors.New("it has no /")
	}
	if err == nil {
		v.conversation, err = chat.ParseID(conversation)
	}
	if err == nil {
		v.seq, err = chat.ParseID(seq)
	}
	if err != nil {
		return fmt.Errorf("%q is no conversation and seq, such as 7/123: %w", text, err)
	}
	return nil
}

// String implements pflag.Value.
func (v *entryValue) String() string { return fmt.Sprintf("%d/%d", v.conversation, v.seq) }

// Type implements pflag.Value.
func (v *entryValue) Type() string { return "" }
