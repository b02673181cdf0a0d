package check

import (
	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// users: each account decodes, and is found by its handle and its external id.
func (c *checker) users() error {
	return c.table(record.TableUser, func(key, value []byte) error {
		c.report.Users++
		if len(key) != record.Key1Len {
			return c.found(nil, "an account has the malformed key %x", key)
		}
		id := chat.UserID(record.First(key))
		c.lastUser = max(c.lastUser, id)
		r := record.NewReader(value)
		u := r.Account(id)
		if !r.Done() {
			return c.found(nil, "user %d: the account does not decode", id)
		}
		if u.Deleted {
			return nil
		}
		if u.Admin {
			c.admins++
		}
		for _, index := range []struct {
			name, what string
			key        []byte
		}{{u.Handle, "handle", record.KeyHandle(u.Handle)}, {u.ExternalID, "external id", record.KeyExternal(u.ExternalID)}} {
			if index.name == "" {
				continue
			}
			if err := c.index(id, index.what, index.key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *checker) index(id chat.UserID, what string, key []byte) error {
	var to chat.UserID
	ok, err := c.row(key, func(r *record.Reader) { to = chat.UserID(r.Number()) })
	if err != nil || (ok && to == id) {
		return err
	}
	fix := put(key, record.Number(uint64(id)))
	if ok {
		other, err := c.account(to)
		if err != nil {
			return err
		}
		if !other.Deleted && other.ID != 0 && (string(record.KeyHandle(other.Handle)) == string(key) || string(record.KeyExternal(other.ExternalID)) == string(key)) {
			return c.found(nil, "users %d and %d have the same %s", id, to, what)
		}
	}
	return c.found(fix, "user %d is not found by the %s", id, what)
}

// account reads one; the zero Account where there is none.
func (c *checker) account(id chat.UserID) (a account.Account, err error) {
	ok, err := c.row(record.KeyUser(id), func(r *record.Reader) { a = r.Account(id) })
	if !ok {
		return account.Account{}, err
	}
	return a, err
}

// indexes lead to accounts that have the handle or the external id.
func (c *checker) indexes() error {
	check := func(what string, has func(a account.Account) []byte) func(key, value []byte) error {
		return func(key, value []byte) error {
			if key[0] == record.TableExternal && len(key) > 1 && key[1] == 0 {
				return nil // the mark of a deleted account
			}
			r := record.NewReader(value)
			id := chat.UserID(r.Number())
			if !r.Done() {
				return c.found(remove(key), "the index of %ss: the row %q does not decode", what, key[1:])
			}
			a, err := c.account(id)
			if err != nil {
				return err
			}
			if a.ID != 0 && !a.Deleted && string(has(a)) == string(key) {
				return nil
			}
			return c.found(remove(key), "the index of %ss leads from %q to user %d, who has another one", what, key[1:], id)
		}
	}
	if err := c.table(record.TableHandle, check("handle", func(a account.Account) []byte { return record.KeyHandle(a.Handle) })); err != nil {
		return err
	}
	return c.table(record.TableExternal, check("external id", func(a account.Account) []byte { return record.KeyExternal(a.ExternalID) }))
}

// devices belong to accounts.
func (c *checker) devices() error {
	var owner account.Account
	return c.table(record.TableDevice, func(key, value []byte) error {
		c.report.Devices++
		if len(key) != record.Key2Len {
			return c.found(remove(key), "a device has the malformed key %x", key)
		}
		user, id := chat.UserID(record.First(key)), chat.DeviceID(record.Second(key))
		c.lastDevice = max(c.lastDevice, id)
		r := record.NewReader(value)
		r.Device(user, id)
		if !r.Done() {
			return c.found(remove(key), "device %d of user %d does not decode; it will have to sign in again", id, user)
		}
		if owner.ID != user {
			var err error
			if owner, err = c.account(user); err != nil {
				return err
			}
		}
		if owner.ID == user && !owner.Deleted {
			return nil
		}
		return c.found(remove(key), "device %d belongs to user %d, who is not there", id, user)
	})
}
