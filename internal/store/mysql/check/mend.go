package check

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/people"
	"github.com/throng-im/throng/internal/timeline"
)

// mend puts users' lists of conversations right, while nodes run: it writes what the followers of the log would have written. It may be
// stopped at any time and begun again.
//
// What differs is read again, the list first and the member after it. So the member is as new as the list, or newer:
//
//   - a list that is behind is enrolled as followers do it, where the higher seq stands;
//   - one that is ahead of the log, or another thing at the same seq, is written only where it is still what was read. A follower that was
//     there meanwhile knows better, and one that comes later has a higher seq or is late.
func (c *checker) mend(ctx context.Context) error {
	shelf := people.NewShelf(c.s)
	return c.compare(ctx, func(ctx context.Context, seen []difference) error {
		differ, err := c.now(ctx, seen)
		if err != nil {
			return err
		}
		var behind []timeline.Change
		var wrong []people.Correction
		for _, d := range differ {
			if !d.member.there || d.member.seq <= d.list.seq {
				wrong = append(wrong, people.Correction{
					User: d.user, Conversation: d.conversation, Current: d.list.current, Seq: d.list.seq,
					ToCurrent: d.member.current, ToSeq: d.member.seq, Drop: !d.member.there,
				})
				continue
			}
			change := timeline.Change{User: d.user, Conversation: d.conversation, Membership: timeline.Ended, Seq: d.member.seq}
			if d.member.current {
				change.Membership = timeline.Entered
			}
			behind = append(behind, change)
		}
		if len(behind) > 0 {
			err = shelf.Enroll(ctx, behind)
		}
		if err == nil && len(wrong) > 0 {
			err = shelf.Correct(ctx, wrong)
		}
		if err != nil {
			return fmt.Errorf("mending lists of conversations: %w", err)
		}
		for _, d := range differ {
			c.report.Repaired++
			text := d.text()
			if d.list.there && d.list.seq >= d.member.seq { // timelines take on what is ahead of them, and nothing else
				text += "; Redis may show it still, and is to be emptied"
			}
			c.o.Repaired(text)
		}
		return nil
	})
}

// now reads both sides of standings as they are, the lists first, and returns those that differ.
func (c *checker) now(ctx context.Context, some []difference) (differ []difference, err error) {
	keys := make([][]byte, len(some))
	for i, s := range some {
		keys[i] = s.rowKey()
	}
	lists, err := c.live(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, s := range some {
		keys[i] = s.memberKey()
	}
	members, err := c.live(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, s := range some {
		list := listed(lists[i])
		if member, ok := joined(members[i]); ok && list != member { // of one that is damaged nothing can be said
			differ = append(differ, difference{s.standing, list, member})
		}
	}
	return differ, nil
}

// live reads rows of one table as they are, wherever they lie now.
func (c *checker) live(ctx context.Context, keys [][]byte) ([][]byte, error) {
	t := tables[keys[0][0]]
	found := make(map[string][]byte, len(keys))
	err := c.s.Routed(ctx, func(m *mysql.Map) error {
		clear(found)
		of := map[*mysql.Database][][]byte{}
		for _, key := range keys {
			d := t.database(m, key)
			of[d] = append(of[d], key)
		}
		for d, some := range of {
			err := m.Read(ctx, d, "mend "+t.name, t.getQuery(some, false), func(r *mysql.Rows) error {
				return r.Each(func(scan func(...any)) error {
					v := t.scan(scan)
					found[string(v.key)] = v.value
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = found[string(key)]
	}
	return values, err //nolint:wrapcheck // it says what it was doing
}
