package check

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// conversations walks all tables that are keyed by conversation side by side.
func (c *checker) conversations() (err error) {
	tables := []byte{record.TableEntry, record.TableHead, record.TableConversation, record.TableMember, record.TableLead, record.TableRepeat}
	iters := make([]*pebble.Iterator, 0, len(tables))
	defer func() {
		for _, it := range iters {
			err = errors.Join(err, it.Close())
		}
	}()
	for _, t := range tables {
		it, err := c.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{t}, UpperBound: []byte{t + 1}})
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		iters = append(iters, it)
	}
	for from := uint64(0); ; {
		next, any := uint64(0), false
		for i, it := range iters {
			if !it.SeekGE(record.Key1(tables[i], from)) {
				continue
			}
			if id := conversationOf(it.Key()); !any || id < next {
				next, any = id, true
			}
		}
		if !any {
			return nil
		}
		if err := c.conversation(chat.ConversationID(next)); err != nil {
			return err
		}
		from = next + 1
		if from == 0 {
			return nil
		}
	}
}

// conversationOf reads the id out of a key; a malformed key counts as conversation 0.
func conversationOf(key []byte) uint64 {
	if len(key) < record.Key1Len {
		return 0
	}
	return record.First(key)
}

// conversation checks one: its entries against one another, then everything else against what they come to.
func (c *checker) conversation(id chat.ConversationID) error {
	c.report.Conversations++
	c.lastID = max(c.lastID, id)
	if err := c.repeats(id); err != nil {
		return err
	}
	var r *replay
	for parts := uint64(1); ; parts *= 4 {
		r = newReplay(id, 0, parts)
		if err := c.replay(r, parts == 1); err != nil {
			return err
		}
		if !r.crowded {
			break
		}
	}
	if r.head.Seq == 0 {
		return c.orphan(id)
	}
	if err := c.head(r); err != nil {
		return err
	}
	if err := c.about(r); err != nil {
		return err
	}
	for part := uint64(0); part < r.parts; part++ {
		if part > 0 {
			next := newReplay(id, part, r.parts)
			if err := c.replay(next, false); err != nil {
				return err
			}
			r = next
		}
		if err := errors.Join(c.leads(r), c.members(r)); err != nil {
			return err
		}
	}
	return nil
}

// orphan is a conversation without entries: nothing else may stand about it.
func (c *checker) orphan(id chat.ConversationID) error {
	for _, t := range []struct {
		table byte
		what  string
	}{{record.TableHead, "a head"}, {record.TableConversation, "a description"}, {record.TableMember, "members"}, {record.TableLead, "owners or admins"}, {record.TableRepeat, "repeat rows"}} {
		from, to := record.Key1(t.table, uint64(id)), record.KeyAfter(t.table, uint64(id))
		any := false
		err := c.walk(from, to, func(_, _ []byte) error { any = true; return nil })
		if err != nil {
			return err
		}
		if !any {
			continue
		}
		if err := c.found(nil, "conversation %d has %s, but no entries", id, t.what); err != nil {
			return err
		}
	}
	return nil
}

// replay reads the entries in order. With first, what is wrong with them is told, and they are counted.
func (c *checker) replay(r *replay, first bool) error {
	tell := func(format string, args ...any) error {
		r.broken = true
		if !first {
			return nil
		}
		return c.found(nil, "conversation %d: "+format, append([]any{r.id}, args...)...)
	}
	return c.walk(record.Key1(record.TableEntry, uint64(r.id)), record.KeyAfter(record.TableEntry, uint64(r.id)), func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return tell("an entry has the malformed key %x", key)
		}
		seq := chat.Seq(record.Second(key))
		if first {
			c.report.Entries++
		}
		if seq != r.head.Seq+1 {
			if err := tell("entry %d follows %d", seq, r.head.Seq); err != nil {
				return err
			}
		}
		e, err := record.DecodeEntry(key, value)
		if err != nil {
			r.head.Seq = seq
			return tell("entry %d does not decode", seq)
		}
		if problem := r.take(&e); problem != "" {
			if err := tell("entry %d: %s", seq, problem); err != nil {
				return err
			}
		}
		if first && !e.ClientID.IsZero() {
			return c.repeatOf(r, &e)
		}
		if _, created := e.Body.(chat.Created); first && created {
			return c.repeatOf(r, &e)
		}
		return nil
	})
}

