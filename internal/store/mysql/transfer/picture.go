package transfer

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var _ archive.Source = (*Picture)(nil)

// Archives are the exports and imports of a store.
type Archives struct {
	// immutable after construction
	s        *mysql.Store
	accounts *people.Accounts
}

// New returns the archives of a store, whose accounts those are.
func New(s *mysql.Store, accounts *people.Accounts) *Archives {
	return &Archives{s: s, accounts: accounts}
}

// Imports is where imports note what they put where.
func (a *Archives) Imports() Imports { return Imports{a.s, a.accounts} }

// Picture is the databases as they were: each conversation of one moment, and all people of a later one, so that whoever an entry names is
// among them. Databases have no moment in common: two conversations in two of them may be fractions of a second apart. It is for one
// goroutine, and until Close the servers keep what is overwritten.
type Picture struct {
	origin        string
	s             *mysql.Store
	conversations map[*mysql.Database]*mysql.View
	people        map[*mysql.Database]*mysql.View
}

// Picture takes one.
func (a *Archives) Picture(ctx context.Context) (*Picture, error) {
	origin, err := a.origin(ctx)
	if err != nil {
		return nil, err
	}
	p := &Picture{origin: strconv.FormatUint(origin, 16), s: a.s}
	if p.conversations, err = a.s.Views(ctx); err == nil {
		// Who may be named by what was looked at has a row after this.
		if err = a.accounts.Arrived(ctx); err == nil {
			p.people, err = a.s.Views(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// of is the view of the database that had a conversation.
func (p *Picture) of(id chat.ConversationID) *mysql.View {
	for _, v := range p.conversations {
		if v.HasConversation(id) {
			return v
		}
	}
	return nil // it is never reached: every slot lies in one view
}

// origin names the install; it is drawn once.
func (a *Archives) origin(ctx context.Context) (origin uint64, err error) {
	fresh, err := record.Draw()
	if err != nil {
		return 0, err
	}
	err = a.s.Home().Transact(ctx, "origin", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("INSERT IGNORE INTO meta (name, number) VALUES (").Blob([]byte(record.MetaOrigin)).Add(",").Number(fresh)
		q.Add(");SELECT number FROM meta WHERE name = ").Blob([]byte(record.MetaOrigin))
		return t.Query(ctx, q.String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error { scan(&origin); return nil })
		})
	})
	return origin, err
}

// Close lets go of the databases.
func (p *Picture) Close() error {
	var all []error
	for _, views := range []map[*mysql.Database]*mysql.View{p.conversations, p.people} {
		for _, v := range views {
			all = append(all, v.Close())
		}
	}
	return errors.Join(all...)
}

// Origin implements archive.Source.
func (p *Picture) Origin() string { return p.origin }

// Users implements archive.Source.
func (p *Picture) Users(ctx context.Context, fn func(archive.User) error) error {
	return walk(ctx, p.s, p.people, table{name: "account", columns: "user, value", key: []string{"user"}, has: hasUser}, func(r row) error {
		in := record.NewReader(r.value)
		a := in.Account(chat.UserID(r.key[0]))
		if !in.Done() {
			return record.ErrDamaged("account")
		}
		return fn(archive.User{
			ID: a.ID, Handle: a.Handle, ExternalID: a.ExternalID, Name: a.Name, Avatar: a.Avatar, Attributes: a.Attributes,
			Version: a.Version, Admin: a.Admin, Disabled: a.Disabled, Deleted: a.Deleted, CreatedMS: a.CreatedMS, Password: a.Password,
			NoReadReceipts: a.Privacy.NoReceipts, Unlisted: a.Privacy.Unlisted,
		})
	})
}

// Conversations implements archive.Source.
func (p *Picture) Conversations(ctx context.Context, fn func(chat.Conversation) error) error {
	return walk(ctx, p.s, p.conversations, table{name: "conversation", columns: "conversation, value", key: []string{"conversation"}, has: hasConversation}, func(r row) error {
		in := record.NewReader(r.value)
		c := in.Conversation(chat.ConversationID(r.key[0]))
		if !in.Done() {
			return record.ErrDamaged("conversation")
		}
		return fn(c)
	})
}

// Entries implements archive.Source. They are handed over while they come: a conversation may have more than memory holds.
func (p *Picture) Entries(ctx context.Context, id chat.ConversationID, after chat.Seq, fn func(*chat.Entry) error) error {
	var q mysql.Text
	q.Add("SELECT seq, value FROM entry WHERE conversation = ").Number(uint64(id)).Add(" AND seq > ").Number(uint64(after)).Add(" ORDER BY seq")
	return p.of(id).Read(ctx, "export entries", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			var seq chat.Seq
			var value []byte
			scan(&seq, &value)
			in := record.NewReader(value)
			e := in.Entry(id, seq)
			if !in.Done() {
				return record.ErrDamaged("entry")
			}
			return fn(&e)
		})
	})
}

