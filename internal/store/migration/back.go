package migration

import (
	"context"
	"errors"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// Sink is a data folder that is made (store/pebble's Builder).
type Sink interface {
	Put(key, value []byte) error
}

// People brings in whoever is claimed and has no row yet (store/mysql/people's Accounts).
type People interface {
	Arrived(ctx context.Context) error
}

// Back copies databases into a new data folder: a backup, or what a check looks at. Servers may go on: conversations are then of one
// moment each, and what belongs to people of a later one; what crosses databases may differ by fractions of a second.
func Back(ctx context.Context, s *mysql.Store, people People, to Sink, o Options) error {
	b := &back{to: to, o: o}
	if err := b.copy(ctx, s, func(t *table) bool { return t.place == byConversation }); err != nil {
		return err
	}
	if err := people.Arrived(ctx); err != nil {
		return err
	}
	if err := b.copy(ctx, s, func(t *table) bool { return t.place != byConversation }); err != nil {
		return err
	}
	return b.once()
}

// back is a copy into a folder under way.
type back struct {
	to     Sink
	o      Options
	rows   uint64
	admins uint64

	user chat.UserID  // whose conversations are being read
	end  timeline.End // of the user
}

// copy reads some of the tables of all databases, each as of one moment.
func (b *back) copy(ctx context.Context, s *mysql.Store, which func(t *table) bool) (err error) {
	views, err := s.Views(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, v := range views {
			err = errors.Join(err, v.Close())
		}
	}()
	for _, t := range tables {
		for _, d := range s.Databases() {
			if !which(t) || t.place == atHome && d != s.Home() {
				continue
			}
			if err := b.table(ctx, t, views[d]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *back) table(ctx context.Context, t *table, v *mysql.View) error {
	query := t.query()
	if t == inside {
		query += " ORDER BY user, conversation" // a user's rows are counted
	}
	err := v.Read(ctx, "copy "+t.name, query, func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			if b.rows++; b.rows%progressEvery == 0 {
				b.o.tell(Progress{Doing: Copying, Rows: b.rows, Table: t.name})
			}
			r := t.scan(scan)
			if !r.in(v) {
				return nil // what has left, or is on its way
			}
			return b.row(r)
		})
	})
	if err != nil {
		return err
	}
	return b.endUser()
}

// row writes a row of the databases as what it is in a folder.
func (b *back) row(r row) error {
	n, v := r.numbers, r.blobs
	switch r.t {
	case entries:
		return b.to.Put(record.KeyEntry(chat.ConversationID(n[0]), chat.Seq(n[1])), v[0])
	case repeats:
		key := record.AppendRepeatKey(nil, record.RepeatKey{Conversation: chat.ConversationID(n[0]), Sender: chat.UserID(n[1]), Client: chat.ClientID(v[0])})
		return b.to.Put(key, v[1])
	case heads:
		return b.to.Put(record.Key1(record.TableHead, n[0]), v[0])
	case conversations:
		return b.to.Put(record.Key1(record.TableConversation, n[0]), v[0])
	case members:
		return b.to.Put(record.Key2(record.TableMember, n[0], n[1]), v[0])
	case leaders:
		return b.to.Put(record.Key2(record.TableLead, n[0], n[1]), record.ListedValue(chat.Role(n[2])))
	case pairs:
		return b.to.Put(record.Key2(record.TablePair, n[0], n[1]), record.Number(n[2]))
	case claims:
		return b.to.Put(record.KeyClaim(chat.UserID(n[0]), chat.ClientID(v[0])), record.Number(n[1]))
	case inside:
		return b.inside(chat.UserID(n[0]), chat.ConversationID(n[1]), n[2] == 1, chat.Seq(n[3]))
	case settings:
		return b.to.Put(record.Key2(record.TableSettings, n[0], n[1]), v[0])
	}
	return b.person(r)
}

func (b *back) person(r row) error {
	n, v := r.numbers, r.blobs
	switch r.t {
	case accounts:
		b.admins += n[1]
		return b.to.Put(record.KeyUser(chat.UserID(n[0])), v[0])
	case devices:
		return b.to.Put(record.KeyDevice(chat.UserID(n[0]), chat.DeviceID(n[1])), v[1])
	case handles:
		return b.to.Put(record.KeyHandle(string(v[0])), record.Number(n[0]))
	case externals:
		return b.to.Put(record.KeyExternal(string(v[0])), record.Number(n[0]))
	case ended:
		return b.to.Put(append([]byte{record.TableExternal, 0}, v[0]...), record.Number(n[0]))
	case invitations:
		if n[0] == 1 {
			if err := b.to.Put(record.KeyMeta(record.MetaBootstrap), v[0]); err != nil {
				return err
			}
		}
		return b.to.Put(record.KeyInvitation(account.Hash(v[0])), v[1])
	case relations:
		return b.relation(chat.UserID(n[0]), chat.UserID(n[1]), n[2], n[3] == 1, v[0])
	case owners:
		return b.to.Put(record.KeyOwner(chat.UserID(n[0])), v[0])
	case links:
		return b.to.Put(record.KeyLink(chat.ConversationID(n[0]), n[1]), v[0])
	case imported:
		if len(v[1]) != 1 {
			return record.ErrDamaged("import")
		}
		return b.to.Put(record.KeyImported(string(v[0]), v[1][0], n[0]), record.Number(n[1]))
	case numbers:
		return b.to.Put(record.KeyMeta(string(v[0])), record.Number(n[0]))
	}
	return nil
}

// relation writes a row, with what it is found by.
func (b *back) relation(user, other chat.UserID, version uint64, due bool, value []byte) error {
	if version != 0 {
		if err := b.to.Put(record.KeyRelated(user, version), record.Number(uint64(other))); err != nil {
			return err
		}
	}
	if due {
		if err := b.to.Put(record.KeyDue(user, other), nil); err != nil {
			return err
		}
	}
	return b.to.Put(record.KeyRelation(user, other), value)
}

// inside writes a row of a timeline, which has the order of conversations: the one in which they changed is Redis's, and clients of
// another generation begin anew.
func (b *back) inside(user chat.UserID, id chat.ConversationID, current bool, seq chat.Seq) error {
	if user != b.user {
		if err := b.endUser(); err != nil {
			return err
		}
		b.user = user
	}
	b.end.Last++
	if current {
		b.end.Current++
	}
	row := timeline.Row{PTS: b.end.Last, Current: current, Seq: seq}
	return b.to.Put(record.Key2(record.TableRow, uint64(user), uint64(id)), record.AppendRow(nil, row))
}

// endUser writes where the timeline of a user ends whose rows were all read.
func (b *back) endUser() error {
	if b.user == 0 {
		return nil
	}
	key, end := record.Key1(record.TableLast, uint64(b.user)), record.AppendEnd(nil, b.end)
	b.user, b.end = 0, timeline.End{}
	return b.to.Put(key, end)
}

// once writes what stands once.
func (b *back) once() error {
	generation, err := record.Draw()
	if err != nil {
		return err
	}
	for name, n := range map[string]uint64{
		record.MetaFormat: record.Format, record.MetaGeneration: generation, record.MetaAdministrators: b.admins,
	} {
		if err := b.to.Put(record.KeyMeta(name), record.Number(n)); err != nil {
			return err
		}
	}
	return nil
}
