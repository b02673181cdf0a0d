package pebble

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble/record"
	"github.com/throng-im/throng/internal/timeline"
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

// staleRow notes a finding in timelines, which are rebuilt as a whole at the end.
func (c *checker) staleRow(format string, args ...any) error {
	c.staleRows++
	return c.found(func(*pebble.Batch) error { return nil }, "timelines: "+format, args...)
}

// rows: a user's timeline has each conversation once, at a place of its own, and says of membership what the log says.
func (c *checker) rows() error {
	var user chat.UserID
	var places []timeline.PTS
	var current uint64
	done := func() error {
		if user == 0 {
			return nil
		}
		slices.Sort(places)
		var e record.End
		if _, err := c.row(record.Key1(record.TableLast, uint64(user)), func(r *record.Reader) { e = r.End() }); err != nil {
			return err
		}
		last := e.Last
		if e.Current != current {
			return c.staleRow("user %d is in %d conversations, and is said to be in %d", user, current, e.Current)
		}
		for i, p := range places {
			if i > 0 && p == places[i-1] {
				return c.staleRow("user %d has two conversations at pts %d", user, p)
			}
		}
		if len(places) == 0 {
			return nil
		}
		if newest := places[len(places)-1]; newest > last {
			return c.staleRow("user %d has a conversation at pts %d, beyond the last one, %d", user, newest, last)
		}
		return nil
	}
	err := c.table(record.TableRow, func(key, value []byte) error {
		c.report.Rows++
		if len(key) != record.Key2Len {
			return c.staleRow("a row has the malformed key %x", key)
		}
		u, id := chat.UserID(record.First(key)), chat.ConversationID(record.Second(key))
		if u != user {
			if err := done(); err != nil {
				return err
			}
			user, places, current = u, places[:0], 0
		}
		r := record.NewReader(value)
		row := r.Row(id)
		if !r.Done() {
			return c.staleRow("the row of user %d and conversation %d does not decode", u, id)
		}
		if row.Current {
			current++
		}
		if row.PTS > 0 {
			places = append(places, row.PTS)
		}
		return c.timelineRow(u, row)
	})
	if err != nil {
		return err
	}
	return done()
}

func (c *checker) timelineRow(user chat.UserID, row timeline.Row) error {
	if !c.current(row.Conversation) {
		return nil
	}
	var m chat.Member
	ok, err := c.row(record.Key2(record.TableMember, uint64(row.Conversation), uint64(user)), func(r *record.Reader) { m = r.Part(user).Member })
	switch {
	case err != nil:
		return err
	case !ok:
		return c.staleRow("user %d has conversation %d, but never was a member", user, row.Conversation)
	case row.Current != m.Current():
		return c.staleRow("user %d and conversation %d: member is %t, the log says %t", user, row.Conversation, row.Current, m.Current())
	case row.Seq != 0 && row.Seq != record.ChangeSeq(m):
		return c.staleRow("user %d and conversation %d: the membership is of seq %d, the log says %d", user, row.Conversation, row.Seq, record.ChangeSeq(m))
	}
	return nil
}

// settings belong to people who are or were members.
func (c *checker) settings() error {
	return c.table(record.TableSettings, func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return c.found(remove(key), "settings have the malformed key %x", key)
		}
		user, id := chat.UserID(record.First(key)), chat.ConversationID(record.Second(key))
		r := record.NewReader(value)
		r.Settings(true)
		if !r.Done() {
			return c.found(remove(key), "the settings of user %d for conversation %d do not decode", user, id)
		}
		ok, err := c.row(record.Key2(record.TableMember, uint64(id), uint64(user)), func(r *record.Reader) { r.Part(user) })
		if err != nil || ok {
			return err
		}
		return c.found(remove(key), "user %d has settings for conversation %d, but never was a member", user, id)
	})
}

// rebuildTimelines writes all rows anew from the members, under a new generation, so that every client starts over.
func (c *checker) rebuildTimelines() error {
	if err := c.flush(); err != nil {
		return err
	}
	for _, table := range []byte{record.TableRow, record.TableLast} {
		if err := c.batch.DeleteRange([]byte{table}, []byte{table + 1}, nil); err != nil {
			return fmt.Errorf("dropping timelines: %w", err)
		}
	}
	generation, err := record.Draw()
	if err != nil {
		return err
	}
	for name, n := range map[string]uint64{record.MetaGeneration: generation, record.MetaTimeline: uint64(c.tail)} {
		if err := c.batch.Set(record.KeyMeta(name), record.Number(n), nil); err != nil {
			return fmt.Errorf("rebuilding timelines: %w", err)
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	// The members as repaired, not as they were when the check began.
	snap := c.db.NewSnapshot()
	old := c.snap
	c.snap = snap
	defer func() { c.snap = old; _ = snap.Close() }()
	ends := make(map[chat.UserID]record.End)
	return c.table(record.TableMember, func(key, value []byte) error {
		if err := rebuildRow(c.batch, key, value, ends); err != nil {
			return fmt.Errorf("rebuilding timelines: %w", err)
		}
		if c.batch.Len() > repairBytes {
			return c.flush()
		}
		return nil
	})
}
