package check

import (
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

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
		var e timeline.End
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
