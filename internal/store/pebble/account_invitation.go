package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
)

func (a *Accounts) invitation(code account.Hash) (i account.Invitation, err error) {
	ok, err := a.s.get(keyInvitation(code), "invitation", func(r *reader) { i = r.invitation(code) })
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
			if err := b.Set(keyMeta(metaBootstrap), i.Code[:], nil); err != nil {
				return storageError(err, "storing an invitation")
			}
		}
		return storageError(b.Set(keyInvitation(i.Code), appendInvitation(nil, i), nil), "storing an invitation")
	})
}

func (a *Accounts) dropBootstrap(b *pebble.Batch) error {
	code, closer, err := a.s.db.Get(keyMeta(metaBootstrap))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return storageError(err, "reading an invitation")
	}
	defer func() { _ = closer.Close() }()
	return drop(b, append([]byte{tableInvitation}, code...))
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
		err := a.scan([]byte{tableInvitation}, []byte{tableInvitation + 1}, "invitation", func(key []byte, r *reader) bool {
			if i := r.invitation(account.Hash{}); i.ExpiresMS < beforeMS {
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
