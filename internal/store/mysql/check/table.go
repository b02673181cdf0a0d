package check

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// place says by what a table is spread over the databases: the first number of its key.
type place uint8

const (
	atHome place = iota
	byConversation
	byUser
)

// table is a table of the databases as the rows that a data folder has under a letter.
type table struct {
	letter  byte
	name    string
	numbers []string // columns of the key that are numbers
	blob    string   // column of the key behind them; "" for none
	rest    []string // columns besides
	place   place
	prefix  []byte // of the folder's keys behind the letter
	long    bool   // values may be long: they are read in two steps
	// row makes the folder's value of the columns besides, and says what is wrong with those that the value has, too; "" for nothing.
	row func(numbers []uint64, blob []byte, rest []cell) (value []byte, odd string)
}

const (
	pageRows = 500
	// pageBytes is how much of a value that may be long is read with its page.
	pageBytes = 4 << 10
)

// plain is a row whose value is the column of that name.
func plain(_ []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	return rest[0].bytes, ""
}

// counted is a row whose value is a number.
func counted(_ []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	return record.Number(rest[0].number), ""
}

// cell is a column besides the key: bytes where it is one of those, else a number.
type cell struct {
	bytes  []byte
	number uint64
}

// into is where a column is scanned to.
func (c *cell) into(column string) any {
	if column == "value" || column == "label" {
		return &c.bytes
	}
	return &c.number
}

// tables are what is looked at, by the letter of the folder's keys.
//
//nolint:gochecknoglobals // a list of constants
var tables = index(
	&table{letter: record.TableEntry, name: "entry", numbers: []string{"conversation", "seq"}, rest: []string{"value"}, place: byConversation, long: true, row: plain},
	&table{letter: record.TableRepeat, name: "repeated", numbers: []string{"conversation", "sender"}, blob: "client", rest: []string{"value"}, place: byConversation, row: plain},
	&table{letter: record.TableHead, name: "head", numbers: []string{"conversation"}, rest: []string{"value"}, place: byConversation, row: plain},
	&table{letter: record.TableConversation, name: "conversation", numbers: []string{"conversation"}, rest: []string{"value"}, place: byConversation, long: true, row: plain},
	&table{letter: record.TableMember, name: "member", numbers: []string{"conversation", "user"}, rest: []string{"value", "present"}, place: byConversation, row: member},
	&table{letter: record.TableLead, name: "leader", numbers: []string{"conversation", "user"}, rest: []string{"role"}, place: byConversation, row: leader},
	&table{letter: record.TablePair, name: "direct", numbers: []string{"low", "high"}, rest: []string{"conversation"}, place: byUser, row: counted},
	&table{letter: record.TableClaim, name: "claim", numbers: []string{"actor"}, blob: "client", rest: []string{"conversation"}, place: byUser, row: counted},
	&table{letter: record.TableRow, name: "shelf", numbers: []string{"user", "conversation"}, rest: []string{"member", "seq"}, place: byUser, row: shelved},
	&table{letter: record.TableUser, name: "account", numbers: []string{"user"}, rest: []string{"value", "admin"}, place: byUser, long: true, row: person},
	&table{letter: record.TableDevice, name: "device", numbers: []string{"user", "device"}, rest: []string{"value", "label"}, place: byUser, row: device},
	&table{letter: record.TableRelation, name: "relation", numbers: []string{"user", "other"}, rest: []string{"value", "version", "due"}, place: byUser, row: related},
	&table{letter: record.TableOwner, name: "relation_owner", numbers: []string{"user"}, rest: []string{"value"}, place: byUser, row: plain},
	&table{letter: record.TableLink, name: "link", numbers: []string{"conversation", "link"}, rest: []string{"value"}, row: plain},
	&table{letter: record.TableHandle, name: "handle", blob: "handle", rest: []string{"user"}, row: counted},
	&table{letter: record.TableExternal, name: "external_id", blob: "external_id", rest: []string{"user"}, prefix: []byte{1}, row: counted},
	&table{letter: record.TableMeta, name: "meta", blob: "name", rest: []string{"number"}, row: counted},
)

func index(all ...*table) map[byte]*table {
	m := make(map[byte]*table, len(all))
	for _, t := range all {
		m[t.letter] = t
	}
	return m
}

func member(n []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	value, present := rest[0].bytes, rest[1].number
	r := record.NewReader(value)
	if p := r.Part(chat.UserID(n[1])); r.Done() && p.Current() != (present == 1) {
		odd = "the column present is another thing than the row itself"
	}
	return value, odd
}

func leader(_ []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	return []byte{byte(rest[0].number)}, ""
}

// shelved is a row of a user's list of conversations; its place in the order is Redis's.
func shelved(n []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	row := timeline.Row{Conversation: chat.ConversationID(n[1]), Current: rest[0].number == 1, Seq: chat.Seq(rest[1].number)}
	return record.AppendRow(nil, row), ""
}

func person(n []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	value, admin := rest[0].bytes, rest[1].number
	r := record.NewReader(value)
	if a := r.Account(chat.UserID(n[0])); r.Done() && a.Admin != (admin == 1) {
		odd = "the column admin is another thing than the row itself"
	}
	return value, odd
}

func device(n []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	value, label := rest[0].bytes, rest[1].bytes
	r := record.NewReader(value)
	if d := r.Device(chat.UserID(n[0]), chat.DeviceID(n[1])); r.Done() && d.Label != string(label) {
		odd = "the column label is another thing than the row itself"
	}
	return value, odd
}

