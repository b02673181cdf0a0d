package people

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// nowMS is the databases' own clock, in milliseconds.
const nowMS = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)"

const (
	// listenEvery is how often a database is asked what was revoked.
	listenEvery = time.Second
	// listenBehind is how long a number that is below others may take to show: rows are numbered when they are written, and seen when
	// they are committed, which is the next thing that happens.
	listenBehind = 30 * time.Second
	// listenAtOnce is how many revocations are read by one statement.
	listenAtOnce = 1_000
)

// revoke notes for all nodes what a change of the account, and the end of devices, revoke.
func (u *locked) revoke(before account.Account, gone []chat.DeviceID) {
	switch {
	case u.Disabled && !before.Disabled:
		u.told(true, nil)
	case u.TokensFromMS > before.TokensFromMS:
		u.told(false, append(gone[:len(gone):len(gone)], 0))
	case len(gone) > 0:
		u.told(false, gone)
	}
}

// told writes a revocation; all of the user where there are no devices.
func (u *locked) told(gone bool, devices []chat.DeviceID) {
	var value []byte
	for _, d := range devices {
		value = binary.AppendUvarint(value, uint64(d))
	}
	u.write("INSERT INTO revocation (at_ms, user, gone, devices) VALUES (").Add(nowMS, ",").Number(uint64(u.ID))
	u.q.Add(",").Number(flag(gone)).Add(",").Blob(value).Add(")")
}

// Follow implements account.Revocations.
func (a *Accounts) Follow(ctx context.Context, tell func(account.Revocation)) {
	var one sync.Mutex
	var all sync.WaitGroup
	for _, d := range a.s.Databases() {
		all.Go(func() {
			l := listener{d: d, tell: func(r account.Revocation) {
				one.Lock()
				defer one.Unlock()
				tell(r)
			}}
			l.run(ctx)
		})
	}
	all.Wait()
}

// listener reads the revocations of one database. It reads those of the last seconds again and again, since one may show behind
// another that has a higher number.
type listener struct {
	d     *mysql.Database
	tell  func(account.Revocation)
	begun bool
	from  uint64 // numbers up to here are done with
	last  uint64 // the highest that was seen
	seen  map[uint64]bool
	marks []mark // oldest first
}

// mark says which number was the last one at a time.
type mark struct {
	at   time.Time
	last uint64
}

func (l *listener) run(ctx context.Context) {
	l.seen = make(map[uint64]bool)
	tick := time.NewTicker(listenEvery)
	defer tick.Stop()
	for {
		l.listen(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// listen asks once. A database that does not answer is asked again; what it has to say waits there.
func (l *listener) listen(ctx context.Context) {
	if !l.begun {
		if l.begin(ctx) != nil {
			return
		}
		l.begun = true
	}
	for from := l.from; ; {
		next, n, err := l.read(ctx, from)
		if err != nil {
			return
		}
		if from = next; n < listenAtOnce {
			break
		}
	}
	now := time.Now()
	l.marks = append(l.marks, mark{now, l.last})
	for len(l.marks) > 0 && now.Sub(l.marks[0].at) > listenBehind {
		l.from = l.marks[0].last
		l.marks = l.marks[1:]
	}
	for n := range l.seen {
		if n <= l.from {
			delete(l.seen, n)
		}
	}
}

// begin finds out where to begin: before everything that may show from now on.
func (l *listener) begin(ctx context.Context) error {
	var q mysql.Text
	q.Add("SELECT COALESCE(MAX(number), 0) FROM revocation WHERE at_ms < ", nowMS, " - ").Number(uint64(listenBehind.Milliseconds()))
	return l.d.Read(ctx, "revocations", q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error { scan(&l.from); return nil })
	})
}

// read tells those above a number that were not told yet, and returns up to where it came and how many there were.
func (l *listener) read(ctx context.Context, from uint64) (next uint64, n int, err error) {
	type numbered struct {
		number uint64
		account.Revocation
	}
	var some []numbered
	var q mysql.Text
	q.Add("SELECT number, user, gone, devices FROM revocation WHERE number > ").Number(from)
	q.Add(" ORDER BY number LIMIT ").Number(listenAtOnce)
	err = l.d.Read(ctx, "revocations", q.String(), func(r *mysql.Rows) error {
		some = some[:0]
		return r.Each(func(scan func(...any)) error {
			var v numbered
			var gone bool
			var devices []byte
			scan(&v.number, &v.User, &gone, &devices)
			v.Reason = chat.ReasonSignedOut
			if gone {
				v.Reason = chat.ReasonUserDisabled
			}
			rec := record.NewReader(devices)
			for rec.More() {
				v.Devices = append(v.Devices, chat.DeviceID(rec.Number()))
			}
			some = append(some, v)
			return nil
		})
	})
	if err != nil {
		return from, 0, err
	}
	for _, v := range some {
		next = v.number
		l.last = max(l.last, v.number)
		if !l.seen[v.number] {
			l.seen[v.number] = true
			l.tell(v.Revocation)
		}
	}
	return next, len(some), nil
}
