package people

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// names are what accounts are known by, with whose they are.
type names struct {
	handles   map[string]chat.UserID
	externals map[string]chat.UserID
	ended     map[[sha256.Size]byte]uint64 // when an account with that external id was deleted
}

// namesOf says which names are to be looked up.
func namesOf(accounts []account.Account) names {
	n := names{handles: map[string]chat.UserID{}, externals: map[string]chat.UserID{}, ended: map[[sha256.Size]byte]uint64{}}
	for _, u := range accounts {
		if u.Handle != "" {
			n.handles[u.Handle] = 0
		}
		if u.ExternalID != "" {
			n.externals[u.ExternalID] = 0
			n.ended[sha256.Sum256([]byte(u.ExternalID))] = 0
		}
	}
	return n
}

// The kinds of rows that query asks for.
const (
	kindHandle = iota + 1
	kindExternal
	kindEnded
)

// query looks names up. It is one statement, so that what it sees is of one moment: else a handle could be one account's, and the
// external id that goes with it the next one's.
func (n names) query() string {
	var q mysql.Text
	in := func(query string, keys []string) {
		q.Add(query, " IN (''")
		for _, k := range keys {
			q.Add(",").Blob([]byte(k))
		}
		q.Add(")")
	}
	in("SELECT 1, handle, user FROM handle WHERE handle", slices.Sorted(maps.Keys(n.handles)))
	in(" UNION ALL SELECT 2, external_id, user FROM external_id WHERE external_id", slices.Sorted(maps.Keys(n.externals)))
	hashes := make([]string, 0, len(n.ended))
	for h := range n.ended {
		hashes = append(hashes, string(h[:]))
	}
	in(" UNION ALL SELECT 3, hash, at_ms FROM external_ended WHERE hash", hashes)
	return q.String()
}

// take reads what query asked for.
func (n names) take(r *mysql.Rows) error {
	return r.Each(func(scan func(...any)) error {
		var kind int
		var name []byte
		var number uint64
		scan(&kind, &name, &number)
		switch kind {
		case kindHandle:
			n.handles[string(name)] = chat.UserID(number)
		case kindExternal:
			n.externals[string(name)] = chat.UserID(number)
		case kindEnded:
			n.ended[[sha256.Size]byte(name)] = number
		}
		return nil
	})
}

