package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// accountScope is the conversation as which the engine knows that accounts changed: there is no conversation 0. Reads of
// accounts wait for changes of accounts, and not for the messages that are being written.
const accountScope = chat.ConversationID(0)

// Accounts is the account.Users, account.Devices and account.Invitations of a store.
type Accounts struct{ s *Store }

// Accounts returns the accounts of the store.
func (s *Store) Accounts() *Accounts { return &Accounts{s: s} }

var (
	_ account.Users       = (*Accounts)(nil)
	_ account.Devices     = (*Accounts)(nil)
	_ account.Invitations = (*Accounts)(nil)
)

// change applies fn to a batch and waits until it is durable, and all that fn was decided on with it.
func (a *Accounts) change(ctx context.Context, fn func(b *pebble.Batch) error) error {
	if _, err := a.s.applyNoted(&commit{touched: []chat.ConversationID{accountScope}}, fn); err != nil {
		// What was refused rests on what was read, which must not be told before it is durable.
		if settleErr := a.settle(ctx); settleErr != nil {
			return settleErr
		}
		return err
	}
	return a.settle(ctx)
}

func (a *Accounts) settle(ctx context.Context) error { return a.s.settle(ctx, accountScope) }

// user reads an account inside or outside of a change; ok is false where there is none.
func (a *Accounts) user(id chat.UserID) (u account.Account, ok bool, err error) {
	ok, err = a.s.get(record.KeyUser(id), "account", func(r *record.Reader) { u = r.Account(id) })
	return u, ok, err
}

// living is user for an account that must be there and not deleted.
func (a *Accounts) living(id chat.UserID) (account.Account, error) {
	u, ok, err := a.user(id)
	if err == nil && (!ok || u.Deleted) {
		err = account.ErrUserNotFound()
	}
	return u, err
}

// pointer reads a row that holds a user id; 0 where there is none.
func (a *Accounts) pointer(key []byte) (id chat.UserID, err error) {
	_, err = a.s.get(key, "account index", func(r *record.Reader) { id = chat.UserID(r.Number()) })
	return id, err
}

func putNumber(b *pebble.Batch, key []byte, n uint64) error {
	return storageError(b.Set(key, record.Number(n), nil), "storing an account")
}

func putAccount(b *pebble.Batch, u account.Account) error {
	return storageError(b.Set(record.KeyUser(u.ID), record.AppendAccount(nil, u), nil), "storing an account")
}

func drop(b *pebble.Batch, keys ...[]byte) error {
	for _, k := range keys {
		if err := b.Delete(k, nil); err != nil {
			return storageError(err, "deleting an account")
		}
	}
	return nil
}

// Accounts returns accounts by id.
func (a *Accounts) Accounts(ctx context.Context, ids []chat.UserID) ([]account.Account, error) {
	release, err := a.s.read()
	if err != nil {
		return nil, err
	}
	defer release()
	out := make([]account.Account, len(ids))
	for i, id := range ids {
		if out[i], _, err = a.user(id); err != nil {
			return nil, err
		}
	}
	return out, a.settle(ctx)
}

// ByHandle finds an account.
func (a *Accounts) ByHandle(ctx context.Context, handle string) (account.Account, error) {
	return a.by(ctx, record.KeyHandle(handle))
}

// ByExternal finds an account.
func (a *Accounts) ByExternal(ctx context.Context, external string) (account.Account, error) {
	return a.by(ctx, record.KeyExternal(external))
}

func (a *Accounts) by(ctx context.Context, key []byte) (account.Account, error) {
	release, err := a.s.read()
	if err != nil {
		return account.Account{}, err
	}
	defer release()
	id, err := a.pointer(key)
	if err != nil {
		return account.Account{}, err
	}
	var u account.Account
	var found error
	if id != 0 {
		u, found = a.living(id)
	} else {
		found = account.ErrUserNotFound()
	}
	if err := a.settle(ctx); err != nil {
		return account.Account{}, err
	}
	if found != nil {
		return account.Account{}, found
	}
	return u, nil
}