func related(n []uint64, _ []byte, rest []cell) (value []byte, odd string) {
	value, version, due := rest[0].bytes, rest[1].number, rest[2].number
	in := record.NewReader(value)
	if r := in.Relation(chat.UserID(n[1])); in.Done() && (r.Version != version || r.Due != (due == 1)) {
		odd = "the columns version and due are other things than the row itself"
	}
	return value, odd
}

// key is the folder's key of a row.
func (t *table) key(numbers []uint64, blob []byte) []byte {
	k := append([]byte{t.letter}, t.prefix...)
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return append(k, blob...)
}

// parse reads the columns out of a key, or of the beginning of one.
func (t *table) parse(key []byte) (numbers []uint64, blob []byte) {
	key = key[min(len(key), 1+len(t.prefix)):]
	for len(numbers) < len(t.numbers) && len(key) >= 8 {
		numbers, key = append(numbers, binary.BigEndian.Uint64(key)), key[8:]
	}
	if len(numbers) == len(t.numbers) && t.blob != "" {
		blob = key
	}
	return numbers, blob
}

// columns of a query, the key first. A value that may be long is its length and its beginning.
func (t *table) columns(q *mysql.Text, beginning bool) {
	first := true
	add := func(words ...string) {
		if !first {
			q.Add(", ")
		}
		first = false
		q.Add(words...)
	}
	for _, c := range t.numbers {
		add(c)
	}
	if t.blob != "" {
		add(t.blob)
	}
	for _, c := range t.rest {
		switch {
		case c == "value" && beginning && t.long:
			add("LEFT(value, ")
			q.Number(pageBytes).Add(")")
		case c == "label":
			add("COALESCE(label, '')")
		default:
			add(c)
		}
	}
	if t.long && beginning {
		add("LENGTH(value) > ")
		q.Number(pageBytes)
	}
}

// pageQuery reads a page from a key on; with after, from behind it.
func (t *table) pageQuery(from []byte, after bool) string {
	var q mysql.Text
	q.Add("SELECT ")
	t.columns(&q, true)
	q.Add(" FROM ", t.name, " FORCE INDEX (PRIMARY) WHERE ")
	t.behind(&q, from, after)
	return q.Add(" ORDER BY ", t.order(), " LIMIT ").Number(pageRows).String()
}

// getQuery reads rows by their keys; of those that may be long, the beginning alone.
func (t *table) getQuery(keys [][]byte, beginning bool) string {
	var q mysql.Text
	q.Add("SELECT ")
	t.columns(&q, beginning)
	q.Add(" FROM ", t.name, " FORCE INDEX (PRIMARY) WHERE ")
	t.equals(&q, keys)
	return q.String()
}

// behind is the condition for the rows whose keys lie at a key or behind it; with after, behind it alone.
func (t *table) behind(q *mysql.Text, key []byte, after bool) {
	numbers, blob := t.parse(key)
	q.Add("(")
	for i := range numbers {
		last := i == len(numbers)-1 && len(blob) == 0 && !after
		for j := range i {
			q.Add(t.numbers[j], " = ").Number(numbers[j]).Add(" AND ")
		}
		if last {
			q.Add(t.numbers[i], " >= ").Number(numbers[i])
		} else {
			q.Add(t.numbers[i], " > ").Number(numbers[i])
		}
		if !last && (i < len(numbers)-1 || len(blob) > 0) {
			q.Add(" OR ")
		}
	}
	switch {
	case len(blob) > 0:
		for j := range numbers {
			q.Add(t.numbers[j], " = ").Number(numbers[j]).Add(" AND ")
		}
		if after {
			q.Add(t.blob, " > ").Blob(blob)
		} else {
			q.Add(t.blob, " >= ").Blob(blob)
		}
	case len(numbers) == 0:
		q.Add("1 = 1")
	}
	q.Add(")")
}

func (t *table) order() string {
	s := ""
	for _, c := range t.numbers {
		s += ", " + c
	}
	if t.blob != "" {
		s += ", " + t.blob
	}
	return s[2:]
}

// equals is the condition for rows with whole keys: those that differ in the last column alone are named together.
func (t *table) equals(q *mysql.Text, keys [][]byte) {
	var heads []string
	of := map[string][][]byte{}
	for _, key := range keys {
		_, blob := t.parse(key)
		head := string(key[:len(key)-len(blob)])
		if t.blob == "" {
			head = string(key[:len(key)-8])
		}
		if of[head] == nil {
			heads = append(heads, head)
		}
		of[head] = append(of[head], key)
	}
	for n, head := range heads {
		if n > 0 {
			q.Add(" OR ")
		}
		q.Add("(")
		lead, _ := t.parse([]byte(head))
		for i, v := range lead {
			q.Add(t.numbers[i], " = ").Number(v).Add(" AND ")
		}
		t.among(q, of[head])
		q.Add(")")
	}
}

// among is the condition that the last column of the key is one of those in keys.
func (t *table) among(q *mysql.Text, keys [][]byte) {
	last := t.blob
	if last == "" {
		last = t.numbers[len(t.numbers)-1]
	}
	q.Add(last, " IN (")
	for i, key := range keys {
		if i > 0 {
			q.Add(",")
		}
		if numbers, blob := t.parse(key); t.blob == "" {
			q.Number(numbers[len(numbers)-1])
		} else {
			q.Blob(blob)
		}
	}
	q.Add(")")
}