// repeatOf compares an entry with its repeat row.
func (c *checker) repeatOf(r *replay, e *chat.Entry) error {
	key := record.AppendRepeatKey(nil, record.RepeatKey{Conversation: e.Conversation, Sender: e.Sender, Client: e.ClientID})
	var have message.Repeat
	ok, err := c.row(key, func(r *record.Reader) { have = r.Repeat() })
	if err != nil {
		return err
	}
	_, gone := e.Body.(chat.Tombstone)
	same := ok && have.Seq == e.Seq && have.Ordinal == e.Ordinal && have.TimeMS == e.TimeMS
	if same && chat.Countable(e.Body) && have.Print != message.Print(e.Body) {
		same = false
	}
	if same {
		return nil
	}
	want := message.Repeat{Seq: e.Seq, Ordinal: e.Ordinal, TimeMS: e.TimeMS, Count: have.Count, Print: message.Print(e.Body)}
	switch b := e.Body.(type) {
	case chat.Created:
		want.Count = len(b.Members)
	case chat.MembersChanged:
		want.Count = len(b.Users)
	}
	if ok && gone {
		want.Print = have.Print // of the content that is gone
	}
	return c.found(put(key, record.AppendRepeat(nil, want)), "conversation %d: entry %d has no repeat row of its own, or a wrong one", r.id, e.Seq)
}

// repeats finds rows that belong to no entry.
func (c *checker) repeats(id chat.ConversationID) error {
	return c.walk(record.Key1(record.TableRepeat, uint64(id)), record.KeyAfter(record.TableRepeat, uint64(id)), func(key, value []byte) error {
		c.report.Repeats++
		d := record.NewReader(value)
		row := d.Repeat()
		if len(key) != record.RepeatLen || !d.Done() {
			return c.found(remove(key), "conversation %d: a repeat row does not decode", id)
		}
		var e chat.Entry
		ok, err := c.row(record.KeyEntry(id, row.Seq), func(d *record.Reader) { e = d.Entry(id, row.Seq) })
		switch {
		case err != nil:
			return err
		case !ok:
			return c.found(nil, "conversation %d: a repeat row names entry %d, which is not there", id, row.Seq)
		case uint64(e.Sender) == record.Second(key) && e.ClientID == chat.ClientID(key[17:]):
			return nil
		}
		return c.found(remove(key), "conversation %d: a repeat row names entry %d, which is another one's", id, row.Seq)
	})
}

// head compares the head with what the entries come to.
func (c *checker) head(r *replay) error {
	var have chat.Head
	key := record.Key1(record.TableHead, uint64(r.id))
	ok, err := c.row(key, func(d *record.Reader) { have = d.Head(r.id) })
	if err != nil {
		return err
	}
	want := r.head
	want.Tier = have.Tier // chosen by settings that the folder does not know
	if want.Tier < chat.TierSmall || want.Tier > chat.TierLarge {
		want.Tier = chat.TierSmall
		if rules := message.DefaultRules(); want.Members > rules.MediumMembers {
			want.Tier = chat.TierLarge
		} else if want.Members > rules.SmallMembers {
			want.Tier = chat.TierMedium
		}
	}
	if ok && have == want {
		return nil
	}
	fix := put(key, record.AppendHead(nil, want))
	if r.broken {
		fix = nil // the entries themselves are damaged: nothing can be derived
	}
	return c.found(fix, "conversation %d: the head says seq %d, ordinal %d, %d members; the entries come to %d, %d, %d",
		r.id, have.Seq, have.Ordinal, have.Members, want.Seq, want.Ordinal, want.Members)
}

// about compares the description with what the entries come to, and a pair with its row.
func (c *checker) about(r *replay) error {
	var have chat.Conversation
	key := record.Key1(record.TableConversation, uint64(r.id))
	ok, err := c.row(key, func(d *record.Reader) { have = d.Conversation(r.id) })
	if err != nil {
		return err
	}
	if !r.broken && (!ok || have != r.about) {
		err := c.found(put(key, record.AppendConversation(nil, r.about)), "conversation %d: its description is not what its entries come to", r.id)
		if err != nil {
			return err
		}
	}
	if r.about.Kind != chat.KindDirect {
		return nil
	}
	var to chat.ConversationID
	key = record.Key2(record.TablePair, uint64(r.about.Pair[0]), uint64(r.about.Pair[1]))
	ok, err = c.row(key, func(d *record.Reader) { to = chat.ConversationID(d.Number()) })
	if err != nil || (ok && to == r.id) {
		return err
	}
	if ok {
		return c.found(nil, "conversation %d is direct between users %d and %d, who have conversation %d already", r.id, r.about.Pair[0], r.about.Pair[1], to)
	}
	return c.found(put(key, record.Number(uint64(r.id))), "conversation %d is direct, but its pair does not lead to it", r.id)
}
