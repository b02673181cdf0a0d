package mysql

import (
	"database/sql"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// The queries find rows by lists of whole keys, which both servers answer by one look into the primary key for each. Where rows are locked
// they are told to: of a small table they would rather read everything, and wait for rows that are none of our business.

func headQuery(ids []chat.ConversationID) string {
	var q text
	list(q.add("SELECT conversation, value FROM head FORCE INDEX (PRIMARY) WHERE conversation IN ("), ids)
	return q.add(") ORDER BY conversation FOR UPDATE").String()
}

func aboutQuery(ids []chat.ConversationID) string {
	var q text
	list(q.add("SELECT conversation, value FROM conversation WHERE conversation IN ("), ids)
	return q.add(")").String()
}

func partQuery(keys []partKey) string {
	var q text
	q.add("SELECT conversation, user, value FROM member WHERE (conversation, user) IN (")
	for i, k := range keys {
		q.row(i == 0, uint64(k.conversation), uint64(k.user))
	}
	return q.add(")").String()
}

func repeatQuery(keys []record.RepeatKey) string {
	var q text
	q.add("SELECT conversation, sender, client, value FROM repeated WHERE (conversation, sender, client) IN (")
	for i, k := range keys {
		q.open(i == 0).number(uint64(k.Conversation)).add(",").number(uint64(k.Sender)).add(",").blob(k.Client[:]).add(")")
	}
	return q.add(")").String()
}

// ordinalBytes are enough for the ordinal, with which the record of an entry begins.
const ordinalBytes = "10"

func ordinalQuery(keys []entryKey) string {
	var q text
	q.add("SELECT conversation, seq, LEFT(value, " + ordinalBytes + ") FROM entry WHERE (conversation, seq) IN (")
	for i, k := range keys {
		q.row(i == 0, uint64(k.conversation), uint64(k.seq))
	}
	return q.add(")").String()
}

// oldQuery locks the entries: content is removed from them without a look at the head, and must not come back.
func oldQuery(keys []entryKey) string {
	var q text
	q.add("SELECT conversation, seq, value FROM entry FORCE INDEX (PRIMARY) WHERE (conversation, seq) IN (")
	for i, k := range keys {
		q.row(i == 0, uint64(k.conversation), uint64(k.seq))
	}
	return q.add(") ORDER BY conversation, seq FOR UPDATE").String()
}

func (c *decision) readHeads(r *rows) {
	var id chat.ConversationID
	var value sql.RawBytes
	for r.next() {
		r.scan(&id, &value)
		in := record.NewReader(value)
		h := c.head(id)
		h.value, h.stored = in.Head(id), true
		r.whole(&in, "head")
	}
}

func (c *decision) readAbouts(r *rows) {
	var id chat.ConversationID
	var value sql.RawBytes
	for r.next() {
		r.scan(&id, &value)
		in := record.NewReader(value)
		c.abouts[id] = &aboutRow{value: in.Conversation(id)}
		r.whole(&in, "conversation")
	}
}

func (c *decision) readParts(r *rows) {
	var k partKey
	var value sql.RawBytes
	for r.next() {
		r.scan(&k.conversation, &k.user, &value)
		in := record.NewReader(value)
		row := &partRow{value: in.Part(k.user)}
		row.lead = record.Listed(row.value.Member)
		c.parts[k] = row
		r.whole(&in, "member")
	}
}

func (c *decision) readRepeats(r *rows) {
	var k record.RepeatKey
	var client, value sql.RawBytes
	for r.next() {
		r.scan(&k.Conversation, &k.Sender, &client, &value)
		copy(k.Client[:], client)
		in := record.NewReader(value)
		row := c.repeats[k]
		if row == nil {
			continue
		}
		row.value, row.found = in.Repeat(), true
		r.whole(&in, "repeat")
	}
}

func (c *decision) readOrdinals(r *rows) {
	var k entryKey
	var value sql.RawBytes
	for r.next() {
		r.scan(&k.conversation, &k.seq, &value)
		in := record.NewReader(value)
		c.ordinals[k] = chat.Ordinal(in.Number())
		if in.Broken() {
			r.fail(record.ErrDamaged("entry"))
		}
	}
}

func (c *decision) readOlds(r *rows) {
	var k entryKey
	var value sql.RawBytes
	for r.next() {
		r.scan(&k.conversation, &k.seq, &value)
		e := decodeEntry(r, k.conversation, k.seq, value)
		c.olds[k] = &oldRow{value: &e}
	}
}
