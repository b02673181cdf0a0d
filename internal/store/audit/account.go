package audit

import (
	"bytes"
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// user: each account decodes, and is found by its handle and its external id.
func (c *Checker) user(ctx context.Context, key, value []byte) error {
	c.Report.Users++
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
		if err := c.index(ctx, id, index.what, index.key); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) index(ctx context.Context, id chat.UserID, what string, key []byte) error {
	return c.look(ctx, key, func(value []byte) error {
		var to chat.UserID
		ok := decoded(value, func(r *record.Reader) { to = chat.UserID(r.Number()) })
		if ok && to == id {
			return nil
		}
		fix := put(key, record.Number(uint64(id)))
		if !ok {
			return c.crossing(fix, "user %d is not found by the %s", id, what)
		}
		return c.account(ctx, to, func(other account.Account) error {
			if !other.Deleted && other.ID != 0 && (bytes.Equal(record.KeyHandle(other.Handle), key) || bytes.Equal(record.KeyExternal(other.ExternalID), key)) {
				return c.found(nil, "users %d and %d have the same %s", id, to, what)
			}
			return c.crossing(fix, "user %d is not found by the %s", id, what)
		})
	})
}

// account looks one up; the zero Account where there is none.
func (c *Checker) account(ctx context.Context, id chat.UserID, then func(a account.Account) error) error {
	return c.look(ctx, record.KeyUser(id), func(value []byte) error {
		var a account.Account
		if !decoded(value, func(r *record.Reader) { a = r.Account(id) }) {
			a = account.Account{}
		}
		return then(a)
	})
}

func (c *Checker) handle(ctx context.Context, key, value []byte) error {
	return c.name(ctx, "handle", key, value, func(a account.Account) []byte { return record.KeyHandle(a.Handle) })
}

func (c *Checker) external(ctx context.Context, key, value []byte) error {
	if len(key) > 1 && key[1] == 0 {
		return nil // the mark of a deleted account
	}
	return c.name(ctx, "external id", key, value, func(a account.Account) []byte { return record.KeyExternal(a.ExternalID) })
}

// name: it leads to an account that has it.
func (c *Checker) name(ctx context.Context, what string, key, value []byte, has func(a account.Account) []byte) error {
	key = bytes.Clone(key)
	r := record.NewReader(value)
	id := chat.UserID(r.Number())
	if !r.Done() {
		return c.found(remove(key), "the index of %ss: the row %q does not decode", what, key[1:])
	}
	return c.account(ctx, id, func(a account.Account) error {
		if a.ID != 0 && !a.Deleted && bytes.Equal(has(a), key) {
			return nil
		}
		if a.Deleted && c.hooks.Leaving != nil {
			if leaves, err := c.hooks.Leaving(ctx, id); err != nil || leaves {
				return err
			}
		}
		return c.crossing(remove(key), "the index of %ss leads from %q to user %d, who has another one", what, key[1:], id)
	})
}

// device: it decodes, and belongs to an account.
func (c *Checker) device(ctx context.Context, key, value []byte) error {
	c.Report.Devices++
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
	key = bytes.Clone(key)
	return c.account(ctx, user, func(owner account.Account) error {
		if owner.ID == user && !owner.Deleted {
			return nil
		}
		return c.found(remove(key), "device %d belongs to user %d, who is not there", id, user)
	})
}
