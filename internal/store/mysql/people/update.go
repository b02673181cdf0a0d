package people

import (
	"context"
	"crypto/sha256"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// locked is a user whose row is locked: nobody else changes the account, or adds and ends devices, before the transaction ends.
type locked struct {
	row

	home    bool             // the row lies in the home database
	devices []account.Device // all of them, ended ones too, by id; where they were asked for
	q       mysql.Text       // what is to be written
}

// with runs fn with a user's row locked, and then writes what it left in q. An account that is not there, or is deleted, is not found.
func (a *Accounts) with(ctx context.Context, what string, id chat.UserID, devices bool, fn func(u *locked) error) error {
	for again := false; ; again = true {
		missing := false
		err := a.s.UserPlace(id).Transact(ctx, what, func(t *mysql.Tx) error {
			u := locked{home: t.In(a.home)}
			if err := u.lock(ctx, t, id, devices); err != nil {
				return err
			}
			missing = u.ID == 0
			if !u.living() {
				return account.ErrUserNotFound()
			}
			if err := fn(&u); err != nil {
				return err
			}
			if u.q.Len() == 0 {
				return nil
			}
			return t.Commit(ctx, u.q.String())
		})
		if !missing || again || len(a.s.Databases()) == 1 {
			return err
		}
		if err := a.bringIn(ctx, []chat.UserID{id}); err != nil {
			return err
		}
	}
}

func (u *locked) lock(ctx context.Context, t *mysql.Tx, id chat.UserID, devices bool) error {
	var q mysql.Text
	q.Add("SELECT value, leaving FROM account WHERE user = ").Number(uint64(id)).Add(" FOR UPDATE")
	if devices {
		q.Add(";SELECT device, value FROM device WHERE user = ").Number(uint64(id)).Add(" ORDER BY device FOR UPDATE")
	}
	return t.Query(ctx, q.String(), func(r *mysql.Rows) error {
		err := r.Each(func(scan func(...any)) (err error) {
			var value []byte
			scan(&value, &u.leaving)
			u.Account, err = decodeAccount(id, value)
			return err
		})
		if err != nil || !r.More() {
			return err
		}
		return r.Each(func(scan func(...any)) error {
			d, err := scanDevice(scan, id)
			u.devices = append(u.devices, d)
			return err
		})
	})
}

// write begins a statement.
func (u *locked) write(words string) *mysql.Text {
	if u.q.Len() > 0 {
		u.q.Add(";")
	}
	return u.q.Add(words)
}

func (u *locked) putAccount() {
	u.write("UPDATE account SET admin = ").Number(flag(u.Admin)).Add(", value = ").Blob(record.AppendAccount(nil, u.Account))
	u.q.Add(" WHERE user = ").Number(uint64(u.ID))
}

// Update changes an account and ends devices.
func (a *Accounts) Update(ctx context.Context, id chat.UserID, fn func(*account.Account) error, e account.Ending) (account.Account, []chat.DeviceID, error) {
	var out account.Account
	var gone []chat.DeviceID
	var refused error
	err := a.with(ctx, "update account", id, e.All || len(e.Devices) > 0, func(u *locked) error {
		refused = nil
		before := u.Account
		if fn != nil {
			if refused = fn(&u.Account); refused != nil {
				return errAgain()
			}
			u.ID, u.Handle, u.ExternalID, u.Deleted = before.ID, before.Handle, before.ExternalID, false
			u.putAccount()
		}
		gone = u.end(e)
		u.revoke(before, gone)
		out = u.Account
		return nil
	})
	if refused != nil {
		return account.Account{}, nil, refused
	}
	if err != nil {
		return account.Account{}, nil, err
	}
	return out, gone, nil
}

// Delete ends an account. One that is gone but for its names is completed.
func (a *Accounts) Delete(ctx context.Context, id chat.UserID, atMS uint64) error {
	var left row
	err := a.with(ctx, "delete account", id, false, func(u *locked) error {
		left = row{}
		if u.home {
			u.write("")
			u.q.Add(freeing(u.Account, atMS))
			u.empty(nil)
			return nil
		}
		left = row{Account: account.Account{User: account.User{ID: u.ID}, Deleted: true}, leaving: appendLeaving(nil, u.Account, atMS)}
		u.empty(left.leaving)
		return nil
	})
	if err != nil {
		rows, readErr := a.standing(ctx, []chat.UserID{id})
		if left = rows[id]; readErr != nil || left.leaving == nil {
			return err
		}
	}
	if err := a.free(ctx, left); err != nil {
		return errHalf(err)
	}
	return nil
}

// empty leaves of an account what has to stay: that it was there, and its version.
func (u *locked) empty(leaving []byte) {
	husk := account.Account{User: account.User{ID: u.ID, Version: u.Version + 1, CreatedMS: u.CreatedMS}, Deleted: true}
	u.write("UPDATE account SET admin = 0, leaving = ")
	if leaving == nil {
		u.q.Add("NULL")
	} else {
		u.q.Blob(leaving)
	}
	u.q.Add(", value = ").Blob(record.AppendAccount(nil, husk)).Add(" WHERE user = ").Number(uint64(u.ID))
	u.write("DELETE FROM device WHERE user = ").Number(uint64(u.ID))
	u.told(true, nil)
}

// freeing are the statements that free the names of an account, where they are still its own.
func freeing(u account.Account, atMS uint64) string {
	var q mysql.Text
	q.Add("DELETE FROM handle WHERE handle = ").Blob([]byte(u.Handle)).Add(" AND user = ").Number(uint64(u.ID))
	if u.ExternalID == "" {
		return q.String()
	}
	hash := sha256.Sum256([]byte(u.ExternalID))
	q.Add(";INSERT INTO external_ended (hash, at_ms) VALUES (").Blob(hash[:]).Add(",").Number(atMS)
	q.Add(") ON DUPLICATE KEY UPDATE at_ms = GREATEST(at_ms, ").Number(atMS).Add(")")
	q.Add(";DELETE FROM external_id WHERE external_id = ").Blob([]byte(u.ExternalID)).Add(" AND user = ").Number(uint64(u.ID))
	return q.String()
}

// free frees the names of an account that is leaving, and lets it have left. It may be done twice.
func (a *Accounts) free(ctx context.Context, r row) error {
	if r.leaving == nil {
		return nil
	}
	u, atMS, err := leavingOf(r.ID, r.leaving)
	if err != nil {
		return err
	}
	err = a.home.Transact(ctx, "free names", func(t *mysql.Tx) error { return t.Commit(ctx, freeing(u, atMS)) })
	if err != nil {
		return err
	}
	return a.s.UserPlace(r.ID).Transact(ctx, "free names", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("UPDATE account SET leaving = NULL WHERE user = ").Number(uint64(r.ID))
		return t.Commit(ctx, q.String())
	})
}

// appendLeaving writes what stands beside an account that is leaving: its names, as an account record that has nothing else, and when
// it was deleted.
func appendLeaving(b []byte, u account.Account, atMS uint64) []byte {
	return record.AppendAccount(b, account.Account{User: account.User{Handle: u.Handle, ExternalID: u.ExternalID, CreatedMS: atMS}})
}

func leavingOf(id chat.UserID, value []byte) (u account.Account, atMS uint64, err error) {
	u, err = decodeAccount(id, value)
	return u, u.CreatedMS, err
}