// Members implements archive.Source.
func (p *Picture) Members(ctx context.Context, id chat.ConversationID, fn func(chat.Member, chat.Read) error) error {
	var q mysql.Text
	q.Add("SELECT user, value FROM member WHERE conversation = ").Number(uint64(id)).Add(" ORDER BY user")
	return p.of(id).Read(ctx, "export members", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			var user chat.UserID
			var value []byte
			scan(&user, &value)
			in := record.NewReader(value)
			part := in.Part(user)
			if !in.Done() {
				return record.ErrDamaged("member")
			}
			return fn(part.Member, part.Read)
		})
	})
}

// Relations implements archive.Source.
func (p *Picture) Relations(ctx context.Context, fn func(archive.Relation) error) error {
	relation := table{name: "relation", columns: "user, other, value", key: []string{"user", "other"}, has: hasUser}
	return walk(ctx, p.s, p.people, relation, func(r row) error {
		in := record.NewReader(r.value)
		a, ok := record.ArchiveRelation(chat.UserID(r.key[0]), in.Relation(chat.UserID(r.key[1])))
		if !in.Done() {
			return record.ErrDamaged("relation")
		}
		if !ok {
			return nil
		}
		return fn(a)
	})
}

// Privacy implements archive.Source.
func (p *Picture) Privacy(ctx context.Context, fn func(archive.Privacy) error) error {
	owner := table{name: "relation_owner", columns: "user, value", key: []string{"user"}, has: hasUser}
	return walk(ctx, p.s, p.people, owner, func(r row) error {
		in := record.NewReader(r.value)
		a, ok := record.ArchivePrivacy(chat.UserID(r.key[0]), in.Owner())
		if !in.Done() {
			return record.ErrDamaged("relations")
		}
		if !ok {
			return nil
		}
		return fn(a)
	})
}

// placed is a user's settings for a conversation.
type placed struct {
	user     chat.UserID
	id       chat.ConversationID
	settings timeline.Settings
}

// Settings implements archive.Source. They are of the later moment: those for a conversation that was not there at the first one, or
// which the user was in only later, are left out.
func (p *Picture) Settings(ctx context.Context, fn func(chat.UserID, chat.ConversationID, chat.Settings) error) error {
	var some []placed
	flush := func() error {
		err := p.settings(ctx, some, fn)
		some = some[:0]
		return err
	}
	shelf := table{name: "shelf", columns: "user, conversation, settings", key: []string{"user", "conversation"}, where: "settings <> ''", has: hasUser}
	err := walk(ctx, p.s, p.people, shelf, func(r row) error {
		in := record.NewReader(r.value)
		some = append(some, placed{chat.UserID(r.key[0]), chat.ConversationID(r.key[1]), in.Settings(true)})
		if !in.Done() {
			return record.ErrDamaged("settings")
		}
		if len(some) < pageRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// settings looks up the read positions that settings show with.
func (p *Picture) settings(ctx context.Context, some []placed, fn func(chat.UserID, chat.ConversationID, chat.Settings) error) error {
	type key struct {
		id   chat.ConversationID
		user chat.UserID
	}
	of := make(map[*mysql.View][]key)
	for _, s := range some {
		v := p.of(s.id)
		of[v] = append(of[v], key{s.id, s.user})
	}
	reads := make(map[key]chat.Read)
	for view, keys := range of {
		slices.SortFunc(keys, func(x, y key) int { return int(int64(x.id) - int64(y.id)) })
		var q mysql.Text
		q.Add("SELECT conversation, user, value FROM member WHERE (conversation, user) IN (")
		for i, k := range keys {
			if i > 0 {
				q.Add(",")
			}
			q.Add("(").Number(uint64(k.id)).Add(",").Number(uint64(k.user)).Add(")")
		}
		err := view.Read(ctx, "export members", q.Add(")").String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				var k key
				var value []byte
				scan(&k.id, &k.user, &value)
				in := record.NewReader(value)
				reads[k] = in.Part(k.user).Read
				if !in.Done() {
					return record.ErrDamaged("member")
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	for _, s := range some {
		read, ok := reads[key{s.id, s.user}]
		if shown := s.settings.At(read); ok && shown != (chat.Settings{}) {
			if err := fn(s.user, s.id, shown); err != nil {
				return err
			}
		}
	}
	return nil
}
