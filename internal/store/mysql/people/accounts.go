package people

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

var (
	_ account.Users       = (*Accounts)(nil)
	_ account.Devices     = (*Accounts)(nil)
	_ account.Invitations = (*Accounts)(nil)
	_ account.Revocations = (*Accounts)(nil)
)

// Accounts are the users, devices and invitations of a store. All methods may be called from any goroutine.
type Accounts struct {
	// immutable after construction
	s       *mysql.Store
	home    *mysql.Database
	users   *lease
	devices *lease
	gathers gathers
}

// New returns the accounts of a store. A node has one, since it holds what is left of ranges of ids.
func New(s *mysql.Store) *Accounts {
	a := &Accounts{
		s: s, home: s.Home(), users: newLease(s.Home(), record.MetaLastUser), devices: newLease(s.Home(), record.MetaLastDevice),
	}
	a.gathers = newGathers(a)
	return a
}

// atOnce is how many rows are asked for by one statement.
const atOnce = 1_000

// row is an account as it stands in its database.
type row struct {
	account.Account

	leaving []byte // names that are still to be freed; nil for none
}

// living reports that the account is there and not deleted.
func (r row) living() bool { return r.ID != 0 && !r.Deleted }

func decodeAccount(id chat.UserID, value []byte) (account.Account, error) {
	r := record.NewReader(value)
	a := r.Account(id)
	if !r.Done() {
		return a, record.ErrDamaged("account")
	}
	return a, nil
}

// byDatabase sorts users into the databases that have their rows.
func byDatabase(m *mysql.Map, ids []chat.UserID) map[*mysql.Database][]chat.UserID {
	out := make(map[*mysql.Database][]chat.UserID)
	for _, id := range ids {
		d := m.OfUser(id)
		out[d] = append(out[d], id)
	}
	return out
}

// list appends a,b,… .
func list[T ~uint64](q *mysql.Text, ids []T) {
	for i, id := range ids {
		if i > 0 {
			q.Add(",")
		}
		q.Number(uint64(id))
	}
}

