package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/store/migration"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/pebble"
)

// Migrated says what a migration compared.
type Migrated struct {
	migration.Report

	// Strangers: the configuration of the cluster does not have the folder's signing secret, so that everybody will have to sign in again.
	Strangers bool
}

// Summary is the report for a person.
func (m Migrated) Summary() string {
	var b strings.Builder
	for _, t := range m.Tables {
		fmt.Fprintf(&b, "%14d %s\n", t.Rows, t.Table)
	}
	b.WriteString("the databases have what the folder has: every row of every table was compared\n")
	return b.String()
}

// FolderSecret is what a folder's tokens are signed with, as account.signing_secrets takes it.
func FolderSecret(dir string) (string, error) {
	folder, err := existing(dir)
	if err != nil {
		return "", err
	}
	secret, err := folder.Secret("signing")
	return hex.EncodeToString(secret), errors.Join(err, folder.Close())
}

// existing opens a data folder that is there, and has data.
func existing(dir string) (*Folder, error) {
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); err != nil {
		return nil, fmt.Errorf("there is no data folder at %s; name one", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the data folder %s has no database; it is that of a cluster's node, and has nothing to be copied", dir)
	}
	return OpenFolder(dir)
}

// Migrate copies a data folder, on which no server runs, into the databases of a cluster's configuration, and compares the two. It may be
// stopped and called again. Tell gets a sentence now and then.
func Migrate(ctx context.Context, dir string, to *config.Config, tell func(string)) (Migrated, error) {
	folder, err := existing(dir)
	if err != nil {
		return Migrated{}, err
	}
	m, err := migrate(ctx, folder, to, tell)
	return m, errors.Join(err, folder.Close())
}

func migrate(ctx context.Context, folder *Folder, to *config.Config, tell func(string)) (m Migrated, err error) {
	secret, err := folder.Secret("signing")
	if err != nil {
		return m, err
	}
	m.Strangers = !slices.Contains(to.Account.SigningSecrets, account.Secret(hex.EncodeToString(secret)))
	s, err := databases(ctx, to, true)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := pebble.OpenReader(filepath.Join(folder.Path, "db"), nil)
	if err != nil {
		return m, fmt.Errorf("reading the folder: %w", err)
	}
	if m.Report, err = migration.Copy(ctx, r, s, migration.Options{Progress: telling(tell)}); err != nil {
		err = fmt.Errorf("%w\na copy that was begun goes on where it was: start the same migration again", err)
	}
	return m, errors.Join(err, r.Close())
}

// MigrateBack copies the databases of a cluster's configuration into a new data folder.
func MigrateBack(ctx context.Context, from *config.Config, dir string, tell func(string)) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; name a new folder", dir)
	}
	s, err := databases(ctx, from, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	b, err := pebble.OpenBuilder(filepath.Join(dir, "db"), nil)
	if err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	err = migration.Back(ctx, s, people.New(s), b, migration.Options{Progress: telling(tell)})
	if err := errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("copying the databases: %w; remove %s and begin again", err, dir)
	}
	// The format comes last: without it the folder is not taken for one of ours.
	return writeFormat(filepath.Join(dir, "FORMAT"), formatVersion)
}

// databases opens those that a configuration names: filling makes their tables, and takes the rest of a copy that was stopped.
func databases(ctx context.Context, c *config.Config, filling bool) (*mysql.Store, error) {
	if !c.Shared() {
		return nil, errors.New("that is the configuration of a single server: name the one of a cluster, with store.driver = \"mysql\" and its databases")
	}
	s, err := mysql.Open(ctx, c.MySQL, mysql.Options{Filling: filling, Whole: true, Made: !filling, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("opening the databases: %w", err)
	}
	return s, nil
}

func telling(tell func(string)) func(migration.Progress) {
	return func(p migration.Progress) {
		switch p.Doing {
		case migration.Copying:
			tell(fmt.Sprintf("copied %d rows, in %s", p.Rows, p.Table))
		case migration.Reading:
			tell(fmt.Sprintf("read %d rows of the folder again, in %s", p.Rows, p.Table))
		case migration.Comparing:
			tell(fmt.Sprintf("compared %d rows, in %s", p.Rows, p.Table))
		}
	}
}
