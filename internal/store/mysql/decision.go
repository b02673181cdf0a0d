package mysql

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// decision is the [message.State] of the drafts of one transaction: what the database has, read under the locks of all heads, with what
// the drafts so far change on top. What was not fetched beforehand is read one by one.
type decision struct {
	query func(query string, fn func(r *rows) error) error
	err   error // the first that a read met

	heads    map[chat.ConversationID]*headRow
	abouts   map[chat.ConversationID]*aboutRow
	parts    map[partKey]*partRow
	repeats  map[record.RepeatKey]*repeatRow
	ordinals map[entryKey]chat.Ordinal
	olds     map[entryKey]*oldRow // entries from before
	entries  []*chat.Entry
	events   []chat.Event
}

type partKey struct {
	conversation chat.ConversationID
	user         chat.UserID
}

func (k partKey) compare(o partKey) int {
	return cmp.Or(cmp.Compare(k.conversation, o.conversation), cmp.Compare(k.user, o.user))
}

type entryKey struct {
	conversation chat.ConversationID
	seq          chat.Seq
}

type headRow struct {
	value   chat.Head
	stored  bool // there is a row, which this transaction has locked
	changed bool
}

// oldRow is an entry from before as it looks now; nil where there is none.
type oldRow struct {
	value   *chat.Entry
	changed bool
}

type aboutRow struct {
	value   chat.Conversation
	changed bool
}

type partRow struct {
	value   message.Part
	lead    chat.Role // as the index of leaders has it; 0 for none
	changed bool
}

type repeatRow struct {
	value   message.Repeat
	found   bool
	changed bool
}

func newDecision(query func(query string, fn func(r *rows) error) error) *decision {
	return &decision{
		query: query,
		heads: make(map[chat.ConversationID]*headRow), abouts: make(map[chat.ConversationID]*aboutRow),
		parts: make(map[partKey]*partRow), repeats: make(map[record.RepeatKey]*repeatRow), ordinals: make(map[entryKey]chat.Ordinal),
		olds: make(map[entryKey]*oldRow),
	}
}

// decide takes one draft in.
func (c *decision) decide(rules message.Rules, d *chat.Draft, nowMS uint64) chat.Result {
	e, refused := rules.Decide(c, d, nowMS)
	if refused != nil {
		return chat.Result{Err: refused}
	}
	if e.Entry != nil {
		c.entries = append(c.entries, e.Entry)
		c.ordinals[entryKey{e.Entry.Conversation, e.Entry.Seq}] = e.Entry.Ordinal
		h := c.head(d.Conversation)
		h.value, h.changed = e.Head, true
	}
	for _, amended := range e.Amended {
		c.amend(amended)
	}
	if e.Keep {
		c.repeats[repeatKeyOf(d)] = &repeatRow{e.Repeat, true, true}
	}
	if e.Conversation != nil {
		c.abouts[d.Conversation] = &aboutRow{*e.Conversation, true}
	}
	for i := range e.Parts {
		k := partKey{d.Conversation, e.Parts[i].User}
		row := c.parts[k]
		if row == nil { // the decision reads every member that it changes, but those of a conversation that it makes
			row = &partRow{}
			c.parts[k] = row
		}
		row.value, row.changed = e.Parts[i], true
	}
	if ev, ok := e.Event(d); ok {
		c.events = append(c.events, ev)
	}
	return e.Result
}

func (c *decision) head(id chat.ConversationID) *headRow {
	h := c.heads[id]
	if h == nil {
		h = &headRow{}
		c.heads[id] = h
	}
	return h
}

// Head implements message.State. All heads of the drafts were locked beforehand.
func (c *decision) Head(id chat.ConversationID) chat.Head { return c.head(id).value }

// Conversation implements message.State.
func (c *decision) Conversation(id chat.ConversationID) chat.Conversation {
	if row, ok := c.abouts[id]; ok {
		return row.value
	}
	c.abouts[id] = &aboutRow{}
	c.fetch(aboutQuery([]chat.ConversationID{id}), c.readAbouts)
	return c.abouts[id].value
}

