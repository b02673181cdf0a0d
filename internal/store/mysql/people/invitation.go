package people

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

func decodeInvitation(code account.Hash, value []byte) (account.Invitation, error) {
	r := record.NewReader(value)
	i := r.Invitation(code)
	if !r.Done() {
		return i, record.ErrDamaged("invitation")
	}
	return i, nil
}

// Invite stores an invitation; a bootstrap one takes the place of the one before.
func (a *Accounts) Invite(ctx context.Context, i account.Invitation) error {
	return a.home.Transact(ctx, "invite", func(t *mysql.Tx) error {
		var q mysql.Text
		bootstrap := "NULL"
		if i.Bootstrap {
			q.Add("DELETE FROM invitation WHERE bootstrap = 1;")
			bootstrap = "1"
		}
		q.Add("INSERT INTO invitation (code, bootstrap, expires_ms, value) VALUES (").Blob(i.Code[:]).Add(",", bootstrap, ",")
		q.Number(i.ExpiresMS).Add(",").Blob(record.AppendInvitation(nil, i)).Add(")")
		err := t.Commit(ctx, q.String())
		if mysql.IsDuplicate(err) {
			return mysql.BeginAgain(err) // of two nodes that start at once one is the last
		}
		return err
	})
}

// Invitation returns an invitation.
func (a *Accounts) Invitation(ctx context.Context, code account.Hash) (i account.Invitation, err error) {
	found := false
	var q mysql.Text
	q.Add("SELECT value FROM invitation WHERE code = ").Blob(code[:])
	err = a.home.Read(ctx, "invitation", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) (err error) {
			var value []byte
			scan(&value)
			found = true
			i, err = decodeInvitation(code, value)
			return err
		})
	})
	if err == nil && !found {
		err = account.ErrInvitationInvalid()
	}
	if err != nil {
		return account.Invitation{}, err
	}
	return i, nil
}

const (
	pruneAtOnce = 1_000
	// keepRevocations is how long a node may be cut off from the databases and still learn what it missed: longer than a session
	// lasts without a new token.
	keepRevocations = 48 * time.Hour
)

// Prune drops invitations that expired before, and what every node has heard long since.
func (a *Accounts) Prune(ctx context.Context, beforeMS uint64) error {
	var q mysql.Text
	q.Add("DELETE FROM invitation WHERE expires_ms < ").Number(beforeMS)
	if err := prune(ctx, a.home, q.String()); err != nil {
		return err
	}
	for _, d := range a.s.Databases() {
		q.Reset()
		q.Add("DELETE FROM revocation WHERE at_ms < ", nowMS, " - ").Number(uint64(keepRevocations.Milliseconds()))
		if err := prune(ctx, d, q.String()); err != nil {
			return err
		}
	}
	return nil
}

// prune deletes a few rows at a time, so that nobody waits for long.
func prune(ctx context.Context, d *mysql.Database, statement string) error {
	for {
		var n int64
		err := d.Transact(ctx, "prune", func(t *mysql.Tx) (err error) {
			var q mysql.Text
			n, err = t.Count(ctx, q.Add(statement, " LIMIT ").Number(pruneAtOnce).String())
			return err
		})
		if err != nil || n < pruneAtOnce {
			return err
		}
	}
}