// Update changes an account and ends devices.
func (a *Accounts) Update(ctx context.Context, id chat.UserID, fn func(*account.Account) error, e account.Ending) (account.Account, []chat.DeviceID, error) {
	var out account.Account
	var gone []chat.DeviceID
	err := a.change(ctx, func(b *pebble.Batch) error {
		u, err := a.living(id)
		if err != nil {
			return err
		}
		before := u
		if fn != nil {
			if err := fn(&u); err != nil {
				return err
			}
			u.ID, u.Handle, u.ExternalID, u.Deleted = before.ID, before.Handle, before.ExternalID, false
			if err := a.administrators(b, before.Admin, u.Admin); err != nil {
				return err
			}
			if err := putAccount(b, u); err != nil {
				return err
			}
		}
		out = u
		gone, err = a.end(b, id, e)
		return err
	})
	if err != nil {
		return account.Account{}, nil, err
	}
	return out, gone, nil
}

// administrators keeps count when one account's Admin changes. It may be called once per batch.
func (a *Accounts) administrators(b *pebble.Batch, before, after bool) error {
	if before == after {
		return nil
	}
	n, err := a.s.counter(record.MetaAdministrators)
	if err != nil {
		return err
	}
	if after {
		n++
	} else {
		n--
	}
	return putNumber(b, record.KeyMeta(record.MetaAdministrators), n)
}

// Administrators counts them.
func (a *Accounts) Administrators(ctx context.Context) (int, error) {
	release, err := a.s.read()
	if err != nil {
		return 0, err
	}
	defer release()
	n, err := a.s.counter(record.MetaAdministrators)
	if err != nil {
		return 0, err
	}
	return int(n), a.settle(ctx)
}

// List pages accounts by id.
func (a *Accounts) List(ctx context.Context, after chat.UserID, limit int) ([]account.Account, error) {
	release, err := a.s.read()
	if err != nil {
		return nil, err
	}
	defer release()
	out := make([]account.Account, 0, min(max(limit, 0), 256))
	err = a.scan(record.KeyUser(after+1), []byte{record.TableUser + 1}, "account", func(key []byte, r *record.Reader) bool {
		if u := r.Account(chat.UserID(record.First(key))); !u.Deleted {
			out = append(out, u)
		}
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, a.settle(ctx)
}

// scan hands rows to decode until it returns false.
func (a *Accounts) scan(from, to []byte, what string, decode func(key []byte, r *record.Reader) bool) error {
	iter, err := a.s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return storageError(err, "listing a "+what)
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return storageError(err, "listing a "+what)
		}
		r := record.NewReader(value)
		more := decode(iter.Key(), &r)
		if !r.Done() {
			return record.ErrDamaged(what)
		}
		if !more {
			break
		}
	}
	return storageError(iter.Error(), "listing a "+what)
}

// Delete ends an account.
func (a *Accounts) Delete(ctx context.Context, id chat.UserID, atMS uint64) error {
	return a.change(ctx, func(b *pebble.Batch) error {
		u, err := a.living(id)
		if err != nil {
			return err
		}
		if err := a.administrators(b, u.Admin, false); err != nil {
			return err
		}
		if u.Handle != "" {
			if err := drop(b, record.KeyHandle(u.Handle)); err != nil {
				return err
			}
		}
		if u.ExternalID != "" {
			if err := drop(b, record.KeyExternal(u.ExternalID)); err != nil {
				return err
			}
			if err := putNumber(b, record.KeyExternalEnded(u.ExternalID), atMS); err != nil {
				return err
			}
		}
		devices, err := a.devicesOf(id)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if err := drop(b, record.KeyDevice(id, d.ID)); err != nil {
				return err
			}
		}
		husk := account.Account{User: account.User{ID: id, Version: u.Version + 1, CreatedMS: u.CreatedMS}, Deleted: true}
		return putAccount(b, husk)
	})
}