// Part implements message.State.
func (c *decision) Part(id chat.ConversationID, user chat.UserID) message.Part {
	k := partKey{id, user}
	if row, ok := c.parts[k]; ok {
		return row.value
	}
	c.parts[k] = &partRow{}
	c.fetch(partQuery([]partKey{k}), c.readParts)
	return c.parts[k].value
}

// Repeat implements message.State.
func (c *decision) Repeat(id chat.ConversationID, sender chat.UserID, client chat.ClientID) (message.Repeat, bool) {
	k := record.RepeatKey{Conversation: id, Sender: sender, Client: client}
	row, ok := c.repeats[k]
	if !ok {
		row = &repeatRow{}
		c.repeats[k] = row
		c.fetch(repeatQuery([]record.RepeatKey{k}), c.readRepeats)
	}
	return row.value, row.found
}

// Ordinal implements message.State.
func (c *decision) Ordinal(id chat.ConversationID, seq chat.Seq) chat.Ordinal {
	k := entryKey{id, seq}
	if _, ok := c.ordinals[k]; !ok {
		c.fetch(ordinalQuery([]entryKey{k}), c.readOrdinals)
	}
	ordinal, ok := c.ordinals[k]
	if !ok && c.err == nil {
		c.err = record.ErrDamaged("log") // no entry below the head is ever missing
	}
	return ordinal
}

// amend takes in what an entry from before, or one of this transaction, looks like now.
func (c *decision) amend(e *chat.Entry) {
	for i, own := range c.entries {
		if own.Conversation == e.Conversation && own.Seq == e.Seq {
			c.entries[i] = e // its event keeps what it said then: the one of the amendment follows
			return
		}
	}
	c.olds[entryKey{e.Conversation, e.Seq}] = &oldRow{e, true}
}

// Entries implements message.State.
func (c *decision) Entries(id chat.ConversationID, seqs ...chat.Seq) []chat.Entry {
	own := func(seq chat.Seq) *chat.Entry {
		for _, e := range c.entries {
			if e.Conversation == id && e.Seq == seq {
				return e
			}
		}
		return nil
	}
	var missing []entryKey
	for _, seq := range seqs {
		if k := (entryKey{id, seq}); c.olds[k] == nil && own(seq) == nil {
			c.olds[k] = &oldRow{}
			missing = append(missing, k)
		}
	}
	if len(missing) > 0 {
		c.fetch(oldQuery(missing), c.readOlds)
	}
	out := make([]chat.Entry, 0, len(seqs))
	for _, seq := range seqs {
		e := own(seq)
		if e == nil {
			e = c.olds[entryKey{id, seq}].value
		}
		if e != nil {
			out = append(out, *e)
		}
	}
	return out
}

// fetch reads one by one what was not prefetched.
func (c *decision) fetch(query string, read func(r *rows)) {
	if c.err != nil {
		return
	}
	c.err = c.query(query, func(r *rows) error {
		read(r)
		return nil
	})
}

// reading is a statement of those that are sent together, and what takes its result.
type reading struct {
	query string
	read  func(r *rows)
}

