package mysql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// Names of numbers in the table meta.
const (
	metaInstall = "install" // in every database: the home database's own draw
	metaShard   = "shard"   // in every database: its number, from 1; the home database is 1
	metaShards  = "shards"  // in the home database: the last number given
	metaEpoch   = "epoch"   // in the home database
	// metaHoldings counts, in every database, how often a slot has left it, from 1. What was read there lay in the right place where the
	// number is the same as before one asked where the slots are.
	metaHoldings = "holdings"
)

// slotKind tells the two kinds of slots apart.
type slotKind uint8

const (
	slotConversation slotKind = iota
	slotUser
	slotKinds
)

// slotMap says which database has a slot. It is never changed: a new one replaces it.
type slotMap struct {
	of [slotKinds][chat.Slots]*shard
	// holdings are the databases' own numbers of that name, from before the map was read.
	holdings map[*shard]uint64
}

// ofConversation is where a conversation is.
func (s *Store) ofConversation(id chat.ConversationID) place {
	return place{s, slotConversation, id.Slot(), 0}
}

// ofUser is where a user is.
func (s *Store) ofUser(user chat.UserID) place { return place{s, slotUser, user.Slot(), user} }

// number reads a number of the table meta; 0 where there is none.
func (d *shard) number(ctx context.Context, name string) (n uint64, err error) {
	err = d.read(ctx, "meta", "SELECT number FROM meta WHERE name = ?", func(r *rows) error {
		n = 0
		for r.next() {
			r.scan(&n)
		}
		return nil
	}, name)
	return n, err
}

// identify finds out which database is which, and gives new ones their numbers. A database of another install is refused: its rows
// would be mixed with these.
func (s *Store) identify(ctx context.Context) error {
	fresh, err := record.Draw()
	if err != nil {
		return err
	}
	if err := s.checkHome(ctx); err != nil {
		return err
	}
	home := s.home()
	_, err = home.db.ExecContext(ctx, "INSERT IGNORE INTO meta (name, number) VALUES (?, ?), (?, 1), (?, 1), (?, 1)",
		metaInstall, fresh, metaShard, metaShards, metaEpoch)
	if err != nil {
		return s.translate(err, "naming the databases")
	}
	if s.install, err = home.number(ctx, metaInstall); err != nil {
		return err
	}
	for i, d := range s.shards {
		if d.id, err = d.number(ctx, metaShard); err != nil {
			return err
		}
		if d.id == 0 {
			if err := s.name(ctx, d); err != nil {
				return err
			}
		}
		install, err := d.number(ctx, metaInstall)
		switch {
		case err != nil:
			return err
		case install != s.install:
			return fmt.Errorf("database %d of the configuration belongs to another install, or is not the home database; the home database stands first", i+1)
		case i == 0 && d.id != 1:
			return errors.New("database 1 of the configuration is not the home database; name the home database first")
		case s.byID[d.id] != nil:
			return fmt.Errorf("database %d of the configuration is the same as one before it, or a copy of it", i+1)
		}
		s.byID[d.id] = d
	}
	return nil
}

// checkHome refuses a new database in front of ones that are in use: it would become the home of another install.
func (s *Store) checkHome(ctx context.Context) error {
	for i, d := range s.shards {
		install, err := d.number(ctx, metaInstall)
		switch {
		case err != nil:
			return err
		case i == 0 && install != 0:
			return nil
		case install != 0:
			return fmt.Errorf("database 1 of the configuration is new and database %d is not; the home database stands first", i+1)
		}
	}
	return nil
}

// name gives a new database the next number. A number that was drawn for nothing is passed over.
func (s *Store) name(ctx context.Context, d *shard) error {
	return d.locked(ctx, "name", func() error {
		id, err := d.number(ctx, metaShard)
		if err != nil || id != 0 {
			d.id = id
			return err
		}
		err = s.home().transact(ctx, "slots", func(t *tx) error {
			n, err := t.exec(ctx, "UPDATE meta SET number = number + 1 WHERE name = ?", metaShards)
			if err == nil && n != 1 {
				err = record.ErrDamaged("number of databases")
			}
			if err != nil {
				return err
			}
			return t.query(ctx, "SELECT number FROM meta WHERE name = ?", func(r *rows) error {
				for r.next() {
					r.scan(&d.id)
				}
				return nil
			}, metaShards)
		})
		if err != nil {
			return err
		}
		return d.transact(ctx, "slots", func(t *tx) error {
			_, err := t.exec(ctx, "INSERT INTO meta (name, number) VALUES (?, ?), (?, ?)", metaShard, d.id, metaInstall, s.install)
			return err
		})
	})
}

