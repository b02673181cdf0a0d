package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/throng-im/throng/internal/app"
)

type drainCmd struct {
	sources

	Over time.Duration
	Undo bool
	Wait bool
}

const drainHelp = `A drained server is sent no clients any more, /readyz is red so that a balancer
takes it out, newcomers are refused with a time to wait, and the clients that it
has are told to go to other servers, a few at a time. Calls over HTTP are still
answered. It stays drained until --undo, or until it is started again.

The command returns when the server is empty. Who ends it earlier does not end
the drain.`

func drainCommand(e *environment) *cobra.Command {
	var c drainCmd
	cmd := leaf("drain", "Empty a running server: its clients go to others, or take it back with --undo.", drainHelp,
		func() error { return c.Run(e) })
	f := cmd.Flags()
	c.register(e, f)
	f.DurationVar(&c.Over, "over", 0, "Over what time the clients are told to go, up to 1h. Default: 10s.")
	f.BoolVar(&c.Undo, "undo", false, "Let clients in again.")
	waitFlags(f, &c.Wait)
	return cmd
}

func waitFlags(f *pflag.FlagSet, wait *bool) {
	f.BoolVar(wait, "wait", true, "Wait until the server is empty. This is the default.")
	f.VarPF(notValue{wait}, "no-wait", "", "Return at once.").NoOptDefVal = "true"
}

// drainLook is how often the command looks how many are left.
const drainLook = 250 * time.Millisecond

// Run empties the running server, or lets clients in again.
func (c drainCmd) Run(e *environment) error {
	if c.Undo && c.Over != 0 {
		return errors.New("name a time to drain over, or --undo, not both")
	}
	return c.with(e, false, func(op *app.Operator) error {
		if !op.Running() {
			return errors.New("no server runs on this folder; name another one with --data")
		}
		if c.Undo {
			if _, err := op.UndoDrain(e.ctx); err != nil {
				return err
			}
			fmt.Fprintln(e.out, "the server takes clients again")
			return nil
		}
		st, err := op.Drain(e.ctx, c.Over)
		if err != nil {
			return err
		}
		tick := time.NewTicker(drainLook)
		defer tick.Stop()
		for told := -1; c.Wait && st.Draining && st.Connections > 0; {
			if told < 0 || st.Connections <= told*9/10 {
				told = st.Connections
				fmt.Fprintf(e.out, "%s left\n", connections(told))
			}
			select {
			case <-tick.C:
			case <-e.ctx.Done():
				return fmt.Errorf("waiting for the server to be empty, which it still will be: %w", e.ctx.Err())
			}
			if st, err = op.DrainStatus(e.ctx); err != nil {
				return err
			}
		}
		switch {
		case !st.Draining:
			return errors.New("somebody ended the drain")
		case st.Connections > 0:
			fmt.Fprintf(e.out, "the server drains; %s left\n", connections(st.Connections))
		default:
			fmt.Fprintln(e.out, "the server is empty")
		}
		return nil
	})
}

// connections is a number of them with its verb.
func connections(n int) string {
	if n == 1 {
		return "1 connection is"
	}
	return fmt.Sprintf("%d connections are", n)
}