// prefetch locks the heads of all drafts and reads what their decisions are going to look at, in one round trip where that is not very
// much. Everything is read after all locks are held: statements of a READ COMMITTED transaction see what was committed when they begin.
func (c *decision) prefetch(drafts []*chat.Draft) error {
	c.want(drafts)
	all := readings(nil, slices.Sorted(maps.Keys(c.heads)), headQuery, c.readHeads)
	parts := readings(nil, sorted(c.parts, partKey.compare), partQuery, c.readParts)
	if mutant == mutantMembershipBeforeLock {
		all, parts = parts, all
	}
	all = append(all, parts...)
	all = readings(all, sorted(c.repeats, compareRepeats), repeatQuery, c.readRepeats)
	all = readings(all, slices.Sorted(maps.Keys(c.abouts)), aboutQuery, c.readAbouts)
	all = readings(all, marks(drafts), ordinalQuery, c.readOrdinals)
	all = readings(all, c.targets(), oldQuery, c.readOlds)
	for len(all) > 0 {
		n, bytes := 0, 0
		for n < len(all) && (n == 0 || bytes+len(all[n].query) <= statementBytes) {
			bytes += len(all[n].query)
			n++
		}
		if err := c.together(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// readings adds the statements for a list of keys.
func readings[K any](all []reading, keys []K, query func(keys []K) string, read func(r *rows)) []reading {
	for some := range slices.Chunk(keys, maxKeys) {
		all = append(all, reading{query(some), read})
	}
	return all
}

// together sends statements in one round trip.
func (c *decision) together(all []reading) error {
	queries := make([]string, len(all))
	for i := range all {
		queries[i] = all[i].query
	}
	return c.query(strings.Join(queries, ";"), func(r *rows) error {
		for i := range all {
			if i > 0 && !r.result() {
				break
			}
			all[i].read(r)
		}
		return c.err
	})
}

// want notes what the drafts' decisions look at. What is noted and not found is not there.
func (c *decision) want(drafts []*chat.Draft) {
	for _, d := range drafts {
		c.head(d.Conversation)
		if d.Sender != 0 {
			c.parts[partKey{d.Conversation, d.Sender}] = &partRow{}
		}
		if d.Body == nil {
			continue
		}
		for _, client := range []chat.ClientID{d.ClientID, d.After} {
			if !client.IsZero() {
				c.repeats[record.RepeatKey{Conversation: d.Conversation, Sender: d.Sender, Client: client}] = &repeatRow{}
			}
		}
		if d.Refers != nil && d.TimeMS == 0 {
			if d.Refers.ReplyTo != 0 {
				c.olds[entryKey{d.Conversation, d.Refers.ReplyTo}] = &oldRow{}
			}
			for _, user := range d.Refers.Mentions {
				c.parts[partKey{d.Conversation, user}] = &partRow{}
			}
		}
		switch body := d.Body.(type) {
		case chat.MembersChanged:
			for _, user := range body.Users {
				c.parts[partKey{d.Conversation, user}] = &partRow{}
			}
			c.abouts[d.Conversation] = &aboutRow{}
		case chat.Changed:
			c.abouts[d.Conversation] = &aboutRow{}
		case chat.Edit:
			c.olds[entryKey{d.Conversation, body.Target}] = &oldRow{}
		case chat.Recall:
			c.olds[entryKey{d.Conversation, body.Target}] = &oldRow{}
			c.abouts[d.Conversation] = &aboutRow{}
		case chat.Pin:
			c.olds[entryKey{d.Conversation, body.Target}] = &oldRow{}
			c.abouts[d.Conversation] = &aboutRow{}
		default:
		}
	}
}

// targets are the entries that drafts amend, in order. One that a draft before makes is not there yet, and is not missed.
func (c *decision) targets() []entryKey {
	return sorted(c.olds, func(a, b entryKey) int {
		return cmp.Or(cmp.Compare(a.conversation, b.conversation), cmp.Compare(a.seq, b.seq))
	})
}

// marks are the entries whose ordinals new read positions, and what is deleted for somebody, need: a position is rarely that of the head by the time it arrives.
func marks(drafts []*chat.Draft) []entryKey {
	var keys []entryKey
	for _, d := range drafts {
		if d.Mark != 0 {
			keys = append(keys, entryKey{d.Conversation, d.Mark})
		}
		for _, s := range d.Hide {
			keys = append(keys, entryKey{d.Conversation, s.From - 1}, entryKey{d.Conversation, s.To})
		}
	}
	return keys
}

func sorted[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), compare)
}

func repeatKeyOf(d *chat.Draft) record.RepeatKey {
	return record.RepeatKey{Conversation: d.Conversation, Sender: d.Sender, Client: d.ClientID}
}

func compareRepeats(a, b record.RepeatKey) int {
	return cmp.Or(cmp.Compare(a.Conversation, b.Conversation), cmp.Compare(a.Sender, b.Sender), slices.Compare(a.Client[:], b.Client[:]))
}
