package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// Imports is the part of an archive.Target that the engine keeps: which id of another install is which of ours. What it
// stores is durable with the next append that is waited for.
type Imports struct{ s *Store }

// Imports returns the imports of the store.
func (s *Store) Imports() Imports { return Imports{s} }

func (i Imports) imported(origin string, kind byte, id uint64) (to uint64, err error) {
	_, err = i.s.get(record.KeyImported(origin, kind, id), "import", func(r *record.Reader) { to = r.Number() })
	return to, err
}

// User is the account that an origin's user became; 0 for none.
func (i Imports) User(_ context.Context, origin string, id chat.UserID) (chat.UserID, error) {
	release, err := i.s.read()
	if err != nil {
		return 0, err
	}
	defer release()
	to, err := i.imported(origin, record.ImportedUser, uint64(id))
	return chat.UserID(to), err
}

// Users finds or makes accounts; see archive.Target.
func (i Imports) Users(ctx context.Context, origin string, users []archive.User) ([]chat.UserID, error) {
	out := make([]chat.UserID, len(users))
	// One at a time: each must see what the ones before it made.
	for n, u := range users {
		g, err := i.s.applyNoted(&commit{touched: []chat.ConversationID{accountScope}}, func(b *pebble.Batch) (err error) {
			out[n], err = i.user(b, origin, u)
			return err
		})
		if err != nil {
			return nil, err
		}
		if n == len(users)-1 {
			return out, i.s.wait(ctx, g)
		}
	}
	return out, nil
}

func (i Imports) user(b *pebble.Batch, origin string, u archive.User) (chat.UserID, error) {
	known, err := i.imported(origin, record.ImportedUser, uint64(u.ID))
	if err != nil || known != 0 {
		return chat.UserID(known), err
	}
	a := account.Account{
		User: account.User{
			ID: u.ID, ExternalID: u.ExternalID, Name: u.Name, Avatar: u.Avatar, Attributes: u.Attributes, Version: max(u.Version, 1),
			Admin: u.Admin, Disabled: u.Disabled, CreatedMS: u.CreatedMS, Privacy: account.Privacy{NoReceipts: u.NoReadReceipts, Unlisted: u.Unlisted},
		},
		Password: u.Password, Deleted: u.Deleted,
	}
	if h, err := account.NormalizeHandle(u.Handle); err == nil {
		a.Handle = h // what is no handle here stays behind; the account is found by its external id
	}
	id, err := i.standing(a)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		if id, err = i.make(b, a); err != nil {
			return 0, err
		}
	}
	return id, putNumber(b, record.KeyImported(origin, record.ImportedUser, uint64(u.ID)), uint64(id))
}

// standing finds the account by the external id, then by the handle.
func (i Imports) standing(a account.Account) (chat.UserID, error) {
	accounts := i.s.Accounts()
	if a.ExternalID != "" {
		if id, err := accounts.pointer(record.KeyExternal(a.ExternalID)); err != nil || id != 0 {
			return id, err
		}
	}
	if a.Handle == "" {
		return 0, nil
	}
	return accounts.pointer(record.KeyHandle(a.Handle))
}

// make stores an account under its own id where that was never given out, else under a fresh one.
func (i Imports) make(b *pebble.Batch, a account.Account) (chat.UserID, error) {
	accounts := i.s.Accounts()
	last, err := i.s.counter(record.MetaLastUser)
	if err != nil {
		return 0, err
	}
	_, taken, err := accounts.user(a.ID)
	if err != nil {
		return 0, err
	}
	if taken {
		a.ID = chat.UserID(last + 1)
	}
	if a.ID > chat.MaxID {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "user %d: ids end at %d", a.ID, uint64(chat.MaxID))
	}
	if a.Deleted {
		a = account.Account{User: account.User{ID: a.ID, Version: a.Version, CreatedMS: a.CreatedMS}, Deleted: true}
	}
	for key, name := range map[string]string{string(record.KeyHandle(a.Handle)): a.Handle, string(record.KeyExternal(a.ExternalID)): a.ExternalID} {
		if name != "" {
			if err := putNumber(b, []byte(key), uint64(a.ID)); err != nil {
				return 0, err
			}
		}
	}
	if err := accounts.administrators(b, false, a.Admin && !a.Deleted); err != nil {
		return 0, err
	}
	if uint64(a.ID) > last {
		if err := putNumber(b, record.KeyMeta(record.MetaLastUser), uint64(a.ID)); err != nil {
			return 0, err
		}
	}
	return a.ID, putAccount(b, a)
}

// Placed is where a conversation of the origin is; the zero Place where it was not imported.
func (i Imports) Placed(_ context.Context, origin string, id chat.ConversationID) (archive.Place, error) {
	release, err := i.s.read()
	if err != nil {
		return archive.Place{}, err
	}
	defer release()
	return i.placed(origin, id)
}

func (i Imports) placed(origin string, id chat.ConversationID) (archive.Place, error) {
	for _, kind := range []byte{record.ImportedConversation, record.ImportedShared} {
		to, err := i.imported(origin, kind, uint64(id))
		if err != nil {
			return archive.Place{}, err
		}
		if to == 0 {
			continue
		}
		head, err := i.s.readHead(chat.ConversationID(to))
		return archive.Place{ID: chat.ConversationID(to), Head: head.Seq, Shared: kind == record.ImportedShared}, err
	}
	return archive.Place{}, nil
}

// Place finds or takes the conversation for one of the origin; see archive.Target.
func (i Imports) Place(_ context.Context, origin string, c chat.Conversation) (archive.Place, error) {
	var p archive.Place
	_, err := i.s.apply(func(b *pebble.Batch) (err error) {
		if p, err = i.placed(origin, c.ID); err != nil || p.ID != 0 {
			return err
		}
		kind := byte(record.ImportedConversation)
		pair := record.Key2(record.TablePair, uint64(c.Pair[0]), uint64(c.Pair[1]))
		if c.Kind == chat.KindDirect {
			if p.ID, err = i.s.claimed(pair); err != nil {
				return err
			}
		}
		if p.ID != 0 {
			head, err := i.s.readHead(p.ID)
			if err != nil {
				return err
			}
			if p.Head, p.Shared = head.Seq, head.Exists(); p.Shared {
				kind = record.ImportedShared
			}
		} else if p.ID, err = i.take(b, c.ID); err != nil {
			return err
		}
		if c.Kind == chat.KindDirect {
			if err := putNumber(b, pair, uint64(p.ID)); err != nil {
				return err
			}
		}
		return putNumber(b, record.KeyImported(origin, kind, uint64(c.ID)), uint64(p.ID))
	})
	return p, err
}

// take gives out an id that was never given out: the wanted one where it lies beyond all of them, else the next one.
func (i Imports) take(b *pebble.Batch, wanted chat.ConversationID) (chat.ConversationID, error) {
	next, err := i.s.counter(record.MetaNextConversation)
	if err != nil {
		return 0, err
	}
	id := max(wanted, chat.ConversationID(max(next, 1)))
	if uint64(wanted) < next {
		id = chat.ConversationID(next)
	}
	if id > chat.MaxID {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "conversation %d: ids end at %d", wanted, uint64(chat.MaxID))
	}
	return id, putNumber(b, record.KeyMeta(record.MetaNextConversation), uint64(id)+1)
}
