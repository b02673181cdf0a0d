package mysql

import (
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// writing collects the statements of a transaction's changes, in texts that are not too long to be sent.
type writing struct {
	q     text
	texts []string
	value []byte // scratch
	// the statement under way
	words, tail string
	rows        int
}

// upsert is what follows rows of which some stand already. It is written so that MySQL 8 and MariaDB both know it.
const upsert = " ON DUPLICATE KEY UPDATE value=VALUES(value)"

// statement begins another statement: words in front of the rows, tail behind them. One without rows is not written.
func (w *writing) statement(words, tail string) {
	w.close()
	w.words, w.tail = words, tail
}

func (w *writing) close() {
	if w.rows > 0 {
		w.q.add(w.tail)
	}
	w.rows = 0
}

// row begins a row and returns the text that takes its values.
func (w *writing) row() *text {
	if len(w.q.b) > statementBytes {
		w.close()
		w.cut()
	}
	if w.rows == 0 {
		if len(w.q.b) > 0 {
			w.q.add(";")
		}
		w.q.add(w.words)
	}
	w.rows++
	return w.q.open(w.rows == 1)
}

func (w *writing) cut() {
	if len(w.q.b) > 0 {
		w.texts = append(w.texts, w.q.String())
		w.q.b = w.q.b[:0]
	}
}

func (w *writing) finish() []string {
	w.close()
	w.cut()
	return w.texts
}

// texts are the statements of everything that was decided, the outbox among them. New heads come first: there two nodes that make
// the same conversation meet.
func (c *decision) texts() []string {
	w := c.writeRows()
	c.writeOutbox(w)
	return w.finish()
}

// textsApart is texts with the outbox apart, for the mutant that writes it in another transaction.
func (c *decision) textsApart() (log, outbox []string) {
	apart := &writing{}
	c.writeOutbox(apart)
	return c.writeRows().finish(), apart.finish()
}

func (c *decision) writeRows() *writing {
	w := &writing{}
	c.writeHeads(w)
	w.statement("INSERT INTO entry (conversation, seq, value) VALUES ", "")
	for _, e := range c.entries {
		w.value = record.AppendEntry(w.value[:0], e)
		w.row().number(uint64(e.Conversation)).add(",").number(uint64(e.Seq)).add(",").blob(w.value).add(")")
	}
	w.statement("INSERT INTO entry (conversation, seq, value) VALUES ", upsert)
	for _, k := range c.targets() {
		if row := c.olds[k]; row.changed {
			w.value = record.AppendEntry(w.value[:0], row.value)
			w.row().number(uint64(k.conversation)).add(",").number(uint64(k.seq)).add(",").blob(w.value).add(")")
		}
	}
	w.statement("INSERT INTO repeated (conversation, sender, client, value) VALUES ", "")
	for k, row := range c.repeats {
		if row.changed && mutant != mutantDedupPerNode {
			w.value = record.AppendRepeat(w.value[:0], row.value)
			w.row().number(uint64(k.Conversation)).add(",").number(uint64(k.Sender)).add(",").blob(k.Client[:]).add(",").blob(w.value).add(")")
		}
	}
	c.writeParts(w)
	w.statement("INSERT INTO conversation (conversation, value) VALUES ", upsert)
	for id, row := range c.abouts {
		if row.changed {
			w.value = record.AppendConversation(w.value[:0], row.value)
			w.row().number(uint64(id)).add(",").blob(w.value).add(")")
		}
	}
	return w
}

func (c *decision) writeHeads(w *writing) {
	ids := slices.Sorted(maps.Keys(c.heads))
	for _, stored := range []bool{false, true} {
		tail := ""
		if stored {
			tail = upsert
		}
		w.statement("INSERT INTO head (conversation, value) VALUES ", tail)
		for _, id := range ids {
			if h := c.heads[id]; h.changed && h.stored == stored {
				w.value = record.AppendHead(w.value[:0], h.value)
				w.row().number(uint64(id)).add(",").blob(w.value).add(")")
			}
		}
	}
}

func (c *decision) writeParts(w *writing) {
	keys := sorted(c.parts, partKey.compare)
	w.statement("INSERT INTO member (conversation, user, present, value) VALUES ", upsert+",present=VALUES(present)")
	for _, k := range keys {
		row := c.parts[k]
		if !row.changed {
			continue
		}
		present := uint64(0)
		if row.value.Current() {
			present = 1
		}
		w.value = record.AppendPart(w.value[:0], row.value)
		w.row().number(uint64(k.conversation)).add(",").number(uint64(k.user)).add(",").number(present).add(",").blob(w.value).add(")")
	}
	w.statement("INSERT INTO leader (conversation, user, role) VALUES ", " ON DUPLICATE KEY UPDATE role=VALUES(role)")
	for _, k := range keys {
		row := c.parts[k]
		if lead := record.Listed(row.value.Member); row.changed && lead != row.lead && lead != 0 {
			w.row().number(uint64(k.conversation)).add(",").number(uint64(k.user)).add(",").number(uint64(lead)).add(")")
		}
	}
	w.statement("DELETE l FROM leader l FORCE INDEX (PRIMARY) WHERE (conversation, user) IN (", ")")
	for _, k := range keys {
		row := c.parts[k]
		if lead := record.Listed(row.value.Member); row.changed && lead != row.lead && lead == 0 {
			w.row().number(uint64(k.conversation)).add(",").number(uint64(k.user)).add(")")
		}
	}
}

func (c *decision) writeOutbox(w *writing) {
	w.statement("INSERT INTO outbox (slot, conversation, seq, reader, read_seq, value) VALUES ", "")
	for i := range c.events {
		w.event(&c.events[i])
		if later, ok := record.LaterEvent(c.events[i]); ok {
			w.event(&later)
		}
	}
}

func (w *writing) event(ev *chat.Event) {
	w.value = record.AppendEvent(w.value[:0], *ev)
	k := ticketOf(ev)
	w.row().number(uint64(k.Conversation.Slot())).add(",").number(uint64(k.Conversation)).add(",").number(uint64(k.Seq)).add(",").
		number(uint64(k.Reader)).add(",").number(uint64(k.Read)).add(",").blob(w.value).add(")")
}
