package audit

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/message/content"
	"github.com/throng-im/throng/internal/store/record"
)

// conversation checks one: its entries against one another, then everything else against what they come to.
func (c *Checker) conversation(ctx context.Context, id chat.ConversationID) error {
	c.at = record.Key1(record.TableHead, uint64(id))
	c.Report.Conversations++
	c.lastID = max(c.lastID, id)
	if err := c.repeats(ctx, id); err != nil {
		return err
	}
	var r *replay
	for parts := uint64(1); ; parts *= 4 {
		r = newReplay(id, 0, parts)
		if err := c.replay(ctx, r, parts == 1); err != nil {
			return err
		}
		if !r.crowded {
			break
		}
	}
	if err := c.edits(r); err != nil {
		return err
	}
	if r.head.Seq == 0 {
		return c.orphan(ctx, id)
	}
	if err := c.head(ctx, r); err != nil {
		return err
	}
	if err := c.about(ctx, r); err != nil {
		return err
	}
	for part := uint64(0); part < r.parts; part++ {
		if part > 0 {
			next := newReplay(id, part, r.parts)
			if err := c.replay(ctx, next, false); err != nil {
				return err
			}
			r = next
		}
		if err := errors.Join(c.leads(ctx, r), c.members(ctx, r)); err != nil {
			return err
		}
	}
	return nil
}

// edits tells of what messages say that edited them, and did not.
func (c *Checker) edits(r *replay) error {
	for _, seq := range slices.Sorted(maps.Keys(r.edits)) {
		if err := c.found(nil, "conversation %d: entry %d says that %d edited it, which did not", r.id, r.edits[seq], seq); err != nil {
			return err
		}
	}
	return nil
}

// orphan is a conversation without entries: nothing else may stand about it.
func (c *Checker) orphan(ctx context.Context, id chat.ConversationID) error {
	for _, t := range []struct {
		table byte
		what  string
	}{{record.TableHead, "a head"}, {record.TableConversation, "a description"}, {record.TableMember, "members"}, {record.TableLead, "owners or admins"}, {record.TableRepeat, "repeat rows"}} {
		any := false
		if err := c.under(ctx, t.table, uint64(id), func(_, _ []byte) error { any = true; return nil }); err != nil {
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
func (c *Checker) replay(ctx context.Context, r *replay, first bool) error {
	tell := func(format string, args ...any) error {
		r.broken = true
		if !first {
			return nil
		}
		return c.found(nil, "conversation %d: "+format, append([]any{r.id}, args...)...)
	}
	return c.under(ctx, record.TableEntry, uint64(r.id), func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return tell("an entry has the malformed key %x", key)
		}
		seq := chat.Seq(record.Second(key))
		if first {
			c.Report.Entries++
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
			return c.repeatOf(ctx, r.id, &e)
		}
		if _, created := e.Body.(chat.Created); first && created {
			return c.repeatOf(ctx, r.id, &e)
		}
		return nil
	})
}

// repeatOf compares an entry with its repeat row.
func (c *Checker) repeatOf(ctx context.Context, id chat.ConversationID, e *chat.Entry) error {
	_, gone := e.Body.(chat.Tombstone)
	printed := chat.Countable(e.Body) && e.Edited == nil // what it said when it was sent stands nowhere else
	want := message.Repeat{Seq: e.Seq, Ordinal: e.Ordinal, TimeMS: e.TimeMS, Print: content.Print(e.Body, e.Refers)}
	amends, amended := content.Amends(e.Body), e.Edited != nil
	if e.Refers != nil && e.Refers.Passed { // what was sent named others, too
		printed, amended = false, true
	}
	changed := 0 // how many it was about, where it says that
	switch b := e.Body.(type) {
	case chat.Created:
		changed = len(b.Members)
	case chat.MembersChanged:
		changed = len(b.Users)
	}
	key := record.AppendRepeatKey(nil, record.RepeatKey{Conversation: e.Conversation, Sender: e.Sender, Client: e.ClientID})
	return c.look(ctx, key, func(value []byte) error {
		var have message.Repeat
		ok := decoded(value, func(r *record.Reader) { have = r.Repeat() })
		same := ok && have.Seq == want.Seq && have.Ordinal == want.Ordinal && have.TimeMS == want.TimeMS
		if same && (!printed || have.Print == want.Print) {
			return nil
		}
		if want.Count = have.Count; changed > 0 {
			want.Count = changed
		}
		if ok && (gone || amended || amends) {
			want.Print = have.Print // of content that is gone, or of what was sent
		}
		return c.found(put(key, record.AppendRepeat(nil, want)), "conversation %d: entry %d has no repeat row of its own, or a wrong one", id, want.Seq)
	})
}

// repeats finds rows that belong to no entry.
func (c *Checker) repeats(ctx context.Context, id chat.ConversationID) error {
	return c.under(ctx, record.TableRepeat, uint64(id), func(key, value []byte) error {
		c.Report.Repeats++
		d := record.NewReader(value)
		row := d.Repeat()
		if len(key) != record.RepeatLen || !d.Done() {
			return c.found(remove(key), "conversation %d: a repeat row does not decode", id)
		}
		key = bytes.Clone(key)
		return c.look(ctx, record.KeyEntry(id, row.Seq), func(value []byte) error {
			var e chat.Entry
			switch begins := value != nil && begun(value, &e); {
			case !begins:
				return c.found(nil, "conversation %d: a repeat row names entry %d, which is not there", id, row.Seq)
			case uint64(e.Sender) == record.Second(key) && e.ClientID == chat.ClientID(key[record.Key2Len:]):
				return nil
			}
			return c.found(remove(key), "conversation %d: a repeat row names entry %d, which is another one's", id, row.Seq)
		})
	})
}

// begun reads the beginning of an entry's record: everything in front of the body.
func begun(value []byte, e *chat.Entry) bool {
	r := record.NewReader(value)
	*e = r.EntryBeginning()
	return !r.Broken()
}

// head compares the head with what the entries come to.
func (c *Checker) head(ctx context.Context, r *replay) error {
	var have chat.Head
	key := record.Key1(record.TableHead, uint64(r.id))
	ok, err := c.row(ctx, key, func(d *record.Reader) { have = d.Head(r.id) })
	if err != nil {
		return err
	}
	want := r.head
	want.Later = have.Later
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
func (c *Checker) about(ctx context.Context, r *replay) error {
	var have chat.Conversation
	key := record.Key1(record.TableConversation, uint64(r.id))
	ok, err := c.row(ctx, key, func(d *record.Reader) { have = d.Conversation(r.id) })
	if err != nil {
		return err
	}
	r.about.Later = have.Later
	if r.head.Joining() == chat.JoiningPassword {
		r.about.Password = have.Password // no entry has it
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
	id, pair := r.id, r.about.Pair
	key = record.Key2(record.TablePair, uint64(pair[0]), uint64(pair[1]))
	return c.look(ctx, key, func(value []byte) error {
		var to chat.ConversationID
		switch ok := decoded(value, func(d *record.Reader) { to = chat.ConversationID(d.Number()) }); {
		case ok && to == id:
			return nil
		case ok:
			return c.crossing(nil, "conversation %d is direct between users %d and %d, who have conversation %d already", id, pair[0], pair[1], to)
		}
		return c.crossing(put(key, record.Number(uint64(id))), "conversation %d is direct, but its pair does not lead to it", id)
	})
}
