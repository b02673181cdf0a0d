package check

import (
	"context"
	"errors"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/audit"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
)

// Options of a check. The zero value is a check of everything.
type Options struct {
	// Shelf leaves out everything but users' lists of conversations.
	Shelf bool
	// Mend puts users' lists of conversations right before they are checked.
	Mend bool
	// Tell gets each finding, and what to do about it; Repaired each thing that was put right.
	Tell     func(text string, next Remedy)
	Repaired func(text string)
	// Progress is told now and then which table is being read, and how many rows were read in all; nil is nobody.
	Progress func(table string, rows uint64)
	// Patience is for how long what is in doubt is looked at again; 0 is 15 seconds.
	Patience time.Duration
	// Moment is after how long a later moment is looked at; 0 is 5 minutes.
	Moment time.Duration
}

// Remedy is what to do about a finding.
type Remedy uint8

// The remedies. The runbook has the steps.
const (
	Restore Remedy = iota + 1 // a backup: nothing else has it
	Rebuild                   // through a folder, which is repaired
	Shelf                     // --repair
	Slots                     // throng slots
	Outbox                    // the runbook has a statement
)

const (
	defaultPatience = 15 * time.Second
	defaultMoment   = 5 * time.Minute
	firstRest       = 250 * time.Millisecond // before the first look again
	mostRest        = 3 * time.Second
	// doubtsBound is how many findings are put aside to be looked at again. What is beyond counts at once.
	doubtsBound   = 100_000
	progressEvery = 100_000 // rows
)

type checker struct {
	s        *mysql.Store
	accounts *people.Accounts
	o        Options
	rows     *rows
	audit    *audit.Checker
	report   audit.Report
	read     uint64 // rows

	told   map[string]struct{} // findings, so that nobody hears them twice
	doubts doubts
}

// Run checks the databases. Its error means that it could not look; findings are in the report.
func Run(ctx context.Context, s *mysql.Store, o Options) (report audit.Report, err error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Moment <= 0 {
		o.Moment = defaultMoment
	}
	c := &checker{s: s, accounts: people.New(s), o: o, rows: newRows(s, o.Moment), told: map[string]struct{}{}}
	c.doubts.reset()
	c.audit = audit.New(c.rows, c.finding, audit.Hooks{Roles: true, Leaving: c.leaving})
	c.rows.odd = func(text string) error { c.damage(text, Rebuild); return nil }
	c.rows.stray = func(text string) error { c.damage(text, Slots); return nil }
	c.rows.read = c.progress
	defer func() { err = errors.Join(err, c.rows.close()) }()
	err = c.all(ctx)
	return c.sum(), err
}

// all runs the steps. Where the slots are not in order nothing else can be looked at: nobody knows where it is.
func (c *checker) all(ctx context.Context) error {
	if err := c.slots(ctx); err != nil || c.report.Damage > 0 {
		return err
	}
	if c.o.Mend {
		if err := c.mend(ctx); err != nil {
			return err
		}
	}
	if !c.o.Shelf {
		if err := c.log(ctx); err != nil {
			return err
		}
	}
	if err := c.shelf(ctx); err != nil {
		return err
	}
	return c.again(ctx)
}

// log checks everything but the lists of conversations.
func (c *checker) log(ctx context.Context) error {
	if err := c.rows.renew(ctx); err != nil {
		return err
	}
	last, err := c.rows.last(ctx)
	if err != nil {
		return err
	}
	if err := c.audit.Conversations(ctx, last); err != nil {
		return err //nolint:wrapcheck // the rows say what they were doing
	}
	if err := c.outbox(ctx); err != nil {
		return err
	}
	// Whoever is named by what was looked at has a row after this.
	if err := c.accounts.Arrived(ctx); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if err := c.rows.renew(ctx); err != nil {
		return err
	}
	if err := c.audit.People(ctx); err != nil {
		return err //nolint:wrapcheck // as above
	}
	if err := c.rows.renew(ctx); err != nil { // counters only rise: those of now are beyond what was seen
		return err
	}
	return c.audit.Counters(ctx, false) //nolint:wrapcheck // as above
}

func (c *checker) progress(table string, rows int) {
	before := c.read / progressEvery
	c.read += uint64(rows)
	if c.o.Progress != nil && c.read/progressEvery > before {
		c.o.Progress(table, c.read)
	}
}

// sum is the report of what was seen.
func (c *checker) sum() audit.Report {
	r := c.audit.Report
	r.Rows, r.Events, r.Damage, r.Repaired = c.report.Rows, c.report.Events, c.report.Damage, c.report.Repaired
	return r
}

// damage tells a finding, once.
func (c *checker) damage(text string, next Remedy) {
	if _, ok := c.told[text]; ok {
		return
	}
	if len(c.told) < doubtsBound {
		c.told[text] = struct{}{}
	}
	c.report.Damage++
	c.o.Tell(text, next)
}

// finding takes what the audit found.
func (c *checker) finding(f audit.Finding) error {
	switch {
	case f.Kind == audit.Crossing && c.doubts.add(f.At):
	case f.Kind == audit.Lost:
		c.damage(f.Text, Restore)
	default:
		c.damage(f.Text, Rebuild)
	}
	return nil
}

// leaving reports that an account was deleted, and its names are about to be freed.
func (c *checker) leaving(ctx context.Context, user chat.UserID) (leaves bool, err error) {
	var q mysql.Text
	q.Add("SELECT 1 FROM account WHERE leaving IS NOT NULL AND user = ").Number(uint64(user))
	err = c.s.UserPlace(user).Read(ctx, "check account", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error { scan(&leaves); return nil })
	})
	return leaves, err //nolint:wrapcheck // it says what it was doing
}
