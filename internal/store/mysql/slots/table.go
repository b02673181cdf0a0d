package slots

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/store/mysql"
)

// table is what a slot has rows in. Its primary key is the first numbers, and the first blob where blobKey says so; the first number is
// the conversation's or the user's.
type table struct {
	name           string
	numbers, blobs []string // columns
	keys           int      // how many of the numbers
	blobKey        bool
	unlimited      bool // is read without a limit: what one user has is not much, and unique beyond the key
	what           mysql.Noted
}

// The tables, in the order in which they are copied: what names rows of others comes after them.
//
//nolint:gochecknoglobals // a list of constants
var (
	ofConversations = []*table{
		{name: "entry", numbers: []string{"conversation", "seq"}, blobs: []string{"value"}, keys: 2, what: mysql.NotedEntry},
		{
			name: "repeated", numbers: []string{"conversation", "sender"}, blobs: []string{"client", "value"}, keys: 2, blobKey: true,
			what: mysql.NotedRepeat,
		},
		{name: "member", numbers: []string{"conversation", "user", "present"}, blobs: []string{"value"}, keys: 2, what: mysql.NotedMember},
		{name: "leader", numbers: []string{"conversation", "user", "role"}, keys: 2, what: mysql.NotedMember},
		{name: "conversation", numbers: []string{"conversation"}, blobs: []string{"value"}, keys: 1, what: mysql.NotedConversation},
		{name: "head", numbers: []string{"conversation"}, blobs: []string{"value"}, keys: 1, what: mysql.NotedConversation},
	}
	ofUsers = []*table{
		{name: "account", numbers: []string{"user", "admin"}, blobs: []string{"value", "leaving"}, keys: 1, what: mysql.NotedUser},
		{name: "device", numbers: []string{"user", "device"}, blobs: []string{"label", "value"}, keys: 2, unlimited: true, what: mysql.NotedUser},
		{
			name: "shelf", numbers: []string{"user", "conversation", "member", "seq", "version"}, blobs: []string{"settings"}, keys: 2,
			what: mysql.NotedUser,
		},
		{name: "direct", numbers: []string{"low", "high", "conversation"}, keys: 2, what: mysql.NotedUser},
		{name: "claim", numbers: []string{"actor", "conversation"}, blobs: []string{"client"}, keys: 1, blobKey: true, what: mysql.NotedUser},
		{name: "relation", numbers: []string{"user", "other", "version", "due"}, blobs: []string{"value"}, keys: 2, what: mysql.NotedUser},
		{name: "relation_owner", numbers: []string{"user"}, blobs: []string{"value"}, keys: 1, what: mysql.NotedUser},
	}
	outbox = &table{
		name: "outbox", numbers: []string{"slot", "conversation", "seq", "reader", "read_seq"}, blobs: []string{"value", "added"}, keys: 5,
		unlimited: true,
	}
)

// row is a row of a table, in its columns' order. A blob that is nil is NULL.
type row struct {
	numbers []uint64
	blobs   [][]byte
}

func (t *table) scan(scan func(...any)) row {
	r := row{make([]uint64, len(t.numbers)), make([][]byte, len(t.blobs))}
	to := make([]any, 0, len(t.numbers)+len(t.blobs))
	for i := range r.numbers {
		to = append(to, &r.numbers[i])
	}
	for i := range r.blobs {
		to = append(to, &r.blobs[i])
	}
	scan(to...)
	return r
}

func (t *table) columns() string { return strings.Join(slices.Concat(t.numbers, t.blobs), ", ") }

// key are the columns of the primary key.
func (t *table) key() []string {
	key := slices.Clone(t.numbers[:t.keys])
	if t.blobKey {
		key = append(key, t.blobs[0])
	}
	return key
}

// compare orders rows by their keys, as the databases do.
func (t *table) compare(a, b row) int {
	c := slices.Compare(a.numbers[:t.keys], b.numbers[:t.keys])
	if t.blobKey {
		c = cmp.Or(c, bytes.Compare(a.blobs[0], b.blobs[0]))
	}
	return c
}

func same(a, b row) bool {
	return slices.Equal(a.numbers, b.numbers) &&
		slices.EqualFunc(a.blobs, b.blobs, func(x, y []byte) bool { return bytes.Equal(x, y) && (x == nil) == (y == nil) })
}

func (r row) size() int {
	n := 16 * len(r.numbers)
	for _, b := range r.blobs {
		n += 2*len(b) + 4
	}
	return n
}

// change names what a node would have noted of a row.
type change struct {
	what mysql.Noted
	a, b uint64
	c    [16]byte
}

func (t *table) change(r row) change {
	c := change{what: t.what, a: r.numbers[0]}
	if t.what == mysql.NotedUser || t.what == mysql.NotedConversation {
		return c
	}
	c.b = r.numbers[1]
	if t.blobKey {
		copy(c.c[:], r.blobs[0])
	}
	return c
}

// of is the key of the row that a change is about; nothing but the key of it is set.
func (t *table) of(c change) row {
	r := row{make([]uint64, len(t.numbers)), make([][]byte, len(t.blobs))}
	r.numbers[0] = c.a
	if t.keys > 1 {
		r.numbers[1] = c.b
	}
	if t.blobKey {
		r.blobs[0] = c.c[:]
	}
	return r
}

// writeKey appends (a,b,…).
func (t *table) writeKey(q *mysql.Text, r row) {
	q.Add("(")
	for i, n := range r.numbers[:t.keys] {
		if i > 0 {
			q.Add(",")
		}
		q.Number(n)
	}
	if t.blobKey {
		q.Add(",").Blob(r.blobs[0])
	}
	q.Add(")")
}

// write appends (a,b,…) of all columns.
func (t *table) write(q *mysql.Text, r row) {
	q.Add("(")
	for i, n := range r.numbers {
		if i > 0 {
			q.Add(",")
		}
		q.Number(n)
	}
	for _, b := range r.blobs {
		if q.Add(","); b == nil {
			q.Add("NULL")
		} else {
			q.Blob(b)
		}
	}
	q.Add(")")
}

// beyond appends a condition for rows whose key is beyond that of r: with ">" those behind it, with "<" those before it, and with orEqual r
// itself too.
func (t *table) beyond(q *mysql.Text, r row, sign string, orEqual bool) {
	key := t.key()
	value := func(i int) {
		if i < t.keys {
			q.Number(r.numbers[i])
		} else {
			q.Blob(r.blobs[0])
		}
	}
	q.Add("(")
	for i, column := range key {
		if i > 0 {
			q.Add(" AND (")
		}
		q.Add(column, sign)
		if orEqual && i == len(key)-1 {
			q.Add("=")
		}
		value(i)
		if i < len(key)-1 {
			q.Add(" OR ", column, "=")
			value(i)
		}
	}
	q.Add(strings.Repeat(")", len(key)))
}

// in appends a condition for rows of some keys.
func (t *table) in(q *mysql.Text, keys []row) {
	q.Add("(", strings.Join(t.key(), ", "), ") IN (")
	for i, r := range keys {
		if i > 0 {
			q.Add(",")
		}
		t.writeKey(q, r)
	}
	q.Add(")")
}
