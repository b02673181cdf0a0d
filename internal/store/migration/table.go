package migration

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// place says by what a table is spread over the databases: the first number of its rows.
type place uint8

const (
	atHome place = iota
	byConversation
	byUser
)

// table is what is written into one table of the databases, or into some of its columns.
type table struct {
	name           string
	numbers, blobs []string // columns; those of the key are not in update
	update         []string // what a row that is there gets
	place          place
	optional       string // the column that is NULL where there is 0, or nothing
	rest, defaults string // columns that new rows get besides, with their values
	where          string // which rows are these; "" is all
}

// The tables, in the order in which differences are told.
//
//nolint:gochecknoglobals // a list of constants
var (
	entries       = &table{name: "entry", numbers: []string{"conversation", "seq"}, blobs: []string{"value"}, update: []string{"value"}, place: byConversation}
	repeats       = &table{name: "repeated", numbers: []string{"conversation", "sender"}, blobs: []string{"client", "value"}, update: []string{"value"}, place: byConversation}
	heads         = &table{name: "head", numbers: []string{"conversation"}, blobs: []string{"value"}, update: []string{"value"}, place: byConversation}
	conversations = &table{name: "conversation", numbers: []string{"conversation"}, blobs: []string{"value"}, update: []string{"value"}, place: byConversation}
	members       = &table{
		name: "member", numbers: []string{"conversation", "user", "present"}, blobs: []string{"value"}, update: []string{"present", "value"}, place: byConversation,
	}
	leaders = &table{name: "leader", numbers: []string{"conversation", "user", "role"}, update: []string{"role"}, place: byConversation}
	pairs   = &table{name: "direct", numbers: []string{"low", "high", "conversation"}, update: []string{"conversation"}, place: byUser}
	claims  = &table{name: "claim", numbers: []string{"actor", "conversation"}, blobs: []string{"client"}, update: []string{"conversation"}, place: byUser}
	inside  = &table{
		name: "shelf", numbers: []string{"user", "conversation", "member", "seq"}, update: []string{"member", "seq"}, place: byUser,
		rest: "version, settings", defaults: "0, ''", where: "seq > 0",
	}
	settings = &table{
		name: "shelf", numbers: []string{"user", "conversation", "version"}, blobs: []string{"settings"}, update: []string{"version", "settings"}, place: byUser,
		rest: "member, seq", defaults: "0, 0", where: "settings <> ''",
	}
	accounts = &table{name: "account", numbers: []string{"user", "admin"}, blobs: []string{"value"}, update: []string{"admin", "value"}, place: byUser}
	devices  = &table{
		name: "device", numbers: []string{"user", "device"}, blobs: []string{"label", "value"}, update: []string{"label", "value"}, place: byUser, optional: "label",
	}
	handles     = &table{name: "handle", numbers: []string{"user"}, blobs: []string{"handle"}, update: []string{"user"}}
	externals   = &table{name: "external_id", numbers: []string{"user"}, blobs: []string{"external_id"}, update: []string{"user"}}
	ended       = &table{name: "external_ended", numbers: []string{"at_ms"}, blobs: []string{"hash"}, update: []string{"at_ms"}}
	invitations = &table{
		name: "invitation", numbers: []string{"bootstrap", "expires_ms"}, blobs: []string{"code", "value"}, update: []string{"bootstrap", "expires_ms", "value"},
		optional: "bootstrap",
	}
	relations = &table{
		name: "relation", numbers: []string{"user", "other", "version", "due"}, blobs: []string{"value"}, update: []string{"version", "due", "value"}, place: byUser,
	}
	owners   = &table{name: "relation_owner", numbers: []string{"user"}, blobs: []string{"value"}, update: []string{"value"}, place: byUser}
	links    = &table{name: "link", numbers: []string{"conversation", "link"}, blobs: []string{"value"}, update: []string{"value"}}
	imported = &table{name: "imported", numbers: []string{"id", "target"}, blobs: []string{"origin", "kind"}, update: []string{"target"}}
	numbers  = &table{name: "meta", numbers: []string{"number"}, blobs: []string{"name"}, update: []string{"number"}, where: "name IN (" + metaNames() + ")"}

	tables = []*table{
		entries, repeats, heads, conversations, members, leaders, pairs, claims, inside, settings, accounts, devices, handles, externals,
		ended, invitations, relations, owners, links, imported, numbers,
	}
)

// row is a row of a table, in its columns' order.
type row struct {
	t       *table
	numbers []uint64
	blobs   [][]byte
}

// slot is the part of the table that the row is in; 0 for those of the home database.
func (r row) slot() chat.Slot {
	switch r.t.place {
	case byConversation:
		return chat.ConversationID(r.numbers[0]).Slot()
	case byUser:
		return chat.UserID(r.numbers[0]).Slot()
	case atHome:
	}
	return 0
}

func (r row) database(s *mysql.Store) *mysql.Database {
	switch r.t.place {
	case byConversation:
		return s.OfConversation(chat.ConversationID(r.numbers[0]))
	case byUser:
		return s.OfUser(chat.UserID(r.numbers[0]))
	case atHome:
	}
	return s.Home()
}

// in reports whether the row's slot lies in the database of a view.
func (r row) in(v *mysql.View) bool {
	switch r.t.place {
	case byConversation:
		return v.HasConversation(chat.ConversationID(r.numbers[0]))
	case byUser:
		return v.HasUser(chat.UserID(r.numbers[0]))
	case atHome:
	}
	return true
}

// size is about how many bytes the row is as text.
func (r row) size() int {
	n := 16 * len(r.numbers)
	for _, b := range r.blobs {
		n += 2*len(b) + 4
	}
	return n
}

// bytes are the row in a form that no other row of the table has.
func (r row) bytes(b []byte) []byte {
	for _, n := range r.numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, v := range r.blobs {
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	}
	return b
}

func (t *table) columns() []string { return slices.Concat(t.numbers, t.blobs) }

// begin is a statement that writes rows, up to the first one.
func (t *table) begin() string {
	columns := strings.Join(t.columns(), ", ")
	if t.rest != "" {
		columns += ", " + t.rest
	}
	return "INSERT INTO " + t.name + " (" + columns + ") VALUES "
}

// end is what stands behind the last one.
func (t *table) end() string {
	var q strings.Builder
	for i, c := range t.update {
		if i == 0 {
			q.WriteString(" ON DUPLICATE KEY UPDATE ")
		} else {
			q.WriteString(", ")
		}
		q.WriteString(c + " = VALUES(" + c + ")")
	}
	return q.String()
}

// write appends a row to a statement.
func (r row) write(q *mysql.Text) {
	q.Add("(")
	for i, n := range r.numbers {
		if i > 0 {
			q.Add(",")
		}
		if n == 0 && r.t.numbers[i] == r.t.optional {
			q.Add("NULL")
		} else {
			q.Number(n)
		}
	}
	for i, b := range r.blobs {
		q.Add(",")
		if len(b) == 0 && r.t.blobs[i] == r.t.optional {
			q.Add("NULL")
		} else {
			q.Blob(b)
		}
	}
	if r.t.defaults != "" {
		q.Add(", ", r.t.defaults)
	}
	q.Add(")")
}

// query reads all rows of the table.
func (t *table) query() string {
	columns := t.columns()
	for i, c := range t.numbers {
		if c == t.optional {
			columns[i] = "COALESCE(" + c + ", 0)"
		}
	}
	q := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.name
	if t.where != "" {
		q += " WHERE " + t.where
	}
	return q
}
