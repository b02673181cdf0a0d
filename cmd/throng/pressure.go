package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

type pressureCmd struct {
	sources

	Level   string
	For     time.Duration
	Release bool
}

const pressureHelp = `While a server has too much to do it leaves things out, one after the other, and
never the storing of messages:

  0 calm              nothing is left out
  1 typing_off        nobody is told who is typing
  2 presence_counts   how many are online is told, not who
  3 receipts_off      what devices have received is not followed up
  4 content_as_hints  larger groups are told that there is something new; their
                      members' devices fetch it
  5 admission_closed  new connections are turned away, and /readyz is red

A level that is held ends by itself.`

func pressureCommand(e *environment) *cobra.Command {
	var c pressureCmd
	cmd := leaf("pressure", "Show what a running server leaves out while it has too much to do, or hold a level.", pressureHelp,
		func() error { return c.Run(e) }, argument{
			name: "LEVEL", help: "Hold this level: 0 to 5, or its word. Default: show the level.", optional: true,
			value: textValue{&c.Level, ""},
		})
	f := cmd.Flags()
	c.register(e, f)
	f.DurationVar(&c.For, "for", 0, "How long to hold it, up to 24h. Default: 1h.")
	f.BoolVar(&c.Release, "release", false, "Let the server decide again.")
	return cmd
}

// Run shows or changes what the running server leaves out.
func (c pressureCmd) Run(e *environment) error {
	if c.Release && c.Level != "" || c.For != 0 && c.Level == "" {
		return errors.New("name a level, with or without --for, or --release it, or neither")
	}
	return c.with(e, false, func(op *app.Operator) error {
		if !op.Running() {
			return errors.New("no server runs on this folder; name another one with --data")
		}
		var st app.PressureStatus
		var err error
		switch {
		case c.Release:
			st, err = op.ReleasePressure(e.ctx)
		case c.Level != "":
			var level app.PressureLevel
			if level, err = app.ParsePressureLevel(c.Level); err == nil {
				st, err = op.ForcePressure(e.ctx, level, c.For)
			}
		default:
			st, err = op.Pressure(e.ctx)
		}
		if err != nil {
			return err
		}
		fmt.Fprint(e.out, pressureText(st))
		return nil
	})
}

func pressureText(st app.PressureStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "level   %d %s\nsince   %s\n", st.Level, st.Level, st.Since.Local().Format(time.DateTime))
	if st.Forced {
		fmt.Fprintf(&b, "held    by an operator, until %s; the signals ask for %d %s\n",
			st.Until.Local().Format(time.DateTime), st.Measured, st.Measured)
	}
	fmt.Fprintf(&b, "lag     %s\ninbox   %.2f\nqueue   %.2f\nmemory  %.2f\n",
		st.Signals.Lag.Round(time.Millisecond), st.Signals.Inbox, st.Signals.Queue, st.Signals.Memory)
	return b.String()
}