// owners are the accounts that the names belong to.
func (n names) owners() []chat.UserID {
	var out []chat.UserID
	for _, of := range []map[string]chat.UserID{n.handles, n.externals} {
		for _, id := range of {
			if id != 0 {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// creation is one Create while it is being decided.
type creation struct {
	a     *Accounts
	terms account.Terms
	ids   uint64 // the next id to give
	left  int    // how many there are
	names names
	fresh []account.Account
	made  []account.Made
	short bool // ids ran out

	elsewhere []newcomer // of those whose rows do not lie in the home database
}

// Create makes accounts, all or none.
func (a *Accounts) Create(ctx context.Context, accounts []account.Account, t account.Terms) ([]account.Made, error) {
	need, err := a.needed(ctx, accounts)
	if err != nil {
		return nil, err
	}
	for {
		c := creation{a: a, terms: t, left: need}
		var first uint64
		if need > 0 {
			if first, err = a.users.take(ctx, uint64(need)); err != nil {
				return nil, err
			}
		}
		err := a.home.Transact(ctx, "create accounts", func(tx *mysql.Tx) error {
			c.ids, c.left, c.fresh, c.made, c.short, c.elsewhere = first, need, nil, nil, false, nil
			return c.run(ctx, tx, accounts)
		})
		switch {
		case c.short:
			need = len(accounts) // who had the names when it was looked has gone meanwhile
		case err != nil:
			return nil, err
		default:
			// They are there from now on. Where this does not come to its end, who reads them brings them in.
			_ = a.settle(ctx, c.elsewhere)
			return c.made, nil
		}
	}
}

// needed says how many of the accounts are not there, as of now. Names whose owners are leaving are freed.
func (a *Accounts) needed(ctx context.Context, accounts []account.Account) (int, error) {
	n := namesOf(accounts)
	err := a.home.Read(ctx, "names", n.query(), n.take)
	if err != nil {
		return 0, err
	}
	if owners := n.owners(); len(owners) > 0 && len(a.s.Databases()) > 1 {
		rows, err := a.standing(ctx, owners)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			if err := a.free(ctx, r); err != nil {
				return 0, err
			}
		}
	}
	need := 0
	for _, u := range accounts {
		if (u.Handle == "" || n.handles[u.Handle] == 0) && (u.ExternalID == "" || n.externals[u.ExternalID] == 0) {
			need++
		}
	}
	return need, nil
}

// run decides, and commits.
func (c *creation) run(ctx context.Context, tx *mysql.Tx, accounts []account.Account) error {
	invitation, err := c.a.spend(ctx, tx, c.terms, len(accounts))
	if err != nil {
		return err
	}
	c.names = namesOf(accounts)
	if err := tx.Query(ctx, c.names.query(), c.names.take); err != nil {
		return err
	}
	for _, u := range accounts {
		u.Admin = u.Admin || invitation.Bootstrap
		if err := c.one(u); err != nil {
			return err
		}
	}
	err = c.write(ctx, tx)
	if mysql.IsDuplicate(err) {
		return mysql.BeginAgain(err) // somebody else was faster, and is found now
	}
	return err
}

// one finds or makes one account.
func (c *creation) one(u account.Account) error {
	there, err := c.find(u)
	if err != nil {
		return err
	}
	if there != 0 {
		if c.terms.Fresh {
			return account.ErrHandleTaken()
		}
		c.made = append(c.made, account.Made{ID: there})
		return nil
	}
	if c.left == 0 {
		c.short = true
		return errAgain()
	}
	u.ID, u.Deleted = chat.UserID(c.ids), false
	c.ids++
	c.left--
	if u.Handle != "" {
		c.names.handles[u.Handle] = u.ID
	}
	if u.ExternalID != "" {
		c.names.externals[u.ExternalID] = u.ID
	}
	c.fresh = append(c.fresh, u)
	c.made = append(c.made, account.Made{ID: u.ID, New: true, Admin: u.Admin})
	return nil
}

// find returns the account that u's handle and external id belong to; 0 where neither is taken.
func (c *creation) find(u account.Account) (chat.UserID, error) {
	byHandle, byExternal := c.names.handles[u.Handle], c.names.externals[u.ExternalID]
	switch {
	case u.ExternalID == "":
		return byHandle, nil
	case byHandle != 0 && byHandle != byExternal:
		return 0, account.ErrHandleTaken() // the handle of somebody else
	case byExternal == 0 && c.terms.IssuedMS != 0 && c.terms.IssuedMS <= c.names.ended[sha256.Sum256([]byte(u.ExternalID))]:
		return 0, account.ErrEnded()
	default:
		return byExternal, nil
	}
}

// write stores what was made.
func (c *creation) write(ctx context.Context, tx *mysql.Tx) error {
	if len(c.fresh) == 0 {
		return nil
	}
	send := func(statement string) error { return tx.Exec(ctx, statement) }
	if err := claim(c.fresh, send); err != nil {
		return err
	}
	here, err := c.sort(ctx, tx)
	if err != nil {
		return err
	}
	if err := put("account", here, send); err != nil {
		return err
	}
	return put("newcomer", c.elsewhere, send)
}

// sort tells those whose rows lie in the home database from others, who are elsewhere.
func (c *creation) sort(ctx context.Context, tx *mysql.Tx) (here []newcomer, err error) {
	ids := make([]chat.UserID, len(c.fresh))
	for i, u := range c.fresh {
		ids[i] = u.ID
	}
	held, err := tx.Hold(ctx, ids)
	c.elsewhere = nil
	for _, u := range c.fresh {
		if held[u.ID] {
			here = append(here, newcomerOf(u))
		} else {
			c.elsewhere = append(c.elsewhere, newcomerOf(u))
		}
	}
	return here, err
}

// claim stores names, in their own order: callers that want the same ones wait for one another, and not in a circle.
func claim(fresh []account.Account, send func(statement string) error) error {
	handles := inserts{head: "INSERT INTO handle (handle, user) VALUES ", send: send}
	externals := inserts{head: "INSERT INTO external_id (external_id, user) VALUES ", send: send}
	for _, kind := range []struct {
		rows *inserts
		name func(u account.Account) string
	}{
		{&handles, func(u account.Account) string { return u.Handle }},
		{&externals, func(u account.Account) string { return u.ExternalID }},
	} {
		of := make(map[string]chat.UserID, len(fresh))
		for _, u := range fresh {
			if name := kind.name(u); name != "" {
				of[name] = u.ID
			}
		}
		for _, name := range slices.Sorted(maps.Keys(of)) {
			err := kind.rows.row(func(q *mysql.Text) { q.Blob([]byte(name)).Add(",").Number(uint64(of[name])) })
			if err != nil {
				return err
			}
		}
		if err := kind.rows.flush(); err != nil {
			return err
		}
	}
	return nil
}

// spend takes uses off an invitation. Who else wants to spend it waits.
func (a *Accounts) spend(ctx context.Context, tx *mysql.Tx, t account.Terms, uses int) (i account.Invitation, err error) {
	if t.Invitation.IsZero() {
		return i, nil
	}
	found := false
	var q mysql.Text
	q.Add("SELECT value FROM invitation WHERE code = ").Blob(t.Invitation[:]).Add(" FOR UPDATE")
	err = tx.Query(ctx, q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) (err error) {
			var value []byte
			scan(&value)
			i, err = decodeInvitation(t.Invitation, value)
			found = true
			return err
		})
	})
	if err != nil {
		return i, err
	}
	if !found || t.NowMS >= i.ExpiresMS {
		return i, account.ErrInvitationInvalid()
	}
	spent := int(i.Uses) < uses
	if i.Bootstrap && !spent {
		n, err := a.bootstrapped(ctx, tx, i.Code)
		if err != nil {
			return i, err
		}
		spent = n > 0
	}
	if spent {
		return i, account.ErrInvitationSpent()
	}
	i.Uses -= uint32(uses)
	q.Reset()
	q.Add("UPDATE invitation SET value = ").Blob(record.AppendInvitation(nil, i)).Add(" WHERE code = ").Blob(i.Code[:])
	return i, tx.Exec(ctx, q.String())
}
