package check

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// standing is a user in a conversation.
type standing struct {
	user         chat.UserID
	conversation chat.ConversationID
}

func (s standing) rowKey() []byte {
	return record.Key2(record.TableRow, uint64(s.user), uint64(s.conversation))
}

func (s standing) memberKey() []byte {
	return record.Key2(record.TableMember, uint64(s.conversation), uint64(s.user))
}

// part is what a row says of a standing: the one of the list, or the one of the conversation.
type part struct {
	there   bool
	current bool
	seq     chat.Seq // of the change that made it so
}

func listed(value []byte) (p part) {
	if value == nil {
		return part{}
	}
	r := record.NewReader(value)
	row := r.Row(0)
	return part{true, row.Current, row.Seq}
}

// joined reads a member row; ok is false where it does not decode, which is told elsewhere.
func joined(value []byte) (p part, ok bool) {
	if value == nil {
		return part{}, true
	}
	r := record.NewReader(value)
	m := r.Part(0).Member
	if !r.Done() {
		return part{}, false
	}
	return part{len(m.Spans) > 0, m.Current(), record.ChangeSeq(m)}, true
}

// difference is a standing that the list and the conversation say different things of.
type difference struct {
	standing

	list, member part
}

// text says what is wrong with the list.
func (d difference) text() string {
	s, list, member := d.standing, d.list, d.member
	switch {
	case !list.there && !member.current:
		return fmt.Sprintf("user %d was a member of conversation %d, and the user's list of conversations does not know it", s.user, s.conversation)
	case !list.there:
		return fmt.Sprintf("user %d is a member of conversation %d, and the user's list of conversations does not have it", s.user, s.conversation)
	case !member.there:
		return fmt.Sprintf("user %d has conversation %d in the list of conversations, but never was a member", s.user, s.conversation)
	case list.current != member.current:
		return fmt.Sprintf("user %d has conversation %d in the list of conversations: member is %t, the log says %t", s.user, s.conversation, list.current, member.current)
	}
	return fmt.Sprintf("user %d has conversation %d in the list of conversations with a change of seq %d, the log says %d", s.user, s.conversation, list.seq, member.seq)
}

// standingsAtOnce is how many are compared together.
const standingsAtOnce = 256

// shelf compares users' lists of conversations with the members. A follower writes them some time after the log, so that nothing counts
// before it was looked at again.
func (c *checker) shelf(ctx context.Context) error {
	c.report.Rows = 0
	return c.compare(ctx, func(_ context.Context, differ []difference) error {
		for _, d := range differ {
			c.shelfDoubt(d, nil)
		}
		return nil
	})
}

// shelfDoubt puts a difference aside. At the end it counts, but for a list that has moved since it was last looked at: its follower is
// at work, and people come and go faster than it is looked at.
func (c *checker) shelfDoubt(d difference, before map[standing]part) {
	if list, ok := before[d.standing]; ok && list != d.list && c.doubts.taken {
		return
	}
	if c.doubts.taken || len(c.doubts.shelves) >= doubtsBound {
		c.damage(d.text(), Shelf)
		return
	}
	c.doubts.shelves[d.standing] = d.list
}

// shelvesAgain looks at standings as of now.
func (c *checker) shelvesAgain(ctx context.Context, before map[standing]part) error {
	some := make([]standing, 0, standingsAtOnce)
	look := func() error {
		differ, err := c.differing(ctx, some)
		for _, d := range differ {
			c.shelfDoubt(d, before)
		}
		some = some[:0]
		return err
	}
	for s := range before {
		if some = append(some, s); len(some) == standingsAtOnce {
			if err := look(); err != nil {
				return err
			}
		}
	}
	return look()
}

// compare walks the members, and then the lists, and hands over what differs, some at a time.
func (c *checker) compare(ctx context.Context, fn func(ctx context.Context, differ []difference) error) error {
	if err := c.rows.renew(ctx); err != nil {
		return err
	}
	some := make([]standing, 0, standingsAtOnce)
	look := func() error {
		differ, err := c.differing(ctx, some)
		if some = some[:0]; err == nil && len(differ) > 0 {
			err = fn(ctx, differ)
		}
		if err != nil {
			return err
		}
		return c.rows.Rest(ctx)
	}
	for _, letter := range []byte{record.TableMember, record.TableRow} {
		err := c.rows.Walk(ctx, []byte{letter}, []byte{letter + 1}, func(key, _ []byte) error {
			s := standing{chat.UserID(record.Second(key)), chat.ConversationID(record.First(key))}
			if letter == record.TableRow {
				s = standing{chat.UserID(record.First(key)), chat.ConversationID(record.Second(key))}
				c.report.Rows++
			}
			if some = append(some, s); len(some) < standingsAtOnce {
				return nil
			}
			return look()
		})
		if err == nil {
			err = look()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// differing are those of some standings that are not the same in both places.
func (c *checker) differing(ctx context.Context, some []standing) (differ []difference, err error) {
	keys := make([][]byte, 0, 2*len(some))
	for _, s := range some {
		keys = append(keys, s.rowKey(), s.memberKey())
	}
	values, err := c.rows.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, s := range some {
		list := listed(values[2*i])
		if member, ok := joined(values[2*i+1]); ok && list != member {
			differ = append(differ, difference{s, list, member})
		}
	}
	return differ, nil
}
