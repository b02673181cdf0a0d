package people

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// maxOrigin is how long the name of an install may be.
const maxOrigin = 255

// Arrived brings in whoever is claimed and has no row yet: a picture of the databases that is taken after it has everybody who was there.
func (a *Accounts) Arrived(ctx context.Context) error {
	if len(a.s.Databases()) == 1 {
		return nil
	}
	return a.bringIn(ctx, nil)
}

// Imported is the account that an origin's user became; 0 for none.
func (a *Accounts) Imported(ctx context.Context, origin string, id chat.UserID) (chat.UserID, error) {
	known, err := a.imported(ctx, origin, []chat.UserID{id}, a.home.Read)
	return known[id], err
}

// imported looks up what users of an origin became.
func (a *Accounts) imported(
	ctx context.Context, origin string, ids []chat.UserID,
	read func(ctx context.Context, what, query string, fn func(r *mysql.Rows) error, args ...any) error,
) (map[chat.UserID]chat.UserID, error) {
	known := make(map[chat.UserID]chat.UserID, len(ids))
	if len(ids) == 0 {
		return known, nil
	}
	var q mysql.Text
	q.Add("SELECT id, target FROM imported WHERE origin = ").Blob([]byte(origin)).Add(" AND kind = ").Blob([]byte{record.ImportedUser})
	q.Add(" AND id IN (")
	list(&q, ids)
	q.Add(")")
	err := read(ctx, "imported", q.String(), func(r *mysql.Rows) error {
		clear(known)
		return r.Each(func(scan func(...any)) error {
			var id, to chat.UserID
			scan(&id, &to)
			known[id] = to
			return nil
		})
	})
	return known, err
}

// Import finds or makes accounts of another install, and returns their ids here: by what an earlier import made of them, by external
// id, by handle, else a new one. A new one keeps its id where that lies beyond all that were given out; below, a node may be about to
// give it.
func (a *Accounts) Import(ctx context.Context, origin string, accounts []account.Account) ([]chat.UserID, error) {
	if len(origin) > maxOrigin {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "the name of an install has at most %d bytes", maxOrigin)
	}
	if _, err := a.needed(ctx, accounts); err != nil { // whose owners are leaving
		return nil, err
	}
	i := importing{c: creation{a: a}, origin: origin}
	err := a.home.Transact(ctx, "import accounts", func(t *mysql.Tx) error { return i.run(ctx, t, accounts) })
	if err != nil {
		return nil, err
	}
	// As in Create: they are there.
	_ = a.settle(ctx, i.c.elsewhere)
	return i.ids, nil
}

// importing is one Import while it is decided.
type importing struct {
	c      creation // of those who are new
	origin string
	known  map[chat.UserID]chat.UserID // what the origin's ids became
	noted  []chat.UserID               // those of which this import finds it out
	last   uint64                      // id that was given out
	ids    []chat.UserID
}

func (i *importing) run(ctx context.Context, t *mysql.Tx, accounts []account.Account) error {
	i.c = creation{a: i.c.a, names: namesOf(accounts)}
	i.ids, i.noted = make([]chat.UserID, len(accounts)), nil
	var err error
	// Nobody leases ids until this is over.
	if i.last, err = raise(ctx, t, record.MetaLastUser, 0); err != nil {
		return err
	}
	origins := make([]chat.UserID, len(accounts))
	for n, u := range accounts {
		origins[n] = u.ID
	}
	read := func(ctx context.Context, _, query string, fn func(r *mysql.Rows) error, args ...any) error {
		return t.Query(ctx, query, fn, args...)
	}
	if i.known, err = i.c.a.imported(ctx, i.origin, origins, read); err != nil {
		return err
	}
	if err := t.Query(ctx, i.c.names.query(), i.c.names.take); err != nil {
		return err
	}
	for n, u := range accounts {
		if i.ids[n], err = i.one(u); err != nil {
			return err
		}
	}
	err = i.store(ctx, t)
	if mysql.IsDuplicate(err) {
		return mysql.BeginAgain(err)
	}
	return err
}

// one finds or makes one account.
func (i *importing) one(u account.Account) (chat.UserID, error) {
	origin := u.ID
	if id := i.known[origin]; id != 0 {
		return id, nil
	}
	id := i.c.names.externals[u.ExternalID]
	if id == 0 {
		id = i.c.names.handles[u.Handle]
	}
	if id == 0 {
		var err error
		if id, err = i.make(u); err != nil {
			return 0, err
		}
	}
	i.known[origin] = id
	i.noted = append(i.noted, origin)
	return id, nil
}

func (i *importing) make(u account.Account) (chat.UserID, error) {
	if uint64(u.ID) <= i.last {
		u.ID = chat.UserID(i.last + 1)
	}
	if u.ID > chat.MaxID {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "user %d: ids end at %d", u.ID, uint64(chat.MaxID))
	}
	i.last = uint64(u.ID)
	if u.Deleted {
		u = account.Account{User: account.User{ID: u.ID, Version: u.Version, CreatedMS: u.CreatedMS}, Deleted: true}
	}
	if u.Handle != "" {
		i.c.names.handles[u.Handle] = u.ID
	}
	if u.ExternalID != "" {
		i.c.names.externals[u.ExternalID] = u.ID
	}
	i.c.fresh = append(i.c.fresh, u)
	return u.ID, nil
}

// store writes what was decided.
func (i *importing) store(ctx context.Context, t *mysql.Tx) error {
	if len(i.noted) == 0 {
		return nil
	}
	if len(i.c.fresh) > 0 {
		var q mysql.Text
		q.Add("UPDATE meta SET number = ").Number(i.last).Add(" WHERE name = ").Blob([]byte(record.MetaLastUser))
		if err := t.Exec(ctx, q.String()); err != nil {
			return err
		}
	}
	if err := i.c.write(ctx, t); err != nil {
		return err
	}
	notes := inserts{
		head: "INSERT INTO imported (origin, kind, id, target) VALUES ",
		send: func(statement string) error { return t.Exec(ctx, statement) },
	}
	slices.Sort(i.noted)
	for _, id := range i.noted {
		err := notes.row(func(q *mysql.Text) {
			q.Blob([]byte(i.origin)).Add(",").Blob([]byte{record.ImportedUser}).Add(",").Number(uint64(id)).Add(",").Number(uint64(i.known[id]))
		})
		if err != nil {
			return err
		}
	}
	return notes.flush()
}
