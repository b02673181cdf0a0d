package mysql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"time"
)

// migrations are the steps of the schema: files NNNN_name.sql without a gap, applied in order to every database. The servers cannot
// take changes of tables back, so each statement can be run again: a step that was cut off is. A step whose first line is "-- additive"
// leaves servers of the version before it running on the tables, and starting on them: it adds tables, or columns with a default,
// which those do not know. Any other one is for nodes that have all been stopped.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrateWait is how long a node waits for another one that is changing the tables.
const migrateWait = 5 * time.Minute

// metaFloor is the number, in every database, of the last step that was not additive: servers that know it can run.
const metaFloor = "schema floor"

// NewerSchemaError says that the tables were made by a newer version of the server.
type NewerSchemaError struct {
	Has, Knows int
}

// Error implements error.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the tables have version %d, made by a newer version of throng; this one knows versions up to %d: "+
		"install the newer version, or restore a backup of this one's", e.Has, e.Knows)
}

// OlderSchemaError says that there are no tables, or that they are those of an older version, and were to be taken as they are.
type OlderSchemaError struct {
	Has, Knows int
}

// Error implements error.
func (e *OlderSchemaError) Error() string {
	if e.Has == 0 {
		return "it has no tables: is it the right one? Nodes make the tables when they start"
	}
	return fmt.Sprintf("the tables have version %d, and this version of throng knows %d: a node of this version changes them when it starts; "+
		"until then use the version that the nodes have", e.Has, e.Knows)
}

// step is one migration.
type step struct {
	number     int
	name       string
	statements []string
	floor      int // the last step up to this one that is not additive
}

// steps returns all migrations, in order.
func steps() ([]step, error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	out := make([]step, 0, len(files))
	floor := 0
	for i, f := range files {
		digits, name, _ := strings.Cut(strings.TrimSuffix(f.Name(), ".sql"), "_")
		number, err := strconv.Atoi(digits)
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", f.Name(), i+1)
		}
		body, err := migrations.ReadFile(path.Join("migrations", f.Name()))
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(string(body), additive) {
			floor = number
		}
		out = append(out, step{number: number, name: name, statements: statements(string(body)), floor: floor})
	}
	return append(out, laterSteps(len(out), floor)...), nil
}

const additive = "-- additive\n"

// statements splits a file; a semicolon at the end of a line ends a statement.
func statements(body string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	return out
}

// migrate brings the tables up to date. Of several nodes that start together one does it.
func (d *shard) migrate(ctx context.Context, log *slog.Logger) error {
	all, err := steps()
	if err != nil {
		return err
	}
	has, err := d.version(ctx)
	if err != nil || has == len(all) {
		return err
	}
	if has > len(all) {
		return d.newer(ctx, has, len(all), log)
	}
	if d.store.made {
		return &OlderSchemaError{Has: has, Knows: len(all)}
	}
	slow := d.store.cfg
	slow.Timeout = time.Hour // a change of a large table takes longer than an answer may take elsewhere
	db, err := slow.open(ctx, d.dsn)
	if err != nil {
		return err
	}
	patient := &shard{store: d.store, db: db, breaker: d.breaker}
	return errors.Join(patient.upgrade(ctx, all, log), db.Close())
}

func (d *shard) upgrade(ctx context.Context, all []step, log *slog.Logger) error {
	return d.locked(ctx, "migrate", func() error {
		has, err := d.version(ctx)
		if err != nil {
			return err
		}
		if has > len(all) {
			return d.newer(ctx, has, len(all), log)
		}
		for _, s := range all[has:] {
			log.Info("changing the tables", "version", s.number, "name", s.name)
			if s.number > 1 { // else there is no table for it yet
				if err := d.raiseFloor(ctx, s.floor); err != nil {
					return err
				}
			}
			if err := d.apply(ctx, s); err != nil {
				return fmt.Errorf("migration %04d_%s: %w", s.number, s.name, err)
			}
		}
		return nil
	})
}

// newer looks whether a server that knows fewer steps than were taken can run on the tables.
func (d *shard) newer(ctx context.Context, has, knows int, log *slog.Logger) error {
	floor, err := d.number(ctx, metaFloor)
	if err != nil {
		return err
	}
	if floor == 0 || floor > uint64(knows) || d.store.whole {
		return &NewerSchemaError{Has: has, Knows: knows}
	}
	log.Warn("the tables are those of a newer version, which this one can run on", "version", has, "knows", knows)
	return nil
}

// Known refuses tables of a newer version, also where this one can run on them: who copies rows would leave out what it does not know. A node of
// that version may make them at any time.
func (d *shard) Known(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return err
	}
	has, err := d.version(ctx)
	if err == nil && has > len(all) {
		return &NewerSchemaError{Has: has, Knows: len(all)}
	}
	return d.store.translate(err, "reading which version of the tables there is")
}

func (d *shard) raiseFloor(ctx context.Context, floor int) error {
	_, err := d.db.ExecContext(ctx, "INSERT INTO meta (name, number) VALUES (?, ?) ON DUPLICATE KEY UPDATE number = GREATEST(number, VALUES(number))",
		metaFloor, floor)
	return err
}

// checkFloor looks whether a newer version has changed the tables, under this node, so that it cannot run on them any longer.
func (s *Store) checkFloor(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return err
	}
	for _, d := range s.shards {
		floor, err := d.number(ctx, metaFloor)
		if err != nil {
			return err
		}
		if floor > uint64(len(all)) && !s.outdated.Swap(true) {
			s.log.Error("A NEWER VERSION HAS CHANGED THE TABLES so that this one cannot run on them; stop this node and install that version",
				"floor", floor, "knows", len(all))
		}
	}
	return nil
}

// version is that of the tables; 0 where there are none.
func (d *shard) version(ctx context.Context) (int, error) {
	version := 0
	err := d.readOnce(ctx, "SELECT COALESCE(MAX(version), 0) FROM migration", func(r *rows) error {
		for r.next() {
			r.scan(&version)
		}
		return nil
	}, nil)
	if numberOf(err) == 1146 { // no such table
		return 0, nil
	}
	return version, err
}

// apply runs one step.
func (d *shard) apply(ctx context.Context, s step) error {
	for _, statement := range s.statements {
		if _, err := d.db.ExecContext(ctx, statement); err != nil && !isThere(err) {
			return err
		}
	}
	_, err := d.db.ExecContext(ctx, "INSERT IGNORE INTO migration (version, name, applied_ms) VALUES (?, ?, ?)",
		s.number, s.name, max(0, d.store.now().UnixMilli()))
	return err
}

// locked runs fn while no other node runs one of that name on the same database.
func (d *shard) locked(ctx context.Context, name string, fn func() error) (err error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed(conn.Close())) }()
	const step = 2 * time.Second // shorter than an answer may take
	for begun := time.Now(); ; {
		var got *int
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('throng ', ?, ' ', MD5(DATABASE())), ?)", name, int(step/time.Second)).Scan(&got); err != nil {
			return err
		}
		if got != nil && *got == 1 {
			break
		}
		if time.Since(begun) > migrateWait {
			return fmt.Errorf("another node has been busy with %q on this database for %s; end it, or wait and start again", name, migrateWait)
		}
	}
	defer func() {
		_, release := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('throng ', ?, ' ', MD5(DATABASE())))", name)
		if release != nil {
			(&tx{conn: conn}).discard() // the lock ends with the connection
		}
	}()
	return fn()
}
