package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// creation is one Create while it is being decided: what it has made is not readable yet.
type creation struct {
	a         *Accounts
	b         *pebble.Batch
	terms     account.Terms
	last      chat.UserID
	admins    uint64
	handles   map[string]chat.UserID
	externals map[string]chat.UserID
	made      []account.Made
}

// Create makes accounts, all or none.
func (a *Accounts) Create(ctx context.Context, accounts []account.Account, t account.Terms) ([]account.Made, error) {
	if err := a.s.guard.check(); err != nil {
		return nil, err
	}
	var made []account.Made
	err := a.change(ctx, func(b *pebble.Batch) error {
		c := creation{
			a: a, b: b, terms: t, handles: map[string]chat.UserID{}, externals: map[string]chat.UserID{},
			made: make([]account.Made, 0, len(accounts)),
		}
		if err := c.run(accounts); err != nil {
			return err
		}
		made = c.made
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (c *creation) run(accounts []account.Account) error {
	last, err := c.a.s.counter(record.MetaLastUser)
	if err != nil {
		return err
	}
	c.last = chat.UserID(last)
	if c.admins, err = c.a.s.counter(record.MetaAdministrators); err != nil {
		return err
	}
	before := c.admins
	invitation, err := c.invited(len(accounts))
	if err != nil {
		return err
	}
	for _, u := range accounts {
		u.Admin = u.Admin || invitation.Bootstrap
		if err := c.one(u); err != nil {
			return err
		}
	}
	if uint64(c.last) == last {
		return nil
	}
	if c.admins != before {
		if err := putNumber(c.b, record.KeyMeta(record.MetaAdministrators), c.admins); err != nil {
			return err
		}
	}
	return putNumber(c.b, record.KeyMeta(record.MetaLastUser), uint64(c.last))
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
	if c.last == chat.MaxID {
		return chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "no user ids are left")
	}
	c.last++
	u.ID, u.Deleted = c.last, false
	if err := putAccount(c.b, u); err != nil {
		return err
	}
	if u.Handle != "" {
		c.handles[u.Handle] = u.ID
		if err := putNumber(c.b, record.KeyHandle(u.Handle), uint64(u.ID)); err != nil {
			return err
		}
	}
	if u.ExternalID != "" {
		c.externals[u.ExternalID] = u.ID
		if err := putNumber(c.b, record.KeyExternal(u.ExternalID), uint64(u.ID)); err != nil {
			return err
		}
	}
	if u.Admin {
		c.admins++
	}
	c.made = append(c.made, account.Made{ID: u.ID, New: true, Admin: u.Admin})
	return nil
}

// find returns the account that u's handle and external id belong to; 0 where neither is taken.
func (c *creation) find(u account.Account) (chat.UserID, error) {
	byHandle, err := c.lookup(c.handles, u.Handle, record.KeyHandle)
	if err != nil {
		return 0, err
	}
	byExternal, err := c.lookup(c.externals, u.ExternalID, record.KeyExternal)
	if err != nil {
		return 0, err
	}
	switch {
	case u.ExternalID == "":
		return byHandle, nil
	case byHandle != 0 && byHandle != byExternal:
		return 0, account.ErrHandleTaken() // the handle of somebody else
	case byExternal == 0:
		return 0, c.ended(u.ExternalID)
	default:
		return byExternal, nil
	}
}

func (c *creation) lookup(fresh map[string]chat.UserID, name string, key func(string) []byte) (chat.UserID, error) {
	if name == "" {
		return 0, nil
	}
	if id, ok := fresh[name]; ok {
		return id, nil
	}
	return c.a.pointer(key(name))
}

// ended refuses a company's token that was issued before the account that it names was deleted.
func (c *creation) ended(external string) error {
	if c.terms.IssuedMS == 0 {
		return nil
	}
	at, err := c.a.pointer(record.KeyExternalEnded(external))
	if err == nil && c.terms.IssuedMS <= uint64(at) {
		err = account.ErrEnded()
	}
	return err
}

// invited spends uses of an invitation.
func (c *creation) invited(uses int) (account.Invitation, error) {
	if c.terms.Invitation.IsZero() {
		return account.Invitation{}, nil
	}
	i, err := c.a.invitation(c.terms.Invitation)
	if err != nil {
		return i, err
	}
	if c.terms.NowMS >= i.ExpiresMS {
		return i, account.ErrInvitationInvalid()
	}
	if int(i.Uses) < uses || (i.Bootstrap && c.admins > 0) {
		return i, account.ErrInvitationSpent()
	}
	i.Uses -= uint32(uses)
	return i, storageError(c.b.Set(record.KeyInvitation(i.Code), record.AppendInvitation(nil, i), nil), "spending an invitation")
}
