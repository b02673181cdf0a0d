package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/timeline"
)

// Options of a store that are no settings.
type Options struct {
	// Rules of the decision; where no sizes are set, those of message.DefaultRules.
	Rules message.Rules
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Registerer gets the metrics; nil keeps none. It takes one store.
	Registerer prometheus.Registerer
	// Logger gets warnings; nil drops them.
	Logger *slog.Logger
	// Filling opens databases into which a data folder is being copied. Others get an [UnfinishedError]: what is not there yet would
	// be given out a second time.
	Filling bool
	// Whole refuses tables of a newer version also where this one can run on them: it is for who reads everything, and would leave out
	// what it does not know.
	Whole bool
	// Made takes databases as they are, and refuses those whose tables are not there or are to be changed first: it is for who looks at them,
	// and must not make what it was to find.
	Made bool
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if r := &o.Rules; r.SmallMembers == 0 && r.MediumMembers == 0 {
		admit := r.Admit
		*r = message.DefaultRules()
		r.Admit = admit
	}
	return o
}

// Store is a node's access to the databases. All methods may be called from any goroutine.
type Store struct {
	// immutable after Open
	cfg     Config
	rules   message.Rules
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	shards  []*shard          // as configured, the home database first
	whole   bool              // tables of a newer version are refused
	made    bool              // tables that are not there, or older ones, are refused
	byID    map[uint64]*shard // by the databases' own numbers
	epoch   uint64
	install uint64 // names what the databases belong to
	node    uint64 // names this store before others

	// atomic
	closed   atomic.Bool
	outdated atomic.Bool // a newer version has changed the tables so that this one cannot run on them
	slots    atomic.Pointer[slotMap]
	nodes    atomic.Int64 // there are, as far as it knows

	turns    [queue.Lanes]atomic.Uint32 // the slot of each lane that Pending begins with
	onCommit atomic.Pointer[func(events []chat.Event)]

	reloading sync.Mutex // is held while the map of slots is read

	repeats sync.Map // record.RepeatKey → message.Repeat; empty but in a mutant

	few     *gather.Many[*standing, []timeline.Part]
	ids     ids
	stop    context.CancelFunc
	running sync.WaitGroup
}

// shard is one database.
type shard struct {
	store   *Store
	dsn     string
	db      *sql.DB
	breaker *breaker.Breaker
	id      uint64 // its number for good
}

// Open connects to the databases, makes or upgrades their tables, and checks that they keep what they are told. The caller closes the
// store.
func Open(ctx context.Context, c Config, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := errors.Join(c.Validate(), o.Rules.Validate()); err != nil {
		return nil, err
	}
	s := &Store{cfg: c, rules: o.Rules, now: o.Now, log: o.Logger, metrics: newMetrics(), byID: make(map[uint64]*shard), whole: o.Whole, made: o.Made}
	s.few = Gather(s.standings)
	err := s.open(ctx)
	if err == nil && !o.Filling {
		err = s.checkWhole(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(s.metrics.all(s)...)
	}
	ctx, s.stop = context.WithCancel(context.Background()) // ends with Close
	s.running.Go(func() { s.watchSlots(ctx) })
	return s, nil
}

// UnfinishedError says that a data folder is being copied into the databases, or was and is not all there.
type UnfinishedError struct{}

// Error implements error.
func (UnfinishedError) Error() string {
	return "a data folder was copied into these databases and is not all there; run throng migrate again, until it says that it is the same"
}

func (s *Store) checkWhole(ctx context.Context) error {
	unfinished := false
	err := s.home().read(ctx, "copying", "SELECT 1 FROM copying LIMIT 1", func(r *rows) error {
		unfinished = r.next()
		return nil
	})
	if err == nil && unfinished {
		err = UnfinishedError{}
	}
	return err
}

func (s *Store) open(ctx context.Context) error {
	for i, dsn := range s.cfg.Databases {
		db, err := s.cfg.open(ctx, dsn)
		if err != nil {
			return fmt.Errorf("database %d of mysql.databases cannot be opened; does it run, and are address, name, user and password right? %w", i+1, err)
		}
		d := &shard{store: s, dsn: dsn, db: db, breaker: breaker.New(s.cfg.breaker())}
		s.shards = append(s.shards, d)
		var weak *WeakDurabilityError
		if err := d.checkSettings(ctx, i+1); errors.As(err, &weak) && s.cfg.WeakDurability {
			s.log.Warn("THE DATABASE CAN LOSE ACKNOWLEDGED MESSAGES, and you said that it may", "database", i+1, "settings", weak.Settings)
		} else if err != nil {
			return err
		}
		if err := d.migrate(ctx, s.log.With("database", i+1)); err != nil {
			return fmt.Errorf("database %d of the configuration: %w", i+1, err)
		}
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.readSlots(ctx); err != nil {
		return err
	}
	if err := s.openSlots(ctx); err != nil {
		return err
	}
	epoch, err := s.home().number(ctx, metaEpoch)
	s.epoch = epoch
	return errors.Join(err, s.announce(ctx))
}

// Install names what the databases belong to: a number that no other deployment has.
func (s *Store) Install() uint64 { return s.install }

// Place names the database of a conversation, for operators: its address and name.
func (s *Store) Place(id chat.ConversationID) string {
	d, err := driver.ParseDSN(s.ofConversation(id).of(s.slots.Load()).dsn)
	if err != nil {
		return ""
	}
	return d.Addr + "/" + d.DBName
}

// home is the database of what is unique over all.
func (s *Store) home() *shard { return s.shards[0] }

// Epoch is raised when the log was restored from a backup.
func (s *Store) Epoch() uint64 { return s.epoch }

// RaiseEpoch tells every client to start over: what it was told may no longer be there. It is for databases that were restored, and
// holds for stores that are opened afterwards.
func (s *Store) RaiseEpoch(ctx context.Context) error {
	return s.home().transact(ctx, "epoch", func(t *tx) error {
		_, err := t.exec(ctx, "UPDATE meta SET number = GREATEST(number + 1, ?) WHERE name = ?", max(0, s.now().UnixMilli()), metaEpoch)
		return err
	})
}

// Ready reports why the store cannot be used now; nil while every database answers.
func (s *Store) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed()
	}
	for i, d := range s.shards {
		if err := d.ping(ctx); err != nil {
			return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "database %d does not answer", i+1)
		}
	}
	if s.outdated.Load() {
		return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "a newer version has changed the tables; this one cannot run on them")
	}
	return nil
}

// Close ends what runs and closes the connections. Calls under way end, with an error where they could not finish.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
	s.farewell()
	var all []error
	for _, d := range s.shards {
		all = append(all, d.db.Close())
	}
	return errors.Join(all...)
}