// readSlots reads which database has which slot. The first start of all spreads them evenly.
func (s *Store) readSlots(ctx context.Context) error {
	m, count, err := s.loadSlots(ctx)
	if err != nil {
		return err
	}
	if count == 0 {
		err = s.home().transact(ctx, "slots", func(t *tx) error { return s.spread(ctx, t) })
		if err != nil {
			return err
		}
		if m, count, err = s.loadSlots(ctx); err != nil {
			return err
		}
	}
	if count != int(slotKinds)*chat.Slots {
		return fmt.Errorf("the home database says where %d slots are, and there are %d", count, int(slotKinds)*chat.Slots)
	}
	s.slots.Store(m)
	return nil
}

// spread gives each database its share of neighbouring slots; where another node was faster its answer stands.
func (s *Store) spread(ctx context.Context, t *tx) error {
	var q text
	q.add("INSERT IGNORE INTO slot_map (kind, slot, shard) VALUES ")
	for kind := range uint64(slotKinds) {
		for slot := range uint64(chat.Slots) {
			d := s.shards[slot*uint64(len(s.shards))/chat.Slots]
			q.row(kind == 0 && slot == 0, kind, slot, d.id)
		}
	}
	_, err := t.exec(ctx, q.String())
	return err
}

// openSlots has every database say by itself which slots it has, once: from then on a slot comes and goes by being moved.
func (s *Store) openSlots(ctx context.Context) error {
	m := s.slots.Load()
	for _, d := range s.shards {
		if n, err := d.number(ctx, metaHoldings); err != nil || n != 0 {
			if err != nil {
				return err
			}
			continue
		}
		err := d.transact(ctx, "slots", func(t *tx) error {
			n, err := t.exec(ctx, "INSERT IGNORE INTO meta (name, number) VALUES (?, 1)", metaHoldings)
			if err != nil || n == 0 { // another node was faster, and slots may have been moved since
				return err
			}
			var q text
			for kind := range slotKinds {
				for slot, of := range m.of[kind] {
					if of == d {
						q.row(len(q.b) == 0, uint64(kind), uint64(slot), uint64(HoldingOpen), 0)
					}
				}
			}
			if len(q.b) > 0 {
				_, err = t.exec(ctx, "INSERT INTO holding (kind, slot, state, mover) VALUES "+q.String())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.readSlots(ctx)
}

// holdingsWait is how long a database is waited for that is to say what has left it: what it said before will do.
const holdingsWait = time.Second

func (s *Store) loadSlots(ctx context.Context) (*slotMap, int, error) {
	m := &slotMap{holdings: s.readHoldings(ctx)}
	count := 0
	err := s.home().read(ctx, "slots", "SELECT kind, slot, shard FROM slot_map", func(r *rows) error {
		count = 0
		for r.next() {
			var kind, slot, id uint64
			r.scan(&kind, &slot, &id)
			d := s.byID[id]
			switch {
			case kind >= uint64(slotKinds) || slot >= chat.Slots:
				return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "the map of slots has a slot %d of kind %d", slot, kind)
			case d == nil:
				return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonStorageUnavailable,
					"database number %d has slots and is not in the configuration; add it to mysql.databases on every node", id)
			}
			m.of[kind][slot] = d
			count++
		}
		return nil
	})
	return m, count, err
}

// readHoldings asks every database what its number is. The map is read after that: a slot that leaves meanwhile is noticed.
func (s *Store) readHoldings(ctx context.Context) map[*shard]uint64 {
	ctx, cancel := context.WithTimeout(ctx, holdingsWait)
	defer cancel()
	numbers := make([]uint64, len(s.shards))
	var before map[*shard]uint64
	if m := s.slots.Load(); m != nil {
		before = m.holdings
	}
	var all sync.WaitGroup
	for i, d := range s.shards {
		all.Go(func() {
			n, err := d.number(ctx, metaHoldings)
			if err != nil {
				n = before[d] // an older one is as good: what has left since is asked for once more
			}
			numbers[i] = n
		})
	}
	all.Wait()
	out := make(map[*shard]uint64, len(numbers))
	for i, d := range s.shards {
		out[d] = numbers[i]
	}
	return out
}

// watchSlots looks now and then where the slots are, and says that this node is there.
func (s *Store) watchSlots(ctx context.Context) {
	tick := time.NewTicker(s.cfg.SlotInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := s.reload(ctx, s.slots.Load())
			if err == nil {
				err = errors.Join(s.mend(ctx), s.announce(ctx))
			}
			if err != nil && ctx.Err() == nil {
				s.log.Warn("looking where the slots are; what was known stands", "error", err)
			}
			if err := s.checkFloor(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("reading which version of the tables there is", "error", err)
			}
		}
	}
}
