package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble/check"
	"github.com/throng-im/throng/internal/timeline"
)

// export writes everything as it is now.
func (a *App) export(ctx context.Context, w io.Writer, o archive.ExportOptions) error {
	picture, err := a.core.engine.archives.Picture(ctx)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	_, err = archive.Export(ctx, w, picture, o)
	return errors.Join(err, picture.Close())
}

// importTarget is what an import writes into.
func (a *App) importTarget() archive.Target {
	return importTarget{imports: a.core.engine.archives.Imports(), messages: a.core.messages, core: a.core}
}

type importTarget struct {
	imports

	messages *message.Service
	core     *core
}

// Submit implements archive.Target.
func (t importTarget) Submit(d *chat.Draft, done func(chat.Result)) { t.messages.Submit(d, done) }

// Settle implements archive.Target.
func (t importTarget) Settle(ctx context.Context) error {
	return t.core.engine.settled(ctx)
}

// Settings implements archive.Target.
func (t importTarget) Settings(ctx context.Context, user chat.UserID, id chat.ConversationID, s chat.Settings) (bool, error) {
	m, err := t.core.engine.directory.Member(ctx, id, user)
	if err != nil || len(m.Spans) == 0 {
		return false, err
	}
	read, err := t.core.engine.directory.Read(ctx, id, user)
	if err != nil {
		return false, err
	}
	_, err = t.core.engine.rows.PutSettings(ctx, user, id, timeline.Patch{
		Pinned: &s.Pinned, Muted: &s.Muted, Archived: &s.Archived, MarkedUnread: &s.MarkedUnread, Draft: &s.Draft, MarkedAt: read.Seq,
	})
	return err == nil, err
}

// Handle implements archive.Target.
func (t importTarget) Handle(name string) bool {
	_, err := account.NormalizeHandle(name)
	return err == nil
}

// Report is what a check of a folder saw.
type Report struct{ check.Report }

// Damaged reports whether anything stands that should not.
func (r Report) Damaged() bool { return r.Damage > 0 }

// Summary is the report for a person.
func (r Report) Summary() string {
	var b strings.Builder
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
		{"timeline rows", r.Rows},
		{"events waiting", r.Events},
	} {
		fmt.Fprintf(&b, "%14d %s\n", line.n, line.name)
	}
	if r.Repaired > 0 {
		fmt.Fprintf(&b, "%14d repaired\n", r.Repaired)
	}
	if r.Damage == 0 {
		fmt.Fprintln(&b, "everything that a folder can show is as it should be")
	} else {
		fmt.Fprintf(&b, "%14d damaged\n", r.Damage)
	}
	return b.String()
}

// Check verifies a data folder, or a backup, on which no server runs, and with repair rebuilds what is derived. Tell gets a
// sentence for each finding.
func Check(ctx context.Context, dir string, repair bool, tell func(string)) (Report, error) {
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); err != nil {
		return Report{}, fmt.Errorf("there is no data folder at %s; name one", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); errors.Is(err, fs.ErrNotExist) {
		return Report{}, fmt.Errorf("the data folder %s has no database; a cluster is copied into a folder with: throng migrate DIR --from FILE", dir)
	}
	folder, err := OpenFolder(dir)
	if err != nil {
		return Report{}, err
	}
	r, err := check.Run(ctx, filepath.Join(dir, "db"), check.Options{Repair: repair, Tell: tell})
	return Report{r}, errors.Join(err, folder.Close())
}
