package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/app"
)

// slotsCmd is what the commands about slots have in common.
type slotsCmd struct {
	sources

	From, To int
	Slots    string
}

const slotsHelp = `Conversations and users are divided into 1,024 slots each, and every slot lies
in one of the databases. The commands go to the databases of the configuration,
and nodes run on meanwhile.`

const slotsMoveHelp = `Databases are counted from 1, as they stand in mysql.databases. Nodes run and
people write meanwhile: to one slot at a time nobody writes for some tens of
milliseconds. It may be stopped, and started again.`

func slotsCommand(e *environment) *cobra.Command {
	p := newProgress(e.errOut)
	tell := func(text string, done bool) {
		if done {
			p.stays(text)
		} else {
			p.passing(text)
		}
	}
	make := func(name, short, long string, run func(c slotsCmd, s *app.Slots) error, flags func(c *slotsCmd, cmd *cobra.Command)) *cobra.Command {
		var c slotsCmd
		cmd := leaf(name, short, long, func() error {
			defer p.end()
			return c.with(e, run)
		})
		if flags != nil {
			flags(&c, cmd)
		}
		c.registerConfig(e, cmd.Flags(), "Configuration of the cluster. Default: $THRONG_CONFIG.")
		return cmd
	}
	return group("slots", "Show and move the parts of a cluster's data that lie in one database or another.",
		make("list", "Show how many slots each database has, and which are on their way.", slotsHelp,
			func(_ slotsCmd, s *app.Slots) error { return listSlots(e, s) }, nil),
		make("move", "Move slots from one database to another.", slotsMoveHelp,
			func(c slotsCmd, s *app.Slots) error {
				first, last, err := spanOf(c.Slots)
				switch {
				case err != nil:
					return err
				case c.From == 0 || c.To == 0:
					return errors.New("name two databases by their numbers in throng slots list: --from N --to N")
				}
				return s.Move(e.ctx, c.From, c.To, first, last, tell)
			}, func(c *slotsCmd, cmd *cobra.Command) {
				f := cmd.Flags()
				f.IntVar(&c.From, "from", 0, "Database that has them.")
				f.IntVar(&c.To, "to", 0, "Database that gets them.")
				c.Slots = "0-1023"
				f.Var(textValue{&c.Slots, "SPAN"}, "slots", "Which ones, of both kinds, such as 0-63. Default: all.")
			}),
		make("spread", "Move as few slots as there have to be until all databases have the same number.", slotsMoveHelp,
			func(_ slotsCmd, s *app.Slots) error { return s.Spread(e.ctx, tell) }, nil),
		make("tidy", "End moves that were begun and given up.", slotsHelp,
			func(_ slotsCmd, s *app.Slots) error { return s.Tidy(e.ctx) }, nil),
	)
}

// with opens the databases.
func (c slotsCmd) with(e *environment, run func(c slotsCmd, s *app.Slots) error) error {
	cluster, err := c.load(e, nil)
	if err != nil {
		return err
	}
	s, err := app.OpenSlots(e.ctx, cluster.Config)
	if err != nil {
		return err
	}
	err = run(c, s)
	if err != nil && e.ctx.Err() != nil {
		err = errors.New("it was stopped; start it again to go on, or run throng slots tidy to leave it at that")
	}
	return errors.Join(err, s.Close())
}

// spanOf reads 0-63, or one number.
func spanOf(text string) (first, last uint64, err error) {
	from, to, both := strings.Cut(text, "-")
	if !both {
		to = from
	}
	first, firstErr := strconv.ParseUint(from, 10, 16)
	last, lastErr := strconv.ParseUint(to, 10, 16)
	if firstErr != nil || lastErr != nil {
		return 0, 0, fmt.Errorf("--slots: %q is no span; write it like 0-63", text)
	}
	return first, last, nil
}

func listSlots(e *environment, s *app.Slots) error {
	in, moving, err := s.List(e.ctx)
	if err != nil {
		return err
	}
	t := newTable(e.out, "DATABASE", "ADDRESS", "CONVERSATIONS", "USERS")
	for _, d := range in {
		t.row(strconv.Itoa(d.Database), d.Address, strconv.Itoa(d.Conversations), strconv.Itoa(d.Users))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, m := range moving {
		if _, err := fmt.Fprintf(e.out, "%d on the way from %d to %d: %s\n", m.Count, m.From, m.To, m.Stage); err != nil {
			return err //nolint:wrapcheck // the caller's own writer
		}
	}
	return nil
}
