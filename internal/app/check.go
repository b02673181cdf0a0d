package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/store/audit"
	"github.com/throng-im/throng/internal/store/mysql/check"
	foldercheck "github.com/throng-im/throng/internal/store/pebble/check"
)

// Report is what a check saw.
type Report struct {
	audit.Report

	// Shelf: users' lists of conversations alone were looked at.
	Shelf  bool
	shared bool // it is of the databases of a cluster
}

// Damaged reports whether anything stands that should not.
func (r Report) Damaged() bool { return r.Damage > 0 }

// Summary is the report for a person.
func (r Report) Summary() string {
	var b strings.Builder
	rows := "timeline rows"
	if r.shared {
		rows = "rows of lists of conversations"
	}
	for _, line := range []struct {
		name string
		n    uint64
	}{
		{"conversations", r.Conversations},
		{"entries", r.Entries},
		{"members", r.Members},
		{"repeat rows", r.Repeats},
		{"pairs", r.Pairs},
		{"users", r.Users},
		{"devices", r.Devices},
		{rows, r.Rows},
		{"events waiting", r.Events},
	} {
		if !r.Shelf || line.n > 0 {
			fmt.Fprintf(&b, "%14d %s\n", line.n, line.name)
		}
	}
	if r.Repaired > 0 {
		fmt.Fprintf(&b, "%14d repaired\n", r.Repaired)
	}
	switch {
	case r.Damage > 0:
		fmt.Fprintf(&b, "%14d damaged\n", r.Damage)
	case r.Shelf:
		fmt.Fprintln(&b, "users' lists of conversations are what the log says")
	case r.shared:
		fmt.Fprintln(&b, "everything that the databases can show is as it should be")
	default:
		fmt.Fprintln(&b, "everything that a folder can show is as it should be")
	}
	return b.String()
}

// Check verifies a data folder, or a backup, on which no server runs, and with repair rebuilds what is derived. Tell gets a
// sentence for each finding.
func Check(ctx context.Context, dir string, repair bool, tell func(string)) (Report, error) {
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); err != nil {
		return Report{}, fmt.Errorf("there is no data folder at %s; name one, or with --config the configuration of a cluster", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); errors.Is(err, fs.ErrNotExist) {
		return Report{}, fmt.Errorf("the data folder %s has no database; it is that of a cluster's node, whose databases are checked with: throng check --config FILE", dir)
	}
	opened, err := OpenFolder(dir)
	if err != nil {
		return Report{}, err
	}
	r, err := foldercheck.Run(ctx, filepath.Join(dir, "db"), foldercheck.Options{Repair: repair, Tell: tell})
	return Report{Report: r}, errors.Join(err, opened.Close())
}

// CheckOptions are those of a check of a cluster's databases.
type CheckOptions struct {
	// Shelf looks at users' lists of conversations alone; Repair puts them right before they are looked at.
	Shelf, Repair bool
	// Tell gets a sentence for each finding and each thing that was put right, Progress one now and then.
	Tell, Progress func(string)
	// Patience is for how long what is in doubt is looked at again; 0 is the check's own.
	Patience time.Duration
}

// CheckDatabases verifies the databases of a cluster's configuration, while nodes run on them or not.
func CheckDatabases(ctx context.Context, c *config.Config, o CheckOptions) (Report, error) {
	s, err := databases(ctx, c, false)
	if err != nil {
		return Report{}, err
	}
	r, err := check.Run(ctx, s, check.Options{
		Shelf: o.Shelf, Mend: o.Repair, Patience: o.Patience,
		Tell:     func(text string, next check.Remedy) { o.Tell("damage: " + text + "; " + remedies[next]) },
		Repaired: func(text string) { o.Tell("repaired: " + text) },
		Progress: func(table string, rows uint64) { o.Progress(fmt.Sprintf("read %d rows, in %s", rows, table)) },
	})
	return Report{Report: r, Shelf: o.Shelf, shared: true}, errors.Join(err, s.Close())
}

// remedies say what to do about a finding. The runbook has the steps, under the heading that they name.
//
//nolint:gochecknoglobals // a list of constants
var remedies = map[check.Remedy]string{
	check.Restore: "nothing else has it: restore a backup (runbook, A check found damage)",
	check.Rebuild: "it can be made again from the entries (runbook, A check found damage)",
	check.Shelf:   "throng check --repair writes it anew",
	check.Slots:   "see throng slots list, and write nothing there by hand (runbook, A check found damage)",
	check.Outbox:  "the row is in the way of others (runbook, A check found damage)",
}