// standing reads the rows of accounts.
func (a *Accounts) standing(ctx context.Context, ids []chat.UserID) (map[chat.UserID]row, error) {
	out := make(map[chat.UserID]row, len(ids))
	err := a.s.Routed(ctx, func(m *mysql.Map) error {
		clear(out)
		for d, some := range byDatabase(m, ids) {
			for chunk := range slices.Chunk(some, atOnce) {
				var q mysql.Text
				q.Add("SELECT user, value, leaving FROM account WHERE user IN (")
				list(&q, chunk)
				q.Add(")")
				err := m.Read(ctx, d, "accounts", q.String(), func(r *mysql.Rows) error {
					return r.Each(func(scan func(...any)) error {
						var id chat.UserID
						var value, leaving []byte
						scan(&id, &value, &leaving)
						u, err := decodeAccount(id, value)
						out[id] = row{u, leaving}
						return err
					})
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// find is standing with newcomers: who has no row yet gets it.
func (a *Accounts) find(ctx context.Context, ids []chat.UserID) (map[chat.UserID]row, error) {
	rows, err := a.standing(ctx, ids)
	if err != nil || len(a.s.Databases()) == 1 {
		return rows, err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id chat.UserID) bool { return rows[id].ID != 0 })
	if len(missing) == 0 {
		return rows, nil
	}
	if err := a.bringIn(ctx, missing); err != nil {
		return nil, err
	}
	// Also of those who were no newcomers: they may have stopped to be between the two looks.
	found, err := a.standing(ctx, missing)
	for id, r := range found {
		rows[id] = r
	}
	return rows, err
}

// Accounts returns accounts by id.
func (a *Accounts) Accounts(ctx context.Context, ids []chat.UserID) ([]account.Account, error) {
	if len(ids) == 1 {
		r, err := a.gathers.accounts.Get(ctx, ids[0])
		if err != nil {
			return nil, err
		}
		return []account.Account{r.Account}, nil
	}
	rows, err := a.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]account.Account, len(ids))
	for i, id := range ids {
		out[i] = rows[id].Account
	}
	return out, nil
}

// ByHandle finds an account.
func (a *Accounts) ByHandle(ctx context.Context, handle string) (account.Account, error) {
	return a.by(ctx, "SELECT user FROM handle WHERE handle = ", handle)
}

// ByExternal finds an account.
func (a *Accounts) ByExternal(ctx context.Context, external string) (account.Account, error) {
	return a.gathers.externals.Get(ctx, external)
}

const byExternal = "SELECT user FROM external_id WHERE external_id = "

func (a *Accounts) by(ctx context.Context, query, name string) (account.Account, error) {
	for before := chat.UserID(0); ; {
		var id chat.UserID
		var q mysql.Text
		q.Add(query).Blob([]byte(name))
		err := a.home.Read(ctx, "account by name", q.String(), func(r *mysql.Rows) error {
			id = 0
			return r.Each(func(scan func(...any)) error { scan(&id); return nil })
		})
		if err != nil {
			return account.Account{}, err
		}
		if id == 0 || id == before {
			return account.Account{}, account.ErrUserNotFound()
		}
		rows, err := a.find(ctx, []chat.UserID{id})
		if err != nil {
			return account.Account{}, err
		}
		if u := rows[id]; u.living() {
			return u.Account, nil
		}
		if err := a.free(ctx, rows[id]); err != nil {
			return account.Account{}, err
		}
		before = id // the name may be another one's by now
	}
}

// Administrators counts them.
func (a *Accounts) Administrators(ctx context.Context) (int, error) {
	return a.administrators(ctx, nil)
}

// administrators counts them, in the home database by a transaction where there is one: it has the only connection that it may need.
func (a *Accounts) administrators(ctx context.Context, tx *mysql.Tx) (n int, err error) {
	err = a.s.Routed(ctx, func(m *mysql.Map) (err error) {
		n, err = a.count(ctx, m, tx)
		return err
	})
	return n, err
}

func (a *Accounts) count(ctx context.Context, m *mysql.Map, tx *mysql.Tx) (int, error) {
	admins := make(map[chat.UserID]bool)
	count := func(d *mysql.Database, table string) error {
		query := "SELECT user FROM " + table + " WHERE admin = 1"
		take := func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				var id chat.UserID
				scan(&id)
				if table == "newcomer" || m.OfUser(id) == d { // else it is what a user who moved has left there, or is about to get
					admins[id] = true
				}
				return nil
			})
		}
		if tx == nil || d != a.home {
			return m.Read(ctx, d, "administrators", query, take)
		}
		if err := tx.Query(ctx, query, take); err != nil {
			return err
		}
		return m.Check(ctx, tx)
	}
	// Newcomers first: one that is brought in meanwhile is seen twice, and not missed.
	if err := count(a.home, "newcomer"); err != nil {
		return 0, err
	}
	for _, d := range a.s.Databases() {
		if err := count(d, "account"); err != nil {
			return 0, err
		}
	}
	return len(admins), nil
}

// List pages accounts by id.
func (a *Accounts) List(ctx context.Context, after chat.UserID, limit int) ([]account.Account, error) {
	if len(a.s.Databases()) > 1 {
		if err := a.bringIn(ctx, nil); err != nil {
			return nil, err
		}
	}
	limit = max(limit, 1)
	out := make([]account.Account, 0, min(limit, 256))
	for {
		var page []account.Account
		var horizon chat.UserID
		err := a.s.Routed(ctx, func(m *mysql.Map) (err error) {
			page, horizon, err = a.page(ctx, m, after, limit)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			if u.ID <= horizon && !u.Deleted && len(out) < limit {
				out = append(out, u)
			}
		}
		if len(out) == limit || horizon == chat.MaxID {
			return out, nil
		}
		after = horizon
	}
}

// page reads at most limit rows of each database, ascending, and up to which id there are no others.
func (a *Accounts) page(
	ctx context.Context, m *mysql.Map, after chat.UserID, limit int,
) (page []account.Account, horizon chat.UserID, err error) {
	horizon = chat.MaxID
	for _, d := range a.s.Databases() {
		var q mysql.Text
		q.Add("SELECT user, value FROM account WHERE user > ").Number(uint64(after)).Add(" ORDER BY user LIMIT ").Number(uint64(limit))
		var some []account.Account
		err := m.Read(ctx, d, "list accounts", q.String(), func(r *mysql.Rows) error {
			some = some[:0]
			return r.Each(func(scan func(...any)) error {
				var id chat.UserID
				var value []byte
				scan(&id, &value)
				u, err := decodeAccount(id, value)
				some = append(some, u)
				return err
			})
		})
		if err != nil {
			return nil, 0, err
		}
		if len(some) == limit {
			horizon = min(horizon, some[limit-1].ID)
		}
		page = append(page, slices.DeleteFunc(some, func(u account.Account) bool { return m.OfUser(u.ID) != d })...)
	}
	slices.SortFunc(page, func(x, y account.Account) int { return cmp.Compare(x.ID, y.ID) })
	return page, horizon, nil
}
