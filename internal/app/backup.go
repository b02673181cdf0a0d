package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/throng-im/throng/internal/store/pebble"
)

// backupMark stands in a backup, so that nobody serves from it: what clients know that is not in it must be told apart by
// a new epoch, which a restore gives.
const backupMark = "BACKUP"

// backup copies the folder as it is into a new one. The database comes first and the mark last: a copy that was cut off has
// none, and a restore refuses it.
func (a *App) backup(to string) error {
	if a.core.engine.checkpoint == nil {
		return errors.New("the databases of a cluster are backed up with their own tools (mariabackup, xtrabackup, snapshots); docs/operations/cluster.md says how")
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) { //nolint:gosec // the operator names the folder
		return fmt.Errorf("%s exists; name a folder that does not", to)
	}
	if err := os.MkdirAll(to, 0o700); err != nil { //nolint:gosec // as above
		return fmt.Errorf("making the backup: %w", err)
	}
	ctx := context.Background() // a backup that was begun is finished, also where the command was interrupted
	if err := a.core.engine.checkpoint(ctx, filepath.Join(to, filepath.Base(a.cfg.DatabaseDir()))); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	for _, name := range []string{"FORMAT", "secrets"} {
		if err := copyTree(filepath.Join(a.cfg.Data, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(to, backupMark), []byte("made by throng backup; use throng restore\n"))
}

// Restore makes a data folder from a backup. The log of the new folder has another epoch, so that clients start over.
func Restore(ctx context.Context, from, to string) error {
	if _, err := os.Stat(filepath.Join(from, backupMark)); err != nil {
		return fmt.Errorf("%s is no complete backup; name a folder that throng backup made", from)
	}
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; name a new folder with --data", to)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	for _, name := range []string{"db", "secrets"} {
		if err := copyTree(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	store, err := pebble.Open(filepath.Join(to, "db"), pebble.Options{})
	if err != nil {
		return fmt.Errorf("opening what was restored: %w", err)
	}
	if err := errors.Join(store.RaiseEpoch(), store.Close()); err != nil {
		return fmt.Errorf("raising the epoch: %w", err)
	}
	// The format comes last: without it the folder is not taken for one of ours.
	return copyTree(filepath.Join(from, "FORMAT"), filepath.Join(to, "FORMAT"))
}

// copyTree copies a file or a folder, durably.
func copyTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return fmt.Errorf("naming a copy: %w", err)
		}
		target := filepath.Join(to, rest)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700) //nolint:gosec // in the folder that the operator named
		}
		return copyFile(path, target)
	})
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from) //nolint:gosec // in a folder that the operator named
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // in a folder that the operator named
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
