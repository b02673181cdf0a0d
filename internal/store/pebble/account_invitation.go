package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/store/record"
)

func (a *Accounts) invitation(code account.Hash) (i account.Invitation, err error) {
	ok, err := a.s.get(record.KeyInvitation(code), "invitation", func(r *record.Reader) { i = r.Invitation(code) })
	if err == nil && !ok {
		err = account.ErrInvitationInvalid()
	}
	return i, err
}

// Invite stores an invitation; a bootstrap one takes the place of the one before.
func (a *Accounts) Invite(ctx context.Context, i account.Invitation) error {
	return a.change(ctx, func(b *pebble.Batch) error {
		if i.Bootstrap {
			if err := a.dropBootstrap(b); err != nil {
				return err
			}
			if err := b.Set(record.KeyMeta(record.MetaBootstrap), i.Code[:], nil); err != nil {
				return storageError(err, "storing an invitation")
			}
		}
		return storageError(b.Set(record.KeyInvitation(i.Code), record.AppendInvitation(nil, i), nil), "storing an invitation")
	})
}

func (a *Accounts) dropBootstrap(b *pebble.Batch) error {
	code, closer, err := a.s.db.Get(record.KeyMeta(record.MetaBootstrap))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return storageError(err, "reading an invitation")
	}
	defer func() { _ = closer.Close() }()
	return drop(b, append([]byte{record.TableInvitation}, code...))
}

// Invitation returns an invitation.
func (a *Accounts) Invitation(ctx context.Context, code account.Hash) (account.Invitation, error) {
	release, err := a.s.read()
	if err != nil {
		return account.Invitation{}, err
	}
	defer release()
	i, found := a.invitation(code)
	if err := a.settle(ctx); err != nil {
		return account.Invitation{}, err
	}
	return i, found
}

// Prune drops invitations that expired before.
func (a *Accounts) Prune(ctx context.Context, beforeMS uint64) error {
	return a.change(ctx, func(b *pebble.Batch) error {
		var old [][]byte
		err := a.scan([]byte{record.TableInvitation}, []byte{record.TableInvitation + 1}, "invitation", func(key []byte, r *record.Reader) bool {
			if i := r.Invitation(account.Hash{}); i.ExpiresMS < beforeMS {
				old = append(old, append([]byte(nil), key...))
			}
			return true
		})
		if err != nil {
			return err
		}
		return drop(b, old...)
	})
}
