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

// bootstraps is how many bootstrap invitations count at once: each node makes one when it starts and there is no administrator.
const bootstraps = 64

// Invite stores an invitation. Bootstrap ones have numbers, from 1 to 64; where all are taken one takes the place of that which expires
// first.
func (a *Accounts) Invite(ctx context.Context, i account.Invitation) error {
	return a.home.Transact(ctx, "invite", func(t *mysql.Tx) error {
		var q mysql.Text
		number := uint64(0)
		if i.Bootstrap {
			var oldest []byte
			var err error
			if number, oldest, err = bootstrapNumber(ctx, t); err != nil {
				return err
			}
			if oldest != nil {
				q.Add("DELETE FROM invitation WHERE code = ").Blob(oldest).Add(";")
			}
		}
		q.Add("INSERT INTO invitation (code, bootstrap, expires_ms, value) VALUES (").Blob(i.Code[:]).Add(", NULLIF(").Number(number).Add(", 0),")
		q.Number(i.ExpiresMS).Add(",").Blob(record.AppendInvitation(nil, i)).Add(")")
		err := t.Commit(ctx, q.String())
		if mysql.IsDuplicate(err) {
			return mysql.BeginAgain(err) // of two nodes that start at once one has the number
		}
		return err
	})
}

// bootstrapNumber returns the number that a bootstrap invitation is to have: the first that is free, or that of the one that expires first,
// whose code it returns too. Who has it meanwhile is met as a duplicate.
func bootstrapNumber(ctx context.Context, t *mysql.Tx) (number uint64, oldest []byte, err error) {
	var taken [bootstraps + 1]bool
	var last uint64
	err = t.Query(ctx, "SELECT bootstrap, code FROM invitation WHERE bootstrap IS NOT NULL ORDER BY expires_ms DESC", func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			scan(&last, &oldest)
			taken[min(last, bootstraps)] = true
			return nil
		})
	})
	for number = 1; number <= bootstraps; number++ {
		if !taken[number] {
			return number, nil, err
		}
	}
	return last, oldest, err
}

// bootstrapped lets one of those who would be the first administrator go on: it locks all bootstrap invitations, counts administrators,
// and drops all but the one that is used, which then count no more.
func (a *Accounts) bootstrapped(ctx context.Context, t *mysql.Tx, code account.Hash) (administrators int, err error) {
	if err = t.Query(ctx, "SELECT code FROM invitation WHERE bootstrap IS NOT NULL FOR UPDATE", func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			var other []byte
			scan(&other)
			return nil
		})
	}); err != nil {
		return 0, err
	}
	if administrators, err = a.administrators(ctx, t); err != nil || administrators > 0 {
		return administrators, err
	}
	var q mysql.Text
	q.Add("DELETE FROM invitation WHERE bootstrap IS NOT NULL AND code <> ").Blob(code[:])
	return 0, t.Exec(ctx, q.String())
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
